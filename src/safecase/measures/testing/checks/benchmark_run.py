"""`eval.bench`: the declared benchmark ran on this model in this version."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.engines.statistics import wilson
from safecase.readers.benchmark_results import BenchmarkResults, read_results
from safecase.readers.text import shown
from safecase.service.schema import BenchmarkBlock, ModelBlock
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Metric, Place


@check(
    "eval.bench",
    control="TV-03",
    severity="low",
    reads=("testing.benchmarks", "models"),
    files=("testing.benchmarks.file",),
)
def benchmark_run(service: Service, ctx: Context) -> Iterator[Finding]:
    """Each declared benchmark ran on this model in this version, and reached what was declared.

    ## Why it matters
    A test that others use, too, shows a model that is worse than it was said to be, and a new version that lost what
    the old one could. Numbers of another version, or of the maker's announcement, show neither.

    ## How it is checked
    `testing.benchmarks` names files of results: of lm-evaluation-harness, of Inspect (as JSON), or plain JSON with
    `model`, `revision` and `metrics`. The file must say which model it ran on: the declared model's source, and its
    revision where one is declared, stand in it. The number that counts (`metric`, or the only one) reaches
    `threshold`; where the file says how many items were asked, and the number is a share, Wilson's 95 % interval is
    held against it: the lower bound must reach it, and where only the upper one does it is unknown. That the run was
    done well is believed; run it again with the same program to see.

    ## How to mend it
    Run the benchmark on the model that runs: `lm_eval --output_path`, or `inspect eval` and `inspect log dump`.

    ## References
    NIST AI RMF 1.0 MEASURE 2.3, 2.6; EU AI Act Art. 15; ISO/IEC 42001:2023 A.6.2.4.
    """
    place = ctx.place("testing.benchmarks")
    if not ctx.manifest.testing.benchmarks:
        mend = "run one, and declare its results: `testing: {benchmarks: [{id: mmlu, file: …, threshold: 0.6}]}`"
        yield benchmark_run.unknown(service, "no benchmark is declared", mend=mend, place=place)
        return
    for declared in ctx.manifest.testing.benchmarks:
        found = read_results(ctx.path(declared.file), declared.file)
        yield _finding(service, ctx, declared, found)


def _finding(service: Service, ctx: Context, declared: BenchmarkBlock, found: BenchmarkResults) -> Finding:
    key, place = declared.id, Place(file=declared.file)
    again = "run it again on the model that is declared"
    if not found.complete:
        told = f"{declared.id}: the run did not end well"
        return benchmark_run.unknown(service, told, rule="run", key=key, place=place, mend="run it again")
    if told := _other_model(ctx, declared, found):
        if not found.model:
            return benchmark_run.unknown(service, told, rule="model", key=key, place=place, mend=again)
        return benchmark_run.failed(service, told, rule="model", key=key, place=place, mend=again)
    named = _metric(declared, found)
    if named is None:
        names = ", ".join(shown(name, 40) for name in sorted(found.metrics)[:8])
        told = f"{declared.id}: which number counts is not said; there are {names}"
        mend = "say `metric` in testing.benchmarks"
        return benchmark_run.unknown(service, told, rule="metric", key=key, place=place, mend=mend)
    name, value = named
    told = f"{declared.id}: {shown(name, 60)} is {value:.4g}, {declared.threshold:.4g} is wanted"
    low = high = value
    if found.samples and 0 <= value <= 1:
        low, high = wilson(value * found.samples, found.samples)
        told += f" (95 % interval {low:.3f} to {high:.3f}, {found.samples} items)"
    ctx.measure(
        Metric(name=f"benchmark.{declared.id}", value=value, low=low, high=high, n=found.samples or None,
               threshold=declared.threshold)
    )  # fmt: skip
    if low >= declared.threshold:
        return benchmark_run.passed(service, told, key=key, place=place)
    if high < declared.threshold:
        mend = "take a model that reaches it, or say a threshold that the service can live with"
        return benchmark_run.failed(service, told, rule="threshold", key=key, place=place, mend=mend)
    told += "; too few items to tell"
    return benchmark_run.unknown(service, told, rule="threshold", key=key, place=place, mend="run all items of it")


def _other_model(ctx: Context, declared: BenchmarkBlock, found: BenchmarkResults) -> str:
    """Say why the results are not of the declared model; empty where they are."""
    models = [one for one in ctx.manifest.models if declared.model in ("", one.id)]
    if len(models) != 1:
        return f"{declared.id}: on which of {len(models)} declared models it ran is not said"
    model = models[0]
    if not found.model:
        return f"{declared.id}: the file does not say which model it ran on"
    source = _name(model)
    if source.lower() not in found.model.lower():
        return f"{declared.id}: it ran on {shown(found.model, 80)}, and not on {shown(source, 80)}"
    if model.revision and model.revision.lower() not in found.model.lower():
        return f"{declared.id}: it ran on {shown(found.model, 80)}, and not on revision {shown(model.revision, 40)}"
    return ""


def _name(model: ModelBlock) -> str:
    """Give what a run would call the model."""
    return model.source.removeprefix("hf:").partition("@")[0] or model.id


def _metric(declared: BenchmarkBlock, found: BenchmarkResults) -> tuple[str, float] | None:
    wanted = [name for name in found.metrics if declared.metric in (name, name.rpartition("/")[2])]
    names = wanted if declared.metric else list(found.metrics)
    return (names[0], found.metrics[names[0]]) if len(names) == 1 else None
