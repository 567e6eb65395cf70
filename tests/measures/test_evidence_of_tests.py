"""Checks of testing that read what others recorded: oversight, explanations, benchmarks, accuracy."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.checks import Check
from safecase.errors import CollectError
from safecase.measures.testing.checks.accuracy_declared import accuracy_declared
from safecase.measures.testing.checks.benchmark_run import benchmark_run
from safecase.measures.testing.checks.decisions_explained import decisions_explained
from safecase.measures.testing.checks.oversight_tested import oversight_tested
from safecase.measures.testing.load import percentile
from safecase.readers.benchmark_results import read_results
from tests.measures.looking import looked, rules, written

NOW = datetime(2026, 7, 2, tzinfo=UTC)
OVERSIGHT = "testing: {oversight: {file: o.csv, threshold: 0.8}}\n"
EXPLAINED = "testing: {explanations: {method: rules, file: e.csv, least: 4}}\n"
MODELS = 'models: [{id: fern, source: "hf:gardens/fern-1b"}]\n'


def verdicts(check: Check, folder: Path) -> list[str]:
    return [finding.verdict for finding in looked(check, folder, now=NOW)]


def planted(stopped: int, missed: int, *, day: str = "2026-07-01", honest_stopped: int = 0) -> str:
    rows = [f"a{n},ada,{day},yes,yes" for n in range(stopped)] + [f"b{n},bob,{day},yes,no" for n in range(missed)]
    rows += [f"c{n},ada,{day},no,yes" for n in range(honest_stopped)]
    return "\n".join(["case,overseer,day,planted,stopped", *rows]) + "\n"


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (planted(60, 1), "pass"),
        (planted(30, 30), "fail"),
        (planted(9, 1), "unknown"),  # too few
        (planted(60, 0, day="2024-01-01"), "unknown"),  # too old
        (planted(60, 0, honest_stopped=60), "unknown"),  # whoever stops everything notices nothing
    ],
)
def test_oversight_is_judged_by_the_bound_and_by_what_counts(rows: str, verdict: str, tmp_path: Path) -> None:
    assert verdicts(oversight_tested, written(tmp_path, {"o.csv": rows}, OVERSIGHT)) == [verdict]


def test_rows_of_the_oversight_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    rows = planted(60, 1) + "x,ada,soon,yes,no\ny,ada,2026-07-01,perhaps,no\nz,ada,2030-01-01,yes,no\n"
    found = looked(oversight_tested, written(tmp_path, {"o.csv": rows}, OVERSIGHT), now=NOW)
    assert [(f.verdict, f.place.line if f.place else 0) for f in found[:3]] == [
        ("unknown", 63), ("unknown", 64), ("unknown", 65),
    ]  # fmt: skip
    assert found[3].verdict == "pass"


def test_nothing_declared_is_unknown_and_says_what_to_do(tmp_path: Path) -> None:
    written(tmp_path, {})
    for check in (oversight_tested, decisions_explained, benchmark_run, accuracy_declared):
        (found,) = looked(check, tmp_path)
        assert (found.verdict, bool(found.mend)) == ("unknown", True)


def test_a_sample_with_the_same_words_for_all_explains_none(tmp_path: Path) -> None:
    rows = "case,reason\n" + "".join(f"{n},the model found the risk too high\n" for n in range(6))
    assert rules(looked(decisions_explained, written(tmp_path, {"e.csv": rows}, EXPLAINED))) == ["alike"]


def test_attributions_count_as_explanations_and_too_few_decisions_do_not(tmp_path: Path) -> None:
    rows = [json.dumps({"id": n, "attributions": {"income": n / 10, "age": 0.1}}) for n in range(4)]
    jsonl = EXPLAINED.replace("e.csv", "e.jsonl")
    assert verdicts(decisions_explained, written(tmp_path, {"e.jsonl": "\n".join(rows)}, jsonl)) == ["pass"]
    assert verdicts(decisions_explained, written(tmp_path, {"e.jsonl": "\n".join(rows[:3])}, jsonl)) == ["unknown"]


def benchmark(folder: Path, value: Any, said: str = "threshold: 0.5") -> list[str]:
    manifest = MODELS + f"testing: {{benchmarks: [{{id: b, file: r.json, {said}}}]}}\n"
    written(folder, {"r.json": json.dumps(value)}, manifest)
    return verdicts(benchmark_run, folder)


def test_a_log_of_inspect_is_read_and_one_that_broke_off_proves_nothing(tmp_path: Path) -> None:
    log: dict[str, Any] = {
        "status": "success",
        "eval": {"task": "arc", "model": "hf/gardens/fern-1b"},
        "results": {
            "completed_samples": 500,
            "scores": [{"metrics": {"accuracy": {"value": 0.7}, "stderr": {"value": 0.02}}}],
        },
    }
    assert benchmark(tmp_path, log) == ["pass"]
    assert benchmark(tmp_path, log | {"status": "error"}) == ["unknown"]


def test_a_benchmark_counts_for_its_model_its_metric_and_enough_items(tmp_path: Path) -> None:
    plain = {"model": "gardens/fern-1b", "metrics": {"acc": 0.56}, "samples": 2000}
    assert benchmark(tmp_path, plain) == ["pass"]
    assert benchmark(tmp_path, plain | {"samples": 20}) == ["unknown"]
    assert benchmark(tmp_path, plain | {"model": "others/moss"}) == ["fail"]
    assert benchmark(tmp_path, plain | {"model": ""}) == ["unknown"]
    assert benchmark(tmp_path, plain | {"metrics": {"acc": 0.56, "f1": 0.4}}) == ["unknown"]
    assert benchmark(tmp_path, plain | {"metrics": {"acc": 0.2}}) == ["fail"]
    assert benchmark(tmp_path, plain, "threshold: 0.5, metric: acc") == ["pass"]


KEYS = st.sampled_from(["results", "eval", "scores", "metrics", "config", "value", "model", "n-samples", "x"])
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner)))
def test_any_json_is_results_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("results") / "r.json"
    path.write_text(json.dumps(value))
    with contextlib.suppress(CollectError):
        found = read_results(path, "r.json")
        assert found.metrics
        assert all(map(math.isfinite, found.metrics.values()))


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Version 2 of 2026-05-01. Recall 0.93 on 200 rows.", []),
        ("Version 2. Recall is high on 200 rows; 93 % of people like it.", ["level"]),
        ("Accuracy: 93 %. Version 2.", ["data"]),
        ("Error rate 3 % on the test set.", ["version"]),
        ("```\naccuracy 91 % on 400 rows, v2\n```", ["data", "level", "version"]),
    ],
)
def test_a_document_of_accuracy_says_level_data_and_version(text: str, missing: list[str], tmp_path: Path) -> None:
    written(tmp_path, {"a.md": text}, "compliance: {documents: {accuracy: a.md}}\n")
    assert rules(looked(accuracy_declared, tmp_path)) == missing


@given(st.lists(st.integers(0, 100), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_percentile_is_surpassed_by_no_more_than_the_rest(values: list[int], share: float) -> None:
    found = percentile(values, share)
    assert sum(one <= found for one in values) >= share * len(values) - 1e-6
    assert sum(one < found for one in values) < share * len(values) + 1e-6
