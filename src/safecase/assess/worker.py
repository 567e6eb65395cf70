"""The worker process: jobs come in on standard input, answers go out on what was standard output."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from typing import BinaryIO

import msgspec

from safecase.assess.executor import LENGTH
from safecase.assess.work import Answer, Job, perform

MOST_MEMORY = 4 * 1024**3
"""Bytes of address space: a reader that is led to ask for more gets a MemoryError, not the machine."""


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a check prints must not get into the answers
    _bound_memory()
    while (job := _read(sys.stdin.buffer)) is not None:
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


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        main()
