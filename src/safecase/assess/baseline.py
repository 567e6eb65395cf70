"""The gaps known on a day, in a file of the repository: only what is not in it blocks the gate."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from safecase.assess.gate import baseline_of
from safecase.errors import UsageError
from safecase.vocabulary import Case, Claim, Noun

SCHEMA = "safecase/baseline/1"


class Baseline(Noun, frozen=True):
    """The known gaps of one service."""

    schema: str
    service: str
    made: str
    gaps: tuple[str, ...]


def take(case: Case) -> Baseline:
    """Take the gaps of a case that may be known; what is critical never is."""
    return Baseline(schema=SCHEMA, service=case.service, made=case.as_of[:10], gaps=baseline_of(case.claims))


def to_bytes(baseline: Baseline) -> bytes:
    """Write a baseline, the same bytes for the same gaps."""
    return msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n"


def from_bytes(content: bytes, file: str, service: str) -> Baseline:
    """Read a baseline; a broken one, or that of another service, closes the gate with a clear word."""
    mend = f"write it anew: safecase baseline -o {file}"
    try:
        read = msgspec.json.decode(content, type=Baseline)
    except msgspec.MsgspecError as why:
        raise UsageError(f"{file} is no baseline: {why}", mend=mend) from why
    if read.schema != SCHEMA or read.service != service:
        raise UsageError(f"{file} is the baseline of {read.service!r} ({read.schema}), not of {service!r}", mend=mend)
    # The mark of a critical finding must not be written in by hand.
    return msgspec.structs.replace(read, gaps=tuple(gap for gap in read.gaps if not gap.endswith("!")))


def gone(baseline: Baseline, claims: Iterable[Claim]) -> tuple[str, ...]:
    """Give the gaps that the baseline knows and that are there no more: it can be written anew without them."""
    return tuple(sorted(set(baseline.gaps) - set(baseline_of(claims))))
