"""Processes that scan: one file at a time each, killed when they take too long, replaced when they die.

    python -m safecase.firewall.workers      reads a request a line, writes an answer a line

A reader that a hostile file brings down takes its own process with it; that file is judged `error`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from safecase.firewall.verdicts import MOST_KEPT, Judged, Seen
from safecase.vocabulary import Noun

START_SECONDS: Final = 30.0
MOST_MEMORY: Final = 4 * 1024**3
MOST_LINE: Final = 4_000_000
MOST_TOLD: Final = 500
"""Findings about the files of one commit together."""
MODULE: str = "safecase.firewall.workers"


class Request(Noun, frozen=True):
    """A folder to scan."""

    folder: str
    file: str
    """The file of it that is judged."""
    seconds: float
    together: bool = False


class Workers:
    """A few processes, each busy with one file or idle."""

    def __init__(self, count: int, *, seconds: float) -> None:
        self._seconds = seconds
        self._idle: list[asyncio.subprocess.Process] = []
        self._places = asyncio.Semaphore(count)
        self._all: set[asyncio.subprocess.Process] = set()

    async def judge(self, folder: Path, file: str, *, together: bool = False) -> Judged:
        """Scan a folder and say what is in `file`; never raises for what a file does to a scanner.

        `together` asks what the folder's files say of one another, not what each holds.
        """
        request = Request(folder=str(folder), file=file, seconds=self._seconds, together=together)
        async with self._places:
            while self._idle:
                answer = await self._asked(self._idle.pop(), request)
                if answer is not None:
                    return answer
                # It may have died while it was idle, which is not the file's fault.
            return await self._asked(await self._started(), request) or _broken("scan.died", "the scanner died of it")

    async def _asked(self, worker: asyncio.subprocess.Process, request: Request) -> Judged | None:
        try:
            async with asyncio.timeout(self._seconds + START_SECONDS):
                answer = await _exchanged(worker, request)
        except TimeoutError:
            await self._ended(worker)
            return _broken("scan.time", f"the scanner did not end within {self._seconds:g} s")
        except BaseException:
            await self._ended(worker)
            raise
        if answer is None:
            await self._ended(worker)
            return None
        self._idle.append(worker)
        return answer

    async def close(self) -> None:
        """End all of them."""
        for worker in tuple(self._all):
            await self._ended(worker)

    async def _started(self) -> asyncio.subprocess.Process:
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            limit=MOST_LINE,
        )
        self._all.add(worker)
        return worker

    async def _ended(self, worker: asyncio.subprocess.Process) -> None:
        self._all.discard(worker)
        with contextlib.suppress(ValueError):
            self._idle.remove(worker)
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


async def _exchanged(worker: asyncio.subprocess.Process, request: Request) -> Judged | None:
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(msgspec.json.encode(request) + b"\n")
        await worker.stdin.drain()
        return msgspec.json.decode(await worker.stdout.readline(), type=Judged)
    except (OSError, ValueError):  # it went away, or wrote no answer
        return None


def _broken(rule: str, message: str) -> Judged:
    return Judged(format="", verdict="error", findings=(Seen(rule=rule, says="error", message=message),))


def _environment() -> dict[str, str]:
    """Give a worker what Python needs, and no token."""
    kept = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ}


# in the worker


def main() -> None:
    """Answer requests until nobody asks any more."""
    _limit()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # nothing but answers goes to whoever asks
    for line in sys.stdin.buffer:
        answers.write(msgspec.json.encode(_judged(msgspec.json.decode(line, type=Request))) + b"\n")


def _judged(request: Request) -> Judged:
    if request.together:
        return _judged_together(Path(request.folder))
    from safecase.measures.supply_chain.scanning import Options, scan_paths

    scan = next(iter(scan_paths([request.folder], Options(seconds=request.seconds))))
    wanted = f"{request.folder}/{request.file}"
    findings = tuple(
        Seen(rule=f.rule, says=f.says, message=f.message[:1000], member=f.member[:300])
        for f in scan.findings[:MOST_KEPT]
    )
    found = next((f.format for f in scan.files if f.file == wanted), "")
    return Judged(format=found, verdict=scan.verdict, findings=findings)


def _judged_together(folder: Path) -> Judged:
    """Say what the files of a folder say of one another; each finding has its file as `member`."""
    from safecase.readers import trees
    from safecase.readers.artifacts import repositories
    from safecase.readers.artifacts.report import Problems, worst

    problems = Problems()
    files = {leaf.relative: Path(leaf.path).read_bytes for leaf in trees.leaves(str(folder)) if leaf.kind == "file"}
    repositories.check_repository(files, problems)
    found = problems.all()
    seen = tuple(Seen(rule=p.rule, says=p.says, message=p.message[:1000], member=p.member) for p in found[:MOST_TOLD])
    return Judged(format="", verdict=worst(found), findings=seen)


def _limit() -> None:
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
