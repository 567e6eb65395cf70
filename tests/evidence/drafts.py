"""Evidence as checks would give it."""

from typing import Any

from safecase.evidence.record import Draft
from safecase.vocabulary import Finding


def draft(number: int = 0, **changes: Any) -> Draft:
    given: dict[str, Any] = {
        "service": "bot",
        "control": "SC-04",
        "check": "model.scan",
        "check_version": 1,
        "verdict": "pass",
        "evaluated_at": f"2026-11-23T10:{number % 60:02}:00Z",
        "ttl_days": 30,
        "subjects": ({"name": f"model:{number}", "sha256": f"{number:064x}"},),
        "findings": (Finding(check="model.scan", subject=f"model:{number}", verdict="pass", message="nothing runs"),),
        "collector": "tests",
    }
    return Draft(**{**given, **changes})
