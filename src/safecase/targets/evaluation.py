"""A business test set, asked row by row: how many rows pass, and what that shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from safecase.checks import Context
from safecase.engines.statistics import Case, Interval, Share, share_of_cases
from safecase.errors import CollectError
from safecase.readers import suites
from safecase.readers.suites import Row
from safecase.readers.text import shown
from safecase.service.schema import Endpoint, SuiteBlock
from safecase.targets.asserts import Checked, Means, judged
from safecase.targets.openai import OpenAITarget
from safecase.targets.target import Reply, Target
from safecase.targets.transcript import Masks, Transcript
from safecase.vocabulary import Digest, Noun

LONGEST_ANSWER = 256
AT_ONCE = 4
SEED = 1
RESERVE_S = 8.0
"""Kept back of the time, to judge what came."""
BREAKS_AFTER = 8
"""So many errors in a row end it: the service is down."""
MOST_UNANSWERED = 0.2


class Asked(NamedTuple):
    """One asking of one row."""

    row: Row
    reply: Reply | None
    error: str
    faults: tuple[str, ...]
    """What the answer lacks; empty where it passes."""


class Evaluation(Noun, frozen=True):
    """What came of a test set."""

    asked: tuple[Asked, ...]
    counted: Share
    """Rows that passed, each by its weight and by the share of its repeats."""
    failed_rows: tuple[str, ...]
    rows: int
    unanswered: int
    """Rows without any answer."""
    slices: tuple[tuple[str, int, int], ...] = ()
    """Name, rows that passed in all repeats, rows."""

    @property
    def share(self) -> float:
        """The share of rows that passed."""
        return self.counted.rate

    @property
    def interval(self) -> Interval:
        """Its 95 % interval."""
        return self.counted.interval

    @property
    def right(self) -> dict[str, float]:
        """The share of a row's answers that pass, by the row's id; rows without any answer are not in it."""
        return _right(self.asked)

    @property
    def silence(self) -> str:
        """Say why nothing can be said: more than a fifth of the rows got no answer. Empty where enough did."""
        if self.rows > self.unanswered and self.unanswered <= MOST_UNANSWERED * self.rows:
            return ""
        why = next((one.error for one in self.asked if one.error), "")
        return f"{self.unanswered} of {self.rows} rows got no answer: {shown(why, 200)}"


def ask_suite(
    suite: SuiteBlock, endpoint: Endpoint, ctx: Context, means: Means | None = None
) -> tuple[Evaluation, Digest]:
    """Ask a service the whole test set, as `ask_rows` does; raises what `rows_of` raises."""
    return ask_rows(rows_of(suite, ctx), suite, endpoint, ctx, means)


def rows_of(suite: SuiteBlock, ctx: Context) -> tuple[Row, ...]:
    """Read a test set. Raises ManifestError where it cannot be understood, CollectError where it cannot be read."""
    try:
        with ctx.path(suite.file).open("rb") as file:
            content = file.read(suites.MOST_BYTES + 1)
    except OSError as why:
        raise CollectError(
            f"{shown(suite.file)} cannot be read: {why.strerror}", mend="correct testing.suites in safecase.yaml"
        ) from why
    return suites.read(content, suite.file)


def ask_rows(
    rows: Sequence[Row], suite: SuiteBlock, endpoint: Endpoint, ctx: Context, means: Means | None = None
) -> tuple[Evaluation, Digest]:
    """Ask a service rows of a test set; gives what came, and the transcript that was kept of it.

    The endpoint's key and the canary of `testing.attacks` stay out of the transcript.
    """
    masks = ((_canary(ctx), "<canary>"), (ctx.secret(endpoint.key), "<key>"))

    def remaining() -> float:
        return max(0.0, ctx.remaining() - RESERVE_S)

    with OpenAITarget(endpoint, secret=ctx.secret, owned=ctx.owned, remaining=remaining) as target:
        found = evaluate(target, rows, repeats=suite.repeats, remaining=remaining, means=means)
    name = f"{suite.id}.jsonl"
    return found, ctx.keep(_transcript(found, masks), name=name, media_type="application/jsonl")


def _canary(ctx: Context) -> str:
    """Give what must not be kept; a canary that cannot be resolved here is no reason not to ask."""
    try:
        return ctx.secret(ctx.manifest.testing.attacks.canary).strip()
    except CollectError:
        return ""


def _transcript(found: Evaluation, masks: tuple[tuple[str, str], ...]) -> bytes:
    transcript, masked = Transcript(masks), Masks(masks)
    for one in found.asked:
        line: dict[str, object] = {"row": masked(one.row.id), "messages": transcript.turns(one.row.conversation)}
        if one.reply is None:
            transcript.add(line | {"error": masked(one.error)})
        else:
            transcript.add(line | transcript.told(one.reply) | {"lacks": [masked(fault) for fault in one.faults]})
    return transcript.content()


def evaluate(
    target: Target, rows: Sequence[Row], *, repeats: int, remaining: Callable[[], float], means: Means | None = None
) -> Evaluation:
    """Ask every row, `repeats` times; what is left when the time is up is not answered."""
    replies = _replies(target, [row for row in rows for _ in range(repeats)], remaining)
    told = iter(judged([(row, reply) for row, reply, _ in replies if reply], means))
    asked = tuple(
        _asked(row, reply, next(told)) if reply else Asked(row, None, error, ()) for row, reply, error in replies
    )
    return evaluation(rows, asked)


def _asked(row: Row, reply: Reply, told: Sequence[Checked]) -> Asked:
    """An answer that lacks nothing, and of which not all could be judged, counts as none."""
    lacks = tuple(one.why for one in told if one.holds is False)
    unjudged = next((one.why for one in told if one.holds is None), "")
    return Asked(row, None, unjudged, ()) if unjudged and not lacks else Asked(row, reply, "", lacks)


def _replies(
    target: Target, queue: Sequence[Row], remaining: Callable[[], float]
) -> list[tuple[Row, Reply | None, str]]:
    done: list[tuple[Row, Reply | None, str]] = []
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="evaluate") as pool:
        for start in range(0, len(queue), AT_ONCE):
            batch = queue[start : start + AT_ONCE]
            if remaining() <= 0:
                done += [(row, None, "no time was left") for row in queue[start:]]
                break
            done += pool.map(lambda row: _reply(target, row), batch)
            if len(done) >= BREAKS_AFTER and all(reply is None for _, reply, _ in done[-BREAKS_AFTER:]):
                done += [(row, None, "not asked any more") for row in queue[start + AT_ONCE :]]
                break
    return done


def _reply(target: Target, row: Row) -> tuple[Row, Reply | None, str]:
    try:
        return row, target.ask(row.conversation, max_tokens=LONGEST_ANSWER, seed=SEED, temperature=0.0), ""
    except CollectError as why:
        return row, None, why.message


def evaluation(rows: Sequence[Row], asked: tuple[Asked, ...]) -> Evaluation:
    """Count each row once, whatever its repeats: they tell how steady it is, not how many cases there are."""
    share = _right(asked)
    answered = [row for row in rows if row.id in share]
    slices: dict[str, tuple[int, int]] = {}
    for row in answered:
        for name in row.slices:
            right, all_rows = slices.get(name, (0, 0))
            slices[name] = (right + (share[row.id] == 1), all_rows + 1)
    return Evaluation(
        asked=asked,
        counted=share_of_cases(Case(row.prompt, share[row.id], row.weight) for row in answered),
        rows=len(rows),
        failed_rows=tuple(row.id for row in answered if share[row.id] < 1),
        unanswered=len(rows) - len(answered),
        slices=tuple((name, *counts) for name, counts in sorted(slices.items())),
    )


def _right(asked: Sequence[Asked]) -> dict[str, float]:
    answers: dict[str, list[bool]] = {}
    for one in asked:
        if one.reply is not None:
            answers.setdefault(one.row.id, []).append(not one.faults)
    return {name: sum(passed) / len(passed) for name, passed in answers.items()}
