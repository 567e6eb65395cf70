"""YAML to plain values that remember where they stand, bounded and never constructing anything but those.

Values follow the core schema of YAML 1.2: `NO`, `on`, `2026-11-23` and `12:30:00` stay texts, as their writer meant
them. All that is wrong with a file is told at once, each with its line and column.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from safecase.errors import ManifestError, SafecaseError
from safecase.readers.text import shown
from safecase.vocabulary import Place

Steps: TypeAlias = Sequence[str | int]
"""The way to a value from the top: keys and list indexes (`("models", 0, "origin")`)."""

MOST_BYTES = 1_000_000
DEEPEST = 64
MOST_ALIASED = 10_000
"""Nodes that aliases may stand for, all together; a "billion laughs" has a billion."""
MOST_FAULTS = 50

_LINES = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_ENDLESS = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NUMERIC = frozenset("0123456789+-.")
_LONGEST_NUMBER = 300
_CORE = "tag:yaml.org,2002:"
_TAGS: Mapping[str, tuple[type, ...]] = {"null": (type(None),), "bool": (bool,), "int": (int,), "float": (int, float)}


class Fault(SafecaseError):  # noqa: N818  the word of ManifestError.faults
    """One thing that is wrong in a file; `hint` and `width` are for the line with the caret."""

    def __init__(self, message: str, *, mend: str, place: Place, hint: str = "", width: int = 1) -> None:
        super().__init__(message, mend=mend, place=place)
        self.hint = hint
        self.width = width


class _Spot:
    """Where a value stands, and what stands in it."""

    __slots__ = ("column", "height", "inside", "keys", "line", "plain", "size", "value", "width")

    def __init__(self, value: Any, line: int, column: int, width: int) -> None:
        self.value = value
        self.line = line
        self.column = column
        self.width = width
        self.size = 1
        self.height = 0
        self.plain = ""
        self.inside: Mapping[str | int, _Spot] = {}
        self.keys: Mapping[str, _Spot] = {}


class Document:
    """The value of a YAML document, and the place of everything in it."""

    def __init__(self, top: _Spot, file: str, lines: tuple[str, ...]) -> None:
        self.value: Any = top.value
        """What the document says: dicts with text keys, lists, texts, numbers, booleans, None."""
        self.file = file
        self.lines = lines
        self._top = top

    def place(self, steps: Steps) -> Place:
        """Say where the value at `steps` begins; where there is none, where what would hold it begins."""
        spot = self._spot(steps)
        return _place(self.file, self.lines, spot.line, spot.column)

    def key_place(self, steps: Steps) -> Place:
        """Say where the key of the value at `steps` stands; a list's item has none and gives the item's place."""
        spot = self._key(steps)
        return _place(self.file, self.lines, spot.line, spot.column)

    def fault(self, message: str, steps: Steps, *, mend: str, key: bool = False, hint: str = "") -> Fault:
        """Make a fault of the value at `steps`, or of its key."""
        spot = self._key(steps) if key else self._spot(steps)
        place = _place(self.file, self.lines, spot.line, spot.column)
        return Fault(message, mend=mend, place=place, hint=hint, width=spot.width)

    def _spot(self, steps: Steps) -> _Spot:
        spot = self._top
        for step in steps:
            inner = spot.inside.get(step)
            if inner is None:
                break
            spot = inner
        return spot

    def _key(self, steps: Steps) -> _Spot:
        if not steps:
            return self._top
        holder = self._top
        for step in steps[:-1]:
            inner = holder.inside.get(step)
            if inner is None:
                return holder
            holder = inner
        last = steps[-1]
        return holder.keys.get(last, holder) if isinstance(last, str) else holder.inside.get(last, holder)


def read(content: bytes, file: str, *, most_bytes: int = MOST_BYTES, any_keys: bool = False) -> Document:
    """Read the one document of a file; `file` names it in places. All faults of it are one ManifestError."""
    composer = _Composer(content, file, most_bytes, any_keys)
    found = composer.documents(many=False)
    if not found:
        composer.refuse("the file is empty", "write something into it, or delete it")
    return found[0]


def read_all(
    content: bytes, file: str, *, most_bytes: int = MOST_BYTES, any_keys: bool = False
) -> tuple[Document, ...]:
    """Read every document of a file that says something (Kubernetes); none where the file is empty.

    `any_keys` is for files that other programs define: keys such as `1` or `true` are taken as the texts they are
    written as, and merge keys (`<<`) are followed.
    """
    return tuple(_Composer(content, file, most_bytes, any_keys).documents(many=True))


class _Stop(Exception):  # noqa: N818  no error by itself
    """Reading cannot go on; the last fault says why."""


class _Composer:
    def __init__(self, content: bytes, file: str, most_bytes: int, any_keys: bool) -> None:
        self.file = file
        self.any_keys = any_keys
        self.faults: list[Fault] = []
        self.lines: tuple[str, ...] = ()
        self.anchors: dict[str, _Spot | None] = {}
        self.aliased = 0
        self.depth = 0
        self.text = self._decoded(content, most_bytes)
        self.lines = tuple(_LINES.split(self.text))

    def documents(self, *, many: bool) -> list[Document]:
        """Compose the documents; raises all faults at the end of the file or where reading cannot go on."""
        import yaml

        found: list[Document] = []
        loader = _loader()(self.text)
        self.next = loader.get_event
        try:
            self.next()
            while isinstance(event := self.next(), yaml.DocumentStartEvent):
                if found and not many:
                    self._stop(
                        event, "a second document begins here; one is wanted", "keep one document, without `---`"
                    )
                self.anchors.clear()
                top = self._composed(self.next())
                if top.width or top.value is not None:
                    found.append(Document(top, self.file, self.lines))
                self.next()
        except yaml.YAMLError as why:
            self._broken(why)
        except _Stop:
            pass
        finally:
            loader.dispose()
        if self.faults:
            raise ManifestError(self.faults, lines=self.lines)
        return found

    def refuse(self, message: str, mend: str, line: int = 0, column: int = 0) -> NoReturn:
        """Give up on the whole file."""
        place = Place(file=self.file, line=line, column=column)
        raise ManifestError([Fault(message, mend=mend, place=place)], lines=self.lines)

    # events to values

    def _composed(self, event: Any) -> _Spot:  # a yaml.Event: the module is imported late
        name = type(event).__name__
        if name == "ScalarEvent":
            spot = self._scalar(event)
        elif name == "AliasEvent":
            return self._alias(event)
        else:
            if self.depth >= DEEPEST:
                self._stop(event, f"nested more than {DEEPEST} deep", "make it flatter")
            self.depth += 1
            if event.anchor is not None:
                self.anchors[event.anchor] = None
            spot = self._mapping(event) if name == "MappingStartEvent" else self._sequence(event)
            self.depth -= 1
        if event.anchor is not None:
            self.anchors[event.anchor] = spot
        return spot

    def _scalar(self, event: Any) -> _Spot:
        start, end, text = event.start_mark, event.end_mark, event.value
        width = end.column - start.column if end.line == start.line else 1
        spot = _Spot(text, start.line + 1, start.column + 1, width)
        if event.tag is None:
            if event.implicit[0]:
                spot.plain = text
                spot.value = self._resolved(text, event)
        elif event.tag != "!" and event.tag != _CORE + "str":
            spot.value = self._tagged(text, event)
        return spot

    def _tagged(self, text: str, event: Any) -> Any:
        kind = event.tag.removeprefix(_CORE)
        if kind not in _TAGS or not event.tag.startswith(_CORE):
            self._tag(event)
            return text
        value = self._resolved(text, event)
        if not isinstance(value, _TAGS[kind]) or (kind != "bool" and isinstance(value, bool)):
            self._fault(event, f"`{shown(text)}` is none of `!!{kind}`", "take the tag away, or mend the value")
            return text
        return float(value) if kind == "float" and isinstance(value, int) else value

    def _resolved(self, text: str, event: Any) -> Any:
        """Say what a plain scalar stands for by the core schema (YAML 1.2.2, 10.3.2)."""
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if text[0] not in _NUMERIC:
            return text
        if _INT.fullmatch(text):
            if len(text) > _LONGEST_NUMBER:
                self._fault(event, f"a number of {len(text)} digits", "put it in quotes if it is a text")
                return 0
            return int(text, 0 if text[:2] in ("0o", "0x") else 10)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _ENDLESS.fullmatch(text):
            return float(text.replace(".", ""))
        return text

    def _sequence(self, event: Any) -> _Spot:
        self._collection(event, "seq")
        spot = _Spot([], event.start_mark.line + 1, event.start_mark.column + 1, 1)
        inside: dict[str | int, _Spot] = {}
        while type(event := self.next()).__name__ != "SequenceEndEvent":
            item = self._composed(event)
            inside[len(spot.value)] = item
            spot.value.append(item.value)
            _grow(spot, item)
        spot.inside = inside
        return spot

    def _mapping(self, event: Any) -> _Spot:
        self._collection(event, "map")
        spot = _Spot({}, event.start_mark.line + 1, event.start_mark.column + 1, 1)
        inside: dict[str | int, _Spot] = {}
        keys: dict[str, _Spot] = {}
        merged: list[_Spot] = []
        while type(event := self.next()).__name__ != "MappingEndEvent":
            key = self._composed(event)
            value = self._composed(self.next())
            _grow(spot, value)
            name = self._key(key, event, keys)
            if name == "<<" and key.plain:
                merged += self._merged(value, event)
            elif name is not None:
                keys[name] = key
                inside[name] = value
                spot.value[name] = value.value
        for other in merged:
            for step in [step for step in other.inside if step not in inside]:
                inside[step], keys[str(step)] = other.inside[step], other.keys[str(step)]
        if merged:
            spot.value = {str(step): held.value for step, held in inside.items()}
        spot.inside, spot.keys = inside, keys
        return spot

    def _key(self, key: _Spot, event: Any, keys: Mapping[str, _Spot]) -> str | None:
        name = key.value
        if not isinstance(name, str):
            if not self.any_keys or key.inside or isinstance(name, list | dict):
                told = "a list or a block" if isinstance(name, list | dict) else f"`{shown(key.plain)}`"
                self._fault(event, f"a key must be a text, and {told} is none", "put the key in quotes")
                return None
            name = key.plain
        if name in keys:
            message = f"`{shown(name)}` is said twice; first at line {keys[name].line}"
            self._fault(event, message, "keep one of them", width=key.width)
            return None
        return str(name)

    def _merged(self, value: _Spot, event: Any) -> list[_Spot]:
        if not self.any_keys:
            self._fault(event, "a merge key (`<<`) stands here", "write the keys out", width=2)
            return []
        found = list(value.inside.values()) if isinstance(value.value, list) else [value]
        if not all(isinstance(one.value, dict) for one in found):
            self._fault(event, "`<<` merges blocks, and this is none", "give an alias of a block", width=2)
            return []
        return found

    def _alias(self, event: Any) -> _Spot:
        name = shown(event.anchor)
        if event.anchor not in self.anchors:
            self._fault(event, f"no anchor `&{name}` stands before `*{name}`", "put the text in quotes")
            return _Spot(None, event.start_mark.line + 1, event.start_mark.column + 1, 1)
        spot = self.anchors[event.anchor]
        if spot is None:
            self._stop(event, f"`*{name}` stands inside of what it stands for", "write the value out")
        self.aliased += spot.size
        if self.aliased > MOST_ALIASED:
            self._stop(event, f"aliases stand for more than {MOST_ALIASED:,} values", "write the values out")
        if self.depth + spot.height > DEEPEST:
            self._stop(event, f"`*{name}` nests more than {DEEPEST} deep", "write the value out, flatter")
        return spot

    def _collection(self, event: Any, kind: str) -> None:
        if event.tag not in (None, "!", _CORE + kind):
            self._tag(event)

    # what is wrong

    def _tag(self, event: Any) -> None:
        tag = event.tag.replace(_CORE, "!!")
        self._fault(event, f"the tag `{shown(tag)}` is not known here", "take the tag away; quote what is a text")

    def _fault(self, event: Any, message: str, mend: str, width: int = 1) -> None:
        mark = event.start_mark
        place = _place(self.file, self.lines, mark.line + 1, mark.column + 1)
        self.faults.append(Fault(message, mend=mend, place=place, width=width))
        if len(self.faults) >= MOST_FAULTS:
            raise _Stop

    def _stop(self, event: Any, message: str, mend: str) -> NoReturn:
        self._fault(event, message, mend)
        raise _Stop

    def _broken(self, why: Any) -> None:  # a yaml.YAMLError
        from safecase.readers.yaml_words import in_words

        line, column, message, mend = in_words(why, self.text, self.lines)
        place = _place(self.file, self.lines, line, column)
        self.faults.append(Fault(message, mend=mend, place=place))

    def _decoded(self, content: bytes, most_bytes: int) -> str:
        if len(content) > most_bytes:
            told = f"{len(content):,} bytes are more than the {most_bytes:,} that are read"
            self.refuse(told, "split the file, or take out what is not needed")
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            self.refuse("the file is UTF-16", "save it as UTF-8")
        at = content.find(b"\0")
        if at >= 0:
            line = content.count(b"\n", 0, at) + 1
            self.refuse(f"the file is not text: byte {at} is NUL", "give a YAML file in UTF-8", line)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as why:
            before = content[: why.start]
            line, start = before.count(b"\n") + 1, before.rfind(b"\n") + 1
            column = len(before[start:].decode("utf-8", "replace")) + 1
            told = f"byte {why.start} (0x{content[why.start]:02x}) is not UTF-8"
            self.refuse(told, "save the file as UTF-8", line, column)


def _place(file: str, lines: Sequence[str], line: int, column: int) -> Place:
    """Give a place in a file; libyaml puts the end of one without a last line break on a line that is not there."""
    if line > len(lines):
        line, column = len(lines), len(lines[-1]) + 1
    return Place(file=file, line=line, column=column)


def _grow(spot: _Spot, inner: _Spot) -> None:
    spot.size += inner.size
    if inner.height >= spot.height:
        spot.height = inner.height + 1


@functools.cache
def _loader() -> Any:  # a class of PyYAML, with C underneath where it was built with it
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
