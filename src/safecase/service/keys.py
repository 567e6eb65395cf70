"""The page of every key of `safecase.yaml`: what `safecase explain KEY` and the reference print."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from safecase.engines.nearest import nearest as nearest_word
from safecase.service.schema import Manifest
from safecase.service.shapes import Key, Shape, keys_of
from safecase.vocabulary import Noun

EXAMPLE = """\
# One AI service. Only `safecase` and `service.id` are required; `safecase explain KEY` tells the rest.
safecase: 1
service:
  id: support-bot
  owner: ada@example.org      # the person who answers for it
  stage: build                # design, build, test, production, retired
ai:
  kind: llm                   # llm, vlm, image_gen, tabular ... or none
deployment:
  hosting: saas_api           # saas_api, managed_cloud, self_hosted, edge
  exposure: internal          # public, authenticated, internal, isolated, physical
"""


class KeyPage(Noun, frozen=True):
    """What there is to say of one key."""

    name: str
    """Dotted, with `[]` after a list: `models[].origin`."""
    type: str
    """What it may hold, in words."""
    allowed: tuple[str, ...] = ()
    default: str = ""
    description: str = ""
    required: bool = False
    children: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The key in a line."""
        return self.description.partition("\n")[0] or f"Holds {self.type}."

    @property
    def text(self) -> str:
        """The page as text."""
        facts = [("holds", self.type), ("required", "yes" if self.required else "no"), ("default", self.default)]
        lines = [f"{self.name}  (key of safecase.yaml)", ""]
        if self.description:
            lines += [self.description, ""]
        lines += [f"  {name:<9} {told}" for name, told in facts if told]
        if self.children:
            known = _pages()
            width = max(len(child) for child in self.children)
            lines += ["", "Keys", *(f"  {child:<{width}}  {known[child].title}" for child in self.children)]
        return "\n".join([*lines, ""])


def all_keys() -> tuple[str, ...]:
    """Give every key, dotted, in the order of the schema; a list of blocks is followed by `[]`: `models[].origin`."""
    return tuple(_pages())


def key_page(dotted: str) -> KeyPage | None:
    """Give the page of a key; `models.origin`, `models[].origin` and `models.0.origin` are the same one."""
    name = _by_plain().get(_plain(dotted))
    return None if name is None else _pages()[name]


def nearest(dotted: str) -> str | None:
    """Give the known key that is meant, by its whole dotted name or by its last word."""
    plain = _plain(dotted)
    ending = next((key for key in _by_plain() if f".{key}".endswith(f".{plain}")), None)
    found = ending or nearest_word(plain, _by_plain())
    return _by_plain()[found] if found else None


def example() -> str:
    """Give a minimal manifest of ten lines, with comments, to start from."""
    return EXAMPLE


@functools.cache
def _pages() -> Mapping[str, KeyPage]:
    return {page.name: page for key in keys_of(Manifest).values() for page in _told("", key)}


@functools.cache
def _by_plain() -> Mapping[str, str]:
    return {_plain(name): name for name in _pages()}


def _plain(dotted: str) -> str:
    """Take list marks away: `models[0].origin`, `models.0.origin`, `models[].origin` -> `models.origin`."""
    return re.sub(r"\[\d*\]|\.\d+(?=\.|$)", "", dotted)


def _told(parent: str, key: Key) -> Iterator[KeyPage]:
    shape, name = key.shape, f"{parent}.{key.name}".lstrip(".")
    inner = shape.item if shape.kind == "list" and shape.item else shape
    under = f"{name}[]" if inner is not shape and inner.keys else name
    yield KeyPage(
        name=name,
        type=str(shape),
        allowed=tuple(map(str, inner.words if inner.kind == "word" else ())),
        default=_default(key.default),
        description=shape.description or _doc(inner),
        required=key.required,
        children=tuple(f"{under}.{child}" for child in inner.keys),
    )
    for child in inner.keys.values():
        yield from _told(under, child)


def _doc(shape: Shape) -> str:
    return inspect.getdoc(shape.block) or "" if shape.block else ""


def _default(value: Any) -> str:  # whatever the schema gives as a default
    if value is None or value == "" or value == () or value == {} or isinstance(value, msgspec.Struct):
        return ""
    return str(value)
