"""Run tasks at once, each bounded in time: a process that can be killed for hostile bytes, a thread for the network.

A worker process answers in MessagePack, not in pickle: what looked at hostile bytes is not trusted by its parent, and
gets no more of the environment than it needs.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import re
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol

import msgspec

from safecase.assess.work import Answer, Job, perform, sound
from safecase.evidence.keys import VARIABLE as SIGNING_KEY

LENGTH = struct.Struct(">Q")
MOST_ANSWERED = 256 * 1024 * 1024
GRACE_S = 2.0
"""A check sees its own deadline; only one that does not look at it is killed this much later."""


class Executor(Protocol):
    """Runs jobs somewhere: here, or on a cluster."""

    def map(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Answer]]:
        """Yield each job with its answer, as they come in; never raises for what a check does."""
        ...


class LocalExecutor:
    """Threads, and one worker process for each of them, on this machine."""

    def __init__(self, width: int) -> None:
        self._width = max(1, width)
        self._workers: list[_Worker] = []

    def map(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Answer]]:
        """Yield each job with its answer, as they come in."""
        done: queue.SimpleQueue[tuple[Job, Answer]] = queue.SimpleQueue()
        # What asks the running service goes one after another: load of our own must not decide what is measured.
        self._start([job for job in jobs if job.network], 1, done)
        self._start([job for job in jobs if not job.network], self._width, done)
        try:
            for _ in jobs:
                yield done.get()
        finally:
            self.close()

    def _start(self, jobs: Sequence[Job], width: int, done: queue.SimpleQueue[tuple[Job, Answer]]) -> None:
        waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            waiting.put(job)
        for _ in range(min(width, len(jobs))):
            # Daemons: a check that hangs on a network must not keep the program from ending.
            threading.Thread(target=self._serve, args=(waiting, done), daemon=True).start()

    def close(self) -> None:
        """End every worker process."""
        for worker in self._workers:
            worker.stop()

    def _serve(self, waiting: queue.SimpleQueue[Job], done: queue.SimpleQueue[tuple[Job, Answer]]) -> None:
        worker = _Worker()
        self._workers.append(worker)
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                worker.stop()
                return
            started = time.monotonic()
            try:
                answer = worker.ask(job) if job.runs == "process" else _in_thread(job)
            except Exception as why:  # noqa: BLE001 whoever waits for this answer would wait for ever
                answer = Answer.failed(job, f"could not be run ({type(why).__name__})", mend=_BROKEN)
            done.put((job, msgspec.structs.replace(answer, seconds=time.monotonic() - started)))


def _in_thread(job: Job) -> Answer:
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(perform(job)), daemon=True).start()
    try:
        return answers.get(timeout=job.seconds + GRACE_S)
    except queue.Empty:
        return Answer.failed(job, f"took longer than {job.seconds:g} s and was left", mend=_LONGER)


_LONGER = "raise settings.check_seconds in safecase.yaml, or look why it hangs"


class _Worker:
    """One worker process, started when it is first needed and again after it was killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, job: Job) -> Answer:
        try:
            process = self._started(job)
            assert process.stdin is not None
            assert process.stdout is not None
            body = pickle.dumps(job)
            process.stdin.write(LENGTH.pack(len(body)) + body)
            process.stdin.flush()
            answer = sound(job, _read_answer(process.stdout, time.monotonic() + job.seconds + GRACE_S))
        except TimeoutError:
            self.stop()
            return Answer.failed(job, f"took longer than {job.seconds:g} s and was stopped", mend=_LONGER)
        except (OSError, EOFError, ValueError, msgspec.MsgspecError) as why:
            code = self.stop()
            return Answer.failed(
                job, f"its process ended without an answer (exit {code}; {type(why).__name__})", mend=_BROKEN
            )
        return answer

    def stop(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        with contextlib.suppress(OSError):
            process.kill()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        return process.wait()

    def _started(self, job: Job) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "safecase.assess.worker", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**environment_of(job), "PYTHONPATH": _import_path()},
            )
        return self._process


_BROKEN = "run it alone: safecase assess --only CHECK --jobs 1"


NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TEMP|TMP|PYTHON\w+|VIRTUAL_ENV|(DY)?LD_LIBRARY_PATH"
    r"|SYSTEMROOT|USERPROFILE|APPDATA|LOCALAPPDATA|PATHEXT|COMSPEC|XDG_\w+|OMP_NUM_THREADS|SOURCE_DATE_EPOCH",
    re.IGNORECASE,
)
"""Variables that a check in a process of its own may need; none of them holds a secret."""


def environment_of(job: Job) -> dict[str, str]:
    """Give a worker what programs need, and what the manifest names as `${env:NAME}`; never the key that signs."""
    named = set(re.findall(rb"\$\{env:([^}]+)\}", msgspec.json.encode(job.manifest)))
    return {
        name: value
        for name, value in os.environ.items()
        if (NEEDED.fullmatch(name) or name.encode() in named) and name.upper() != SIGNING_KEY
    }


def _import_path() -> str:
    """Let the worker import this same package and the plug-ins, wherever they were found."""
    own = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(dict.fromkeys([own, *(p for p in sys.path if p)]))


def _read_answer(stream: IO[bytes], deadline: float) -> Answer:
    (length,) = LENGTH.unpack(_read(stream, LENGTH.size, deadline))
    if length > MOST_ANSWERED:
        raise ValueError("an answer without measure")
    return msgspec.msgpack.decode(_read(stream, length, deadline), type=Answer)


def _read(stream: IO[bytes], length: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while length:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([stream], [], [], left)[0]:
            raise TimeoutError
        part = os.read(stream.fileno(), min(length, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
