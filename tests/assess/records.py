"""Evidence records for tests that need no ledger."""

from __future__ import annotations

from safecase.evidence.record import Record
from safecase.vocabulary import Finding


def record(check: str, subject: str, findings: tuple[Finding, ...], at: str = "2026-11-23T10:00:00Z") -> Record:
    """Make the record of one check run, as the ledger would hold it."""
    verdicts = {f.verdict for f in findings}
    return Record(
        artefacts=(),
        check=check,
        check_version=1,
        collector="safecase test",
        control="SC-03",
        evaluated_at=at,
        extra={},
        findings=findings,
        id="1" * 64,
        kept=(),
        metrics=(),
        note="",
        parameters={},
        prev="0" * 64,
        recorded_at=at,
        schema="safecase/evidence/1",
        seq=0,
        service="shop",
        signer="",
        subjects=(),
        transient=False,
        ttl_days=30,
        verdict="fail" if "fail" in verdicts else "unknown" if "unknown" in verdicts else "pass",
    )
