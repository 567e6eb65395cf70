"""JUMBF (ISO 19566-5): boxes with names, one in another, as content credentials are put together."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

DEEPEST: Final = 12
MOST_BOXES: Final = 5_000
_TYPE: Final = bytes.fromhex("00110010800000aa00389b71")
"""What follows the four letters in a type (ISO 19566-5, Annex B)."""


class JumbfError(ValueError):
    """The bytes are no JUMBF."""


class Box(NamedTuple):
    """A superbox: its kind, its name, and what is in it."""

    kind: str
    """Of C2PA's types the four letters (`c2ma` for a manifest), and of CBOR; empty for all others."""
    label: str
    payload: bytes
    """All but its header: what hashes are made of."""
    boxes: tuple[Box, ...]
    contents: tuple[tuple[bytes, bytes], ...]
    """Type and bytes of the boxes that hold data: `cbor`, `json`, `bidb` …"""

    def inner(self, kind: str, *labels: str) -> Box | None:
        """Give the box inside of a kind and with one of these names; None where there is none, or more than one."""
        found = [box for box in self.boxes if box.kind == kind and box.label in labels]
        return found[0] if len(found) == 1 else None

    def cbor(self) -> bytes:
        """Give the one CBOR content."""
        found = [content for kind, content in self.contents if kind == b"cbor"]
        if len(found) != 1:
            raise JumbfError(f"{self.label} holds no CBOR, or more than one")
        return found[0]


def parse(content: bytes) -> Box:
    """Read the superbox with which the content begins."""
    count = [0]
    for kind, payload in _split(content, count):
        if kind == b"jumb":
            return _superbox(payload, 0, count)
        break
    raise JumbfError("it does not begin with a superbox")


def _superbox(payload: bytes, depth: int, count: list[int]) -> Box:
    if depth > DEEPEST:
        raise JumbfError("its boxes stand too deep in one another")
    parts = _split(payload, count)
    if not parts or parts[0][0] != b"jumd":
        raise JumbfError("a superbox does not say what it is")
    kind, label = _described(parts[0][1])
    inner = tuple(_superbox(body, depth + 1, count) for name, body in parts[1:] if name == b"jumb")
    held = tuple((name, body) for name, body in parts[1:] if name != b"jumb")
    return Box(kind, label, payload, inner, held)


def _described(body: bytes) -> tuple[str, str]:
    if len(body) < 17:
        raise JumbfError("a description is cut off")
    label = body[17:].partition(b"\0")[0] if body[16] & 2 else b""
    kind = body[:4].decode("ascii", "replace") if body[4:16] == _TYPE else ""
    return kind, label.decode("utf-8", "replace")


def _split(content: bytes, count: list[int]) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        header = 8
        if size == 1:
            size, header = int.from_bytes(content[at + 8 : at + 16], "big"), 16
        size = size or len(content) - at
        count[0] += 1
        if size < header or at + size > len(content) or count[0] > MOST_BOXES:
            raise JumbfError("a box leads out of the one around it, or there are too many")
        found.append((kind, content[at + header : at + size]))
        at += size
    return found
