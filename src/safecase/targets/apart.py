"""Questions that a process of its own answers, a line each: what hangs or crashes there stops nothing here."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import IO, Final

LONGEST_ANSWER: Final = 10_000
MOST_STARTS: Final = 20
"""A process that was stopped, or ended, is started again for the questions after that; so many times."""


def answered(
    program: str, arguments: Sequence[str], questions: Sequence[bytes], *, seconds: float, starts: int = MOST_STARTS
) -> list[bytes | None]:
    """Run a Python program that answers each line with a line; None where none came within `seconds`.

    It knows nothing of our environment, so no secret of it.
    """
    answers: list[bytes | None] = []
    for _ in range(starts):
        rest = questions[len(answers) :]
        if not rest:
            break
        answers += _once(program, arguments, rest, seconds)
        if len(answers) < len(questions):
            answers.append(None)  # the one that it hung or ended at
    return answers + [None] * (len(questions) - len(answers))


def _once(program: str, arguments: Sequence[str], questions: Sequence[bytes], seconds: float) -> list[bytes]:
    command = [sys.executable, "-I", "-c", program, *arguments]
    known = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=known,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines: queue.Queue[bytes] = queue.Queue()
        writing = threading.Thread(target=_write, args=(process.stdin, questions), daemon=True)
        reading = threading.Thread(target=_read, args=(process.stdout, lines, len(questions)), daemon=True)
        writing.start()
        reading.start()
        try:
            return list(_lines(lines, len(questions), seconds))
        finally:
            _kill(process)
            reading.join()
            writing.join()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it, and what it has started: that would keep its output open."""
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _lines(lines: queue.Queue[bytes], wanted: int, seconds: float) -> Iterator[bytes]:
    for _ in range(wanted):
        try:
            line = lines.get(timeout=seconds)
        except queue.Empty:
            return
        if not line.endswith(b"\n"):
            return
        yield line


def _write(stdin: IO[bytes], questions: Sequence[bytes]) -> None:
    with contextlib.suppress(OSError):
        stdin.writelines(question + b"\n" for question in questions)
    with contextlib.suppress(OSError):
        stdin.close()


def _read(stdout: IO[bytes], lines: queue.Queue[bytes], wanted: int) -> None:
    for _ in range(wanted):
        lines.put(line := stdout.readline(LONGEST_ANSWER))
        if not line:
            return
