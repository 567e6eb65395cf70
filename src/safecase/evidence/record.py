"""What one check saw, as a line of the ledger: a draft becomes a record when the ledger gives it its place."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from safecase.errors import ManifestError, SafecaseError
from safecase.readers.text import shown
from safecase.vocabulary import Finding, Metric, Noun, Place, Verdict

FIRST = "0" * 64
"""What the first record names as the record before it."""
LONGEST_TTL = 36_500
MOST_BYTES = 16 * 1024 * 1024
"""Of one record: a thousand long findings fit, a disk image does not."""
DEEPEST = 64

Ttl: TypeAlias = Annotated[int, Meta(ge=0, le=LONGEST_TTL)] | Annotated[float, Meta(ge=0, le=LONGEST_TTL)]
Word: TypeAlias = Annotated[str, Meta(min_length=1, max_length=400)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=8192)]
"""Of a part of the service: it may hold a path."""


class SubjectDigest(Noun, frozen=True):
    """What the evidence is about, by name and by the SHA-256 that it had (64 hexadecimal digits)."""

    name: Name
    sha256: str


class Draft(Noun, frozen=True):
    """A record before the ledger gives it its place in the chain."""

    control: Word
    check: Word
    check_version: str | int
    verdict: Verdict
    evaluated_at: str
    """ISO 8601 with an offset from UTC."""
    ttl_days: Ttl
    subjects: Sequence[SubjectDigest | Mapping[str, str]]
    service: str = ""
    findings: tuple[Finding, ...] = ()
    metrics: tuple[Metric, ...] = ()
    artefacts: tuple[str, ...] = ()
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)  # what JSON can hold: each check has its own
    transient: bool = False
    """It could not look this time (crash, unreachable, too slow): the next plan tries again."""
    collector: str = ""
    note: str = ""
    extra: dict[str, Any] = msgspec.field(
        default_factory=dict
    )  # fields that another program gave and this one does not know


class Record(Noun, frozen=True, gc=False):
    """One line of the ledger. Fields stand in the order of the canonical JSON: sorted."""

    artefacts: tuple[str, ...]
    check: str
    check_version: str | int
    collector: str
    control: str
    evaluated_at: str
    extra: dict[str, Any]
    findings: tuple[Finding, ...]
    id: str
    """SHA-256 of the canonical JSON of the record without this field."""
    kept: tuple[str, ...]
    """Those artefacts whose bytes the ledger keeps: one that is gone was taken away."""
    metrics: tuple[Metric, ...]
    note: str
    parameters: dict[str, Any]
    prev: str
    recorded_at: str
    schema: Literal["safecase/evidence/1"]
    seq: int
    service: str
    signer: str
    """Key id; empty where no key could be had."""
    subjects: tuple[SubjectDigest, ...]
    transient: bool
    ttl_days: Ttl
    verdict: Verdict

    @property
    def moment(self) -> datetime:
        """When it was evaluated."""
        return datetime.fromisoformat(self.evaluated_at)


def canonical(value: object) -> bytes:
    """Write JSON in its one form: sorted keys, UTF-8, no whitespace; what `json.dumps` of Python gives anybody."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")  # a lone surrogate (a file name of other bytes) has no UTF-8


def bare(digest: str) -> str:
    """Give the 64 digits of a digest, with or without `sha256:` before them."""
    return digest.removeprefix("sha256:").lower()


def stamp(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC."""
    text = moment.astimezone(UTC).isoformat()
    return text.removesuffix("+00:00") + "Z"


def moment_of(text: str) -> datetime:
    """Read ISO 8601 with an offset; ValueError says what is wrong."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{shown(text)}` is no moment like 2026-11-23T10:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError(f"`{shown(text)}` says no offset from UTC; write it like 2026-11-23T10:00:00Z")
    if not 1970 <= found.year < 3000:
        raise ValueError(f"`{shown(text)}` lies outside of the years 1970 to 2999")
    return found.astimezone(UTC)


def chained(draft: Draft, *, seq: int, prev: str, at: str, signer: str, kept: Iterable[str]) -> tuple[str, bytes]:
    """Give the id and the line of a normalised draft at its place in the chain."""
    metrics = [m for m in draft.metrics if _is_finite(m)]
    body = msgspec.to_builtins(msgspec.structs.replace(draft, metrics=tuple(metrics)))
    body.update(schema="safecase/evidence/1", seq=seq, prev=prev, recorded_at=at, signer=signer, kept=sorted(kept))
    if len(metrics) < len(draft.metrics):
        left = ", ".join(m.name for m in draft.metrics if m not in metrics)
        body["note"] = "; ".join(filter(None, (draft.note, f"left out, as no number came: {left}")))
    name = hashlib.sha256(canonical(body)).hexdigest()
    return name, canonical({**body, "id": name})


def _is_finite(metric: Metric) -> bool:
    numbers = (metric.value, metric.low, metric.high, metric.threshold)
    return all(math.isfinite(number) for number in numbers if number is not None)


def id_of(line: bytes, claimed: str) -> str:
    """Compute what a line's id must be: the hash of the line without its `id`.

    Cutting the text is sound: a second place with the same `"id":"…"` would need a hash that contains itself.
    """
    return hashlib.sha256(line.replace(b'"id":"%s",' % claimed.encode(), b"", 1)).hexdigest()


def normalised(draft: Draft, *, file: str = "record") -> Draft:
    """Bring digests and moments to their one form; all that is wrong is one ManifestError."""
    return drafted(
        {name: getattr(draft, name) for name in draft.__struct_fields__}
        | {"subjects": [msgspec.to_builtins(s) for s in draft.subjects]},
        file=file,
    )


def drafted(value: object, *, file: str) -> Draft:
    """Make a draft of what another program gave (JSON), with every fault of it told at once."""
    if not isinstance(value, dict):
        raise ManifestError([_fault(file, "a JSON object is wanted", "see `safecase evidence add --help`")])
    known = {name: value[name] for name in Draft.__struct_fields__ if name in value}
    faults = [*_missing(known, file), *_wrong(known, file)]
    if _deeper_than(value, DEEPEST):
        faults.append(_fault(file, f"nested more than {DEEPEST} deep", "make it flatter"))
    if faults:
        raise ManifestError(faults)
    unknown = {name: given for name, given in value.items() if name not in known and not _is_schema(name, given)}
    known["subjects"] = [{"name": s["name"], "sha256": bare(s["sha256"])} for s in known["subjects"]]
    known["evaluated_at"] = stamp(moment_of(known["evaluated_at"]))
    known["extra"] = {**known.get("extra", {}), **unknown}
    subjects = msgspec.convert(known.pop("subjects"), tuple[SubjectDigest, ...])
    draft = Draft(subjects=subjects, **{name: _converted(name, given) for name, given in known.items()})
    if _says_better(draft):
        message = f"`verdict` is {draft.verdict}, and a finding says worse"
        raise ManifestError([_fault(file, message, "give the worst verdict of the findings")])
    return draft


def _says_better(draft: Draft) -> bool:
    """A verdict that is better than its own findings would be taken for a pass somewhere."""
    found = {finding.verdict for finding in draft.findings}
    return (draft.verdict != "fail" and "fail" in found) or (draft.verdict == "pass" and "unknown" in found)


_TYPES: Mapping[str, Any] = {  # a type: what msgspec converts to
    f.name: tuple[SubjectDigest, ...] if f.name == "subjects" else f.type for f in msgspec.structs.fields(Draft)
}
_REQUIRED = tuple(f.name for f in msgspec.structs.fields(Draft) if f.required)
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _converted(name: str, given: object) -> Any:  # of the field's type
    return msgspec.convert(given, _TYPES[name])


def _missing(known: Mapping[str, Any], file: str) -> list[SafecaseError]:
    return [_fault(file, f"`{name}` is missing", f"give `{name}`") for name in _REQUIRED if name not in known]


def _wrong(known: Mapping[str, Any], file: str) -> Iterable[SafecaseError]:
    for name, given in known.items():
        try:
            _converted(name, given)
            if name == "evaluated_at":
                moment_of(given)
            elif name == "subjects":
                _check_subjects(given)
        except (msgspec.ValidationError, ValueError) as why:
            yield _fault(file, f"`{name}`: {shown(str(why), 300)}", f"mend `{name}`")


def _check_subjects(subjects: Sequence[Mapping[str, str]]) -> None:
    for subject in subjects:
        if not _DIGEST.fullmatch(bare(subject["sha256"])):
            raise ValueError(f"the sha256 of `{shown(subject['name'])}` is not 64 hexadecimal digits")
    times = Counter(subject["name"] for subject in subjects)
    twice = sorted(name for name, count in times.items() if count > 1)
    if twice:
        raise ValueError(f"`{shown(twice[0])}` is named twice")


def _fault(file: str, message: str, mend: str) -> SafecaseError:
    return SafecaseError(message, mend=mend, place=Place(file=file))


def _is_schema(name: str, given: object) -> bool:
    return name == "schema" and given == "safecase/evidence/1"


def _deeper_than(value: object, most: int) -> bool:
    layer = [value]
    for _ in range(most):
        layer = [inner for outer in layer for inner in _inside(outer)]
        if not layer:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
