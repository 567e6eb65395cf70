"""garak's probes and detectors, in garak's own environment; our engine asks."""

from __future__ import annotations

import hashlib
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec

from safecase.errors import CollectError, UsageError
from safecase.measures.testing.borrowed.found import Found
from safecase.measures.testing.engine.budget import Limits
from safecase.measures.testing.engine.journal import Journal, Line
from safecase.measures.testing.engine.running import Attempt, Ended, run
from safecase.readers.conversations import Message, Role
from safecase.readers.text import shown
from safecase.targets.target import Ask, AsyncTarget, Reply

HIT: Final = 0.5
"""From which score on a detector of garak says that an attack worked."""
MOST_LINE: Final = 4_000_000
MOST_ATTACKS: Final = 200_000
_ROLES: Final = {"system": "system", "user": "user", "assistant": "assistant"}


class _Worker:
    """The process in garak's environment, and what it says."""

    def __init__(self, python: str, probes: Sequence[str]) -> None:
        script = resources.files("safecase.measures.testing.borrowed").joinpath("garak_worker.py").read_text("utf-8")
        try:
            # Not isolated: garak may be installed for the user only, and -c leaves its folder to it.
            self._process = subprocess.Popen(
                [python, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as why:
            mend = "give the interpreter of the environment that garak is in: --python …/bin/python"
            raise CollectError(f"{shown(python)} cannot be run: {why.strerror}", mend=mend) from why
        self._in = cast("IO[bytes]", self._process.stdin)
        self._out = cast("IO[bytes]", self._process.stdout)
        self.say(probes=list(probes))

    def say(self, **line: object) -> None:
        try:
            self._in.write(msgspec.json.encode(line) + b"\n")
            self._in.flush()
        except OSError:
            raise self._gone() from None

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what it says until it ends, or the caller has heard enough."""
        while line := self._out.readline(MOST_LINE):
            try:
                yield msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError) as why:
                raise self._gone() from why

    def scores(self) -> Iterator[dict[str, Any]]:
        self.say(done=True)
        self._in.close()
        yield from self.lines()
        if self._process.wait() != 0:
            raise self._gone()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._in, self._out):
            stream.close()

    def _gone(self) -> CollectError:
        self._process.kill()
        return CollectError(
            "garak broke off in its environment",
            mend="see that `python -m garak --version` works there (0.17 was tried)",
        )


class _Attacks:
    """All attacks, once each, as the loop draws them."""

    def __init__(self, attacks: Sequence[tuple[str, str, tuple[Message, ...]]], seed: int, max_tokens: int) -> None:
        self._attacks, self._seed, self._max_tokens = attacks, seed, max_tokens
        self._drawn = 0
        self.came: dict[str, Line] = {}

    def draw(self) -> Attempt | None:
        if self._drawn == len(self._attacks):
            return None
        one, test, conversation = self._attacks[self._drawn]
        self._drawn += 1
        asked = Ask(conversation=conversation, max_tokens=self._max_tokens, seed=self._seed, session=one)
        return Attempt(family=test, variant=one, number=self._drawn, asked=asked)

    def judge(self, attempt: Attempt, replies: tuple[Reply, ...]) -> Line:
        return Line(replies=replies)

    def count(self, attempt: Attempt, line: Line) -> None:
        self.came[attempt.variant] = line


async def garak(
    target: AsyncTarget,
    *,
    python: str,
    probes: Sequence[str],
    limits: Limits,
    at_once: int,
    seed: int = 1,
    max_tokens: int = 150,
    journal: Path | None = None,
    name: str = "",
    tell: Callable[[int, int], None] = lambda _counted, _in_flight: None,
) -> tuple[list[Found], Ended]:
    """Ask all prompts of some probes (all that are active where none is named), and let garak's detectors score them.

    Raises CollectError where garak cannot be run there, and UsageError where it has no such probe. Probes that ask in
    rounds of their own are told as skipped.
    """
    worker = _Worker(python, probes)
    try:
        attacks, skipped = _attacks(worker)
        if not attacks and not skipped:
            called = f" called {shown(', '.join(probes), 80)}" if probes else ""
            raise UsageError(f"garak has no active probe{called}", mend="see what `garak --list_probes` lists")
        told = msgspec.json.encode([name, seed, attacks])
        run_name = hashlib.blake2b(told, digest_size=16).hexdigest()
        source, lines = _Attacks(attacks, seed, max_tokens), Journal(journal, run_name)
        try:
            ended = await run(
                source, target, lines, name=run_name, limits=limits, at_once=at_once, seed=seed, tell=tell
            )
        finally:
            lines.close()
        for one, line in source.came.items():
            if line.replies:
                worker.say(id=one, text=line.replies[-1].text)
        found = _found(attacks, source.came, worker.scores())
    finally:
        worker.close()
    return [*found, *(Found(test=test, scorer="", passed=0, n=0, note=why) for test, why in skipped)], ended


def _attacks(worker: _Worker) -> tuple[list[tuple[str, str, tuple[Message, ...]]], list[tuple[str, str]]]:
    attacks: list[tuple[str, str, tuple[Message, ...]]] = []
    skipped: list[tuple[str, str]] = []
    for line in worker.lines():
        if line.get("ready"):
            return attacks, skipped
        if "skipped" in line:
            skipped.append((str(line["skipped"]), str(line.get("why", ""))))
        elif "attack" in line and len(attacks) < MOST_ATTACKS:
            said = tuple(Message(role=_role(role), text=str(text)) for role, text in line["turns"])
            attacks.append((str(line["attack"]), str(line["test"]), said))
    raise CollectError("garak told no probes", mend="see that `python -m garak --list_probes` works in its environment")


def _role(name: str) -> Role:
    return cast("Role", _ROLES.get(name, "user"))


def _found(
    attacks: Sequence[tuple[str, str, tuple[Message, ...]]], came: dict[str, Line], scores: Iterator[dict[str, Any]]
) -> list[Found]:
    tests = {one: (test, said) for one, test, said in attacks}
    unanswered: dict[str, int] = defaultdict(int)
    for one, (test, _) in tests.items():
        unanswered[test] += not (one in came and came[one].replies)
    passed: dict[tuple[str, str], int] = defaultdict(int)
    n: dict[tuple[str, str], int] = defaultdict(int)
    errors: dict[tuple[str, str], int] = defaultdict(int)
    examples: dict[tuple[str, str], str] = {}
    for line in scores:
        test, said = tests[line["scores"]]
        key, score = (test, str(line["scorer"])), line.get("score")
        if not isinstance(score, int | float):
            errors[key] += 1
            continue
        n[key] += 1
        passed[key] += score < HIT
        if score >= HIT:
            example = f"{said[-1].text} → {came[line['scores']].replies[-1].text}"
            examples[key] = min(examples.get(key, example), example, key=len)
    keys = sorted({*n, *errors})
    scored = {test for test, _ in keys}
    rows = [
        Found(
            test=test, scorer=scorer, passed=passed[test, scorer], n=n[test, scorer],
            errors=errors[test, scorer] + unanswered[test], example=examples.get((test, scorer), ""),
            confirmed=not scorer.startswith("mitigation."),
        )
        for test, scorer in keys
    ]  # fmt: skip
    silent = [Found(test=test, scorer="", passed=0, n=0, errors=count) for test, count in unanswered.items()]
    return [*rows, *(one for one in silent if one.test not in scored)]
