"""Where texts stand in a body: each a slot that can be read and written, with the origin of what stands there.

Every text is a slot, but for keys that are known to hold names and kinds: a field that an API gets tomorrow is looked
at today.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from safecase.gateway.policy import Origin

Path: TypeAlias = tuple[str | int, ...]
Container: TypeAlias = "dict[str, Any] | list[Any]"

MOST_SLOTS: Final = 20_000
_MEDIA: Final = frozenset({"image_url", "file_url", "file_id", "file_data", "input_audio", "source", "video_url"})
"""Keys at or below which pictures, sounds and files stand, by themselves or by where they are."""
_CONTENT: Final = frozenset({"data", "file_data"})
_NAMES: Final = frozenset({"url", *_MEDIA, *_CONTENT})
FILES: Final = frozenset({"data", "file_data", "file_id"})
"""Keys that are skipped in answers, and never in requests: a document's text may stand there as well as a picture."""


class Slot:
    """One text in a body, and where it comes from."""

    __slots__ = ("container", "key", "origin", "path")

    def __init__(self, container: Container, key: str | int, origin: Origin, path: Path) -> None:
        self.container = container
        self.key = key
        self.origin: Origin = origin
        self.path = path

    @property
    def text(self) -> str:
        """What stands there."""
        found: str = self.container[self.key]  # type: ignore[index]
        return found

    @text.setter
    def text(self, value: str) -> None:
        self.container[self.key] = value  # type: ignore[index]

    @property
    def pointer(self) -> str:
        """Its place as a JSON pointer (RFC 6901)."""
        return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in self.path)


def is_media(slot: Slot) -> bool:
    """Say whether a text stands for a picture, a sound or a file, which no guard reads."""
    if slot.key not in _NAMES or (isinstance(slot.container, dict) and slot.container.get("type") == "text"):
        return False
    return any(step in _MEDIA for step in slot.path[-3:])


def is_content(slot: Slot) -> bool:
    """Say whether it is the very bytes, which are no text; an address is one, and guards look at it."""
    return slot.text.startswith("data:") or slot.key in _CONTENT


def beside(value: dict[str, Any], known: frozenset[str], skip: frozenset[str]) -> Iterator[Slot]:
    """Give every text of an answer but those below some keys, which are looked at in another way."""
    rest = {key: inner for key, inner in value.items() if key not in known}
    for slot in slots(rest, "assistant", skip):
        slot.container = value if slot.container is rest else slot.container
        yield slot


def slots(
    value: Any,  # as JSON has it
    origin: Origin,
    skip: frozenset[str],
    origin_of: Callable[[dict[str, Any], Path, Origin], Origin] | None = None,
    path: Path = (),
) -> Iterator[Slot]:
    """Give every text below `value`; `origin_of` may change the origin at each object."""
    waiting: list[tuple[Any, Path, Origin]] = [(value, path, origin)]
    while waiting:
        here, at, by = waiting.pop()
        if isinstance(here, dict):
            by = origin_of(here, at, by) if origin_of else by
            items: list[tuple[str | int, Any]] = list(here.items())
        else:
            items = list(enumerate(here))
        deeper: list[tuple[Any, Path, Origin]] = []
        for key, inner in items:
            if isinstance(inner, str):
                if inner and key not in skip:
                    yield Slot(here, key, by, (*at, key))
            elif isinstance(inner, dict | list):
                deeper.append((inner, (*at, key), by))
        waiting += reversed(deeper)
