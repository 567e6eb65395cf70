"""A check that ran three times on the same state."""

from __future__ import annotations

from pathlib import Path

from safecase.evidence.log import Ledger
from safecase.evidence.record import Draft, SubjectDigest
from safecase.vocabulary import Verdict

VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "pass")


def build(folder: Path) -> None:
    Ledger(folder / ".safecase" / "ledger").append(
        [
            Draft(
                control="TV-02",
                check="eval.business",
                check_version=1,
                verdict=verdict,
                evaluated_at=f"2026-11-0{day}T09:00:00Z",
                ttl_days=30,
                subjects=[SubjectDigest(name="suite:visits", sha256="5" * 64)],
                service="garden-guide",
            )
            for day, verdict in enumerate(VERDICTS, 1)
        ]
    )
