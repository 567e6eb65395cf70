"""What each key of `safecase.yaml` may hold, in words: read off the Structs of the schema, in the schema's order."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec

from safecase.vocabulary import Noun

Kind: TypeAlias = Literal["block", "list", "map", "word", "text", "integer", "number", "boolean", "any"]

PATTERNS: Mapping[str, str] = {
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": "a short name (letters, digits, `.`, `_`, `-`; at most 64)",
    r"^\d{4}-\d{2}-\d{2}$": "a day, YYYY-MM-DD",
    r"^(https?://|\$\{env:)": "a URL that begins with https:// or http://, or `${env:NAME}`",
    r"^[0-9a-f]{64}$": "a SHA-256 digest of 64 hexadecimal digits in lower case",
    r"^[^@\s]+@[^@\s]+$": "an e-mail address",
    r"^[!-~]{1,200}$": "signs of ASCII without spaces, at most 200",
}
"""What a text of a pattern is, in words."""


class Shape(Noun, frozen=True):
    """What a value may be."""

    kind: Kind
    words: tuple[str | int, ...] = ()
    """The values it may have, in the order of the schema; of a map: its keys."""
    item: Shape | None = None
    """What a list or a map holds."""
    block: type[msgspec.Struct] | None = None
    nullable: bool = False
    or_text: bool = False
    """A text may stand for the block (`deployment.endpoint`)."""
    meta: tuple[msgspec.Meta, ...] = ()
    """The bounds of the value, the innermost first."""

    @property
    def description(self) -> str:
        """The outermost sentence that the schema says of it."""
        return next((m.description for m in reversed(self.meta) if m.description), "")

    def bound(self, name: str) -> Any:
        """Give a bound of the value (`ge`, `max_length`, `pattern` ...), None where it has none."""
        return next((found for m in self.meta if (found := getattr(m, name)) is not None), None)

    @property
    def keys(self) -> Mapping[str, Key]:
        """The keys of a block, or of a map whose keys are known."""
        if self.block is not None:
            return keys_of(self.block)
        if self.kind == "map" and self.item is not None:
            return {str(word): Key(name=str(word), shape=self.item, required=False) for word in self.words}
        return {}

    def __str__(self) -> str:
        """Say what is wanted: `one of single, multi`, `a whole number from 1 to 5`."""
        match self.kind:
            case "block":
                return "a text or a block of keys" if self.or_text else "a block of keys"
            case "list":
                return f"a list of {_many(self.item)}"
            case "map":
                return f"a block with any of {', '.join(map(str, self.words))}" if self.words else "a block of keys"
            case "word":
                return f"one of {', '.join(map(str, self.words))}" if len(self.words) > 1 else str(self.words[0])
            case "text":
                return self._text()
            case "integer" | "number":
                return ("a whole number" if self.kind == "integer" else "a number") + self._range()
            case "boolean":
                return "true or false"
            case "any":
                return "anything"

    def _text(self) -> str:
        pattern, least, most = self.bound("pattern"), self.bound("min_length"), self.bound("max_length")
        if pattern is not None:
            return PATTERNS.get(pattern, f"a text like `{pattern}`")
        limits = [f"at least {least}" if least else "", f"at most {most:,}" if most else ""]
        told = " and ".join(limit for limit in limits if limit)
        return f"a text of {told} characters" if told else "a text"

    def _range(self) -> str:
        low, above, high = self.bound("ge"), self.bound("gt"), self.bound("le")
        if low is not None and high is not None:
            return f" from {low:,} to {high:,}"
        told = [f" of {low:,} or more" if low is not None else "", f" above {above:,}" if above is not None else ""]
        return "".join(told) + (f" and at most {high:,}" if high is not None else "")


class Key(Noun, frozen=True):
    """One key of a block."""

    name: str
    shape: Shape
    required: bool
    default: Any = None


@functools.cache
def keys_of(block: type[msgspec.Struct]) -> Mapping[str, Key]:
    """Give the keys of a Struct by the names that they have in the file."""
    return {
        field.encode_name: Key(
            name=field.encode_name,
            shape=shape_of(field.type),
            required=field.required,
            default=None if field.default is msgspec.NODEFAULT else field.default,
        )
        for field in msgspec.structs.fields(block)
    }


def shape_of(hint: Any) -> Shape:
    """Read the shape off a type of the schema."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        inner = shape_of(arguments[0])
        return msgspec.structs.replace(inner, meta=(*inner.meta, *arguments[1:]))
    if origin in (Union, types.UnionType):
        return _union([shape_of(one) for one in arguments if one is not types.NoneType], type(None) in arguments)
    if origin is Literal:
        return Shape(kind="word", words=arguments)
    if origin is tuple:
        return Shape(kind="list", item=shape_of(arguments[0]))
    if origin is dict:
        keys = get_args(arguments[0]) if get_origin(arguments[0]) is Literal else ()
        return Shape(kind="map", words=keys, item=shape_of(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return Shape(kind="block", block=hint)
    kinds: dict[Any, Kind] = {str: "text", int: "integer", float: "number", bool: "boolean", Any: "any"}
    return Shape(kind=kinds[hint])


def _union(members: list[Shape], nullable: bool) -> Shape:
    main = next((m for m in members if m.kind == "block"), members[0])
    or_text = len(members) > 1 and any(m.kind == "text" for m in members)
    return msgspec.structs.replace(main, nullable=nullable, or_text=or_text)


def _many(item: Shape | None) -> str:
    assert item is not None
    plural = {"block": "blocks", "text": "texts", "any": "values", "boolean": "true or false"}
    return (
        f"words out of {', '.join(map(str, item.words))}" if item.kind == "word" else plural.get(item.kind, "numbers")
    )
