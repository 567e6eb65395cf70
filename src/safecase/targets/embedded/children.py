"""Servers of ours in processes of their own, both sides: they start in bounded time, and go with their parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from types import FrameType
from typing import IO

from safecase.errors import CollectError
from safecase.readers.text import shown

START_SECONDS = 30.0
STOP_SECONDS = 2.0
MOST_ANNOUNCED = 4096
MOST_TOLD = 2000
"""Bytes from the end of a child's stderr that an error tells."""

PARENT_SECONDS = 0.5


class Child:
    """A server of ours in a process of its own, which says on its first line of output at which port it listens.

    It holds one end of a pipe to its standard input: the other end closes with this process, however this one ends.
    """

    def __init__(self, what: str, module: str, arguments: Sequence[str], *, environment: dict[str, str]) -> None:
        self.what = what
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the child
        # -P: a file named json.py in the folder where the demo is started must not become part of it.
        command = [sys.executable, "-P", "-m", module, *arguments]
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env={**os.environ, **environment},
                # Ctrl-C goes to the parent alone, which stops its children in order.
                start_new_session=True,
            )
        except OSError as why:
            self._stderr.close()
            raise CollectError(f"{what} cannot be started: {why.strerror}") from why

    def port(self, seconds: float = START_SECONDS) -> int:
        """Give the port that the child announces; raises with what it said on stderr when it does not."""
        answer: list[bytes] = []
        assert self.process.stdout is not None
        reader = threading.Thread(target=_read_line, args=(self.process.stdout, answer), daemon=True)
        reader.start()
        reader.join(seconds)
        try:
            announced = json.loads(answer[0])["port"]
        except (IndexError, KeyError, TypeError, ValueError):
            announced = None
        if isinstance(announced, int):
            return announced
        late = reader.is_alive()
        self.stop()
        raise self.failure(f"did not start within {seconds:g} seconds" if late else "ended while it started")

    def failure(self, happened: str) -> CollectError:
        """Give the error that tells what happened to the child, with the end of its stderr."""
        try:
            size = self._stderr.seek(0, os.SEEK_END)
            self._stderr.seek(max(0, size - MOST_TOLD))
            said = self._stderr.read(MOST_TOLD).decode("utf-8", "replace").strip()
        except (OSError, ValueError):
            said = ""
        told = " | ".join(shown(line, limit=300) for line in said.splitlines()[-6:])
        mend = "run it again; where it happens twice, `safecase demo --offline` does without the language model"
        return CollectError(f"{self.what} {happened}{': ' + told if told else ''}", mend=mend)

    def stop(self) -> None:
        """End it: asked first, then killed. Doing it twice does no harm."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()

    def close(self) -> None:
        """End it and let go of what it said."""
        self.stop()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._stderr.close()


def _read_line(stream: IO[bytes], answer: list[bytes]) -> None:
    # A thread, since a pipe cannot be waited for with a time limit everywhere. Closing the pipe ends it.
    try:
        answer.append(stream.readline(MOST_ANNOUNCED))
    except (OSError, ValueError):
        return


def announce(port: int) -> None:
    """Tell the parent at which port this child listens."""
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()


def live_with_parent(parent: int) -> None:
    """Wait in the main thread until SIGTERM comes, standard input closes or the parent is another; then end at once.

    The pipe alone would do, were it not that a process which the parent forked may hold its other end open.
    """
    done = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        done.set()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_wait_for_end, args=(done,), daemon=True).start()
    while not done.wait(PARENT_SECONDS) and os.getppid() == parent:
        continue
    # Not sys.exit: a native thread in the middle of a reply would be waited for.
    os._exit(0)


def end_with_parent(parent: int) -> None:
    """End this process, as SIGTERM does, once its parent is gone: for a program of others in the main thread."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(PARENT_SECONDS) and os.getppid() == parent:
            continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=_wait_for_end, args=(done,), daemon=True).start()
    threading.Thread(target=watch, daemon=True).start()


def _wait_for_end(done: threading.Event) -> None:
    # Not sys.stdin: Python could not end while a thread waits inside of it.
    while os.read(0, 1024):
        continue
    done.set()
