"""Attacks that worked once, kept as cases that must not work again: JSON lines, without secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Final, Literal

import msgspec

from safecase.errors import UsageError
from safecase.measures.testing.attacking import Result
from safecase.probes.hidden_context import leak_oracle
from safecase.probes.oracles import Oracle
from safecase.probes.probe import Attack, Probe, ProbeFacts
from safecase.readers import regular_files
from safecase.readers.text import shown
from safecase.vocabulary import Noun

MOST_BYTES: Final = 50_000_000
MOST_CASES: Final = 10_000


class Kept(Noun, frozen=True, forbid_unknown_fields=True):
    """One case. What its oracle looks for is said only where that is no secret of the target."""

    id: str
    title: str
    looks_for: Literal["what it says", "leak", "theirs"]
    """`leak` is the target's canary or prompt, `theirs` what its second identity owns: both are the target's to say."""
    attack: Attack
    references: tuple[str, ...]
    mend: str


def confirmed(results: Iterable[Result], facts: ProbeFacts) -> Iterator[Kept]:
    """Give a case for each attack that broke a weakness."""
    for result in results:
        for outcome in result.families:
            if outcome.verdict == "vulnerable":
                yield from (_kept(one, outcome.family, result, facts) for one in outcome.worked)


def _kept(attack: Attack, family: str, result: Result, facts: ProbeFacts) -> Kept:
    oracle, looks_for = attack.oracle, _looks_for(attack.oracle, facts)
    if looks_for != "what it says":
        oracle = Oracle(kind=oracle.kind, wanted=())
    else:
        oracle = msgspec.structs.replace(oracle, known=())
    kept = msgspec.structs.replace(attack, oracle=oracle)
    digest = hashlib.blake2b(msgspec.json.encode(kept.conversation), digest_size=4).hexdigest()
    return Kept(
        id=f"{family}/{attack.variant}:{digest}",
        title=result.title,
        looks_for=looks_for,
        attack=kept,
        references=result.references,
        mend=result.mend,
    )


def _looks_for(oracle: Oracle, facts: ProbeFacts) -> Literal["what it says", "leak", "theirs"]:
    if oracle == leak_oracle(facts) or oracle.kind in ("secret", "passage"):
        return "leak"
    if oracle.kind == "record" and oracle.wanted in facts.owned:
        return "theirs"
    return "what it says"


def with_new(known: Sequence[Kept], cases: Iterable[Kept]) -> tuple[Kept, ...]:
    """Add cases to those that are known, each once."""
    found = {one.id: one for one in known}
    for one in cases:
        found.setdefault(one.id, one)
    return tuple(found.values())[:MOST_CASES]


def written(cases: Iterable[Kept]) -> bytes:
    """Write cases, one a line."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in cases)


def read(path: Path) -> tuple[Kept, ...]:
    """Read a file of cases; raises `UsageError` with the line that is wrong."""
    try:
        content = regular_files.read(path, most=MOST_BYTES, follow=True)
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    found: list[Kept] = []
    for number, line in enumerate(content.splitlines()[:MOST_CASES], 1):
        try:
            found.append(msgspec.json.decode(line, type=Kept))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as why:
            told = f"{shown(str(path))}:{number} is no case that was kept: {shown(str(why), 200)}"
            raise UsageError(
                told, mend="take the line out, or write the file anew with `testing attack --keep`"
            ) from why
    return tuple(found)


def lacking(cases: Sequence[Kept], facts: ProbeFacts) -> str:
    """Say what must be known of a target so that each case can be judged; empty where it is."""
    looks_for = {one.looks_for for one in cases}
    wanted = {
        "leak": ("--canary or --system-prompt, as when they were kept", leak_oracle(facts) is not None),
        "theirs": ("a target file whose second identity says what it owns", any(facts.owned[1:2])),
    }
    return " and ".join(told for what, (told, known) in wanted.items() if what in looks_for and not known)


def probes_of(cases: Sequence[Kept], facts: ProbeFacts) -> tuple[Probe, ...]:
    """Make each case a family that says the same again and again; nothing may be lacking."""
    return tuple(_probe(one, facts) for one in cases)


def _probe(case: Kept, facts: ProbeFacts) -> Probe:
    oracle: Oracle | None = case.attack.oracle
    if case.looks_for == "leak":
        oracle = leak_oracle(facts)
    elif case.looks_for == "theirs":
        oracle = Oracle(kind="record", wanted=facts.owned[1])
    assert oracle is not None
    attack = msgspec.structs.replace(case.attack, oracle=oracle)
    return Probe(
        weakness=case.id,  # each case is a result of its own
        title=case.title,
        references=case.references,
        mend=case.mend,
        attacks=lambda _rng, _facts: repeat(attack),
    )
