"""The worker process: jobs come in on standard input, answers go out on what was standard output.

It ends with its parent, whatever it computes: a gate that was stopped leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import sys
import threading
import time
from typing import BinaryIO

import msgspec

from safecase.assess.executor import GRACE_S, LENGTH
from safecase.assess.work import Answer, Job, perform

MOST_MEMORY = 4 * 1024**3
"""Bytes of address space: a reader that is led to ask for more gets a MemoryError, not the machine."""
PR_SET_PDEATHSIG = 1
"""prctl(2)."""


def main(parent: int) -> None:
    """Serve until standard input ends, or the process `parent` does."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a check prints must not get into the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told too, and says what becomes of us
    _end_with(parent)
    _bound_memory()
    while (job := _read(sys.stdin.buffer)) is not None:
        _bound_time(job.seconds)
        body = msgspec.msgpack.encode(_answer(job))
        answers.write(LENGTH.pack(len(body)) + body)
        answers.flush()


def _answer(job: Job) -> Answer:
    try:
        return perform(job)
    except RecursionError:
        return Answer.failed(job, "went too deep", mend="exclude the file that nests so deeply")


def _read(stream: BinaryIO) -> Job | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    job = pickle.loads(stream.read(LENGTH.unpack(head)[0]))  # noqa: S301 our own parent's words, on a pipe of our own
    assert isinstance(job, Job)
    return job


def _end_with(parent: int) -> None:
    """Die when the parent does: Linux does it by itself, elsewhere somebody has to listen."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError, ImportError):
            import ctypes

            # The thread that started us stops us before it ends, so its end means that of the parent.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if hasattr(select, "poll"):
        threading.Thread(target=_listen, daemon=True).start()
    if hasattr(os, "getppid") and os.getppid() != parent:
        os._exit(1)  # it ended before we could ask


def _listen() -> None:
    """Wait until nobody holds the other end of standard input; what comes through it is not touched."""
    poll = select.poll()
    poll.register(0, 0)
    while not any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in poll.poll()):
        pass
    os._exit(1)


def _bound_time(seconds: float) -> None:
    """Bound what one job computes, on all processors together: the last resort where nobody is left to kill us."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        most = time.process_time() + (seconds + GRACE_S) * (os.cpu_count() or 1) + 1
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        wanted = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
        resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        main(int(sys.argv[1]))
