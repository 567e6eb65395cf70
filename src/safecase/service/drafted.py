"""A manifest in the making: values by key and lists of blocks, each with where it was found or why it is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from safecase.vocabulary import Noun, Place


class Said(Noun, frozen=True):
    """A value, and where it comes from."""

    value: Any  # what YAML can hold
    place: str = ""
    """`file:line`."""
    more: tuple[str, ...] = ()
    """Further places."""
    guess: str = ""
    """What it rests on, where it is a guess."""
    places: tuple[str, ...] = ()
    """Of a list: the place of each item."""


MOST_BLOCKS = 60
"""Blocks of one list."""

Block: TypeAlias = dict[str, Said]


class Drafted:
    """What the manifest will say."""

    def __init__(self) -> None:
        self.values: dict[str, Said] = {}
        self.blocks: dict[str, list[Block]] = {}
        self.empty: set[str] = set()
        """Lists that are said to be empty."""
        self.notes: list[str] = []
        self.hints: dict[str, str] = {}
        """A comment where a block is missing that a person may have to write."""

    def say(self, key: str, value: Any, *, place: Place | None = None, guess: str = "") -> None:
        """Set a value."""
        self.values[key] = Said(value=value, place=str(place) if place else "", guess=guess)

    def drop(self, key: str) -> bool:
        """Take a value or a block out; says whether there was one."""
        top, _, rest = key.partition(".")
        name, index = (f"{top}.sources", rest.partition(".")[2]) if rest.startswith("sources.") else (top, rest)
        if index.isdigit() and name in self.blocks:
            del self.blocks[name][int(index)]
            return True
        hit = [k for k in self.values if k == key or k.startswith(f"{key}.")]
        for one in hit:
            del self.values[one]
        return bool(hit)


def bounded(found: Sequence[Block], notes: list[str], what: str) -> list[Block]:
    """Give as many blocks as a person still reads, and tell of the rest."""
    if len(found) > MOST_BLOCKS:
        notes.append(f"{len(found) - MOST_BLOCKS} more {what} were found and are not written")
    return list(found[:MOST_BLOCKS])


def block(**values: Said | None) -> Block:
    """Make a block of what is known."""
    return {key: said for key, said in values.items() if said is not None}


def slug(text: str) -> str:
    """Make an id of a name: letters, digits, dots, dashes, at most 64."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:64].rstrip("-._")


def unique(name: str, taken: set[str]) -> str:
    """Give an id that no other block of the list has."""
    name = slug(name) or "unnamed"
    made, count = name, 2
    while made in taken:
        made, count = f"{name[:60]}-{count}", count + 1
    taken.add(made)
    return made
