"""Business test sets: YAML, JSON lines or CSV to rows of what is asked and what a right answer holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast, get_args

import msgspec

from safecase.errors import ManifestError, SafecaseError
from safecase.readers.conversations import Conversation, Message, Role
from safecase.readers.promptfoo import Beside
from safecase.readers.suite_asserts import MOST_CHARACTERS, Raw, Steps, WrongError, asserts_of, only, text_of
from safecase.readers.suite_asserts import Assert as Assert
from safecase.readers.suite_files import MOST_BYTES as MOST_BYTES
from safecase.readers.suite_files import fault, written
from safecase.readers.text import shown
from safecase.vocabulary import Noun, Place

MOST_ROWS = 10_000
MOST_SLICES = 20
MOST_TEXTS = 100
MOST_FAULTS = 50


class Row(Noun, frozen=True):
    """One case of the business: what is asked, and what a right answer holds."""

    id: str
    conversation: Conversation
    asserts: tuple[Assert, ...]
    place: Place
    slices: tuple[str, ...] = ()
    weight: float = 1.0
    reference: str = ""
    """An answer that would be right."""
    sources: tuple[str, ...] = ()
    """What an answer may rest on: the context that is sent, and what the service is to find by itself."""
    numbered: bool = True
    """All of them are sent: the second one is meant where an answer cites `[2]`."""

    @property
    def question(self) -> str:
        """Give what is said to the service before it answers."""
        return "\n".join(message.text for message in self.conversation if message.role != "assistant")

    @property
    def prompt(self) -> str:
        """Tell what it asks from what others ask."""
        return _digest([[message.role, message.text] for message in self.conversation])

    @property
    def digest(self) -> str:
        """Tell this row from one that asks or wants something else; the same in every version of Safecase."""
        wanted = [[one.kind, one.value, one.equals, one.tolerance, one.at_least, one.by] for one in self.asserts]
        return _digest([self.prompt, wanted, self.sources])


def _digest(value: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(value, order="deterministic"), digest_size=16).hexdigest()


class Suite(Noun, frozen=True):
    """A test set: its rows, and what its file says of all of them."""

    rows: tuple[Row, ...]
    threshold: float | None = None
    slice_threshold: float | None = None
    repeats: int | None = None
    note: str = ""
    """What whoever asks it ought to know."""


class _Top(Noun, frozen=True):
    """What a file says of all its rows."""

    asserts: tuple[Assert, ...] = ()
    threshold: float | None = None
    slice_threshold: float | None = None
    repeats: int | None = None


def read(content: bytes, file: str) -> tuple[Row, ...]:
    """Read the rows of a test set; `file` names it in places. All its faults are one ManifestError."""
    return read_suite(content, file).rows


def read_suite(content: bytes, file: str, beside: Beside | None = None) -> Suite:
    """Read a test set whole, as `read` does its rows; `beside` gives files that one of promptfoo's names."""
    faults: list[SafecaseError] = []
    rows: list[Row] = []
    seen: dict[str, Place] = {}
    said = written(content, file, beside)
    top = _top(said.top)
    for index, raw in enumerate(said.rows):
        if index >= MOST_ROWS:
            faults.append(fault(f"more than {MOST_ROWS:,} rows", "split the test set", raw.place(())))
            break
        found = _row(raw, index, top.asserts, faults)
        if found is None:
            continue
        if found.id in seen:
            twice = f"`{shown(found.id)}` is the id of two rows; first at {seen[found.id]}"
            faults.append(fault(twice, "give each row an id of its own", raw.place(("id",))))
        seen.setdefault(found.id, found.place)
        rows.append(found)
    if not rows and not faults:
        faults.append(fault("no row stands in it", "write rows with `input` and `asserts`", Place(file=file)))
    if faults:
        raise ManifestError(faults[:MOST_FAULTS])
    return Suite(tuple(rows), top.threshold, top.slice_threshold, top.repeats, said.note)


def _top(raw: Raw) -> _Top:
    said = raw.value
    try:
        only(said, ("rows", "asserts", "threshold", "slice_threshold", "repeats"))
        repeats = _between(said, "repeats", 1, 100)
        asserts = [*asserts_of({"asserts": said.get("asserts", [])}, "")]
        for wrong in asserts:
            if isinstance(wrong, WrongError):
                raise wrong
        return _Top(
            asserts=tuple(one for one in asserts if isinstance(one, Assert)),
            threshold=_between(said, "threshold", 0, 1),
            slice_threshold=_between(said, "slice_threshold", 0, 1),
            repeats=None if repeats is None else int(repeats),
        )
    except WrongError as why:
        raise ManifestError([fault(why.message, why.mend, raw.place(why.steps))]) from why


def _between(said: Mapping[str, Any], key: str, least: float, most: float) -> float | None:
    found = said.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not least <= found <= most:
        raise WrongError(f"`{key}` is no number from {least:g} to {most:g}", "write a number", (key,))
    return float(found)


_KEYS = (
    "id",
    "input",
    "messages",
    "context",
    "sources",
    "reference",
    "expected",
    "asserts",
    "slice",
    "tags",
    "weight",
)


def _row(raw: Raw, index: int, common: tuple[Assert, ...], faults: list[SafecaseError]) -> Row | None:
    parts: dict[str, Any] = {}
    broken: list[SafecaseError] = []

    def take(name: str, make: Callable[[], Any]) -> None:
        try:
            parts[name] = make()
        except WrongError as why:
            broken.append(fault(why.message, why.mend, raw.place(why.steps)))

    value = raw.value
    if isinstance(value, WrongError):
        faults.append(fault(value.message, value.mend, raw.place(value.steps)))
        return None
    if not isinstance(value, dict):
        faults.append(fault("a row is no mapping", "write `- input: …` with `asserts:`", raw.place(())))
        return None
    take("keys", lambda: only(value, _KEYS))
    take("id", lambda: text_of(value, "id", str(index + 1)))
    take("conversation", lambda: _conversation(value))
    take("reference", lambda: text_of(value, "reference", ""))
    asserts = [*_asserts(value, parts.get("reference", ""), common), *common]
    broken += [fault(one.message, one.mend, raw.place(one.steps)) for one in asserts if isinstance(one, WrongError)]
    take("sources", lambda: (*_texts(value, "context"), *_texts(value, "sources")))
    take("numbered", lambda: not value.get("sources"))
    take("slices", lambda: tuple(_slices(value)))
    take("weight", lambda: _weight(value))
    faults += broken
    if broken:
        return None
    del parts["keys"]
    wanted = tuple(one for one in asserts if isinstance(one, Assert))
    return Row(**parts, asserts=wanted, place=raw.place(()))


def _asserts(value: Mapping[str, Any], reference: str, common: tuple[Assert, ...]) -> Iterator[Assert | WrongError]:
    if not value.get("asserts") and "expected" not in value and not common:
        yield WrongError("nothing says what a right answer holds", "write `expected:` or `asserts:`")
        return
    yield from asserts_of(value, reference)


def _slices(value: Mapping[str, Any]) -> Iterator[str]:
    """Read where a row belongs: a word, several by name (`language=de`), tags."""
    said, tags = value.get("slice", ""), value.get("tags", [])
    if isinstance(said, dict):
        told = [f"{name}={text_of(said, name, '')}" for name in said]
    else:
        told = [word] if (word := text_of(value, "slice", "")) else []
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag for tag in tags):
        raise WrongError("`tags` is no list of words", "write `tags: [prices, groups]`", ("tags",))
    found = dict.fromkeys([*told, *tags])
    if len(found) > MOST_SLICES or any(len(name) > 200 for name in found):
        raise WrongError(f"more than {MOST_SLICES} slices, or a long name of one", "name what matters", ("slice",))
    yield from found


def _weight(value: Mapping[str, Any]) -> float:
    found = value.get("weight", 1.0)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= 1000:
        raise WrongError("`weight` is no number above 0 and up to 1000", "write a number", ("weight",))
    return float(found)


def _conversation(value: Mapping[str, Any]) -> Conversation:
    if ("input" in value) == ("messages" in value):
        raise WrongError("either `input` or `messages` is wanted", "write `input: the question`")
    context = "\n\n".join(_texts(value, "context"))
    if context and "messages" in value:
        raise WrongError("`context` goes with `input`", "put it into a turn of `messages`", ("context",))
    if "messages" in value:
        messages = value["messages"]
        if not isinstance(messages, list) or not 0 < len(messages) <= 100:
            raise WrongError("`messages` is no list of turns", "write `- {role: user, content: …}`", ("messages",))
        said = tuple(_message(turn, index) for index, turn in enumerate(messages))
        if said[-1].role != "user":
            raise WrongError("the last turn is not the user's", "end with `role: user`", ("messages",))
        return said
    question = text_of(value, "input", "")
    if not question.strip():
        raise WrongError("`input` is empty", "write what a user would ask", ("input",))
    return (Message(role="user", text=f"{context}\n\n{question}" if context else question),)


def _texts(value: Mapping[str, Any], key: str) -> list[str]:
    """Read a text, or several."""
    found = value.get(key, [])
    texts = [found] if isinstance(found, str) else found
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise WrongError(f"`{key}` is no text and no list of texts", "write it as a text", (key,))
    if len(texts) > MOST_TEXTS:
        raise WrongError(f"`{key}` has more than {MOST_TEXTS} texts", "give those that matter", (key,))
    return texts


def _message(turn: object, index: int) -> Message:
    steps: Steps = ("messages", index)
    if not isinstance(turn, dict):
        raise WrongError("a turn is no mapping", "write `- {role: user, content: …}`", steps)
    role, content = turn.get("role"), turn.get("content")
    if role not in get_args(Role) or not isinstance(content, str) or len(content) > MOST_CHARACTERS:
        raise WrongError(
            "a turn has a role (system, user or assistant) and a content", "write `- {role: user, content: …}`", steps
        )
    return Message(role=cast("Role", role), text=content)
