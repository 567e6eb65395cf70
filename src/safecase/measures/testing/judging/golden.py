"""`wrong`: the last reply does not hold what the golden case wants."""

from __future__ import annotations

from safecase.measures.testing.judging.exchange import Exchange
from safecase.targets import asserts


def judged(found: Exchange) -> str:
    """Look at the last reply with the asserts of the case."""
    row = found.oracle.case
    assert row is not None
    (checked,) = asserts.judged([(row, found.last)])
    return next((f"an answer that lacks what is wanted: {one.why}" for one in checked if one.holds is False), "")
