"""LZ4 frames, unpacked without a library: blocks in a row, checksums unread, as a loader that wants the bytes does."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

MAGIC: Final = b"\x04\x22\x4d\x18"
LEGACY: Final = b"\x02\x21\x4c\x18"
MOST_FRAMES: Final = 10_000
_WINDOW: Final = 65_536
_LEGACY_BLOCK: Final = 8 * 1024 * 1024


class Broken(Exception):  # noqa: N818 - the frame ends here for a loader, too
    """It is no frame, or breaks off."""


def unpack(file: BinaryIO, write: Callable[[bytes], object]) -> bool:
    """Unpack all frames of a file; says whether the last one is whole."""
    try:
        for block in _frames(file):
            write(block)
    except Broken:
        return False
    return True


def beginning(prefix: bytes, most: int) -> bytes:
    """Unpack as much of the beginning of a frame as is there."""
    found = bytearray()
    try:
        for block in _frames(io.BytesIO(prefix), partly=True):
            found += block
            if len(found) >= most:
                break
    except Broken:
        pass
    return bytes(found[:most])


def _frames(file: BinaryIO, *, partly: bool = False) -> Iterator[bytes]:
    for number in range(MOST_FRAMES):
        magic = file.read(4)
        if number and not magic.strip(b"\0"):
            return
        if magic == MAGIC:
            yield from _frame(file, partly)
        elif magic == LEGACY:
            yield from _legacy(file, partly)
        elif magic[1:] == b"\x2a\x4d\x18" and magic[0] & 0xF0 == 0x50:
            _exactly(file, int.from_bytes(_exactly(file, 4), "little"))
        else:
            raise Broken
    raise Broken


def _frame(file: BinaryIO, partly: bool) -> Iterator[bytes]:
    flags, size_code = _exactly(file, 2)
    if flags >> 6 != 1:
        raise Broken
    _exactly(file, (8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0) + 1)
    largest = 1 << (8 + 2 * max(4, size_code >> 4 & 7))
    before = b""
    while True:
        head = int.from_bytes(_exactly(file, 4), "little")
        if not head:
            _exactly(file, 4 if flags & 0x04 else 0)
            return
        length = head & 0x7FFFFFFF
        if length > largest:
            raise Broken
        packed = file.read(length) if partly else _exactly(file, length)
        block = packed if head >> 31 else _block(packed, before, largest, partly=len(packed) < length)
        yield block
        if not flags & 0x20:
            # Blocks may refer to those before them.
            before = (before + block)[-_WINDOW:]
        _exactly(file, 4 if flags & 0x10 else 0)


def _legacy(file: BinaryIO, partly: bool) -> Iterator[bytes]:
    while len(head := file.read(4)) == 4:
        length = int.from_bytes(head, "little")
        if length > 2 * _LEGACY_BLOCK:
            raise Broken
        packed = file.read(length) if partly else _exactly(file, length)
        yield _block(packed, b"", _LEGACY_BLOCK, partly=len(packed) < length)


def _exactly(file: BinaryIO, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise Broken
    return found


def _block(packed: bytes, before: bytes, largest: int, *, partly: bool) -> bytes:
    """Unpack one block; where it is there `partly`, what there is of it."""
    out = bytearray(before)
    most = len(before) + largest
    at, end = 0, len(packed)
    try:
        while at < end:
            token = packed[at]
            at += 1
            literals, at = _length(packed, at, token >> 4)
            out += packed[at : at + literals]
            at += literals
            if at >= end:
                break
            offset = packed[at] | packed[at + 1] << 8
            match, at = _length(packed, at + 2, token & 15)
            if not offset or offset > len(out) or len(out) + match + 4 > most:
                raise Broken
            _copy(out, offset, match + 4)
    except IndexError:
        if not partly:
            raise Broken from None
    if (at > end and not partly) or len(out) > most:
        raise Broken
    return bytes(out[len(before) :])


def _length(packed: bytes, at: int, value: int) -> tuple[int, int]:
    if value == 15:
        while (more := packed[at]) == 255:
            value += 255
            at += 1
        value += more
        at += 1
    return value, at


def _copy(out: bytearray, offset: int, count: int) -> None:
    start = len(out) - offset
    if offset >= count:
        out += out[start : start + count]
    else:
        out += (out[start:] * (count // offset + 1))[:count]
