"""Drift: from the gateway's log, from recorded samples, and of a model that is asked the same again."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from safecase.cli.testing_drift import drift
from safecase.errors import CollectError, EvidenceError, UsageError
from safecase.gateway.events import EventLog
from tests.targets.servers import Request, Response, completion, said, serving


def run(*options: object) -> tuple[Result, Any]:
    told = [str(one) for one in options]
    result = CliRunner().invoke(drift, [*told, "--format", "json"], standalone_mode=False, catch_exceptions=False)
    return result, json.loads(result.stdout) if result.stdout else None


def samples(seed: int, n: int = 200, *, slow: float = 1.0, refused: float = 0.03, model: str = "m-1") -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(n):
        told = {
            "reply": "I'm sorry, I can't help with that." if rng.random() < refused else f"Gate {rng.randint(1, 9)}.",
            "model": model,
            "finish_reason": "stop",
            "tokens_out": rng.randint(3, 30),
            "seconds": rng.lognormvariate(0, 0.3) * slow,
            "calls": [["look_up", "{}"]] if rng.random() < 0.2 else [],
        }
        yield json.dumps(told) + "\n"


def written(path: Path, lines: Iterator[str]) -> Path:
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize(
    ("shift", "what"),
    [
        ({}, None),
        ({"slow": 1.6}, "milliseconds"),
        ({"refused": 0.3}, "reads as"),
        ({"model": "m-2"}, "model"),
    ],
)
def test_a_shift_is_found_and_named_and_no_shift_is_none(tmp_path: Path, shift: Any, what: str | None) -> None:
    before, now = written(tmp_path / "a.jsonl", samples(1)), written(tmp_path / "b.jsonl", samples(2, **shift))
    result, told = run(before, now)
    drifted = [one["name"] for one in told["metrics"] if one["drifted"]]
    assert (result.return_value, told["verdict"]) == ((1, "drifted") if what else (0, "stable"))
    assert (what in drifted) if what else not drifted


def test_few_calls_settle_nothing(tmp_path: Path) -> None:
    result, told = run(written(tmp_path / "a.jsonl", samples(1, 20)), written(tmp_path / "b.jsonl", samples(2, 200)))
    assert (result.return_value, told["verdict"], told["metrics"]) == (3, "unknown", [])


def logged(folder: Path, guards: str, *, n: int = 80, texts: bool = False) -> None:
    log = EventLog(folder, 8_000)
    try:
        for number in range(n):
            event: dict[str, Any] = {"event": "call", "api": "chat", "status": 200, "ms": 20.0 + number % 7}
            event["guards"] = {"injection.in": {"result": guards if number % 3 else "pass"}}
            if texts:
                message = {"role": "assistant", "content": "I can't help with that."}
                event["answer"] = {"choices": [{"message": message, "finish_reason": "stop"}], "model": "m-1"}
            log.add(event)
    finally:
        log.stop()


def test_the_gateways_log_is_read_and_its_chain_followed(tmp_path: Path) -> None:
    for _ in range(2):  # the second goes on with the chain in a segment of its own
        logged(tmp_path / "a" / "worker-0", "pass", n=40, texts=True)
    logged(tmp_path / "b" / "worker-0", "block")
    result, told = run(tmp_path / "a", tmp_path / "b")
    assert result.return_value == 1
    assert [one["name"] for one in told["metrics"] if one["drifted"]] == ["guard injection.in"]
    assert len(list((tmp_path / "a").rglob("*.jsonl"))) == 2
    part = sorted((tmp_path / "b").rglob("*.jsonl"))[0]
    part.write_bytes(part.read_bytes().replace(b'"status":200', b'"status":500', 1))
    with pytest.raises(EvidenceError) as met:
        run(tmp_path / "a", tmp_path / "b")
    assert met.value.exit_code == 4


def test_a_line_that_a_kill_cut_off_is_passed_over(tmp_path: Path) -> None:
    logged(tmp_path / "worker-0", "pass")
    last = sorted(tmp_path.rglob("*.jsonl"))[-1]
    last.write_bytes(last.read_bytes()[:-20])
    assert run(tmp_path, tmp_path)[0].return_value == 0


def test_one_log_is_parted_at_a_time(tmp_path: Path) -> None:
    lines = []
    for number, line in enumerate([*samples(1, 100), *samples(2, 100, slow=3.0)]):
        lines.append(json.dumps(json.loads(line) | {"time": f"2026-11-{10 + number // 100}T12:00:00Z"}) + "\n")
    result, told = run(written(tmp_path / "a.jsonl", iter(lines)), "--since", "2026-11-11")
    assert (result.return_value, told["reference"], told["current"]) == (1, 100, 100)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]\n", b'{"reply": 7}\n', b"\xff\xfe\n", b'{"reply": "x"}\n{"no": 1}\n', b"[" * 100_000 + b"\n"],
)
def test_what_is_no_sample_is_named_with_its_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(UsageError) as met:
        run(tmp_path / "a.jsonl", tmp_path / "a.jsonl")
    assert met.value.place
    assert met.value.mend


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "call", "ms": 1%s, "tokens_in": true, "guards": 7, "answer": {"choices": 3}, "api": "x", "time": 5}'
        % ("0" * 400),
        '{"event": "call", "api": [], "guards": {"a": 1}, "time": "0001-01-01T00:00:00+14:00", "model": {"a": [1]}}',
        '{"reply": "", "calls": [[], {}, 1, null], "time": "0001-01-01T00:00:00+14:00"}',
        '{"event": "started"}',
        '{"event": {"call": 1}}',
    ],
)
def test_odd_samples_are_taken_for_what_they_tell(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jsonl").write_text(f"{line}\n" * 60)
    assert run(tmp_path / "a.jsonl", tmp_path / "a.jsonl")[0].return_value in (0, 3)


@pytest.mark.parametrize(
    "options",
    [(), ("a",), ("a", "b", "--since", "2026-01-01"), ("--target", "http://127.0.0.1:1"), ("a", "--baseline", "b")],
)
def test_without_two_things_to_compare_nothing_is_compared(options: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        run(*options)


class Model:
    """A model that can be changed in silence."""

    def __init__(self) -> None:
        self.name, self.answers, self.tokens, self.down, self.asked = "m-1", "the {0} is green", 7, False, 0

    def __call__(self, request: Request) -> Response:
        self.asked += 1
        if self.down:
            return Response(404, b"{}")
        digest = hashlib.sha256(said(request).encode()).hexdigest()[:12]
        told = json.loads(completion(self.answers.format(digest)).body)
        return Response(200, json.dumps(told | {"model": self.name, "usage": {"prompt_tokens": self.tokens}}).encode())


@pytest.fixture
def model(tmp_path: Path) -> Iterator[tuple[Model, list[str]]]:
    (tmp_path / "questions.txt").write_text("\n".join(f"What is the colour of number {n}?" for n in range(3)))
    found, file = Model(), str(tmp_path / "answers.json")
    with serving(found) as url:
        options = ["--target", url, "--baseline", file]
        assert run(*options, "--record", tmp_path / "questions.txt")[0].return_value == 0
        yield found, options


def test_the_same_model_is_the_same(model: tuple[Model, list[str]]) -> None:
    found, options = model
    assert found.asked == 9
    result, told = run(*options)
    assert (result.return_value, told["verdict"], told["agree"]) == (0, "same", 3)


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"answers": "I believe that {0} is of another colour"}, ""),
        ({"name": "m-2"}, "the model calls itself m-2, and did m-1"),
        ({"tokens": 9}, "3 of 3 questions take another number of tokens"),
    ],
)
def test_a_model_that_was_changed_in_silence_is_told(
    model: tuple[Model, list[str]], change: dict[str, Any], fact: str
) -> None:
    found, options = model
    for name, value in change.items():
        setattr(found, name, value)
    result, told = run(*options)
    assert (result.return_value, told["verdict"]) == (1, "changed")
    assert fact in " ".join(told["facts"])


def test_a_model_that_does_not_answer_settles_nothing(model: tuple[Model, list[str]], tmp_path: Path) -> None:
    found, options = model
    found.down = True
    result, told = run(*options)
    assert (result.return_value, told["verdict"], told["errors"]) == (3, "unknown", 9)
    with pytest.raises(CollectError):
        run(*options, "--record", tmp_path / "questions.txt")


def test_one_answer_each_cannot_settle_what_chance_does(model: tuple[Model, list[str]], tmp_path: Path) -> None:
    found, options = model
    run(*options, "--record", tmp_path / "questions.txt", "--repeats", "1")
    found.answers = "another {0} altogether"
    result, told = run(*options)
    assert (result.return_value, told["verdict"]) == (3, "unknown")


@pytest.mark.parametrize(
    "content", ["", "{}", '{"rows": [], "repeats": 3}', "[" * 10_000, '{"rows": [], "repeats": 0}']
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "b.json").write_text(content)
    with pytest.raises(UsageError):
        run("--target", "http://127.0.0.1:1/v1", "--baseline", tmp_path / "b.json")


def test_a_log_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        run(tmp_path / "none", tmp_path / "none either")
