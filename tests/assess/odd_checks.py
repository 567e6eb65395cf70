"""Checks that misbehave, for the executor's tests."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Metric


@check("odd.good", control="X-1", severity="low")
def good(service: Service, ctx: Context) -> Iterator[Finding]:
    """Everything is well."""
    kept = ctx.keep(b"what was seen", name="seen.txt")
    ctx.measure(Metric(name="share", value=0.5, low=0.4, high=0.6, n=10))
    yield good.passed(service, "well", kept)


@check("odd.hangs", control="X-1", severity="low")
def hangs(service: Service, ctx: Context) -> Iterator[Finding]:
    """It never ends."""
    while True:
        time.sleep(0.05)
        yield from ()


@check("odd.hangs-in-a-thread", control="X-1", severity="low", runs="thread")
def hangs_in_a_thread(service: Service, ctx: Context) -> Iterator[Finding]:
    """It never ends, in a thread."""
    while True:
        time.sleep(0.05)
        yield from ()


@check("odd.raises", control="X-1", severity="low")
def raises(service: Service, ctx: Context) -> Iterator[Finding]:
    """It breaks."""
    raise ZeroDivisionError("\x1b[31mred")
    yield


@check("odd.unreachable", control="X-1", severity="low", runs="thread")
def unreachable(service: Service, ctx: Context) -> Iterator[Finding]:
    """It cannot look."""
    raise CollectError("nobody answers", mend="start it")
    yield


@check("odd.dies", control="X-1", severity="low")
def dies(service: Service, ctx: Context) -> Iterator[Finding]:
    """Its process ends."""
    os._exit(7)
    yield


@check("odd.garbage", control="X-1", severity="low")
def garbage(service: Service, ctx: Context) -> Iterator[Finding]:
    """It gives what is no finding."""
    yield {"verdict": "pass"}  # type: ignore[misc]


@check("odd.silent", control="X-1", severity="low")
def silent(service: Service, ctx: Context) -> Iterator[Finding]:
    """It says nothing."""
    yield from ()


@check("odd.prints", control="X-1", severity="low")
def prints(service: Service, ctx: Context) -> Iterator[Finding]:
    """It prints into what would be the answers."""
    sys.stdout.write("x" * 100_000)
    sys.stdout.flush()
    yield prints.passed(service, "well")


@check("odd.endless", control="X-1", severity="low")
def endless(service: Service, ctx: Context) -> Iterator[Finding]:
    """It finds without end."""
    while True:
        yield endless.passed(service, "again")


@check("odd.hungry", control="X-1", severity="low")
def hungry(service: Service, ctx: Context) -> Iterator[Finding]:
    """It wants more memory than there is for it."""
    yield hungry.passed(service, str(len(bytearray(64 * 1024**3))))


@check("odd.deep", control="X-1", severity="low")
def deep(service: Service, ctx: Context) -> Iterator[Finding]:
    """It recurses."""

    def down(n: int) -> int:
        return down(n + 1) + 1

    yield deep.passed(service, str(down(0)))
