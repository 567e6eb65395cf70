"""What `safecase.yaml` may say: the one source of its JSON Schema, its error messages and `safecase explain KEY`.

Only `safecase` and `service.id` are required. What is left out is discovered in the repository or assumed, and an
assumed value that decides something becomes a question. A scalar is taken where a list of one is meant.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, field

from safecase.vocabulary import Noun

Id: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="A short name.")]
Day: TypeAlias = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="A day, YYYY-MM-DD.")]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1, description="A share between 0 and 1.")]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
Text: TypeAlias = Annotated[str, Meta(max_length=4000)]
Names: TypeAlias = tuple[Annotated[str, Meta(max_length=400)], ...]

AiKind: TypeAlias = Literal[
    "llm", "vlm", "image_gen", "speech_gen", "speech", "tabular", "vision", "timeseries", "recsys", "sequence", "none"
]
Role: TypeAlias = Literal["owner", "developer", "operator", "security", "data", "legal", "business"]
DataClass: TypeAlias = Literal[
    "public", "operational", "personal", "special", "biometric", "financial", "credentials", "secret"
]


class Users(Noun, frozen=True):
    """Who uses the service."""

    who: tuple[Literal["staff", "consumers", "public", "businesses"], ...] = ()
    count: Annotated[int, Meta(ge=0, description="How many people use it.")] | None = None
    vulnerable: (
        Annotated[bool, Meta(description="Children, patients or other vulnerable people are among them.")] | None
    ) = None


class DecisionBlock(Noun, frozen=True):
    """What the service decides about people, and how much of it a machine does alone."""

    about_people: Annotated[bool, Meta(description="Its results are about natural persons.")] | None = None
    effect: Literal["none", "advisory", "material", "legal", "safety"] | None = None
    automation: Literal["full", "human_on_loop", "human_in_loop"] | None = None


class ServiceBlock(Noun, frozen=True):
    """Which service this is, for whom, and who answers for it."""

    id: Annotated[Id, Meta(description="The service's own name, the same in every case and ledger.")]
    name: Annotated[str, Meta(max_length=200, description="The name that people know it by.")] = ""
    purpose: Annotated[Text, Meta(description="What it is for, in a sentence; free text decides nothing.")] = ""
    sector: str = ""
    domain: Annotated[str, Meta(description="The dotted domain that the law looks at: `employment.recruitment`.")] = ""
    owner: Annotated[
        str, Meta(description="The person accountable for it: an e-mail address, or an id of training.people.")
    ] = ""
    contacts: Annotated[
        dict[Literal["security", "data", "legal", "operations"], str],
        Meta(description="Who answers for security, data, law and operations."),
    ] = {}
    stage: Literal["design", "build", "test", "production", "retired"] | None = None
    criticality: (
        Annotated[int, Meta(ge=1, le=5, description="1 (nobody would notice) to 5 (life or existence).")] | None
    ) = None
    jurisdictions: Annotated[
        Names, Meta(description="Where it is offered and its results are used: EU, US-CA, KR …")
    ] = ()
    role: Literal["provider", "deployer", "both"] | None = None
    users: Users = Users()
    decision: DecisionBlock = DecisionBlock()


class AiBlock(Noun, frozen=True):
    """Which kinds of AI it is made of."""

    kind: Annotated[tuple[AiKind, ...], Meta(description="`none` says that there is no AI in it.")] = ()
    autonomy: (
        Annotated[int, Meta(ge=0, le=4, description="0 answers only … 4 acts for days without a person.")] | None
    ) = None
    agents: Annotated[int, Meta(ge=0, description="How many agents work together.")] | None = None
    system_prompts: Annotated[
        Names, Meta(description="Files that hold the system prompts; a change voids what was tested.")
    ] = ()


class Endpoint(Noun, frozen=True):
    """Where the running service answers. Only what is declared here is ever asked or attacked."""

    url: Annotated[
        str, Meta(pattern=r"^(https?://|\$\{env:)", description="Base URL, for OpenAI-compatible ones ending in /v1.")
    ]
    api: Literal["openai", "http"] = "openai"
    model: Annotated[str, Meta(description="The model name that the endpoint wants in a request.")] = ""
    key: Annotated[str, Meta(description="Its credential as a reference: `${env:NAME}` or `${file:path}`.")] = ""
    routes: Annotated[Names, Meta(description="Further paths that must refuse strangers: `/metrics`.")] = ()
    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 30.0


class DeploymentBlock(Noun, frozen=True):
    """Where and how it runs."""

    hosting: Literal["saas_api", "managed_cloud", "self_hosted", "edge"] | None = None
    exposure: Literal["public", "authenticated", "internal", "isolated", "physical"] | None = None
    tenancy: Literal["single", "multi"] | None = None
    physical: Annotated[bool, Meta(description="It senses or moves things in the world.")] | None = None
    update: Literal["none", "ota", "ci"] | None = None
    untrusted_documents: Annotated[bool, Meta(description="Documents of strangers reach the model.")] | None = None
    adversarial_use: Annotated[bool, Meta(description="Some users gain by deceiving it.")] | None = None
    regions: Names = ()
    accelerators: Annotated[Names, Meta(description="GPUs and other accelerators that it runs on.")] = ()
    endpoint: Annotated[Endpoint | str | None, Meta(description="A URL, or a block with url, api, model, key.")] = None
    manifests: Annotated[Names, Meta(description="Kubernetes, Compose and Terraform files or folders.")] = ()


class Zone(Noun, frozen=True):
    """A part of the network or of the organisation with one level of trust."""

    id: Id
    owner: Literal["us", "provider", "public", "customer"] = "us"
    trust: Annotated[int, Meta(ge=0, le=100)] = 50


class Component(Noun, frozen=True):
    """A part of the service."""

    id: Id
    type: Literal["app", "gateway", "model", "store", "tool", "agent", "sensor", "actuator", "trainer", "registry"]
    zone: str = ""


class Flow(Noun, frozen=True):
    """Data that goes from one component to another."""

    source: str = field(name="from")
    target: str = field(name="to")
    data: Names = ()
    protocol: str = ""
    auth: str = ""
    encrypted: bool | None = None
    untrusted: bool | None = None


class ModelBlock(Noun, frozen=True):
    """A model, and where it comes from."""

    id: Id
    origin: Literal["provider", "hub", "vendor", "own", "users"] | None = None
    source: Annotated[
        str, Meta(description="Where exactly: `hf:org/name`, a URL, or the provider's name for the model.")
    ] = ""
    base_origin: Literal["provider", "hub", "vendor", "own", "users"] | None = None
    training: Literal["none", "finetuned", "own", "online", "federated"] | None = None
    format: str = ""
    file: Annotated[str, Meta(description="A file or folder, relative to safecase.yaml.")] = ""
    revision: str = ""
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None
    pinned: bool | None = None
    license: str = ""
    weights_secret: bool | None = None
    adapters: Annotated[Names, Meta(description="Adapters (LoRA and others) that are loaded onto it.")] = ()
    card: Annotated[str, Meta(description="Its model card, a file (Markdown).")] = ""
    signature: Annotated[str, Meta(description="Its signature, a Sigstore bundle file (model-signing).")] = ""
    provenance: Annotated[str, Meta(description="How it was built: SLSA statements in DSSE envelopes, a file.")] = ""


class DatasetBlock(Noun, frozen=True):
    """A data set that trains or tests a model."""

    id: Id
    origin: Literal["own", "third_party", "users", "public"] | None = None
    file: str = ""
    classes: tuple[DataClass, ...] = ()
    rows: Count | None = None
    third_party: bool | None = None
    writable_by: Names = ()
    protected_attributes: Names = ()
    label: Annotated[str, Meta(description="The column that holds what is to be predicted.")] = ""
    license: str = ""
    source: Annotated[str, Meta(description="Where exactly: a URL, `hf:org/name@commit`, or who made it how.")] = ""
    collected: Annotated[Day | None, Meta(description="The day on which it was collected or fetched.")] = None
    legal_basis: Annotated[str, Meta(description="Why personal data may be in it: consent, contract, law, ….")] = ""
    derived_from: Annotated[Names, Meta(description="Ids of the data sets that it was made of.")] = ()
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None


class RagSource(Noun, frozen=True):
    """Where retrieved documents come from, and who can write them."""

    id: Id
    trust: Literal["internal", "partner", "untrusted"] | None = None
    writable_by: Names = ()


class RagBlock(Noun, frozen=True):
    """Retrieval: documents that are put before the model."""

    store: str = ""
    sources: tuple[RagSource, ...] = ()
    per_user_acl: Annotated[bool, Meta(description="A user's rights are enforced inside the query.")] | None = None


class ToolBlock(Noun, frozen=True):
    """A tool that the model may call."""

    id: Id
    effect: Literal["read", "write", "exec", "pay", "send", "actuate"]
    approval: Literal["none", "once", "each", "two_person"] | None = None
    egress: bool | None = None
    untrusted: bool | None = None
    via: Literal["function", "mcp", "http"] = "function"
    origin: Literal["own", "third_party", "public_registry"] | None = None
    pinned: bool | None = None
    url: Annotated[str, Meta(description="Where a remote tool answers.")] = ""
    key: Annotated[str, Meta(description="Its bearer token as a reference, for checks that call it.")] = ""
    runs_on: Literal["server", "user_machine", "sandbox"] | None = None
    scopes: Names = ()
    limit: str = ""
    reversible: bool | None = None


class MemoryBlock(Noun, frozen=True):
    """What it remembers between turns and sessions."""

    kind: Literal["none", "session", "persistent"] | None = None
    scope: Literal["user", "tenant", "global"] | None = None
    writable_by: Names = ()
    ttl_days: Count | None = None


class DataBlock(Noun, frozen=True):
    """Data that the service handles."""

    id: Id
    classes: tuple[DataClass, ...] = ()
    leaves_org: bool | None = None
    retention_days: Count | None = None


class OutputBlock(Noun, frozen=True):
    """Where its answers go."""

    to: Literal["human", "html", "sql", "shell", "code", "api", "actuator"]
    verified: bool | None = None


class PlannedControl(Noun, frozen=True):
    """What the team says of a control; it never makes a claim hold."""

    id: str
    status: Literal["planned", "active", "excepted"]
    evidence: str = ""
    expires: Day | None = None


class Person(Noun, frozen=True):
    """A person with a part in the service."""

    id: Id
    name: str = ""
    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$")] = ""
    roles: tuple[Role, ...] = ()
    until: Annotated[Day, Meta(description="The last day of their part in it.")] | None = None


class ThreatDecision(Noun, frozen=True):
    """What was decided about a threat that applies."""

    threat: Annotated[str, Meta(description="A threat of the catalogue: `T39`.")]
    response: Literal["mitigate", "accept", "avoid", "transfer"]
    reason: Annotated[str, Meta(max_length=2000)] = ""
    owner: str = ""


Span: TypeAlias = Annotated[
    tuple[Annotated[float, Meta(gt=0, le=100_000)], Annotated[float, Meta(gt=0, le=100_000)]],
    Meta(description="The least and the most: [7, 13]."),
]


class FootprintBudget(Noun, frozen=True):
    """What a thousand requests may take at the most."""

    energy_kwh: Annotated[float | None, Meta(description="Electricity, in kWh.")] = None
    carbon_kg: Annotated[float | None, Meta(description="Greenhouse gases, in kg of CO2e.")] = None
    water_l: Annotated[float | None, Meta(description="Water, in litres.")] = None


class FootprintBlock(Noun, frozen=True):
    """What a request takes of energy and water, for the estimate of the footprint."""

    output_tokens: Annotated[float, Meta(gt=0, le=10_000_000, description="Tokens of a mean answer.")] | None = None
    active_bn: Annotated[Span | None, Meta(description="Parameters used for a token, in billions: least, most.")] = None
    total_bn: Annotated[Span | None, Meta(description="Parameters in all; left out, as many as active ones.")] = None
    wh_per_request: (
        Annotated[float, Meta(gt=0, le=1_000_000, description="Measured energy of a request; wins over the model.")]
        | None
    ) = None
    pue: Annotated[Span, Meta(description="Power of the building by power of its machines.")] = (1.1, 1.5)
    kg_per_kwh: (
        Annotated[float, Meta(ge=0, le=3, description="CO2e of a kWh where it runs; left out, the world's mean.")]
        | None
    ) = None
    water_l_per_kwh: Annotated[float, Meta(ge=0, le=100, description="Water that a kWh takes.")] | None = None
    source: Annotated[Text, Meta(description="Where these figures come from, and of which day.")] = ""
    budget: FootprintBudget = FootprintBudget()


class ThreatModellingBlock(Noun, frozen=True):
    """Measure 1: what threat modelling needs to know."""

    reviewed: Annotated[Day | None, Meta(description="When people last went through the threats.")] = None
    reviewer: Annotated[str, Meta(description="Who did: an e-mail address, or an id of training.people.")] = ""
    decisions: tuple[ThreatDecision, ...] = ()
    footprint: FootprintBlock | None = None


class TrainingModule(Noun, frozen=True):
    """Something to be learnt."""

    id: Id
    title: str = ""
    roles: Annotated[tuple[Role, ...], Meta(description="Who must complete it; empty for everyone.")] = ()
    pass_score: Annotated[Share, Meta(description="The score that its knowledge check asks for.")] = 0.8
    valid_days: Annotated[int, Meta(ge=1, le=3650, description="How long a completion counts.")] = 365


class TrainingBlock(Noun, frozen=True):
    """Measure 2: the people, and what they have learnt."""

    people: tuple[Person, ...] = ()
    people_file: Annotated[
        str, Meta(description="People exported elsewhere: CSV with id, name, email, roles, until.")
    ] = ""
    modules: tuple[TrainingModule, ...] = ()
    records: Annotated[
        Names,
        Meta(description="Completions exported elsewhere: CSV or JSON lines with person, module, completed, score."),
    ] = ()


class InfrastructureBlock(Noun, frozen=True):
    """Measure 3: what the infrastructure checks need to know."""

    secrets_ignore: Annotated[
        Names, Meta(description="Paths (globs) that hold made-up secrets: fixtures of tests.")
    ] = ()
    egress: Annotated[
        Names, Meta(description="Where it may open connections to: host names, CIDR blocks, `namespace/workload`.")
    ] = ()
    logs: Annotated[Names, Meta(description="Event logs as hash-chained JSON lines, that `log.chain` follows.")] = ()


class Vendor(Noun, frozen=True):
    """Who supplies a model, an API or data."""

    id: Id
    name: str = ""
    provides: Names = ()
    approved_until: Day | None = None


class PackagesBlock(Noun, frozen=True):
    """Which packages are trusted."""

    minimum_age_days: Annotated[
        int, Meta(ge=0, le=3650, description="How old a release must be before it is used unreviewed.")
    ] = 7
    reviewed: Annotated[
        Names, Meta(description="Packages that were looked at, young or oddly named: `name`, or `name==1.2`.")
    ] = ()


class ModelAge(Noun, frozen=True):
    """How new and how old a model may be, in days."""

    least: Annotated[int, Meta(ge=0, le=3650)] = 0
    most: Annotated[int, Meta(ge=1, le=36_500)] | None = None


class FallbackBlock(Noun, frozen=True):
    """What takes over when a supplier is lost, and how that is tried."""

    endpoint: Annotated[
        Endpoint, Meta(description="Where the second model, or the service without its first supplier, answers.")
    ]
    suite: Annotated[str, Meta(description="The test set of testing.suites that it is asked.")]
    threshold: Annotated[
        Share | None, Meta(description="The share of rows that a reduced service must pass; left out, the suite's own.")
    ] = None


class SupplyChainBlock(Noun, frozen=True):
    """Measure 4: vendors, and what may be trusted."""

    vendors: tuple[Vendor, ...] = ()
    vendor_register: Annotated[
        str, Meta(description="The register of vendors, a YAML file: answers, evidence, decisions that end.")
    ] = ""
    allow_globals: Annotated[
        Names, Meta(description="Classes of your own that a model file may name: `mypkg.features.Scaler`.")
    ] = ()
    sources: Annotated[
        Names, Meta(description="Approved sources of models: `hf:org`, `hf:org/name`, a URL's start, a vendor's id.")
    ] = ()
    signers: Annotated[Names, Meta(description="Public keys (PEM files) whose signatures on models count.")] = ()
    roots: Annotated[Names, Meta(description="Root certificates (PEM files) for signatures by certificate.")] = ()
    sigstore_root: Annotated[
        str, Meta(description="Sigstore's trusted_root.json: keyless signatures count, by the extra `sigstore`.")
    ] = ""
    identities: Annotated[Names, Meta(description="Who may sign by certificate: `mail@x`, or `issuer|mail@x`.")] = ()
    builders: Annotated[Names, Meta(description="Builders whose statements count: SLSA builder ids.")] = ()
    licences: Annotated[Names, Meta(description="Licences that may be used, as SPDX ids: `Apache-2.0`.")] = ()
    formats: Annotated[Names, Meta(description="Formats that model files may have: `safetensors`, `onnx`.")] = ()
    packages: PackagesBlock = PackagesBlock()
    model_lock: Annotated[
        str, Meta(description="What was first seen when: a file that `supply provenance --write-lock` writes.")
    ] = ""
    model_age_days: Annotated[
        ModelAge | None, Meta(description="How long ago a model's revision was first seen, by the lock.")
    ] = None
    fallback: FallbackBlock | None = None
    image_signatures: Annotated[
        Names, Meta(description="Signatures of images: what `cosign download signature` prints, or Sigstore bundles.")
    ] = ()
    image_reports: Annotated[
        Names, Meta(description="Reports of images' flaws: Trivy JSON, or CycloneDX with vulnerabilities.")
    ] = ()
    bom: Annotated[str, Meta(description="The bill of materials that is handed out (CycloneDX JSON).")] = ""


class SuiteBlock(Noun, frozen=True):
    """A test set of the organisation's own business process."""

    id: Id
    file: Annotated[str, Meta(description="YAML or JSON lines: rows with id, input, asserts.")]
    threshold: Annotated[
        Share, Meta(description="The share of rows that must pass; its lower 95 % bound is held against it.")
    ] = 0.9
    repeats: Annotated[int, Meta(ge=1, le=100)] = 1


class AttacksBlock(Noun, frozen=True):
    """What own attacks may cost, and what they look for."""

    canary: Annotated[str, Meta(description="A planted text that must never come out, as a reference or itself.")] = ""
    limit: Annotated[Share, Meta(description="The attack success rate that is too high; a tenth of it is fine.")] = 0.1
    calls: Annotated[int, Meta(ge=1, le=100_000, description="How many calls at the most.")] = 200
    seconds: Annotated[float, Meta(gt=0, le=86_400, description="How long at the most.")] = 120.0
    price_per_1000_tokens: Annotated[float, Meta(ge=0, description="What the provider asks, for the estimate.")] = 0.0
    currency: str = "USD"
    seed: int = 1


class LoadBlock(Noun, frozen=True):
    """The load that the service is to bear, and what counts as bearing it."""

    per_second: Annotated[float, Meta(gt=0, le=1000, description="Requests a second, as on a busy day.")]
    seconds: Annotated[float, Meta(ge=1, le=600, description="How long the load lasts in a test.")] = 20.0
    p95_seconds: Annotated[
        float, Meta(gt=0, le=600, description="95 of 100 answers are there within so many seconds.")
    ] = 5.0
    errors: Annotated[Share, Meta(description="The share of requests that may fail.")] = 0.05
    burst: Annotated[int, Meta(ge=0, le=512, description="So many at once are more than it must bear.")] = 64


class BenchmarkBlock(Noun, frozen=True):
    """A benchmark that others use too, and what it gave for this model."""

    id: Id
    file: Annotated[
        str, Meta(description="Its results: of lm-evaluation-harness, Inspect (JSON) or `safecase testing evaluate`.")
    ]
    metric: Annotated[str, Meta(description="Which of its numbers counts; left out, the only one.")] = ""
    threshold: Annotated[Share, Meta(description="The least that it must be.")] = 0.0
    model: Annotated[str, Meta(description="Id of the model in `models` that it ran on; left out, the only one.")] = ""


class OversightBlock(Noun, frozen=True):
    """Whether overseers notice wrong results that were planted among their work."""

    file: Annotated[str, Meta(description="CSV or JSON lines: case, overseer, day, planted, stopped.")]
    threshold: Annotated[
        Share, Meta(description="The share of planted cases that must be stopped; its lower 95 % bound is held to it.")
    ] = 0.8
    valid_days: Annotated[int, Meta(ge=1, le=3650, description="Older cases do not count.")] = 365


class ExplanationsBlock(Noun, frozen=True):
    """How decisions are explained, and a sample of them."""

    method: Annotated[str, Meta(max_length=200, description="By what method: `SHAP`, `counterfactual`, rules ….")]
    file: Annotated[str, Meta(description="CSV or JSON lines: decision, explanation, and by whom or what.")]
    least: Annotated[int, Meta(ge=1, le=100_000, description="How many decisions a sample has at the least.")] = 20


class Identity(Noun, frozen=True):
    """As whom the service can be asked."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    key: Annotated[str, Meta(description="Sent as a bearer token; a reference: `${env:NAME}`.")] = ""
    headers: Annotated[dict[str, str], Meta(description="Further headers of its requests.")] = {}
    body: Annotated[dict[str, Any], Meta(description="Further fields of its requests.")] = {}
    owns: Annotated[Names, Meta(description="Texts that only this user may see.")] = ()


class TestingBlock(Noun, frozen=True):
    """Measure 5: test suites and attacks."""

    suites: tuple[SuiteBlock, ...] = ()
    attacks: AttacksBlock = AttacksBlock()
    identities: Annotated[tuple[Identity, ...], Meta(description="Users made for tests; two show who sees whose.")] = ()
    load: LoadBlock | None = None
    benchmarks: tuple[BenchmarkBlock, ...] = ()
    oversight: OversightBlock | None = None
    explanations: ExplanationsBlock | None = None


class Fix(Noun, frozen=True):
    """A reported flaw that was mended, and the test that would see it again."""

    report: Annotated[str, Meta(description="Its number or name.")]
    fixed: Day
    test: Annotated[
        str,
        Meta(description="`tests/test_x.py::test_name`, `suite:<id>#<row>`, or a probe: `probe:system_prompt_leak`."),
    ] = ""


class VulnerabilitiesBlock(Noun, frozen=True):
    """Measure 6: how strangers and users report flaws."""

    contact: str = ""
    policy: Annotated[str, Meta(description="The disclosure policy: a file or a URL.")] = ""
    security_txt: Annotated[
        str, Meta(description="A file, or a URL; left out, it is asked at the declared endpoint's host.")
    ] = ""
    first_answer_days: Count | None = None
    fixes: tuple[Fix, ...] = ()


class Signing(Noun, frozen=True):
    """How a sender signs its messages (RFC 9421)."""

    keyid: Annotated[str, Meta(pattern=r"^[!-~]{1,200}$", description="Under which its receivers list the key.")]
    key: Annotated[str, Meta(description="Private key (PEM) or shared secret: `${env:NAME}`, `${file:path}`.")]
    algorithm: Literal["ed25519", "ecdsa-p256-sha256", "hmac-sha256"] = "ed25519"


class Agent(Noun, frozen=True):
    """An agent that takes messages of others, and the sender as whom checks come."""

    id: Id
    url: str
    speaks: Literal["a2a", "mcp", "http"] = "a2a"
    key: Annotated[str, Meta(description="Bearer token of a sender for tests, as a reference.")] = ""
    signing: Signing | None = None
    card_keys: Annotated[Names, Meta(description="Public keys (PEM files) that sign its card.")] = ()


class ProtectionBlock(Noun, frozen=True):
    """Measure 7: what protects the running service."""

    gateway: Annotated[dict[str, Any], Meta(description="The gateway's policy.")] = {}
    agents: Annotated[
        tuple[Agent, ...], Meta(max_length=50, description="Agents that take messages, and how a listed sender signs.")
    ] = ()
    media: Annotated[Names, Meta(description="Files or folders of media that the service made, as samples.")] = ()


class Feed(Noun, frozen=True):
    """Something that grows old: a set of rules, of attacks or of advisories."""

    id: Id
    file: str
    max_age_days: Annotated[int, Meta(ge=1, le=3650)] = 90


class MaintenanceBlock(Noun, frozen=True):
    """Measure 8: updates."""

    advisories: Annotated[
        str,
        Meta(description="Folder or zip of advisories in the OSV format."),
    ] = ""
    model_calendar: Annotated[
        str, Meta(description="JSON of the days when providers retire models; left out, the shipped one.")
    ] = ""
    feeds: tuple[Feed, ...] = ()

    sla_days: Annotated[
        dict[Literal["critical", "high", "medium", "low"], int], Meta(description="Days to mend by severity.")
    ] = {}
    support_ends: Day | None = None


class ComplianceBlock(Noun, frozen=True):
    """Measure 9: what the law checks need beside `law:`."""

    policy: str = ""
    documents: Annotated[
        dict[Literal["accuracy", "technical", "instructions", "support", "impact", "disclosure"], str],
        Meta(description="Documents that a law or a standard asks for: kind and file."),
    ] = {}


class ExceptionBlock(Noun, frozen=True):
    """A gap that an owner accepts for a time."""

    control: Annotated[str, Meta(description="The control whose gap is accepted: `SC-11`.")]
    owner: Annotated[str, Meta(min_length=1, description="Who answers for it.")]
    reason: Annotated[str, Meta(min_length=10, max_length=2000, description="Why it is accepted, in a sentence.")]
    expires: Annotated[Day, Meta(description="Its last day; at most 365 days ahead.")]
    check: str = ""
    subject: str = ""
    fingerprint: Annotated[str, Meta(description="One finding only; `safecase show case` prints it.")] = ""


class GateBlock(Noun, frozen=True):
    """The rule that turns the case into go or no-go."""

    profile: Literal["starter", "standard", "strict"] = "starter"
    baseline: Annotated[str, Meta(description="File of the gaps known today; only new ones block.")] = ""


class SettingsBlock(Noun, frozen=True):
    """How the assessment runs."""

    ledger: str = ".safecase/ledger"
    attestations: Annotated[str, Meta(description="Folder of attestation files.")] = "attestations"
    exclude: Annotated[Names, Meta(description="Paths (globs) that are not part of the service.")] = ()
    jobs: Annotated[int, Meta(ge=1, le=64)] | None = None
    checks: Annotated[
        Names,
        Meta(description="Check files of this repository, or folders of them; they run with --allow-local-code only."),
    ] = ()
    check_seconds: Annotated[float, Meta(gt=0, le=86_400, description="How long one check may take.")] = 120.0
    revoked_signers: Annotated[Names, Meta(description="Key ids whose evidence no longer counts.")] = ()


class Manifest(Noun, frozen=True):
    """One AI service, as its `safecase.yaml` tells it."""

    safecase: Annotated[Literal[1], Meta(description="The version of this format.")]
    service: ServiceBlock
    ai: AiBlock = AiBlock()
    deployment: DeploymentBlock = DeploymentBlock()
    zones: tuple[Zone, ...] = ()
    components: tuple[Component, ...] = ()
    flows: tuple[Flow, ...] = ()
    models: tuple[ModelBlock, ...] = ()
    datasets: tuple[DatasetBlock, ...] = ()
    rag: RagBlock | None = None
    tools: tuple[ToolBlock, ...] = ()
    memory: MemoryBlock = MemoryBlock()
    data: tuple[DataBlock, ...] = ()
    outputs: tuple[OutputBlock, ...] = ()
    controls: tuple[PlannedControl, ...] = ()
    risk: Annotated[
        dict[str, Any], Meta(description="Scenarios, benefits, costs and the alternative of not using AI.")
    ] = {}
    law: Annotated[dict[str, Any], Meta(description="Facts that only the law asks for; wins over mapped ones.")] = {}
    threat_modelling: ThreatModellingBlock = ThreatModellingBlock()
    training: TrainingBlock = TrainingBlock()
    infrastructure: InfrastructureBlock = InfrastructureBlock()
    supply_chain: SupplyChainBlock = SupplyChainBlock()
    testing: TestingBlock = TestingBlock()
    vulnerabilities: VulnerabilitiesBlock = VulnerabilitiesBlock()
    protection: ProtectionBlock = ProtectionBlock()
    maintenance: MaintenanceBlock = MaintenanceBlock()
    compliance: ComplianceBlock = ComplianceBlock()
    exceptions: tuple[ExceptionBlock, ...] = ()
    gate: GateBlock = GateBlock()
    settings: SettingsBlock = SettingsBlock()


def schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of `safecase.yaml`, for editors and for the error messages."""
    made = msgspec.json.schema(Manifest)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "safecase.yaml"
    return made
