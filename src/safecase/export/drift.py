"""What drifted, for people and for programs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import msgspec

from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.drift.baseline import Again
    from safecase.measures.testing.drift.comparing import Compared, Metric


def compared_json(found: Compared) -> bytes:
    """Write a comparison of two windows."""
    told = {
        "verdict": found.verdict,
        "reference": found.n[0],
        "current": found.n[1],
        "metrics": [msgspec.structs.asdict(one) | {"size": one.size} for one in found.metrics],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def compared_text(found: Compared, *, width: int = 80) -> str:
    """Write a comparison of two windows for people."""
    out = [f"{found.verdict}: {found.n[0]} calls before, {found.n[1]} now"]
    if not found.metrics:
        out.append("too few calls in one of the windows know the same things: nothing was compared")
    out += [_metric(one) for one in found.metrics]
    return _wrapped(out, width)


def _metric(one: Metric) -> str:
    size = f"PSI {one.psi:.3f}" if one.psi is not None else f"distance {one.effect:.3f}"
    if one.drifted and one.psi is not None:  # the names mean nothing where chance alone does as much
        size += f", {one.size}"
    told = f": {shown(one.before, 60)}, now {shown(one.now, 60)}" if one.now else ""
    return f"{'✗' if one.drifted else ' '} {shown(one.name, 60)}{told} ({size}; p {one.p:.2g}, {one.method})"


def again_json(found: Again) -> bytes:
    """Write what asking again showed."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def again_text(found: Again, *, width: int = 80) -> str:
    """Write what asking again showed, for people."""
    out = [
        {
            "same": "the same model, as far as its answers show",
            "changed": "the model changed",
            "unknown": "not settled",
        }[found.verdict],
        f"{found.agree} of {found.questions} questions got an answer that they got before, letter for letter; "
        f"answers differ by {found.effect:.3f} more than among themselves (p {found.p:.2g}, permutation)",
        *found.facts,
    ]
    if found.errors:
        out.append(f"{found.errors} answers did not come")
    if found.reason:
        out.append(shown(found.reason, 200))
    return _wrapped(out, width)


def _wrapped(lines: list[str], width: int) -> str:
    return "".join(textwrap.fill(line, width, subsequent_indent="    ") + "\n" for line in lines)
