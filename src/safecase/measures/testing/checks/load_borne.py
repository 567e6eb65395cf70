"""`load.test`: the service bears the declared load, and sheds what is more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from safecase.checks import Context, Estimate, check
from safecase.engines.statistics import exact_lower, exact_upper, wilson
from safecase.measures.testing.load import Answered, at_once, borne, percentile
from safecase.service.schema import LoadBlock, Manifest
from safecase.service.subjects import Endpoint
from safecase.targets.opening import open_endpoint
from safecase.vocabulary import Finding, Metric, Place

IN_TIME: Final = 0.95
MOST_UNSHED: Final = 0.05
MOST_OPEN: Final = 512
TOKENS_A_CALL: Final = 60
RESERVE_S: Final = 2.0


def _cost(endpoint: Endpoint, manifest: Manifest) -> Estimate:
    load = manifest.testing.load
    if load is None:
        return Estimate()
    calls = round(load.per_second * load.seconds) + load.burst + 1
    price = manifest.testing.attacks.price_per_1000_tokens
    return Estimate(
        calls=calls,
        tokens=calls * TOKENS_A_CALL,
        money=calls * TOKENS_A_CALL / 1000 * price,
        currency=manifest.testing.attacks.currency if price else "",
        seconds=load.seconds + 2 * endpoint.declared.timeout_s,
    )


@check(
    "load.test",
    control="TV-16",
    severity="low",
    runs="thread",
    network=True,
    reads=("testing.load",),
    estimate=_cost,
)
def load_borne(endpoint: Endpoint, ctx: Context) -> Iterator[Finding]:
    """Under the declared load answers come in time, errors stay within the bound, and an overload is shed.

    ## Why it matters
    A service that is fast for one is not yet fast for fifty. And one that takes in more than it can do answers nobody:
    it queues until everybody has gone.

    ## How it is checked
    For `testing.load.seconds` the declared endpoint gets `per_second` short innocent requests of our own, each when it
    is due and not when the one before it is answered. Latency counts from when a request was due. At least 95 of 100
    must be answered within `p95_seconds`, and at most the share `errors` may fail: both are held against the exact
    95 % bound of their share, so that few requests prove nothing and are unknown. Then `burst` requests come at once:
    at most one in twenty may end in anything but an answer or a refusal that says "later" (429, 503), and the service
    answers again afterwards. A burst of 0 leaves that out, as unknown.

    This is one client from where the check runs; it is no replacement for a load test of the whole system.

    ## How to mend it
    Bound the queue in front of the model and answer 429 or 503 with Retry-After beyond it; add replicas; shorten
    prompts and answers. `safecase gateway run` sheds by `limits.at_once`.

    ## References
    LLM06:2026; AML.M0004 (ATLAS 5.6.0); RFC 9110 §15.6.4; RFC 6585 §4; EU AI Act Art. 15(4).
    """
    load = ctx.manifest.testing.load
    place = ctx.place("testing.load")
    if load is None:
        mend = "declare what it must bear: `testing: {load: {per_second: 5, p95_seconds: 3}}`"
        yield load_borne.unknown(endpoint, "no load is declared that it must bear", mend=mend, place=place)
        return
    steady, burst, after = asyncio.run(_loaded(endpoint, ctx, load))
    yield _latency(endpoint, ctx, load, steady, place)
    yield _errors(endpoint, ctx, load, steady, place)
    yield _overload(endpoint, burst, after, place)


async def _loaded(
    endpoint: Endpoint, ctx: Context, load: LoadBlock
) -> tuple[list[Answered], list[Answered], list[Answered]]:
    target = open_endpoint(endpoint.declared, secret=ctx.secret, owned=ctx.owned, at_once=MOST_OPEN)
    try:
        seconds = min(load.seconds, max(1.0, ctx.remaining() - endpoint.declared.timeout_s - RESERVE_S))
        steady = await borne(target, load.per_second, seconds)
        if not load.burst or ctx.remaining() < RESERVE_S:
            return steady, [], []
        return steady, await at_once(target, load.burst), await at_once(target, 1)
    finally:
        await target.close()


def _latency(endpoint: Endpoint, ctx: Context, load: LoadBlock, steady: Sequence[Answered], place: Place) -> Finding:
    times = [one.seconds for one in steady if one.fault is None]
    if not times:
        return load_borne.unknown(
            endpoint, "no request was answered", rule="latency", place=place, mend="see that the service answers"
        )
    n = len(times)
    in_time = sum(one <= load.p95_seconds for one in times)
    p95 = percentile(times, IN_TIME)
    low, high = wilson(in_time, n)
    ctx.measure(Metric(name="latency_p95_seconds", value=p95, n=n, threshold=load.p95_seconds))
    ctx.measure(Metric(name="answered_in_time", value=in_time / n, low=low, high=high, n=n, threshold=IN_TIME))
    told = (
        f"{in_time} of {n} answers came within {load.p95_seconds:g} s at {load.per_second:g} requests a second: "
        f"median {percentile(times, 0.5):.2f} s, 95 of 100 within {p95:.2f} s"
    )
    if exact_lower(in_time, n) >= IN_TIME:
        return load_borne.passed(endpoint, told, rule="latency", place=place)
    if exact_upper(in_time, n) < IN_TIME:
        mend = "shorten prompts and answers, add replicas, or declare what it really must bear"
        return load_borne.failed(endpoint, told, rule="latency", place=place, mend=mend)
    return load_borne.unknown(
        endpoint, f"{told}; that is too few to tell", rule="latency", place=place, mend="raise testing.load.seconds"
    )


def _errors(endpoint: Endpoint, ctx: Context, load: LoadBlock, steady: Sequence[Answered], place: Place) -> Finding:
    n, failed = len(steady), [one.fault for one in steady if one.fault]
    low, high = wilson(len(failed), n)
    ctx.measure(Metric(name="error_share", value=len(failed) / n, low=low, high=high, n=n, threshold=load.errors))
    kinds = ", ".join(f"{failed.count(kind)} {kind}" for kind in sorted(set(failed)))
    told = f"{len(failed)} of {n} requests failed{f' ({kinds})' if kinds else ''}"
    if exact_upper(len(failed), n) <= load.errors:
        return load_borne.passed(endpoint, told, rule="errors", place=place)
    if exact_lower(len(failed), n) > load.errors:
        mend = "look into the log of the service at that time"
        return load_borne.failed(endpoint, told, rule="errors", place=place, mend=mend)
    return load_borne.unknown(
        endpoint,
        f"{told}; {100 * load.errors:g} % or less is not shown by that",
        rule="errors",
        place=place,
        mend="raise testing.load.seconds",
    )


def _overload(endpoint: Endpoint, burst: Sequence[Answered], after: Sequence[Answered], place: Place) -> Finding:
    if not burst:
        return load_borne.unknown(
            endpoint, "no overload was tried", rule="overload", place=place, mend="raise testing.load.burst"
        )
    answered = sum(one.fault is None for one in burst)
    shed = sum(one.later for one in burst)
    lost = [one.fault for one in burst if one.fault and not one.later]
    kinds = ", ".join(f"{lost.count(kind)} {kind}" for kind in sorted(set(lost)))
    told = f"of {len(burst)} requests at once {answered} were answered and {shed} told to come later"
    told += f"; {kinds}" if kinds else ""
    if after[0].fault:
        told += f"; afterwards it did not answer ({after[0].fault})"
    if after[0].fault or len(lost) > MOST_UNSHED * len(burst):
        mend = "bound the queue in front of the model, and answer 429 or 503 with Retry-After beyond it"
        return load_borne.failed(endpoint, told, rule="overload", place=place, mend=mend)
    return load_borne.passed(endpoint, told, rule="overload", place=place)
