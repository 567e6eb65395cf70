"""Results of benchmarks as lm-evaluation-harness and Inspect write them, and as JSON with `model` and `metrics`.

Fields as in lm-evaluation-harness 0.4 (`results_*.json`) and Inspect 0.3 logs (`inspect log dump`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from safecase.errors import CollectError
from safecase.readers.text import shown

MOST_BYTES: Final = 64_000_000
MOST_METRICS: Final = 10_000


class BenchmarkResults(NamedTuple):
    """What a benchmark gave."""

    model: str
    """As the program that ran it names the model, revision included where it says one; empty where it does not."""
    metrics: Mapping[str, float]
    """By `task/metric`."""
    samples: int
    """How many items it asked; 0 where it does not say."""
    complete: bool = True
    """False where it says itself that it did not end well."""


def read_results(path: Path, name: str) -> BenchmarkResults:
    """Read a file of results; raises CollectError where it is none."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise CollectError(f"{shown(name)} is larger than {MOST_BYTES // 10**6} MB", mend="give the summary only")
        value = json.loads(content)
    except OSError as why:
        raise CollectError(f"{shown(name)} cannot be read: {why.strerror}", mend="correct the path") from why
    except (ValueError, RecursionError) as why:
        raise CollectError(
            f"{shown(name)} is no JSON", mend="give the JSON that the benchmark's program wrote"
        ) from why
    if isinstance(value, dict):
        for reader in (_inspect, _harness, _plain):
            if found := reader(value):
                return found
    raise CollectError(
        f"{shown(name)} holds no results that are known",
        mend="give results of lm-evaluation-harness or Inspect, or JSON with `model` and `metrics`",
    )


def _harness(value: dict[str, Any]) -> BenchmarkResults | None:
    results, config = value.get("results"), _dict(value.get("config"))
    if not isinstance(results, dict) or not (config or "model_name" in value):
        return None
    metrics = {
        f"{task}/{name.partition(',')[0]}": float(number)
        for task, said in results.items()
        for name, number in _dict(said).items()
        if _number(number) and "stderr" not in name
    }
    told = (value.get("model_name"), config.get("model_args"), config.get("model_revision"))
    samples = sum(
        int(_dict(one).get("effective", 0)) for one in _dict(value.get("n-samples")).values() if _counted(one)
    )
    return _found(" ".join(str(one) for one in told if one), metrics, samples)


def _inspect(value: dict[str, Any]) -> BenchmarkResults | None:
    run, results = _dict(value.get("eval")), _dict(value.get("results"))
    if not run or "scores" not in results:
        return None
    task = str(run.get("task", ""))
    scores = results["scores"] if isinstance(results["scores"], list) else []
    metrics = {
        f"{task}/{name}": float(_dict(said).get("value"))  # type: ignore[arg-type]  # looked at below
        for score in scores
        for name, said in _dict(_dict(score).get("metrics")).items()
        if _number(_dict(said).get("value")) and name != "stderr"
    }
    samples = results.get("completed_samples", results.get("total_samples"))
    told = f"{run.get('model', '')} {json.dumps(run.get('model_args') or {}, sort_keys=True)}"
    found = _found(told.removesuffix(" {}"), metrics, samples if isinstance(samples, int) else 0)
    return found._replace(complete=value.get("status", "success") == "success") if found else None


def _plain(value: dict[str, Any]) -> BenchmarkResults | None:
    metrics = {str(name): float(number) for name, number in _dict(value.get("metrics")).items() if _number(number)}
    told = (value.get("model"), value.get("revision"))
    samples = value.get("samples")
    return _found(" ".join(str(one) for one in told if one), metrics, samples if isinstance(samples, int) else 0)


def _found(model: str, metrics: dict[str, float], samples: int) -> BenchmarkResults | None:
    if not metrics or len(metrics) > MOST_METRICS:
        return None
    return BenchmarkResults(model, metrics, max(0, samples))


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) < 1e12


def _counted(value: object) -> bool:
    return isinstance(_dict(value).get("effective"), int)
