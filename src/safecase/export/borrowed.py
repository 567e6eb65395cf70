"""What tests of other programs found, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.borrowed.found import Found

_SIGNS: Final = {"fail": "✗", "error": "!", "unconfirmed": "?", "too few": "?", "pass": "✓"}
LONGEST: Final = 400


def exit_code(found: Sequence[Found], least: float) -> int:
    """Give 1 where a test fails, 3 where one says nothing sure, else 0."""
    verdicts = {one.verdict(least) for one in found if not one.note}
    if "fail" in verdicts:
        return 1
    return 3 if verdicts != {"pass"} else 0


def summary(found: Sequence[Found], least: float) -> str:
    """Say in a line what came of it."""
    verdicts = [one.verdict(least) for one in found if not one.note]
    told = ", ".join(f"{verdicts.count(kind)} {kind}" for kind in _SIGNS if kind in verdicts)
    skipped = sum(bool(one.note) for one in found)
    return f"{len(verdicts)} {'test' if len(verdicts) == 1 else 'tests'}: {told or 'none'}" + (
        f"; {skipped} skipped" if skipped else ""
    )


def as_json(program: str, found: Sequence[Found], least: float) -> bytes:
    """Write all of them."""
    rows = [
        {
            "test": one.test,
            "scorer": one.scorer,
            "verdict": "skipped" if one.note else one.verdict(least),
            "passed": one.passed,
            "n": one.n,
            "errors": one.errors,
            "share": round(one.share, 4),
            "low": round(one.interval[0], 4),
            "high": round(one.interval[1], 4),
            "example": one.example,
            "note": one.note,
        }
        for one in found
    ]
    return (
        msgspec.json.format(msgspec.json.encode({"program": program, "least": least, "tests": rows}), indent=2) + b"\n"
    )


def as_text(program: str, found: Sequence[Found], least: float, *, width: int = 80) -> str:
    """Write what failed first, with the shortest attempt that shows it; what was skipped in one paragraph."""
    order = list(_SIGNS)
    out = [f"{program}: {summary(found, least)}", ""]
    told = [one for one in found if not one.note]
    for one in sorted(told, key=lambda one: (order.index(one.verdict(least)), one.test, one.scorer)):
        verdict = one.verdict(least)
        low, high = one.interval
        rate = f"{one.passed} of {one.n} passed (95 %: {100 * low:.0f} to {100 * high:.0f} %)"
        rate += f", {one.errors} without an answer or a score" if one.errors else ""
        out += _wrapped(f"{_SIGNS[verdict]} {one.test} by {one.scorer or 'nothing'}: {verdict}, {rate}", width, "")
        if verdict in ("fail", "unconfirmed") and one.example:
            out += _wrapped(shown(one.example, LONGEST), width, "  │ ")
    skipped = [f"{one.test} ({one.note})" for one in found if one.note]
    if skipped:
        out += ["", *_wrapped(f"Skipped: {', '.join(skipped)}", width, "")]
    return "\n".join(out).rstrip() + "\n"


def _wrapped(text: str, width: int, margin: str) -> list[str]:
    return textwrap.wrap(shown(text, 4000), width=width, initial_indent=margin, subsequent_indent=margin or "  ")
