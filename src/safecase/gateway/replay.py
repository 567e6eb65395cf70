"""Recorded calls against another policy: what would be stopped, changed or let through that was not."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from safecase.errors import UsageError
from safecase.gateway.apis import SHAPES
from safecase.gateway.apis.api import Shape
from safecase.gateway.guards.guard import Call
from safecase.gateway.guards.pipeline import Pipeline
from safecase.gateway.refusals import Refused
from safecase.readers.text import shown


class Recorded(NamedTuple):
    """One call as the log has it with `log.texts`, or as somebody wrote it down."""

    where: str
    id: str
    shape: Shape
    request: dict[str, Any]
    answer: dict[str, Any] | None


class Decision(NamedTuple):
    """What a policy does with a call."""

    verdict: str
    """`pass`, `change`, or `stop`."""
    why: str
    """What each guard said that found something."""


class Flip(NamedTuple):
    """A call that two policies treat differently."""

    where: str
    id: str
    before: Decision
    after: Decision


def read(lines: Iterable[tuple[str, int, bytes]]) -> Iterator[Recorded]:
    """Read JSON lines with `request` and, if there is one, `answer`; `api` says which (chat where it is left out).

    Lines of a log without texts are passed over; raises `UsageError` at what is no JSON.
    """
    shapes: dict[str, Shape] = {shape.family: shape for shape in SHAPES}
    for name, number, line in lines:
        where = f"{name}, line {number}"
        try:
            said = msgspec.json.decode(line)
            request = said.get("request")
        except (msgspec.DecodeError, AttributeError, RecursionError) as why:
            raise UsageError(f"{where}: no JSON object", mend='{"api": "chat", "request": {…}, "answer": {…}}') from why
        if not isinstance(request, dict):
            continue
        shape = shapes.get(str(said.get("api", "chat")))
        if shape is None or shape.fault(request)[0]:
            raise UsageError(
                f"{where}: no request of that API: {shape.fault(request)[0] if shape else shown(str(said.get('api')))}",
                mend="record it with log.texts, or write the body that the API takes",
            )
        answer = said.get("answer")
        yield Recorded(where, str(said.get("id", number)), shape, request, answer if isinstance(answer, dict) else None)


def decide(pipeline: Pipeline, one: Recorded) -> Decision:
    """Say what a policy does with a recorded call, its answer included."""
    request, answer = copy.deepcopy(one.request), copy.deepcopy(one.answer)
    ledger = pipeline.ledger()
    call = Call(list(one.shape.request(request)), "")
    try:
        changed = pipeline.request(call, ledger)
        pipeline.beside(call, ledger)
        if answer is not None:
            slots = list(one.shape.answer(answer))
            changed = pipeline.answer(call, slots, one.shape.tool_calls(answer), ledger) or changed
        verdict = "change" if changed else "pass"
    except Refused:
        verdict = "stop"
    found = (
        f"{guard}.{direction} {outcome.result}"
        for (guard, direction), outcome in ledger.entries.items()
        if outcome.result not in ("pass", "skipped")
    )
    return Decision(verdict, ", ".join(found))


def flips(before: Pipeline, after: Pipeline, calls: Iterable[Recorded]) -> Iterator[tuple[Recorded, Flip | None]]:
    """Go through recorded calls, and give those that two policies treat differently."""
    for one in calls:
        was, now = decide(before, one), decide(after, one)
        yield one, (Flip(one.where, one.id, was, now) if was != now else None)
