"""What came of attacks on many services, side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from safecase.export import attacks
from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.many import Done


def exit_code(done: Sequence[Done]) -> int:
    """Give 1 where something broke, 3 where something is open, else 0."""
    codes = {3 if one.error else attacks.code_of(one.results) for one in done}
    return 1 if 1 in codes else 3 if 3 in codes else 0


def summary(done: Sequence[Done]) -> str:
    """Say in a line what came of it."""
    broken = sum(attacks.code_of(one.results) == 1 for one in done if not one.error)
    lost = sum(bool(one.error) for one in done)
    told = f"{len(done)} services attacked: {broken} vulnerable"
    return f"{told}, {lost} not reached" if lost else told


def as_json(done: Sequence[Done]) -> bytes:
    """Write all results of all services."""
    rows = [
        {
            "target": one.name,
            "calls": one.calls,
            "error": one.error,
            "results": [
                {"weakness": r.weakness, "verdict": r.verdict, "asr": r.asr, "low": r.low, "high": r.high, "n": r.n}
                for r in one.results
            ],
        }
        for one in done
    ]
    return msgspec.json.format(msgspec.json.encode({"services": rows}), indent=2) + b"\n"


def as_text(done: Sequence[Done], *, width: int = 80) -> str:
    """Write for people: each service with what broke, and how many weaknesses held or are open."""
    out = [summary(done), ""]
    for one in done:
        if one.error:
            out += textwrap.wrap(f"! {one.name}: {shown(one.error, 400)}", width=width, subsequent_indent="  ")
            continue
        verdicts = [result.verdict for result in one.results]
        sign = "✗" if "vulnerable" in verdicts else "✓" if set(verdicts) == {"safe"} else "?"
        told = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts)) or "nothing could be looked for"
        out += textwrap.wrap(f"{sign} {one.name}: {told} ({one.calls} calls)", width=width, subsequent_indent="  ")
        for result in one.results:
            if result.verdict == "vulnerable":
                rate = f"{100 * result.asr:.0f} % (95 %: {100 * result.low:.0f} to {100 * result.high:.0f} %)"
                out += textwrap.wrap(f"{result.weakness}: {rate}", width=width, initial_indent="    ")
    return "\n".join(out) + "\n"
