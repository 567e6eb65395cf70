"""A server that is a child process: each line of either side passes the filter."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from safecase.errors import UsageError
from safecase.gateway.mcp.filter import Filter, Passed, Rules
from safecase.gateway.mcp.messages import line_of
from safecase.readers.text import shown

PIECE: Final = 64 * 1024
LEAVES_S: Final = 3.0
"""So long a server has to leave once its input is closed, and again once it is told to."""
OURS: Final = "SAFECASE_"
"""Beginning of the environment variables that are no business of servers."""


def run(rules: Rules, command: Sequence[str], source: int = 0, sink: int = 1) -> int:
    """Pass messages between two file descriptors and a server, until either ends; gives the server's exit status."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as why:
        told = why.strerror if isinstance(why, OSError) else str(why)
        raise UsageError(f"{shown(command[0])} cannot be started: {told}", mend="correct the words after --") from why
    with _told_to_stop(child):
        return _Between(rules, child, source, sink).run()


class _Between:
    """The two sides, a thread each; the main thread waits for whichever ends first."""

    def __init__(self, rules: Rules, child: subprocess.Popen[bytes], source: int, sink: int) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        self._child, self._source, self._sink = child, source, sink
        self._in, self._out = child.stdin.fileno(), child.stdout.fileno()
        self._filter = Filter(rules)
        self._limits = rules.limits
        self._to_client, self._to_server = threading.Lock(), threading.Lock()
        self._over = threading.Event()
        self._server_ended = threading.Event()

    def run(self) -> int:
        threading.Thread(target=self._of_client, daemon=True).start()
        server = threading.Thread(target=self._of_server, daemon=True)
        server.start()
        self._over.wait()
        status = self._left()
        server.join(LEAVES_S)
        for message in self._filter.ended(f"the server ended (exit status {status})"):
            self._send(self._sink, self._to_client, Passed(back=message))
        return status if status >= 0 else 128 - status

    def _of_client(self) -> None:
        for line in lines(self._source, self._limits.body_bytes):
            if not self._pass(self._filter.client_line(line), self._source):
                break
        self._over.set()

    def _of_server(self) -> None:
        for line in lines(self._out, self._limits.answer_bytes):
            if not self._pass(self._filter.server_line(line), self._out):
                break
        self._server_ended.set()
        self._over.set()

    def _pass(self, passed: Passed, came_from: int) -> bool:
        client = (self._sink, self._to_client)
        server = (self._in, self._to_server)
        on, back = (server, client) if came_from == self._source else (client, server)
        return (passed.on is None or self._send(*on, Passed(on=passed.on))) and (
            passed.back is None or self._send(*back, Passed(back=passed.back))
        )

    def _send(self, to: int, alone: threading.Lock, passed: Passed) -> bool:
        message = passed.on or passed.back
        assert message is not None
        content = memoryview(line_of(message))
        try:
            with alone:
                while content:
                    content = content[os.write(to, content) :]
        except OSError:
            return False  # whoever should have read it is gone
        return True

    def _left(self) -> int:
        """Close the server's input and wait until it leaves; then tell it to, then make it."""
        assert self._child.stdin is not None
        if self._to_server.acquire(timeout=0.2):
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                return self._child.wait(LEAVES_S)
            except subprocess.TimeoutExpired:
                _tell(self._child, sign)
        return self._child.wait()


def lines(source: int, most: int) -> Iterator[bytes | None]:
    """Give the lines of a file descriptor; None for each of more than `most` bytes, of which nothing is kept."""
    waiting = bytearray()
    dropping = False
    while True:
        try:
            piece = os.read(source, PIECE)
        except OSError:
            return
        if not piece:
            return  # a line that does not end was cut off: nobody can say what it was
        *whole, rest = piece.split(b"\n")
        for part in whole:
            line = bytes(waiting + part)
            waiting.clear()
            if dropping or len(line) > most:
                dropping = False
                yield None
            elif line.strip():
                yield line
        if not dropping:
            waiting += rest
            if len(waiting) > most:
                dropping = True
                waiting.clear()


@contextlib.contextmanager
def _told_to_stop(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever ends the proxy ends the server and what it has started."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    before: list[tuple[int, Callable[..., object] | int | None]] = []
    if main:
        before = [(one, signal.signal(one, stop)) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    try:
        yield
    finally:
        for one, handler in before:
            signal.signal(one, handler)
        _tell(child, signal.SIGTERM if child.poll() is None else signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(LEAVES_S)
        _tell(child, signal.SIGKILL)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _tell(child: subprocess.Popen[bytes], sign: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        os.killpg(child.pid, sign)
