"""`long` and `slow`: what an answer may cost at the most."""

from __future__ import annotations

from safecase.measures.testing.judging.exchange import Exchange


def judged(found: Exchange) -> str:
    """Say that the last reply is longer than it may be."""
    most = int(found.oracle.wanted[0])
    length = len(found.last.text)
    return f"{length} characters where {most} are allowed" if length > most else ""


def too_slow(found: Exchange) -> str:
    """Say that the last reply took longer than it may take."""
    most = float(found.oracle.wanted[0])
    seconds = found.last.seconds
    return f"{seconds:.1f} s where {most:g} are allowed" if seconds > most else ""
