"""What came of attacks on a service, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.attacking import Result
    from safecase.measures.testing.estimate import Amount, Estimate
    from safecase.measures.testing.reckoned import Reckoned, Report

LONGEST_TURN: Final = 600
NEWLINE: Final = "\n"
_SIGNS: Final = {"vulnerable": "✗", "error": "!", "inconclusive": "?", "safe": "✓"}


def exit_code(found: Report) -> int:
    """Give 1 where something broke that nobody answers for, 3 where something is open, else 0."""
    if not found.results:
        return 3
    code = code_of([row.result for row in found.results if row.counts])
    return 3 if not code and found.named and found.unasked else code


def code_of(results: Sequence[Result]) -> int:
    """Give the exit code of results that all count."""
    verdicts = {one.verdict for one in results}
    if "vulnerable" in verdicts:
        return 1
    return 3 if verdicts & {"inconclusive", "error"} else 0


def summary(found: Report) -> str:
    """Say in a line what came of it."""
    verdicts = [row.result.verdict if row.counts else "answered for" for row in found.results]
    told = ", ".join(f"{verdicts.count(one)} {one}" for one in (*_SIGNS, "answered for") if one in verdicts)
    return f"{len(verdicts)} weaknesses looked for: {told or 'none could be'}"


def as_json(found: Report) -> bytes:
    """Write all results, those that broke with the transcript that shows it."""
    told = {
        "target": found.target,
        "limit": found.limit,
        "seed": found.seed,
        "calls": found.calls,
        "results": [_row(row) for row in found.results],
        "unasked": found.unasked,
        "left_out": found.left_out,
        "expired": found.expired,
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def _row(found: Reckoned) -> dict[str, Any]:
    one = found.result
    row: dict[str, Any] = {
        "weakness": one.weakness,
        "verdict": one.verdict,
        "asr": round(one.asr, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "n": one.n,
        "p": found.p,
        "p_holm": found.p_holm,
        "design_effect": round(found.design_effect, 3),
        "hit_at": {at.k: {"chance": at.chance, "low": at.low, "high": at.high} for at in found.hit_at},
        "title": one.title,
        "reason": one.reason,
        "mend": one.mend,
        "references": one.references,
        "fingerprints": found.fingerprints,
        "answered_for": found.left,
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
    return row


def as_text(found: Report, *, width: int = 80) -> str:
    """Write for people: what broke first, with the shortest exchange that shows it."""
    out = [f"{summary(found)} ({found.calls} calls)", ""]
    for row in found.results:
        one = row.result
        sign = _SIGNS[one.verdict] if row.counts else "·"
        out += _told(f"{sign} {one.weakness}: {one.verdict}, {rate(row)}", width, "", "  ")
        if one.verdict == "safe":
            continue
        out += _told(one.title, width, "  ")
        out += _told(one.reason, width, "  ") if one.reason else []
        if not row.counts:
            out += _answered(row, width)
        elif one.verdict == "vulnerable":
            out += _told(further(row), width, "  ")
            out += _exchange(example(one), width)
            out += _told(f"mend: {one.mend}", width, "  ")
        out.append("")
    out += _rest(found, width)
    return "\n".join(out).rstrip() + "\n"


def rate(row: Reckoned) -> str:
    """Say how often attacks worked, and between what bounds."""
    one = row.result
    return f"{100 * one.asr:.0f} % of {one.n} attempts (95 %: {100 * row.low:.0f} to {100 * row.high:.0f} %)"


def further(row: Reckoned) -> str:
    """Say how likely further tries work, and whether it holds among all that was looked for."""
    ten = next(at for at in row.hit_at if at.k > 1)
    told = f"of {ten.k} further tries one works with a chance of {100 * ten.low:.0f} to {100 * ten.high:.0f} %"
    if row.together:
        return f"{told}; that its rate is too high holds among all weaknesses looked for, too (p = {row.p_holm:.2g})"
    return f"{told}; so few tries show that it works, and not how often (p = {row.p_holm:.2g}, Holm)"


def _answered(row: Reckoned, width: int) -> list[str]:
    out: list[str] = []
    for told in answers(row):
        out += _told(told, width, "  ")
    return out


def answers(row: Reckoned) -> list[str]:
    """Say who answers for a result, until when and why, each once."""
    words = {"false_positive": "a false alarm", "accepted": "accepted"}
    told = (f"{words[one.says]}, says {one.owner}, until {one.expires}: {one.reason}" for one in row.left)
    return list(dict.fromkeys(told))


def _rest(found: Report, width: int) -> list[str]:
    out: list[str] = []
    if found.unasked:
        told = f"Nothing could be looked for: {', '.join(found.unasked)}. What they need is not known of the target"
        out += _told(f"{told} (canary, system prompt, identities, tools, golden cases …).", width, "")
    for one in found.expired:
        out += _told(f"{one.fingerprint} counts again: {one.owner} answered for it until {one.expires}", width, "")
    if any(row.fingerprints and row.counts for row in found.results):
        told = "Whoever answers for one of them says so in safecase-findings.yaml, by its fingerprint (--format json)."
        out += _told(told, width, "")
    if found.left_out:
        told = f"{len(found.left_out)} families were left out, since no open threat of the service asks for them; --all"
        out += _told(told + " asks them, too", width, "")
    return out


def estimated(name: str, found: Estimate, latency: float, *, width: int = 80) -> str:
    """Say what a run would cost, and which families would have nothing to look for."""
    out = _told(f"{shown(name, 200)}: {len(found.families)} families would be asked", width, "")
    rows = (("at the least", found.least), ("where none works", found.clean), ("at the most", found.most))
    out += [f"  {label:<17}{_amount(amount)}" for label, amount in rows]
    out += _told(f"Minutes are reckoned with {latency:g} s a call. The most is what the limits allow.", width, "")
    if found.most.calls < found.least.calls:
        out += _told("The limits are too low to settle every family.", width, "")
    wide = max((len(one.family) for one in found.families), default=0)
    out += ["", f"{'family':<{wide}}  attempts where none works  calls  tokens"]
    out += [
        f"{one.family:<{wide}}  {one.clean:>25}  {one.clean * one.calls:>5.0f}  {one.clean * one.tokens:>6.0f}"
        for one in found.families
    ]
    out.append("")
    if found.mute:
        told = f"{len(found.mute)} families have nothing to look for here: {', '.join(found.mute)}."
        out += _told(told, width, "")
        more = "A canary, the system prompt, two identities, tools, golden cases or the slowest answer make them speak."
        out += _told(more, width, "  ")
    return "\n".join(out) + "\n"


def _amount(amount: Amount) -> str:
    money = f", {amount.money:.2f} in money" if amount.money else ""
    return f"{amount.calls:>7,} calls, {amount.tokens:>9,} tokens{money}, {amount.seconds / 60:.1f} min"


def _told(text: str, width: int, margin: str, then: str | None = None) -> list[str]:
    return textwrap.wrap(
        shown(text, 1000), width=width, initial_indent=margin, subsequent_indent=margin if then is None else then
    )


def turns(line: dict[str, Any]) -> list[tuple[str, str]]:
    """Give who said what in an exchange."""
    said = [(str(turn["role"]), str(turn["content"])) for turn in line["messages"]]
    said += [("user", str(text)) for text in line.get("then", ())]
    said.append(("reply", str(line["reply"])))
    return [*said, *(("call", f"{name} {arguments}") for name, arguments in line.get("calls", ()))]


def _exchange(line: dict[str, Any] | None, width: int) -> list[str]:
    out: list[str] = []
    for role, text in turns(line) if line is not None else ():
        out += textwrap.wrap(
            f"{role}: {shown(text.replace(NEWLINE, ' ↵ '), LONGEST_TURN)}",
            width=width,
            initial_indent="  │ ",
            subsequent_indent="  │   ",
        )
    return out


def example(one: Result) -> dict[str, Any] | None:
    """Give the shortest exchange in which an attack worked; None where none did."""
    lines: list[dict[str, Any]] = []
    for outcome in one.families:  # the one that speaks for it
        if outcome.verdict == one.verdict == "vulnerable" and outcome.reason == one.reason:
            lines += [msgspec.json.decode(line) for line in outcome.transcript.splitlines() if b'"hit":"' in line]
    hits = [line for line in lines if line.get("hit")]
    return min(hits, key=lambda line: len(str(line["messages"])) + len(str(line.get("reply"))), default=None)
