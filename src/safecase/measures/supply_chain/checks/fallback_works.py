"""`fallback.drill`: a second model, or a reduced service, does the work when a supplier is lost."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, Estimate, check
from safecase.errors import ManifestError
from safecase.readers.text import shown
from safecase.service.read import endpoint_of
from safecase.service.schema import Endpoint, FallbackBlock, Manifest, SuiteBlock
from safecase.service.subjects import Service
from safecase.targets.evaluation import Evaluation, ask_suite
from safecase.vocabulary import Digest, Finding, Metric

LIKELY_ROWS = 50
TOKENS_A_CALL = 400
MOST_UNANSWERED = 0.2


def _cost(_: Service, manifest: Manifest) -> Estimate:
    """A guess: how many rows there are is not known before the file is read."""
    if manifest.supply_chain.fallback is None:
        return Estimate()
    tokens = LIKELY_ROWS * TOKENS_A_CALL
    price = manifest.testing.attacks.price_per_1000_tokens
    return Estimate(
        calls=LIKELY_ROWS,
        tokens=tokens,
        money=tokens / 1000 * price,
        currency=manifest.testing.attacks.currency if price else "",
        seconds=min(float(LIKELY_ROWS), manifest.settings.check_seconds),
    )


@check(
    "fallback.drill",
    control="SC-18",
    severity="medium",
    runs="thread",
    network=True,
    reads=("supply_chain.fallback", "testing.suites", "deployment.endpoint"),
    files=("testing.suites.file",),
    estimate=_cost,
)
def fallback_works(service: Service, ctx: Context) -> Iterator[Finding]:
    """A second model, or a reduced service, was tried and does the work when the first supplier is lost.

    ## Why it matters
    Providers have outages, retire models, change prices and terms, and lose the right to serve a country. A second
    model that was never asked the same questions is a hope: prompts are written for the first one.

    ## How it is checked
    `supply_chain.fallback` says where the second model answers, or the service itself started without its first
    supplier, and which of `testing.suites` it is asked. The suite is asked of it for real, as `eval.business` asks the
    first; it passes when the lower bound of Wilson's 95 % interval of the rows that pass reaches `threshold` (left out,
    the suite's own), fails when the upper bound does not, and is unknown in between, or where more than a fifth of the
    rows got no answer. A fallback with the address and the model of the first is none. The answers are kept.

    That the service turns to it by itself when the first is gone is shown only where the declared fallback is the
    service itself with the first supplier cut off; who supplies the second is for `vendor.register` to say.

    ## How to mend it
        supply_chain:
          fallback:
            endpoint: {url: "${env:FALLBACK_URL}", model: second-model, key: "${env:FALLBACK_KEY}"}
            suite: orders
            threshold: 0.8

    ## References
    NIST AI RMF 1.0 GOVERN 6.2 and MANAGE 2.3; ISO/IEC 42001 A.10.3; EU AI Act Art. 15(4); DORA Art. 28(8).
    """
    fallback = ctx.manifest.supply_chain.fallback
    place = ctx.place("supply_chain.fallback")
    if fallback is None:
        told = "nothing says what takes over when a supplier is lost (supply_chain.fallback)"
        mend = "declare a second model, or a reduced service, and the test set that it must pass"
        yield fallback_works.unknown(service, told, rule="fallback.none", place=place, mend=mend)
        return
    suite = next((s for s in ctx.manifest.testing.suites if s.id == fallback.suite), None)
    if suite is None:
        told = f"there is no test set {shown(fallback.suite)} in testing.suites"
        mend = "name one that is there under supply_chain.fallback.suite"
        yield fallback_works.unknown(service, told, rule="fallback.suite", place=place, mend=mend)
        return
    if _is_the_first(fallback.endpoint, endpoint_of(ctx.manifest)):
        told = "the fallback has the address and the model of the first: it is lost with it"
        mend = "declare another model, best of another supplier"
        yield fallback_works.failed(service, told, rule="fallback.same", place=place, mend=mend)
        return
    try:
        found, kept = ask_suite(suite, fallback.endpoint, ctx)
    except ManifestError as why:
        for fault in why.faults:
            yield fallback_works.unknown(
                service, fault.message, rule="fallback.suite", key=fault.message, place=fault.place, mend=fault.mend
            )
        return
    yield _finding(service, ctx, fallback, suite, found, kept)


def _is_the_first(fallback: Endpoint, first: Endpoint | None) -> bool:
    return first is not None and (fallback.url.rstrip("/"), fallback.model) == (first.url.rstrip("/"), first.model)


def _finding(
    service: Service, ctx: Context, fallback: FallbackBlock, suite: SuiteBlock, found: Evaluation, kept: Digest
) -> Finding:
    threshold = suite.threshold if fallback.threshold is None else fallback.threshold
    place = ctx.place("supply_chain.fallback")
    if found.unanswered > MOST_UNANSWERED * found.rows or found.unanswered == found.rows:
        why = next((one.error for one in found.asked if one.error), "")
        message = f"{found.unanswered} of {found.rows} rows got no answer: {shown(why, 200)}"
        mend = "start what takes over, and try again"
        return fallback_works.unknown(service, message, kept, rule="fallback.silent", place=place, mend=mend)
    low, high = found.interval
    n = found.rows - found.unanswered
    ctx.measure(Metric(name="fallback_share", value=found.share, low=low, high=high, n=n, threshold=threshold))
    told = (
        f"the fallback answers {n - len(found.failed_rows)} of {n} rows right "
        f"(95 % interval {100 * low:.0f} to {100 * high:.0f} %; {100 * threshold:.3g} % is wanted)"
    )
    if low >= threshold:
        return fallback_works.passed(service, told, kept, place=place)
    if high < threshold:
        mend = "fit its prompt, choose another model, or lower supply_chain.fallback.threshold for a reduced service"
        return fallback_works.failed(service, told, kept, rule="fallback.worse", place=place, mend=mend)
    return fallback_works.unknown(service, told, kept, rule="fallback.few", place=place, mend="add rows to the suite")
