"""What came of attacks on a service, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.attacking import Result
    from safecase.measures.testing.campaign import Campaign

LONGEST_TURN = 600


def exit_code(results: Sequence[Result]) -> int:
    """Give 1 where something broke, 3 where something is open, else 0."""
    verdicts = {one.verdict for one in results}
    if "vulnerable" in verdicts:
        return 1
    return 3 if verdicts & {"inconclusive", "error"} or not results else 0


def summary(results: Sequence[Result]) -> str:
    """Say in a line what came of it."""
    counts = {verdict: sum(one.verdict == verdict for one in results) for verdict in _SIGNS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"{len(results)} weaknesses looked for: {told or 'none could be'}"


_SIGNS = {"vulnerable": "✗", "error": "!", "inconclusive": "?", "safe": "✓"}


def as_json(campaign: Campaign, results: Sequence[Result]) -> bytes:
    """Write all results, those that broke with the transcript that shows it."""
    rows: list[dict[str, Any]] = []
    for one in results:
        row: dict[str, Any] = {
            "weakness": one.weakness,
            "verdict": one.verdict,
            "asr": round(one.asr, 4),
            "low": round(one.low, 4),
            "high": round(one.high, 4),
            "n": one.n,
            "reason": one.reason,
            "references": one.references,
            "families": [
                {
                    "family": outcome.family,
                    "verdict": outcome.verdict,
                    "hits": outcome.hits,
                    "n": outcome.n,
                    "errors": outcome.errors,
                }
                for outcome in one.families
            ],
        }
        if shortest := example(one):
            row["transcript"] = shortest
        rows.append(row)
    told = {"results": rows, "calls": campaign.calls}
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def as_text(campaign: Campaign, results: Sequence[Result], *, width: int = 80) -> str:
    """Write for people: what broke first, with the shortest exchange that shows it."""
    out = [f"{summary(results)} ({campaign.calls} calls)", ""]
    for one in results:
        rate = f"{100 * one.asr:.0f} % of {one.n} attempts (95 %: {100 * one.low:.0f} to {100 * one.high:.0f} %)"
        out.append(f"{_SIGNS[one.verdict]} {one.weakness}: {one.verdict}, {rate}")
        if one.verdict == "safe":
            continue
        out += _told(one.title, width, "  ")
        out += _told(one.reason, width, "  ") if one.reason else []
        if one.verdict == "vulnerable":
            out += _exchange(example(one), width)
            out += _told(f"mend: {one.mend}", width, "  ")
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def _told(text: str, width: int, margin: str) -> list[str]:
    return textwrap.wrap(shown(text, 1000), width=width, initial_indent=margin, subsequent_indent=margin)


def _exchange(line: dict[str, Any] | None, width: int) -> list[str]:
    if line is None:
        return []
    turns = [(str(turn["role"]), str(turn["content"])) for turn in line["messages"]]
    turns += [("user", str(text)) for text in line.get("then", ())]
    out: list[str] = []
    for role, text in (*turns, ("reply", str(line["reply"]))):
        out += textwrap.wrap(
            f"{role}: {shown(text, LONGEST_TURN)}", width=width, initial_indent="  │ ", subsequent_indent="  │   "
        )
    for name, arguments in line.get("calls", ()):
        out += _told(f"call: {name} {arguments}", width, "  │ ")
    return out


def example(one: Result) -> dict[str, Any] | None:
    """Give the shortest exchange in which an attack worked; None where none did."""
    lines: list[dict[str, Any]] = []
    for outcome in one.families:
        if outcome.verdict == one.verdict == "vulnerable":
            lines += [msgspec.json.decode(line) for line in outcome.transcript.splitlines() if b'"hit":"' in line]
    hits = [line for line in lines if line.get("hit")]
    return min(hits, key=lambda line: len(str(line["messages"])) + len(str(line.get("reply"))), default=None)
