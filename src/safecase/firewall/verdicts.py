"""From what the scanner said of a file to what is done with it: pure, and asked anew at every request.

A policy that changed, an acceptance that expired and a scan by newer rules count from the next request on.
"""

from __future__ import annotations

from datetime import date
from typing import Final, Literal

from safecase.firewall.policy import Accepted, Policy
from safecase.readers.artifacts.report import WORST_FIRST, FileVerdict, worst_of
from safecase.readers.text import shown
from safecase.vocabulary import Noun

MOST_KEPT: Final = 50
"""Findings of one file that are remembered; the worst."""


class Seen(Noun, frozen=True):
    """One finding of the scanner."""

    rule: str
    says: FileVerdict
    message: str
    member: str = ""


class Judged(Noun, frozen=True):
    """What the scanner said of one file."""

    format: str
    """By content; empty where it is no model."""
    verdict: FileVerdict
    findings: tuple[Seen, ...] = ()


class Decision(Noun, frozen=True):
    """What is done with a file."""

    action: Literal["serve", "refuse"]
    verdict: FileVerdict
    """What is left of the scanner's verdict after what was accepted."""
    reason: str = ""
    accepted: tuple[Accepted, ...] = ()
    """What let it through."""


def decide(judged: Judged, sha256: str, file: str, policy: Policy, today: date) -> Decision:
    """Decide on a file by its verdict, the policy and the day."""
    accepted = [a for a in policy.accept if a.sha256 == sha256 and a.holds(today)]
    rules = {a.rule for a in accepted}
    left = [f for f in judged.findings if f.rule not in rules]
    used = tuple(a for a in accepted if any(f.rule == a.rule for f in judged.findings))
    verdict = worst_of(f.says for f in left) if judged.findings else judged.verdict
    if _refused(verdict, policy):
        reason = policy.told(_reason(file, verdict, left))
        return Decision(action="refuse", verdict=verdict, reason=reason, accepted=used)
    if policy.formats and judged.format and judged.format not in policy.formats:
        reason = policy.told(f"{shown(file)} is {judged.format}; the policy lets through {', '.join(policy.formats)}")
        return Decision(action="refuse", verdict=verdict, reason=reason, accepted=used)
    return Decision(action="serve", verdict=verdict, accepted=used)


def _refused(verdict: FileVerdict, policy: Policy) -> bool:
    match verdict:
        case "clean":
            return False
        case "malicious":
            return True
        case "suspicious":
            return policy.verdicts.suspicious == "refuse"
        case "error":
            return policy.verdicts.error == "refuse"
        case "unsupported":
            return policy.verdicts.unsupported == "refuse"


_WORDS: Final[dict[FileVerdict, str]] = {
    "malicious": "is malicious",
    "suspicious": "is suspicious",
    "error": "could not be judged",
    "unsupported": "is of a kind that nobody here looks into",
    "clean": "is clean",
}


def _reason(file: str, verdict: FileVerdict, findings: list[Seen]) -> str:
    worst = min(findings, key=lambda f: WORST_FIRST.index(f.says), default=None)
    if worst is None:
        return f"{shown(file)} {_WORDS[verdict]}"
    inside = f" in {shown(worst.member, 60)}" if worst.member else ""
    more = f"; {len(findings) - 1} more" if len(findings) > 1 else ""
    return f"{shown(file)} {_WORDS[verdict]}: {shown(worst.message, 300)}{inside} [{worst.rule}]{more}"
