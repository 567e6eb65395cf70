"""A full manifest that is right, for the tests to break."""

FULL = """\
safecase: 1
service:
  id: loan-desk
  name: Loan desk
  purpose: It helps clerks to judge a request for a loan.
  sector: finance
  domain: credit
  owner: ada
  contacts: {security: sec@example.org, data: dpo@example.org}
  stage: production
  criticality: 4
  jurisdictions: [EU, US-CO]
  role: deployer
  users: {who: staff, count: 40, vulnerable: false}
  decision:
    about_people: true
    effect: material
    automation: human_in_loop
ai:
  kind: [llm, tabular]
  autonomy: 1
  system_prompts: prompts/system.md
deployment:
  hosting: self_hosted
  exposure: internal
  tenancy: single
  regions: [eu-west-1]
  endpoint:
    url: https://loans.example.org/v1
    api: openai
    model: desk-1
    key: ${env:DESK_KEY}
    routes: [/metrics]
    timeout_s: 20
  manifests: [deploy, compose.yaml]
zones:
  - {id: office, owner: us, trust: 70}
  - {id: web, owner: public, trust: 0}
components:
  - {id: desk, type: app, zone: office}
  - {id: scorer, type: model, zone: office}
flows:
  - {from: web, to: desk, data: [requests], encrypted: true, untrusted: true}
  - {from: desk, to: scorer, data: requests}
models:
  - id: scorer-1
    origin: own
    training: own
    format: safetensors
    file: models/scorer.safetensors
    revision: "7"
    sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  - id: writer
    origin: hub
    base_origin: hub
    pinned: true
datasets:
  - {id: loans-2025, origin: own, file: data/loans.csv, classes: [financial, personal], rows: 12000}
rag:
  store: pgvector
  sources:
    - {id: handbook, trust: internal, writable_by: [editors]}
  per_user_acl: true
tools:
  - {id: lookup, effect: read, via: function, reversible: true}
memory: {kind: session, scope: user, ttl_days: 1}
data:
  - {id: requests, classes: personal, leaves_org: false, retention_days: 90}
outputs:
  - {to: human, verified: true}
controls:
  - {id: SC-04, status: planned, expires: 2027-01-31}
risk: {alternative: {value: 100000}}
law: {evaluates_persons: true, significant_design_change: null}
threat_modelling: {reviewed: 2026-10-01, reviewer: ada}
training:
  people:
    - {id: ada, name: Ada, email: ada@example.org, roles: [owner, developer], until: 2027-12-31}
infrastructure: {secrets_ignore: tests/**}
supply_chain:
  vendors:
    - {id: hubco, name: Hub Co, provides: models, approved_until: 2027-06-30}
testing:
  suites:
    - {id: letters, file: suites/letters.yaml, threshold: 0.95, repeats: 2}
  attacks: {limit: 0.05, calls: 100, seconds: 60, canary: "${env:CANARY}"}
vulnerabilities: {contact: sec@example.org, first_answer_days: 3}
protection: {gateway: {limits: {requests_per_minute: 60}}}
maintenance: {sla_days: {critical: 7, high: 30}, support_ends: 2029-01-01}
compliance: {policy: ai-policy.md}
exceptions:
  - control: SC-11
    owner: ada
    reason: The vendor signs from January on.
    expires: 2027-01-31
gate: {profile: standard, baseline: .safecase-baseline.json}
settings: {exclude: [vendor/**], jobs: 4, check_seconds: 60}
"""
