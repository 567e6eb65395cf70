"""The register of vendors, a YAML file that several services may share: read whole, with the place of every fault."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
import yaml
from msgspec import Meta

from safecase.errors import ManifestError
from safecase.readers import regular_files, yaml_places
from safecase.readers.yaml_places import Document, Fault
from safecase.vocabulary import Noun, Place

MOST_BYTES = 2_000_000
Kind: TypeAlias = Literal["model_api", "intermediary", "model_publisher", "dataset", "tool"]
EvidenceKind: TypeAlias = Literal[
    "contract",
    "terms",
    "setting",
    "list",
    "test",
    "certificate",
    "report",
    "documentation",
    "card",
    "signature",
    "plan",
]
Id: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Sha256: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]

EXAMPLE = "`safecase supply vendors --new NAME` prints an entry to fill in"


class Question(Noun, frozen=True):
    """One thing to ask, and what makes an answer good."""

    id: str
    ask: str
    why: str
    control: str
    kinds: tuple[Kind, ...]
    evidence: tuple[EvidenceKind, ...]
    most_days: int
    wanted: tuple[str, ...] = ()


class Evidence(Noun, frozen=True):
    """What an answer rests on: a file that lies here, or an address that a person looked at on a day."""

    kind: EvidenceKind
    file: str = ""
    """Relative to the register."""
    sha256: Sha256 | None = None
    url: str = ""
    seen: date | None = None
    """When somebody looked at it; its age counts from there."""
    until: date | None = None
    """The last day on which it holds: of a certificate, a contract."""
    says: str = ""


class Answer(Noun, frozen=True):
    """What a vendor answers, and why we believe it."""

    answer: str
    evidence: tuple[Evidence, ...] = ()


class VendorEntry(Noun, frozen=True):
    """A vendor, or one who stands between us and a vendor."""

    id: Id
    name: str
    kind: Kind
    decision: Literal["approved", "conditional", "rejected"]
    decided_by: Annotated[str, Meta(min_length=2)]
    decided: date
    until: date
    provides: tuple[str, ...] = ()
    """Providers, models, sources or tools of manifests that it stands behind."""
    endpoints: tuple[str, ...] = ()
    """The beginnings of addresses at which it is reached."""
    certificate_pins: tuple[Annotated[str, Meta(pattern=r"^sha256/[A-Za-z0-9+/]{43}=$")], ...] = ()
    """SHA-256 of public keys of its TLS certificates, as HTTP and curl write them."""
    upstream: tuple[Id, ...] = ()
    """Of an intermediary: the vendors whose models answer in the end."""
    conditions: tuple[str, ...] = ()
    reason: str = ""
    answers: Mapping[str, Answer] | None = None
    """By the question's id; None where the key is there and nothing below it yet."""


class _Register(Noun, frozen=True):
    vendors: tuple[VendorEntry, ...]


class Register(Noun, frozen=True):
    """All vendors, and where each stands."""

    vendors: tuple[VendorEntry, ...]
    file: str
    places: Mapping[str, Place]
    """Of each entry by its id."""

    def vendor(self, id: str) -> VendorEntry | None:
        """Give a vendor by its id."""
        return next((v for v in self.vendors if v.id == id), None)


@cache
def questions() -> tuple[Question, ...]:
    """Give the questions that we ask, in the order in which to ask them."""
    content = resources.files(__package__).joinpath("questions.yaml").read_bytes()
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return msgspec.convert(yaml.load(content, Loader=loader), tuple[Question, ...])  # noqa: S506 - a safe loader


def questions_for(kind: Kind) -> tuple[Question, ...]:
    """Give the questions that are asked of one kind of vendor."""
    return tuple(q for q in questions() if kind in q.kinds)


def read(path: Path, shown_as: str) -> Register:
    """Read a register; all that is wrong with it is one ManifestError. `shown_as` names the file in places."""
    try:
        content = regular_files.read(path, most=MOST_BYTES, follow=True)
    except OSError as why:
        message = f"the register of vendors cannot be read: {why.strerror or why}"
        raise ManifestError([Fault(message, mend="correct its path", place=Place(file=shown_as))]) from why
    document = yaml_places.read(content, shown_as, most_bytes=MOST_BYTES)
    try:
        register = msgspec.convert(document.value, _Register)
    except msgspec.ValidationError as why:
        raise ManifestError([_fault(document, str(why))], lines=document.lines) from why
    faults = list(_contradictions(register, document))
    if faults:
        raise ManifestError(faults, lines=document.lines)
    places = {vendor.id: document.place(("vendors", index)) for index, vendor in enumerate(register.vendors)}
    return Register(vendors=register.vendors, file=shown_as, places=places)


def _fault(document: Document, message: str) -> Fault:
    """Put msgspec's words at the value that they are about: it says `… - at `$.vendors[0].kind``."""
    text, _, path = message.partition(" - at `$")
    steps: list[str | int] = [
        int(number) if number else name for name, number in re.findall(r"\.([A-Za-z_]\w*)|\[(\d+)\]", path)
    ]
    while steps and "[...]" in path:
        steps.pop()
        break
    return document.fault(text[:1].lower() + text[1:], tuple(steps), mend=EXAMPLE)


def _contradictions(register: _Register, document: Document) -> Iterator[Fault]:
    known = {question.id for question in questions()}
    ids = [vendor.id for vendor in register.vendors]
    for index, vendor in enumerate(register.vendors):
        at = ("vendors", index)
        if ids.index(vendor.id) != index:
            yield document.fault(f"{vendor.id} is there twice", (*at, "id"), mend="give each vendor one entry")
        if vendor.until < vendor.decided:
            yield document.fault("it ends before it begins", (*at, "until"), mend="correct one of the two days")
        if vendor.kind == "intermediary" and not vendor.upstream:
            mend = "name the vendors whose models answer, and give each an entry"
            yield document.fault("an intermediary stands before somebody: upstream is missing", at, mend=mend)
        for step, wanted in enumerate(vendor.upstream):
            if wanted not in ids or wanted == vendor.id:
                message = f"there is no other vendor called {wanted}"
                yield document.fault(message, (*at, "upstream", step), mend="give it an entry of its own")
        for name in vendor.answers or ():
            if name not in known:
                mend = f"the questions are {', '.join(sorted(known))}"
                yield document.fault(f"there is no question {name}", (*at, "answers", name), key=True, mend=mend)


def template(id: str, kind: Kind, today: date) -> str:
    """Give an entry to fill in, with the questions that are asked of its kind as comments."""
    lines = [
        f"  - id: {id}",
        f"    name: {id}",
        f"    kind: {kind}",
        "    decision: conditional      # approved, conditional or rejected",
        "    conditions: [answers are missing]",
        "    decided_by: nobody yet",
        f"    decided: {today}",
        f"    until: {today.replace(year=today.year + 1) if (today.month, today.day) != (2, 29) else today}",
        "    endpoints: []              # [https://api.example.com/]",
        "    provides: []               # providers, models or tools that manifests name",
        *(
            ["    upstream: []               # ids of the vendors whose models answer"]
            if kind == "intermediary"
            else []
        ),
        "    answers:",
    ]
    for question in questions_for(kind):
        wanted = f" ({' or '.join(question.wanted)})" if question.wanted else ""
        evidence = f"[{{kind: {question.evidence[0]}, file: ..., sha256: ..., until: ...}}]"
        lines += [
            f"      # {question.ask}{wanted}",
            f"      # {question.id}: {{answer: ..., evidence: {evidence}}}",
        ]
    return "\n".join(lines) + "\n"
