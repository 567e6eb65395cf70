"""A case to look at: twelve claims in all six states, with findings, places, metrics and evidence records."""

from __future__ import annotations

from collections.abc import Sequence

from safecase.assess.next_steps import mends
from safecase.assess.summaries import measure_of, worst
from safecase.export.html import RecordView
from safecase.vocabulary import (
    MEASURES,
    RISK_GROUPS,
    Case,
    Claim,
    Fact,
    Finding,
    MeasureSummary,
    Metric,
    Place,
    RiskSummary,
    digest_of,
)

PUBLIC = "deployment.exposure is public (safecase.yaml:9)"
LLM = "ai.kind is llm (safecase.yaml:6)"


def record(name: str, **more: object) -> RecordView:
    told = {
        "id": digest_of(name.encode()).removeprefix("sha256:"),
        "check": name,
        "check_version": "2",
        "evaluated_at": "2026-11-20T09:14:05Z",
        "verdict": "pass",
        "subjects": (("models/answers.safetensors", digest_of(b"weights").removeprefix("sha256:")),),
        "signer": "ed25519:9f31c2d04a7b",
        "ttl_days": 30,
    }
    return RecordView(**{**told, **more})  # type: ignore[arg-type]  # told by name


ATTACKED = record(
    "attack.injection",
    verdict="fail",
    subjects=(("endpoint https://bot.example/v1", digest_of(b"endpoint").removeprefix("sha256:")),),
    metrics=(
        Metric(name="attack success rate", value=0.117, low=0.071, high=0.186, n=120, threshold=0.05),
        Metric(name="slowest answer", value=1840, low=1710, high=2050, n=120, threshold=2500, unit="ms"),
    ),
    artefacts=(digest_of(b"transcript"), digest_of(b"prompts")),
)
SCANNED = record("model.scan")
LOCKED = record(
    "lock.check", verdict="fail", subjects=(("requirements.txt", digest_of(b"lock").removeprefix("sha256:")),)
)
RECORDS = {view.id: view for view in (ATTACKED, SCANNED, LOCKED)}


def finding(check: str, subject: str, verdict: str, message: str, **more: object) -> Finding:
    return Finding(check=check, subject=subject, verdict=verdict, message=message, **more)  # type: ignore[arg-type]


CLAIMS: tuple[Claim, ...] = (
    Claim(
        control="TE-02",
        title="The service withstands prompt injection",
        measure="testing",
        severity="critical",
        state="contested",
        because=(LLM, PUBLIC),
        records=(ATTACKED.id,),
        expires="2026-12-20T09:14:05Z",
        findings=(
            finding(
                "attack.injection",
                "endpoint",
                "fail",
                "14 of 120 injected documents made it say the canary (11.7 %, 7.1 to 18.6 %)",
                severity="critical",
                place=Place(file="prompts/system.md", line=12),
                rule="indirect",
                mend="keep retrieved text apart from instructions, then `safecase assess --only TE-02`",
                evidence=(digest_of(b"transcript"),),
            ),
            finding("attack.injection", "endpoint", "pass", "none of 80 direct injections succeeded"),
        ),
    ),
    Claim(
        control="SC-02",
        title="Every dependency is pinned by its digest",
        measure="supply_chain",
        severity="high",
        state="contested",
        because=("discovered.packages is 41, discovered",),
        records=(LOCKED.id,),
        expires="2026-12-20T09:14:05Z",
        findings=(
            finding(
                "lock.check",
                "requirements.txt",
                "fail",
                "`requests` has no hash",
                severity="high",
                rule="lock.unhashed",
                key="requests",
                place=Place(file="requirements.txt", line=3, column=1),
                mend="pip-compile --generate-hashes requirements.in",
            ),
            finding(
                "lock.check",
                "requirements.txt",
                "fail",
                "`click` is not pinned",
                severity="medium",
                rule="lock.unpinned",
                key="click",
                place=Place(file="requirements.txt", line=7),
                mend="pin `click` to one version",
            ),
        ),
    ),
    Claim(
        control="IN-08",
        title="No secret lies in a file of the service",
        measure="infrastructure",
        severity="critical",
        state="contested",
        because=("it concerns every service",),
        records=("f" * 64,),
        findings=(
            finding(
                "secret.scan",
                "config/backup.env",
                "fail",
                "a private key in clear text",
                severity="critical",
                place=Place(file="config/backup.env", line=4, column=9),
                mend="revoke the key, remove it from the file and from the history",
            ),
        ),
    ),
    Claim(
        control="SC-04",
        title="No model file runs code when it is loaded",
        measure="supply_chain",
        severity="critical",
        state="supported",
        because=("models.format is safetensors (safecase.yaml:14)",),
        records=(SCANNED.id,),
        expires="2026-12-20T09:14:05Z",
        findings=(
            finding(
                "model.scan", "models/answers.safetensors", "pass", "its format is safetensors, which holds no code"
            ),
        ),
    ),
    Claim(
        control="IN-04",
        title="The endpoint asks who is calling",
        measure="infrastructure",
        severity="high",
        state="unsupported",
        because=(PUBLIC, "endpoint.authprobe on endpoint: could not be judged"),
        looked=True,
        questions=("deployment.auth",),
        findings=(
            finding(
                "endpoint.authprobe",
                "endpoint",
                "unknown",
                "https://bot.example/v1 did not answer within 5 seconds",
                mend="start the service, then safecase assess --only IN-04",
            ),
        ),
    ),
    Claim(
        control="TM-01",
        title="Every threat that applies has an answer",
        measure="threat_modelling",
        severity="medium",
        state="unsupported",
        because=("it concerns every service", "an attestation is wanted"),
        questions=("data.classes",),
    ),
    Claim(
        control="VU-01",
        title="No dependency has a vulnerability that is known to be used",
        measure="vulnerabilities",
        severity="high",
        state="stale",
        because=("advisory.scan on requirements.txt: the evidence is too old",),
        expires="2026-11-02T00:00:00Z",
        findings=(
            finding("advisory.scan", "requirements.txt", "pass", "none of 41 packages is in the feed of 2026-10-25"),
        ),
    ),
    Claim(
        control="PR-05",
        title="Answers are rate-limited for each caller",
        measure="protection",
        severity="medium",
        state="accepted",
        because=(PUBLIC, "accepted by d.brandt until 2027-01-31: the gateway of the platform does it"),
        expires="2027-01-31",
        findings=(
            finding(
                "limits.rate",
                "endpoint",
                "fail",
                "600 calls in a minute were all answered",
                severity="medium",
                mend="set a limit a caller",
            ),
        ),
    ),
    Claim(
        control="PR-01",
        title="Retrieved text is marked as data",
        measure="protection",
        severity="high",
        state="supported",
        because=(LLM,),
        findings=(finding("prompt.marked", "prompts/system.md", "pass", "documents stand between marks"),),
    ),
    Claim(
        control="MA-02",
        title="Somebody is told when the model's answers drift",
        measure="maintenance",
        severity="medium",
        state="supported",
        because=("it concerns every service",),
    ),
    Claim(
        control="CO-03",
        title="People are told that they talk to a machine",
        measure="compliance",
        severity="high",
        state="supported",
        because=("law.interacts_with_people is true (safecase.yaml:22)", "attested by a.roth until 2027-05-01"),
    ),
    Claim(
        control="TR-01",
        title="Where the training data comes from is recorded",
        measure="training",
        severity="medium",
        state="not_applicable",
        because=("models.trained_here is false (safecase.yaml:16)",),
    ),
)


def measured(claims: Sequence[Claim]) -> tuple[MeasureSummary, ...]:
    return tuple(measure_of(measure, claims) for measure in MEASURES)


def sample(claims: tuple[Claim, ...] = CLAIMS, **more: object) -> Case:
    measures = measured(claims)
    told = {
        "service": "support-bot",
        "name": "Support chatbot",
        "at": "2026-11-23T06:00:00Z",
        "as_of": "2026-11-23T06:00:00Z",
        "catalogue": "2026.11",
        "verdict": worst(m.verdict for m in measures),
        "measures": measures,
        "risk_groups": tuple(
            RiskSummary(id=group, verdict=verdict, open=count, claims=ids)  # type: ignore[arg-type]
            for group, verdict, count, ids in zip(
                RISK_GROUPS,
                ("holds", "unproven", "holds", "fails", "fails", "fails", "fails"),
                (0, 1, 0, 1, 1, 2, 1),
                (
                    (),
                    ("CO-03", "TM-01"),
                    ("MA-02",),
                    ("TE-02",),
                    ("SC-02", "SC-04"),
                    ("IN-04", "IN-08", "PR-05"),
                    ("IN-08",),
                ),
                strict=True,
            )
        ),
        "claims": claims,
        "next": mends(claims),
        "facts": (
            Fact(key="ai.kind", value="llm", place=Place(file="safecase.yaml", line=6)),
            Fact(key="deployment.exposure", value="public", place=Place(file="safecase.yaml", line=9)),
            Fact(key="models.format", value=("safetensors", None), place=Place(file="safecase.yaml", line=14)),
            Fact(key="discovered.packages", value=41, origin="discovered"),
            Fact(key="data.personal", value=True, origin="assumed"),
        ),
        "questions": ("deployment.auth", "data.classes"),
        "notes": ("not run, offline: endpoint.limits", "the ledger is not signed by a key that anybody trusts"),
    }
    return Case(**{**told, **more})  # type: ignore[arg-type]  # told by name
