"""`endpoint.extract`: whoever asks again and again is counted, and learns no more than the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

from safecase.checks import Context, Estimate, check
from safecase.errors import CollectError
from safecase.measures.protection.asker import (
    Asked,
    Asker,
    calls_of,
    cost,
    declared_per_minute,
    insist,
    limited,
)
from safecase.measures.protection.scores import fine_outputs, inputs_of, log_probabilities
from safecase.readers.text import shown
from safecase.service.schema import Manifest
from safecase.service.subjects import Endpoint
from safecase.vocabulary import Finding, Metric, Place

_COARSE = "give out the answer alone: no log-probabilities, one label, scores of two decimals"


def _cost(_: Endpoint, manifest: Manifest) -> Estimate:
    calls = calls_of(manifest) + 4
    return cost(manifest, calls, 30 * calls)


@check(
    "endpoint.extract",
    control="AI-10",
    severity="medium",
    runs="thread",
    network=True,
    reads=("protection", "testing.attacks"),
    estimate=_cost,
)
def extraction_limited(endpoint: Endpoint, ctx: Context) -> Iterator[Finding]:
    """Near copies of one question meet a limit, and answers hold no scores that a copy could be trained on.

    ## Why it matters
    A model can be copied by asking: enough questions with their answers train another one, and fine scores make a
    tenth of the questions do. Who was asked ten thousand times for nearly the same thing, and noticed nothing, gives
    the model away for the price of the calls.

    ## How it is checked
    The declared endpoint is asked like by any client. One answer with the wish for log-probabilities (`logprobs`, by
    both ways of the OpenAI API) must come without them, and the same model must not give out embeddings. Then up to
    120 near copies of one question are asked within 45 s (no more than `testing.attacks.calls`), each for one token: a
    refusal with 429, or headers that tell how many calls are left, show that calls are counted. If all are answered
    and no limit is told, that fails, and so does a limit of `protection.gateway.limits.requests_per_minute` that does
    not hold; a declared limit that so few calls do not reach is unknown. This uses up the limit of the key for a
    minute: give the endpoint a key for tests.

    An endpoint with `api: http` is asked by the Open Inference Protocol (KServe, Triton, MLServer: `v2/models/NAME`),
    with inputs made by the model's own metadata. Its outputs must have no scores with more than three decimals, no
    distribution over three classes or more, and no logits or embeddings. Other HTTP APIs are unknown: the manifest
    cannot say yet how they are asked. Whether somebody who asks slowly, or with many keys, is noticed is not tested.

    ## How to mend it
    Give each client a key with limits (`safecase gateway keys create`), and coarse answers: the label, or two
    decimals.

    ## References
    AML.T0024.002; AML.M0002; AML.M0004 (ATLAS 5.6.0); CWE-799; CWE-770; EU AI Act Art. 15(5).
    """
    place = Place(file=ctx.manifest_path, line=endpoint.line)
    with Asker(endpoint.declared, ctx) as asker:
        if endpoint.declared.api == "http":
            near, given = _prediction(asker)
        else:
            near, given = _near_copy(asker), _given_by_chat(asker)
        for what in given:
            told = f"the endpoint gives out {what}"
            yield extraction_limited.failed(endpoint, told, rule="extract.scores", key=what, place=place, mend=_COARSE)
        if not given:
            told = "an answer came without scores beyond the answer"
            yield extraction_limited.passed(endpoint, told, rule="extract.scores", place=place)
        seen = insist(near, calls_of(ctx.manifest), ctx.remaining)
    found = limited(seen, declared_per_minute(ctx.manifest))
    ctx.measure(Metric(name="near_copies_asked", value=seen.asked))
    if found.verdict == "pass":
        yield extraction_limited.passed(endpoint, found.told, rule="extract.limit", place=place)
        return
    verdict = extraction_limited.failed if found.verdict == "fail" else extraction_limited.unknown
    yield verdict(endpoint, f"near copies: {found.told}", rule="extract.limit", place=place, mend=found.mend)


def _near_copy(asker: Asker) -> Callable[[int], Asked]:
    return lambda number: asker.chat(f"In one word: which season is it on day {number + 1} of a year?", max_tokens=1)


def _given_by_chat(asker: Asker) -> list[str]:
    """Say what a client gets beside the text; raises CollectError where an ordinary question is not answered."""
    question = "In one word: which season comes after winter?"
    plain = asker.chat(question, max_tokens=4)
    if plain.status != 200 or not plain.message:
        raise _unanswered(plain)
    ways = {
        "log-probabilities of its tokens (/chat/completions)": asker.chat(
            question, max_tokens=4, logprobs=True, top_logprobs=5
        ),
        "log-probabilities of its tokens (/completions)": asker.post(
            "/completions", {"model": asker.model, "prompt": question, "max_tokens": 4, "logprobs": 5}
        ),
        "embeddings of its own model": asker.post("/embeddings", {"model": asker.model, "input": question}),
    }
    used_up = next((asked for asked in ways.values() if asked.status == 429), None)
    if used_up is not None:
        raise _unanswered(used_up)
    return [what for what, asked in ways.items() if asked.status == 200 and _tells(asked)]


def _tells(asked: Asked) -> bool:
    rows = asked.said.get("data")
    first = rows[0] if isinstance(rows, list) and rows else None
    return bool(log_probabilities(asked.choice) or (isinstance(first, dict) and first.get("embedding")))


def _prediction(asker: Asker) -> tuple[Callable[[int], Asked], list[str]]:
    """Give how near copies are asked of a predictive model, and what one answer gave out."""
    path = f"/v2/models/{quote(asker.model, safe='')}"
    metadata = asker.get(path)
    if metadata.status != 200 or inputs_of(metadata.said, 0) is None:
        raise CollectError(
            f"{path} does not say what the model takes (HTTP {metadata.status}): how it is asked is not known",
            mend="serve it by the Open Inference Protocol, name it in deployment.endpoint.model, or attest AI-10",
        )

    def near(number: int) -> Asked:
        return asker.post(f"{path}/infer", {"inputs": inputs_of(metadata.said, number)})

    first = near(0)
    if first.status != 200:
        raise _unanswered(first)
    outputs = first.said.get("outputs")
    return near, [f"{what} ({shown(name, 40)})" for name, what in fine_outputs(outputs)]


def _unanswered(asked: Asked) -> CollectError:
    if asked.status == 429:
        return CollectError("the key's limit is used up already", mend="try it again in a minute")
    return CollectError(
        f"the endpoint does not answer an ordinary question (HTTP {asked.status})",
        mend="see that its key, its model and its url are right",
    )
