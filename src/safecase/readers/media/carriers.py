"""Where media files carry their content credentials: JPEG, PNG, RIFF (WebP, WAV) and ISO media (MP4, AVIF, HEIC)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MOST_PARTS: Final = 100_000
C2PA_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_FILL: Final = re.compile(rb"\xff+")
_PICTURE: Final = b"\xda\xd9"
"""Markers of the picture's data, and of the end."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"


class CarrierError(ValueError):
    """The file is broken where the credentials would be."""


class Part(NamedTuple):
    """A part of a file, with its header."""

    kind: bytes
    start: int
    end: int
    content: int
    """Where what follows the header begins."""


class Carried(NamedTuple):
    """What a media file holds."""

    format: str
    store: bytes
    """The manifest store (JUMBF); empty where it holds none."""
    at: tuple[tuple[int, int], ...]
    """Where the store stands in the file, with what wraps it: start and end."""


def carried(content: bytes) -> Carried | None:
    """Find the manifest store; None where the file is of no format that is read here."""
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg(content)
    if content.startswith(_PNG):
        parts = [part for part in _chunks(content) if part.kind == b"caBX"]
        return _one("png", [(p, content[p.content : p.end - 4]) for p in parts])
    if content[:4] == b"RIFF":
        riff = [part for part in _riff(content) if part.kind == b"C2PA"]
        return _one(content[8:12].decode("latin-1").strip().lower(), [(p, _body(content, p)) for p in riff])
    if content[4:8] == b"ftyp":
        boxes = [(p, store) for p in boxes_of(content) if (store := _store(content, p)) is not None]
        return _one("bmff", boxes)
    return None


def _one(name: str, found: list[tuple[Part, bytes]]) -> Carried:
    if len(found) > 1:
        raise CarrierError("it holds more than one manifest store")
    return Carried(name, b"".join(store for _, store in found), tuple((p.start, p.end) for p, _ in found))


def _body(content: bytes, part: Part) -> bytes:
    size = int.from_bytes(content[part.start + 4 : part.start + 8], "little")
    return content[part.content : part.content + size]


def _bounded(parts: Iterator[Part]) -> Iterator[Part]:
    for number, part in enumerate(parts):
        if number > MOST_PARTS:
            raise CarrierError(f"it has more than {MOST_PARTS} parts")
        yield part


def _jpeg(content: bytes) -> Carried:
    """APP11 segments with JUMBF (ISO 19566-5, Annex D): the box's header stands in each of them."""
    pieces: list[tuple[bytes, int, bytes]] = []
    at: list[tuple[int, int]] = []
    for part in _bounded(_segments(content)):
        body = content[part.content : part.end]
        if part.kind == b"\xeb" and body[:2] == b"JP" and body[12:16] == b"jumb":
            repeated = (24 if body[8:12] == b"\0\0\0\1" else 16) if pieces else 8
            pieces.append((body[2:4], int.from_bytes(body[4:8], "big"), body[repeated:]))
            at.append((part.start, part.end))
    if len({instance for instance, _, _ in pieces}) > 1:
        raise CarrierError("it holds more than one manifest store")
    if [number for _, number, _ in pieces] != list(range(1, len(pieces) + 1)):
        raise CarrierError("pieces of its manifest store are missing")
    return Carried("jpeg", b"".join(piece for _, _, piece in pieces), tuple(at))


def _segments(content: bytes) -> Iterator[Part]:
    """Give the segments before the picture itself; any number of 0xFF may stand before a marker."""
    at = 2
    while fill := _FILL.match(content, at):
        marker = fill.end()
        if marker + 3 > len(content) or content[marker] in _PICTURE:
            return
        at = marker + 1 + int.from_bytes(content[marker + 1 : marker + 3], "big")
        if at < marker + 3 or at > len(content):
            raise CarrierError("a segment leads out of the file")
        yield Part(content[marker : marker + 1], marker - 1, at, marker + 3)


def _chunks(content: bytes) -> Iterator[Part]:
    def found() -> Iterator[Part]:
        at = len(_PNG)
        while at + 12 <= len(content):
            end = at + 12 + int.from_bytes(content[at : at + 4], "big")
            if end > len(content):
                raise CarrierError("a chunk leads out of the file")
            yield Part(content[at + 4 : at + 8], at, end, at + 8)
            at = end

    return _bounded(found())


def _riff(content: bytes) -> Iterator[Part]:
    def found() -> Iterator[Part]:
        at = 12
        while at + 8 <= len(content):
            size = int.from_bytes(content[at + 4 : at + 8], "little")
            end = at + 8 + size + size % 2
            if at + 8 + size > len(content):
                raise CarrierError("a chunk leads out of the file")
            yield Part(content[at : at + 4], at, min(end, len(content)), at + 8)
            at = end

    return _bounded(found())


def boxes_of(content: bytes) -> Iterator[Part]:
    """Give the boxes at the top of an ISO media file."""

    def found() -> Iterator[Part]:
        at = 0
        while at + 8 <= len(content):
            size, kind = struct.unpack_from(">I4s", content, at)
            header = 8
            if size == 1:
                size, header = int.from_bytes(content[at + 8 : at + 16], "big"), 16
            end = len(content) if size == 0 else at + size
            if end < at + header or end > len(content):
                raise CarrierError("a box leads out of the file")
            yield Part(kind, at, end, at + header)
            at = end

    return _bounded(found())


def _store(content: bytes, part: Part) -> bytes | None:
    """Give what a `uuid` box of C2PA holds with the purpose `manifest`; None for all others."""
    body = content[part.content : part.end]
    if part.kind != b"uuid" or not body.startswith(C2PA_UUID):
        return None
    purpose, nul, rest = body[20:].partition(b"\0")
    if purpose != b"manifest" or not nul:
        return None
    return rest[8:]
