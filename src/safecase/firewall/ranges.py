"""Which bytes of a file a client asks for (RFC 9110, section 14), and those bytes in pieces."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from safecase.firewall.refusals import Refusal
from safecase.vocabulary import Noun

CHUNK: Final = 1024 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Part(Noun, frozen=True):
    """Bytes from `start` up to and without `end`."""

    start: int
    end: int
    whole: bool


def part(header: str, size: int) -> Part:
    """Give the one part that a `Range` header asks for, all of it where it asks for what we do not know.

    Raises `Refusal` (416) where there are no such bytes.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return Part(start=0, end=size, whole=True)
    if not found[1]:  # the last ones
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return Part(start=0, end=size, whole=True)
    if start >= end:
        raise Refusal(416, "", f"safecase firewall: the file has {size} bytes", action="refuse")
    return Part(start=start, end=end, whole=False)


class Opened:
    """A blob that is being given; it can be read to its end although it is dropped meanwhile."""

    def __init__(self, path: Path, size: int) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._open = True
        if os.fstat(self._file).st_size != size:
            self.close()
            raise OSError("a blob of the store has another size than it had")

    async def read(self, wanted: Part) -> AsyncIterator[bytes]:
        """Give the bytes of a part in pieces, each read by a thread while the one before is sent."""
        at = wanted.start
        ahead = asyncio.create_task(self._piece(at, wanted.end))
        try:
            while at < wanted.end:
                piece = await ahead
                if not piece:
                    raise OSError("a blob of the store became shorter")
                at += len(piece)
                ahead = asyncio.create_task(self._piece(at, wanted.end))
                yield piece
        finally:
            ahead.cancel()

    async def _piece(self, at: int, end: int) -> bytes:
        if at >= end:
            return b""
        return await asyncio.to_thread(os.pread, self._file, min(CHUNK, end - at), at)

    def close(self) -> None:
        """Close it; once is enough."""
        if self._open:
            self._open = False
            os.close(self._file)

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            self.close()  # its client went away before the first piece was asked for
