"""One file from the hub into quarantine: resumed when the connection breaks, bounded in size and time, verified.

The bytes go to disk and into the digests as they come. Nothing outside the quarantine is written here.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safecase.firewall.refusals import Refusal, by_policy, upstream_failed
from safecase.firewall.upstream import Facts, Upstream, failure

if TYPE_CHECKING:
    import httpx2

TRIES: Final = 5
"""Without one new byte."""
MOST_RESTARTS: Final = 3
PAUSE_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 60.0
SLOWEST: Final = 32_000
"""Bytes a second, over the whole of a file: who trickles holds a place of the quarantine."""
CHUNK: Final = 1024 * 1024
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class Fetched:
    """How far a file has come; read by whoever waits for it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.done = 0

    def __str__(self) -> str:
        return f"{100 * self.done // self.size if self.size else 100} % fetched"


async def fetch(upstream: Upstream, path: str, facts: Facts, into: Path, fetched: Fetched, *, hub: str) -> str:
    """Write the bytes of a file to `into`, which must not be there, and give their SHA-256; raises `Refusal`."""
    sink = _Sink(into, facts)
    deadline = time.monotonic() + GRACE_SECONDS + facts.size / SLOWEST
    tries, again = TRIES, True
    try:
        while True:
            before = sink.size
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    await _rest(upstream, path, sink, fetched)
            except Exception as why:
                told = why if isinstance(why, Refusal) and why.retry_s else failure(why, hub)
                if told is None:
                    raise
                tries = TRIES if sink.size > before else tries - 1
                if not tries or time.monotonic() >= deadline:
                    raise told from why
                await asyncio.sleep(PAUSE_SECONDS * (TRIES - tries))
                continue
            if sink.size == facts.size and sink.verified():
                return sink.sha256()
            if sink.size == facts.size and not again:
                raise by_policy("its bytes have another digest than the hub announces")
            if sink.size == facts.size:
                again = False  # parts of two versions may have been put together
                sink.restart()
                continue
            tries = TRIES if sink.size > before else tries - 1
            if not tries:
                raise upstream_failed(f"the hub ends the file after {sink.size} of {facts.size} bytes")
    finally:
        sink.close()


async def _rest(upstream: Upstream, path: str, sink: _Sink, fetched: Fetched) -> None:
    async with upstream.bytes_from(path, sink.size) as answer:
        if answer.status_code not in (200, 206):
            raise upstream_failed(f"the hub answers {answer.status_code} where it should give bytes")
        if sink.size and answer.status_code == 200:
            sink.restart()
        elif sink.size:
            _right_part(answer, sink)
        await _written(_chunks(answer), sink, fetched)


async def _written(chunks: AsyncIterator[bytes], sink: _Sink, fetched: Fetched) -> None:
    """Write each chunk in a thread while the next one comes; what came is written even where it breaks off."""
    writing: asyncio.Task[None] | None = None
    try:
        async for chunk in chunks:
            if writing is not None:
                await writing
            fetched.done = sink.size
            writing = asyncio.create_task(asyncio.to_thread(sink.write, chunk))
    finally:
        if writing is not None:
            await asyncio.wait({writing})
    if writing is not None:
        writing.result()
    fetched.done = sink.size


def _right_part(answer: httpx2.Response, sink: _Sink) -> None:
    found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    right = found and int(found[1]) == sink.size and found[3] in ("*", str(sink.facts.size))
    if answer.status_code != 206 or not right:
        raise upstream_failed("the hub goes on at another place of the file than it was asked to")


async def _chunks(answer: httpx2.Response) -> AsyncIterator[bytes]:
    """Gather small pieces: each is a trip to a thread."""
    parts, size = [], 0
    try:
        async for part in answer.aiter_raw():
            parts.append(part)
            size += len(part)
            if size >= CHUNK:
                yield b"".join(parts)
                parts, size = [], 0
    except Exception:
        if parts:
            yield b"".join(parts)  # what came before it broke need not come again
        raise
    if parts:
        yield b"".join(parts)


class _Sink:
    """A file that is written and digested as it grows."""

    def __init__(self, path: Path, facts: Facts) -> None:
        self.facts = facts
        self.restarts = 0
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError as why:
            raise _disk(why) from why
        self._begin()

    def _begin(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._blob = hashlib.sha1(b"blob %d\0" % self.facts.size, usedforsecurity=False)

    def restart(self) -> None:
        self.restarts += 1
        if self.restarts > MOST_RESTARTS:
            raise upstream_failed("the hub begins the file again and again")
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self._begin()

    def write(self, chunk: bytes) -> None:
        if self.size + len(chunk) > self.facts.size:
            raise upstream_failed(f"the hub sends more than the {self.facts.size} bytes that it announced")
        try:
            left = memoryview(chunk)
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as why:
            raise _disk(why) from why
        self._sha256.update(chunk)
        if len(self.facts.digest) == 40:
            self._blob.update(chunk)
        self.size += len(chunk)

    def verified(self) -> bool:
        found = self._blob if len(self.facts.digest) == 40 else self._sha256
        return found.hexdigest() == self.facts.digest

    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def close(self) -> None:
        os.close(self._file)


def _disk(why: OSError) -> Refusal:
    return Refusal(507, "", f"safecase firewall: its disk takes no more ({why.strerror})", action="upstream")
