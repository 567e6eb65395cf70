"""What came of attacks as a page that a person reads: what broke, the exchange that shows it, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from safecase.export import attacks
from safecase.export.evaluations_html import page
from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.reckoned import Reckoned, Report

LOOK: Final = {"vulnerable": "fail", "inconclusive": "unknown", "error": "unknown", "safe": "pass"}


def render(found: Report) -> bytes:
    """Write the page: the same report gives the same bytes."""
    open_ones: list[str] = [row.result.verdict for row in found.results if row.counts]
    return page(
        "attacks.html.j2",
        found=found,
        name=shown(found.target, 80),
        state=_state,
        rate=attacks.rate,
        further=attacks.further,
        turns=_turns,
        answers=attacks.answers,
        counts={verdict: open_ones.count(verdict) for verdict in LOOK},
        states=LOOK,
        answered_for=sum(not row.counts for row in found.results),
    )


def _state(row: Reckoned) -> str:
    return LOOK[row.result.verdict] if row.counts else "stale"


def _turns(row: Reckoned) -> list[tuple[str, str]]:
    line = attacks.example(row.result)
    return attacks.turns(line) if line is not None else []
