"""What a judge model is worth, and the rates it leads to, for people and for programs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import msgspec

from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.engines.prevalence import Share
    from safecase.measures.testing.judge_model import Card, Rate


def card_json(card: Card) -> bytes:
    """Write what was measured, as `read_card` reads it."""
    return msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n"


def card_text(card: Card, *, width: int = 80) -> str:
    """Write for people what was measured."""
    steady = card.steadiness
    out = [
        f"criterion: {shown(card.criterion, 200)}",
        f"sensitivity {_share(card.accuracy.sensitivity)}",
        f"specificity {_share(card.accuracy.specificity)}",
        _unsaid(card.errors, card.reason),
        f"changed its verdict with the order of the two: {_share(steady.turned)}",
        f"changed its verdict for polite words: {_share(steady.longer)}",
        f"changed its verdict because the reply told it to: {_share(steady.instructed)}",
    ]
    if card.stopped:
        out.append(f"ended early: {card.stopped}")
    if card.unmeasured:
        out.append(f"not measured: {card.unmeasured}")
    elif not card.accuracy.informs:
        out.append("sensitivity and specificity together are not above 1: it tells no more than chance does")
    elif not card.decides_alone:
        out.append("it may not fail a gate alone: it accuses too many that are innocent")
    return _wrapped(out, width)


def rate_json(found: Rate, verdict: str) -> bytes:
    """Write a rate."""
    corrected = found.corrected
    told = {
        "said": {"hits": found.said.hits, "n": found.said.n, "rate": found.said.rate},
        "corrected": corrected
        and {"rate": corrected.rate, "low": corrected.interval.low, "high": corrected.interval.high},
        "errors": found.errors,
        "reason": found.reason,
        "verdict": verdict,
        "stopped": found.stopped,
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def rate_text(found: Rate, card: Card, verdict: str, *, width: int = 80) -> str:
    """Write a rate for people."""
    out = [
        f"criterion: {shown(card.criterion, 200)}",
        f"the judge says so of {_share(found.said)}",
        _unsaid(found.errors, found.reason),
    ]
    if found.corrected is None:
        out.append("nothing can be corrected: the judge tells no more than chance does, or said nothing")
    else:
        low, high = found.corrected.interval
        out.append(f"without its errors {_percent(found.corrected.rate)} (95 %: {_percent(low)} to {_percent(high)})")
    if found.stopped:
        out.append(f"ended early: {found.stopped}")
    out.append({"below": "below the limit", "above": "above the limit", "open": "not settled"}[verdict])
    return _wrapped(out, width)


def _unsaid(errors: int, reason: str) -> str:
    return f"no verdict on {errors}" + (f", most often: {shown(reason, 120)}" if reason else "")


def _wrapped(lines: list[str], width: int) -> str:
    return "".join(textwrap.fill(line, width, subsequent_indent="  ") + "\n" for line in lines)


def _share(share: Share) -> str:
    if not share.n:
        return "0 of 0"
    low, high = share.interval()
    return f"{share.hits} of {share.n} ({_percent(share.rate)}; 95 %: {_percent(low)} to {_percent(high)})"


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"
