"""Checks that misbehave, for the executor's tests."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import msgspec

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Metric, Place


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


@check("odd.exits", control="X-1", severity="low")
def exits(service: Service, ctx: Context) -> Iterator[Finding]:
    """It wants the program to end."""
    sys.exit(3)
    yield


@check("odd.interrupts", control="X-1", severity="low", runs="thread")
def interrupts(service: Service, ctx: Context) -> Iterator[Finding]:
    """It acts as if somebody had pressed Ctrl-C."""
    raise KeyboardInterrupt
    yield


@check("odd.terrible", control="X-1", severity="low", runs="thread")
def terrible(service: Service, ctx: Context) -> Iterator[Finding]:
    """Its one finding has a severity that there is not."""
    yield terrible.failed(service, "bad", mend="mend it", severity="terrible")  # type: ignore[arg-type]


@check("odd.words", control="X-1", severity="low", runs="thread")
def words(service: Service, ctx: Context) -> Iterator[Finding]:
    """It gives findings with words that there are not, or of other types, and one that is sound."""
    yield words.passed(service, "well")
    replace = msgspec.structs.replace
    for wrong in (
        {"severity": "terrible"},
        {"verdict": "maybe"},
        {"message": 7},
        {"mend": None},
        {"place": "a.py:3"},
        {"place": Place(file="a.py", line="three")},  # type: ignore[arg-type]
        {"place": Place(file="a.py", line=1 << 80)},
        {"evidence": "sha256:ab"},
        {"evidence": (b"ab",)},
        {"check": "other.check"},
        {"subject": "model:other"},
    ):
        yield replace(words.passed(service, "well"), **wrong)


@check("odd.huge", control="X-1", severity="low", runs="thread")
def huge(service: Service, ctx: Context) -> Iterator[Finding]:
    """It has more to say than a ledger can keep."""
    long = "\x01\N{PILE OF POO}" * 100_000
    for number in range(400):
        yield huge.failed(
            service, long, mend=long, rule=long, key=f"{number} {long}", place=Place(file=long, line=number)
        )


@check("odd.late", control="X-1", severity="low")
def late(service: Service, ctx: Context) -> Iterator[Finding]:
    """The failure comes last."""
    for number in range(3000):
        yield late.passed(service, f"part {number} is well")
    yield late.unknown(service, "one part could not be read", mend="make it readable")
    yield late.failed(service, "the last part is rotten", mend="mend it")


@check("odd.keeps", control="X-1", severity="low", runs="thread")
def keeps(service: Service, ctx: Context) -> Iterator[Finding]:
    """It keeps and measures what is nothing of the kind."""
    kept = ctx.keep(b"what was seen", name="seen.txt")
    ctx.kept["sha256:" + "0" * 64] = ("x", "text/plain", b"under another digest")
    ctx.kept["../../x"] = ("x", "text/plain", b"under no digest")
    ctx.metrics += [Metric(name="nan", value=float("nan")), "much", Metric(name="good", value=1.0)]  # type: ignore[list-item]
    yield keeps.passed(service, "well", kept)


@check("odd.surrogate", control="X-1", severity="low")
def surrogate(service: Service, ctx: Context) -> Iterator[Finding]:
    """It names a file whose name is no Unicode."""
    yield surrogate.failed(service, "caf\udce9.pkl runs code", mend="remove it", place=Place(file="caf\udce9.pkl"))


@check("odd.environment", control="X-1", severity="low")
def environment(service: Service, ctx: Context) -> Iterator[Finding]:
    """It tells which variables it sees."""
    yield environment.passed(service, " ".join(sorted(os.environ)))


@check("odd.limits", control="X-1", severity="low")
def limits(service: Service, ctx: Context) -> Iterator[Finding]:
    """It tells how long it may compute."""
    import resource

    yield limits.passed(service, str(resource.getrlimit(resource.RLIMIT_CPU)[0]))


@check("odd.busy", control="X-1", severity="low")
def busy(service: Service, ctx: Context) -> Iterator[Finding]:
    """It computes without end, once it said who it is."""
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    while True:
        pass
    yield
