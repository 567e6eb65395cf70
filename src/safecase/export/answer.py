"""The gate's answer as an export gets it, beside the case: go, no-go or could not be judged, and what decides."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from safecase.assess.gate import Deciding
from safecase.vocabulary import Noun


class Answer(Noun, frozen=True):
    """What the gate said of a case."""

    allowed: bool | None
    profile: str
    source: str
    known: int
    deciding: tuple[Deciding, ...]

    @property
    def word(self) -> str:
        """Say it in a word or two."""
        return {True: "go", False: "no-go", None: "could not be judged"}[self.allowed]

    @property
    def exit_code(self) -> int:
        """The exit code of `safecase gate`: 0 go, 1 no-go, 3 could not judge."""
        return {True: 0, False: 1, None: 3}[self.allowed]


def answer_of(extra: Mapping[str, object] | None) -> Answer | None:
    """Read the gate's answer from what stands beside the case; None where the case was not brought before a gate."""
    if not extra or "allowed" not in extra:
        return None
    policy = msgspec.convert(extra.get("policy", {}), dict[str, object])
    return Answer(
        allowed=msgspec.convert(extra["allowed"], bool | None),
        profile=str(policy.get("profile", "")),
        source=str(policy.get("source", "")),
        known=msgspec.convert(policy.get("known_gaps", 0), int),
        deciding=msgspec.convert(extra.get("deciding", ()), tuple[Deciding, ...]),
    )
