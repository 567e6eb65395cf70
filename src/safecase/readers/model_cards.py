"""Model cards (Markdown with YAML in front): which sections they have, and which of them say something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from safecase.errors import CollectError, ManifestError
from safecase.readers import yaml_places
from safecase.readers.text import shown
from safecase.vocabulary import Place

MOST_BYTES = 2_000_000
MOST_SECTIONS = 2_000
LONGEST_PLACEHOLDER = 200
LONGEST_HEADING = 400

TOPICS: Mapping[str, tuple[str, ...]] = {
    "licence": ("license", "licence", "licensing", "terms of use", "lizenz"),
    "intended use": (
        "intended use",
        "intended uses",
        "uses",
        "use cases",
        "direct use",
        "purpose",
        "intended purpose",
        "intended users",
        "usage and intended",
        "verwendungszweck",
    ),
    "limits": (
        "limitation",
        "limits",
        "bias, risks",
        "risks",
        "known issues",
        "out-of-scope",
        "out of scope",
        "caveats",
        "ethical considerations",
        "grenzen",
    ),
    "training data": (
        "training data",
        "training dataset",
        "training set",
        "pretraining data",
        "pre-training data",
        "dataset",
        "data set",
        "data sources",
        "trainingsdaten",
    ),
    "evaluation": ("evaluation", "metrics", "results", "performance", "benchmark", "accuracy", "bewertung"),
    "contact": ("contact", "maintainer", "authors", "model card contact", "support", "owner", "kontakt"),
}
"""What a card must tell, and the words in a heading that announce it."""

_FRONT_KEYS: Mapping[str, tuple[str, ...]] = {
    "licence": ("license", "licence", "license_name"),
    "intended use": ("intended_use", "intended_uses"),
    "limits": ("limitations", "out_of_scope"),
    "training data": ("datasets", "training_data"),
    "evaluation": ("model-index",),
    "contact": ("contact", "model_card_contact"),
}
"""Keys in front of the card that tell the same."""

_EMPTY = re.compile(
    r"(tbd|tba|tbc|todo|fixme|n/?a|none|x{3,9}|unknown|coming soon|placeholder|lorem ipsum.*"
    r"|to be (added|completed|decided|defined|determined|done|written)"
    r"|((more|further) )?information (is )?needed|needs? more information"
    r"|users \(both direct and downstream\) should be made aware.*"
    r"|fill (this|me) in|insert .{0,40} here|not (yet )?(available|provided|specified|documented|written))",
    re.IGNORECASE,
)
_MARKS = " \t-*+>|[]()_.:!?…`\"'"
"""What stands around words without saying anything."""
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.{1,300}?)[ \t#]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_LABEL = re.compile(r"[ \t]{0,20}(?:[-*+][ \t]{1,20})?\*\*(.{1,80}?):?\*\*:?(.*)")


class Section(NamedTuple):
    """A heading, and what stands below it until the next one of its rank."""

    title: str
    rank: int
    line: int
    text: str


class Card(NamedTuple):
    """A card as it was read."""

    file: str
    front: Mapping[str, Any]
    """The YAML in front; empty where there is none."""
    sections: tuple[Section, ...]


class Told(NamedTuple):
    """What a card says of a topic."""

    topic: str
    says: bool
    place: Place | None
    """Where the topic stands; None where it is not there at all."""


def read_card(content: bytes, file: str) -> Card:
    """Read a card; CollectError where it is not text, or its YAML is none."""
    if len(content) > MOST_BYTES:
        raise CollectError(
            f"{shown(file)} is larger than {MOST_BYTES // 1_000_000} MB", mend="keep the card to what people read"
        )
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as why:
        raise CollectError(f"{shown(file)} is not UTF-8", mend="save it as UTF-8") from why
    front, body, first_line = _front(text, file)
    # What is commented out is not said; its line breaks stay, so that lines keep their numbers.
    body = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), body)
    return Card(file, front, tuple(_sections(body, first_line)))


def tells(card: Card) -> Iterator[Told]:
    """Say of each topic whether the card tells it, and where."""
    for topic, words in TOPICS.items():
        if any(_says(card.front.get(key)) for key in _FRONT_KEYS[topic]):
            yield Told(topic, True, Place(file=card.file, line=1))
            continue
        met = [section for section in card.sections if _is_about(section.title, words)]
        saying = next((section for section in met if _says(section.text)), None)
        if saying is not None or met:
            yield Told(topic, saying is not None, Place(file=card.file, line=(saying or met[0]).line))
        else:
            yield _labelled(card, topic, words)


def _labelled(card: Card, topic: str, words: tuple[str, ...]) -> Told:
    """A topic may be one line of a list: `- **License:** Apache-2.0`."""
    found: Place | None = None
    for section in card.sections:
        for line in section.text.split("\n"):
            label = _LABEL.fullmatch(line)
            if label and _is_about(label[1], words):
                found = found or Place(file=card.file, line=section.line)
                if _says(label[2]):
                    return Told(topic, True, found)
    return Told(topic, False, found)


def _front(text: str, file: str) -> tuple[Mapping[str, Any], str, int]:
    """Give the YAML in front, what follows it, and the number of its first line."""
    if not text.startswith("---\n"):
        return {}, text, 1
    end = re.compile(r"^(---|\.\.\.)[ \t]*$", re.MULTILINE).search(text, 4)
    if end is None:
        return {}, text, 1
    try:
        documents = yaml_places.read_all(("\n" + text[4 : end.start()]).encode(), file, any_keys=True)
    except ManifestError as why:
        raise CollectError(f"{why.place or file}: {why.message}", mend=why.mend) from why
    value = documents[0].value if documents else {}
    return value if isinstance(value, dict) else {}, text[end.end() :], text.count("\n", 0, end.end()) + 1


def _sections(body: str, first_line: int) -> Iterator[Section]:
    lines = body.split("\n")
    heads = list(_heads(lines))[:MOST_SECTIONS]
    for index, (at, begins, rank, title) in enumerate(heads):
        below = next((other for other, _, deep, _ in heads[index + 1 :] if deep <= rank), len(lines))
        yield Section(title, rank, first_line + at, "\n".join(lines[begins:below]))
    if not heads:
        yield Section("", 6, first_line, body)


def _heads(lines: list[str]) -> Iterator[tuple[int, int, int, str]]:
    """Yield each heading: its line, the first line below it, its rank and its title."""
    fence = ""
    for at, line in enumerate(lines):
        mark = _FENCE.match(line[:LONGEST_HEADING])
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence and (found := _heading(line)):
            yield at, at + 1, len(found[1]), found[2]
        elif not fence and line.strip() and at + 1 < len(lines) and (under := _UNDERLINE.match(lines[at + 1])):
            yield at, at + 2, 1 if under[1][0] == "=" else 2, line.strip()


def _heading(line: str) -> re.Match[str] | None:
    return _HEADING.match(line) if len(line) <= LONGEST_HEADING else None


def _is_about(title: str, words: tuple[str, ...]) -> bool:
    plain = re.sub(r"[*_`]", "", title).lower()
    return any(re.search(rf"(?<!\w){re.escape(word)}", plain) for word in words)


def _says(value: Any) -> bool:  # as YAML has it, or a section's text
    if isinstance(value, list | tuple):
        return any(_says(item) for item in value)
    if isinstance(value, Mapping):
        return any(_says(item) for item in value.values())
    if not isinstance(value, str):
        return value is not None and value is not False
    return any(_is_said(line) for line in value.split("\n"))


def _is_said(line: str) -> bool:
    """A heading says nothing by itself, nor does an empty row of a table, a label without text, or a placeholder."""
    label = _LABEL.fullmatch(line[:LONGEST_PLACEHOLDER])
    words = (label[2] if label else line).strip(_MARKS)
    if not words or _heading(line):
        return False
    return len(words) > LONGEST_PLACEHOLDER or _EMPTY.fullmatch(words) is None
