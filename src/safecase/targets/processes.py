"""A program that is asked a line and answers a line, in a process of its own: it may hang, crash and flood."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from safecase.readers.text import shown
from safecase.targets.connection import MOST_BYTES
from safecase.targets.target import Unanswered

_MOST_TOLD = 20
"""Lines from the end of what it says on its standard error."""


class Program:
    """Runs while it is used, and is started again after it ended. One question at a time: the caller sees to that."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._command, self._folder = tuple(command), folder
        self._process: asyncio.subprocess.Process | None = None
        self._told: deque[str] = deque(maxlen=_MOST_TOLD)
        self._listening: asyncio.Task[None] | None = None

    @property
    def runs(self) -> bool:
        """Say whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def send(self, line: bytes) -> None:
        """Say a line; starts the program where it does not run. Raises `Unanswered` where it cannot be started."""
        if not self.runs:
            await self.stop()
            await self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        with contextlib.suppress(ConnectionError):  # that it ended is told with what it said last
            await self._process.stdin.drain()

    async def line(self) -> bytes:
        """Give its next line; raises `Unanswered` where none comes any more, or one that does not end."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            line = await self._process.stdout.readline()
        except ValueError as why:
            raise Unanswered("bad_response", f"it answers more than {MOST_BYTES // 1_000_000} MB in a line") from why
        if not line.endswith(b"\n"):
            code = await self._process.wait()
            with contextlib.suppress(TimeoutError):
                if self._listening is not None:
                    await asyncio.wait_for(asyncio.shield(self._listening), 1)
            said = f": {shown(self._told[-1], 200)}" if self._told else ""
            raise Unanswered("connection", f"the program ended with {code}{said}", mend="run it by itself to see why")
        return line

    async def stop(self) -> None:
        """End it, and what it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _start(self) -> None:
        self._told.clear()
        pipe = asyncio.subprocess.PIPE
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                cwd=self._folder,
                limit=MOST_BYTES,
                start_new_session=True,
            )
        except (OSError, ValueError) as why:
            told = getattr(why, "strerror", None) or why
            raise Unanswered("connection", f"{shown(self._command[0])} cannot be run: {told}") from why
        assert self._process.stderr is not None
        self._listening = asyncio.create_task(self._listen(self._process.stderr))

    async def _listen(self, errors: asyncio.StreamReader) -> None:
        """Keep the last lines: a program that nobody listens to stops where its pipe is full."""
        while True:
            try:
                line = await errors.readline()
            except ValueError:
                continue
            if not line:
                return
            if text := line.decode("utf-8", "replace").strip():
                self._told.append(text)
