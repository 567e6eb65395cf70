"""promptfoo and Inspect, run as the programs that they are, in their own environments, against the front."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from safecase.errors import CollectError
from safecase.measures.testing.borrowed.found import Found
from safecase.measures.testing.borrowed.front import MODEL, Front, front
from safecase.measures.testing.speaker import Speaker
from safecase.readers.text import shown

MOST_RESULTS: Final = 512_000_000
LAST_WORDS: Final = 400
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "NODE_OPTIONS")
"""Of our environment; keys of ours are none of a borrowed program's business."""


class Program(NamedTuple):
    """How to run one, and where it leaves what it found."""

    command: list[str]
    environment: dict[str, str]
    results: str
    """A pattern below the folder that it is given."""
    beside: Path
    """Where it runs: beside the user's test."""


def promptfoo(executable: str, config: Path, folder: Path, at: Front, at_once: int) -> Program:
    """Run the tests of a promptfoo configuration; its providers are replaced by the target, its cloud is off."""
    command = [executable, "eval", "-c", str(config.absolute()), "-r", f"openai:chat:{MODEL}", "--no-cache"]
    command += ["-j", str(at_once), "--no-progress-bar", "--no-table", "-o", str(folder / "out.json")]
    off = ("TELEMETRY", "UPDATE", "SHARING", "REMOTE_GENERATION", "REDTEAM_REMOTE_GENERATION")
    environment = {f"PROMPTFOO_DISABLE_{name}": "1" for name in off}
    environment |= {"PROMPTFOO_CONFIG_DIR": str(folder / "home"), "OPENAI_API_KEY": at.key, "OPENAI_BASE_URL": at.url}
    return Program(command, environment, "out.json", config.absolute().parent)


def inspect(executable: str, task: str, folder: Path, at: Front, at_once: int) -> Program:
    """Run a task of Inspect, a file or a registered name, with the target for its model."""
    path = Path(task).absolute()
    named, beside = (path.name, path.parent) if path.exists() else (task, Path.cwd())
    command = [executable, "eval", named, "--model", f"openai-api/safecase/{MODEL}", "--display", "none"]
    command += ["--log-format", "json", "--log-dir", str(folder / "logs"), "--max-connections", str(at_once)]
    command += ["--max-retries", "0", "--no-fail-on-error"]  # the front has tried again; one error spoils no task
    environment = {"SAFECASE_API_KEY": at.key, "SAFECASE_BASE_URL": at.url}
    return Program(command, environment, "logs/*.json", beside)


async def run_program(which: str, executable: str, test: Path | str, speaker: Speaker, at_once: int) -> list[Found]:
    """Run a program's tests through the engine, and read what it found; raises CollectError where it breaks off."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="safecase-") as name, front(speaker, loop) as at:
        folder = Path(name)
        if which == "promptfoo":
            program = promptfoo(executable, Path(test), folder, at, at_once)
        else:
            program = inspect(executable, str(test), folder, at, at_once)
        told = await _ended(program, speaker.budget.seconds_left)
        paths = sorted(folder.glob(program.results))
        if not paths:
            raise CollectError(
                f"{which} left no results: {shown(told[-LAST_WORDS:], LAST_WORDS)}",
                mend=f"see that the test runs with {which} itself",
            )
        read = _of_promptfoo if which == "promptfoo" else _of_inspect
        return [one for path in paths for one in read(_json(path, which))]


async def _ended(program: Program, seconds: float) -> str:
    """Wait for a program; gives its last words."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *program.command,
            cwd=program.beside,
            env=kept | program.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as why:
        raise CollectError(f"{shown(program.command[0])} cannot be run: {why.strerror}", mend="give its path") from why
    try:
        async with asyncio.timeout(min(max(seconds, 0.0), 86_400.0)):
            told, _ = await process.communicate()
    except TimeoutError:
        return "the time was used up"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with whatever it has started
            await process.wait()
    return told[-4000:].decode("utf-8", "replace").strip()


def _json(path: Path, which: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_RESULTS:
            raise CollectError(f"{which} left more than {MOST_RESULTS // 10**6} MB", mend="run fewer tests at once")
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as why:
        raise CollectError(f"what {which} left cannot be read: {why}", mend="see which version is installed") from why


def _of_promptfoo(value: Mapping[str, Any]) -> Iterator[Found]:
    """Give one test for each description (or all of them together), one scorer for each kind of assertion."""
    rows = _dict(value.get("results")).get("results") or []
    tally = _Tally()
    for row in map(_dict, rows if isinstance(rows, list) else []):
        test = str(_dict(row.get("testCase")).get("description") or "tests")
        said = str(_dict(row.get("prompt")).get("raw", ""))
        reply = str(_dict(row.get("response")).get("output", ""))
        parts = _dict(row.get("gradingResult")).get("componentResults") or []
        if row.get("failureReason") == 2 or not isinstance(parts, list):
            tally.error(test)
            continue
        for part in map(_dict, parts):
            scorer = str(_dict(part.get("assertion")).get("type", "assertion"))
            tally.add(test, scorer, passed=bool(part.get("pass")), example=f"{said} → {reply}")
    yield from tally.found()


def _of_inspect(value: Mapping[str, Any]) -> Iterator[Found]:
    """Give one test for the task, one scorer for each score of its samples: C or 1 is passed, I or 0 is not."""
    test = str(_dict(value.get("eval")).get("task", "task"))
    samples, tally = value.get("samples") or [], _Tally()
    for sample in map(_dict, samples if isinstance(samples, list) else []):
        scores = _dict(sample.get("scores"))
        if not scores:
            tally.error(test)
        reply = str(_dict(sample.get("output")).get("completion", ""))
        for scorer, score in scores.items():
            got = _dict(score).get("value")
            passed = {"C": True, "I": False, "P": False, "N": False}.get(got) if isinstance(got, str) else None
            if isinstance(got, bool | int | float):
                passed = got >= 0.5
            if passed is None:
                tally.error(test)
                continue
            tally.add(test, str(scorer), passed=passed, example=f"{sample.get('input')} → {reply}")
    yield from tally.found()


class _Tally:
    """Counts by test and scorer."""

    def __init__(self) -> None:
        self._passed: dict[tuple[str, str], int] = defaultdict(int)
        self._n: dict[tuple[str, str], int] = defaultdict(int)
        self._errors: dict[str, int] = defaultdict(int)
        self._examples: dict[tuple[str, str], str] = {}

    def error(self, test: str) -> None:
        self._errors[test] += 1

    def add(self, test: str, scorer: str, *, passed: bool, example: str) -> None:
        key = test, scorer
        self._n[key] += 1
        self._passed[key] += passed
        if not passed:
            self._examples[key] = min(self._examples.get(key, example), example, key=len)

    def found(self) -> Sequence[Found]:
        rows = [
            Found(
                test=test, scorer=scorer, passed=self._passed[test, scorer], n=n,
                errors=self._errors[test], example=self._examples.get((test, scorer), ""),
            )
            for (test, scorer), n in sorted(self._n.items())
        ]  # fmt: skip
        known = {test for test, _ in self._n}
        silent = [
            Found(test=test, scorer="", passed=0, n=0, errors=n)
            for test, n in self._errors.items()
            if test not in known
        ]
        return [*rows, *silent]


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
