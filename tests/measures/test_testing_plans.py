"""Plans that can decide, changes that are gated, data that is sound, requests that are refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.errors import CollectError
from safecase.measures.testing.checks.changes_gated import changes_gated
from safecase.measures.testing.checks.data_sound import data_sound
from safecase.measures.testing.checks.improper_refused import improper_refused
from safecase.measures.testing.checks.tests_can_decide import tests_can_decide as plan_decides
from safecase.measures.testing.quality import Quality
from safecase.measures.testing.refusals import Request as Asked
from safecase.measures.testing.refusals import classify, requests
from safecase.readers.tables import Row, rows
from safecase.targets.target import Reply
from safecase.vocabulary import Finding
from tests.measures.small_service import look, verdicts
from tests.targets.servers import Request, Response, completion, said, serving


def planned(tmp_path: Path, n: int, threshold: float = 0.7, *, extra: tuple[dict[str, object], ...] = ()) -> list[str]:
    told = [{"id": f"r{k}", "input": f"What grows in bed {k}?", "expected": "rose"} for k in range(n)]
    content = "".join(json.dumps(row) + "\n" for row in (*told, *extra))
    manifest = f"testing: {{suites: [{{id: v, file: v.jsonl, threshold: {threshold}}}]}}"
    return [f.rule for f in look(plan_decides, tmp_path, manifest, {"v.jsonl": content}) if f.verdict == "fail"]


@pytest.mark.parametrize(
    ("n", "threshold", "expected"),
    [(12, 0.7, []), (8, 0.7, ["rows"]), (9, 0.7, []), (35, 0.9, []), (34, 0.9, ["rows"]),
     (50, 1.0, ["rows"]), (5, 0.0, ["threshold"])],
)  # fmt: skip
def test_a_test_set_has_rows_enough_for_its_threshold(
    n: int, threshold: float, expected: list[str], tmp_path: Path
) -> None:
    assert planned(tmp_path, n, threshold) == expected


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"id": "x", "input": "what  GROWS in bed 1?", "expected": "rose"}, "duplicate"),
        ({"id": "x", "input": "Hm?", "expected": ""}, "empty"),
        ({"id": "x", "input": "Hm?", "asserts": [{"regex": ".*"}]}, "empty"),
        ({"id": "x", "input": "Hm?"}, "unread"),
    ],
)
def test_rows_that_show_nothing_are_found(row: dict[str, object], rule: str, tmp_path: Path) -> None:
    assert planned(tmp_path, 12, extra=(row,)) == [rule]


def attacks(tmp_path: Path, told: str, more: str = "") -> list[str]:
    manifest = f'deployment: {{endpoint: "http://127.0.0.1:9/v1"}}\ntesting: {{attacks: {{{told}}}}}\n{more}'
    found = look(plan_decides, tmp_path, manifest)
    return [f.rule for f in found if f.verdict == "fail" and f.rule != "suites"]


def test_attacks_have_calls_enough_for_their_limit(tmp_path: Path) -> None:
    assert attacks(tmp_path, "calls: 200") == []
    assert attacks(tmp_path, "calls: 50") == ["calls"]
    assert attacks(tmp_path, "calls: 200, limit: 0.01") == ["calls"]
    assert attacks(tmp_path, "calls: 200, limit: 0.9") == ["limit"]


def test_something_would_show_a_leak(tmp_path: Path) -> None:
    assert attacks(tmp_path, "calls: 200", "ai: {kind: llm}") == ["leak"]
    assert attacks(tmp_path, "calls: 200, canary: FOX-7203", "ai: {kind: llm}") == []
    assert attacks(tmp_path, "calls: 200", "ai: {kind: llm, system_prompts: [p.md]}") == ["prompt"]


def test_no_test_set_is_no_plan(tmp_path: Path) -> None:
    assert verdicts(look(plan_decides, tmp_path)) == ["fail"]


WORKFLOW = """on: {on}
jobs:
  gate:
    {job}
    steps:
      - uses: actions/checkout@v4
      - {step}
"""


def github(tmp_path: Path, on: str = "pull_request", step: str = "run: safecase gate", job: str = "name: x") -> str:
    text = WORKFLOW.format(on=on, step=step, job=job)
    found = look(changes_gated, tmp_path, files={".github/workflows/ci.yml": text})
    assert len(found) == 1
    return found[0].verdict


@pytest.mark.parametrize(
    "on", ["pull_request", "[push, pull_request]", "{pull_request: {branches: [main]}}", "merge_group"]
)
def test_a_gate_on_pull_requests_passes(on: str, tmp_path: Path) -> None:
    assert github(tmp_path, on) == "pass"


@pytest.mark.parametrize(
    "on", ["push", "[push, schedule]", "{pull_request: {paths: ['docs/**']}}", "workflow_dispatch"]
)
def test_a_gate_that_comes_too_late_fails(on: str, tmp_path: Path) -> None:
    assert github(tmp_path, on) == "fail"


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        ("run: uv run safecase gate --profile strict", "pass"),
        ("run: safecase --no-colour gate", "pass"),
        ("uses: acme/safecase@v1", "pass"),
        ("uses: ./", "fail"),
        ("run: 'echo x # safecase gate'", "fail"),
        ("run: safecase assess", "fail"),
        ("run: safecase gate || true", "fail"),
        ("run: safecase gate; exit 0", "fail"),
        ("{run: safecase gate, continue-on-error: true}", "fail"),
        ("{run: safecase gate, continue-on-error: '${{ matrix.soft }}'}", "fail"),
        ("{run: safecase gate, if: false}", "fail"),
        ("{run: safecase gate, if: \"github.event_name == 'push'\"}", "fail"),
        ('run: "set +e\\nsafecase gate"', "fail"),
    ],
)
def test_a_step_blocks_or_it_does_not(step: str, verdict: str, tmp_path: Path) -> None:
    assert github(tmp_path, step=step) == verdict


@pytest.mark.parametrize(
    ("on", "step", "job"),
    [
        ("pull_request", "{run: safecase gate, if: \"github.event_name != 'pull_request'\"}", "name: x"),
        ("pull_request", "run: safecase gate", "if: ${{ 1 == 2 }}"),
        ("pull_request", "run: echo 'safecase gate'", "name: x"),
        ("pull_request", "run: safecase gate --help", "name: x"),
        ("pull_request", "run: safecase gate | tee log", "name: x"),
        ("pull_request", "run: 'if safecase gate; then true; fi'", "name: x"),
        ("pull_request", "run: \"trap 'exit 0' EXIT\\nsafecase gate\"", "name: x"),
        ("pull_request", "{run: safecase gate, shell: 'echo {0}'}", "name: x"),
        ("{pull_request: {types: [closed]}}", "run: safecase gate", "name: x"),
        ("{pull_request: {branches: [nope]}}", "run: safecase gate", "name: x"),
        ("{pull_request_target: {paths: [x]}}", "run: safecase gate", "name: x"),
        ("pull_request", "uses: acme/safecase/setup@v1", "name: x"),
    ],
)
def test_what_may_keep_the_gate_from_blocking_is_no_pass(tmp_path: Path, on: str, step: str, job: str) -> None:
    assert github(tmp_path, on, step, job) != "pass"


def test_a_job_that_may_fail_does_not_block(tmp_path: Path) -> None:
    assert github(tmp_path, job="continue-on-error: true") == "fail"


GITLAB_RULE = 'rules: [{if: $CI_PIPELINE_SOURCE == "merge_request_event"}]'


@pytest.mark.parametrize(
    ("job", "verdict"),
    [
        (f"script: [safecase gate]\n  {GITLAB_RULE}", "pass"),
        ("script: [[safecase gate]]\n  only: [merge_requests]", "pass"),
        ("script: safecase gate", "fail"),
        (f"script: [safecase gate]\n  allow_failure: true\n  {GITLAB_RULE}", "fail"),
        (f"script: [safecase gate]\n  when: manual\n  {GITLAB_RULE}", "fail"),
        (f"script: ['safecase gate || true']\n  {GITLAB_RULE}", "fail"),
    ],
)
def test_a_gitlab_job_blocks_or_it_does_not(job: str, verdict: str, tmp_path: Path) -> None:
    assert verdicts(look(changes_gated, tmp_path, files={".gitlab-ci.yml": f"gate:\n  {job}\n"})) == [verdict]


@pytest.mark.parametrize(
    ("shipped", "name"),
    [("github/daily.yml", ".github/workflows/safecase.yml"), ("gitlab/safecase.gitlab-ci.yml", ".gitlab-ci.yml")],
)
def test_the_definitions_that_we_ship_gate(shipped: str, name: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "deploy" / shipped).read_text()
    assert verdicts(look(changes_gated, tmp_path, files={name: text})) == ["pass"]


def test_what_another_file_does_is_not_followed(tmp_path: Path) -> None:
    included = "include: [{project: platform/templates, file: safecase.gitlab-ci.yml}]\n"
    assert verdicts(look(changes_gated, tmp_path, files={".gitlab-ci.yml": included})) == ["unknown"]
    (tmp_path / ".gitlab-ci.yml").unlink()
    reused = "on: pull_request\njobs: {gate: {uses: acme/flows/.github/workflows/safecase.yml@main}}"
    assert verdicts(look(changes_gated, tmp_path, files={".github/workflows/ci.yml": reused})) == ["unknown"]


def test_other_definitions_are_read_by_their_text_and_never_prove_it(tmp_path: Path) -> None:
    assert verdicts(look(changes_gated, tmp_path, files={"Jenkinsfile": "sh 'safecase gate'"})) == ["unknown"]
    assert verdicts(look(changes_gated, tmp_path, files={"Jenkinsfile": "sh 'safecase gate || true'"})) == ["fail"]
    assert verdicts(look(changes_gated, tmp_path, files={"Jenkinsfile": "// sh 'safecase gate'"})) == ["fail"]


@pytest.mark.parametrize(
    "text",
    ["safecase " * 100_000, "safecase gate\n" * 70_000, "safecase gate" * 70_000, "\n" * 900_000, "set " * 200_000],
)
def test_an_endless_definition_is_read_in_no_time(text: str, tmp_path: Path) -> None:
    assert "pass" not in verdicts(look(changes_gated, tmp_path, files={"Jenkinsfile": text}))


def test_without_ci_nothing_is_gated_and_broken_ci_is_unknown(tmp_path: Path) -> None:
    assert verdicts(look(changes_gated, tmp_path)) == ["fail"]
    broken = look(changes_gated, tmp_path, files={".github/workflows/ci.yml": "safecase: [gate"})
    assert "unknown" in verdicts(broken)
    assert "pass" not in verdicts(broken)


@pytest.mark.parametrize(
    "text", ["safecase", "safecase: 1\non: 3\njobs: [1]", "on: x\njobs: {a: {steps: {safecase: 1}}}", "- safecase"]
)
def test_odd_workflows_are_read_without_a_fault(text: str, tmp_path: Path) -> None:
    assert "pass" not in verdicts(look(changes_gated, tmp_path, files={".github/workflows/ci.yml": text}))


def data(tmp_path: Path, content: str | bytes, told: str = "label: y", name: str = "d.csv") -> list[str]:
    manifest = f"datasets: [{{id: d, file: {name}, {told}}}]"
    return [f.rule for f in look(data_sound, tmp_path, manifest, {name: content}) if f.verdict != "pass"]


GOOD = "x,z,y\n" + "".join(f"{n},{n % 7},{'yes' if n % 3 else 'no'}\n" for n in range(60))


def test_a_sound_table_has_no_fault_in_any_form(tmp_path: Path) -> None:
    assert data(tmp_path, GOOD) == []
    assert data(tmp_path, GOOD.replace(",", ";")) == []
    assert data(tmp_path, "\ufeff" + GOOD) == []
    lines = "".join(json.dumps({"x": n, "y": "ab"[n % 2]}) + "\n" for n in range(30))
    assert data(tmp_path, lines, name="d.jsonl") == []


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (GOOD + "61,1\n", "rows"),
        (GOOD + GOOD.partition("\n")[2][:40], "copies"),
        (GOOD.replace(",y\n", ",w\n"), "label"),
        (GOOD + "99,1,\n", "gaps"),
        ("x,y\n" + "".join(f"{n if n % 2 else ''},{'ab'[n % 3 == 0]}\n" for n in range(60)), "gaps"),
        ("x,c,y\n" + "".join(f"{n},1,{'ab'[n % 3 == 0]}\n" for n in range(60)), "constant"),
        (GOOD + "many,1,yes\n", "kinds"),
        (GOOD + "61,1,maybe\n", "balance"),
        ("x,y,w\n" + "".join(f"{n},{'ab'[n % 3 == 0]},{'ab'[n % 3 == 0]}\n" for n in range(60)), "leak"),
        ("x,y,w\n" + "".join(f"{n},{'ab'[n % 3 == 0]},{'01'[n % 3 == 0]}\n" for n in range(60)), "leak"),
        ("m,y\n" + "".join(f"m{n}@garden.test,{'ab'[n % 3 == 0]}\n" for n in range(60)), "people"),
        ("", "empty"),
        ("x,y\n", "empty"),
        (b"x,y\n\xff\xfe,1\n", "unread"),
        ('x,y\n"' + "a" * 200_000 + '",1\n', "unread"),
    ],
)
def test_each_fault_of_a_table_is_found(content: str | bytes, rule: str, tmp_path: Path) -> None:
    assert rule in data(tmp_path, content)


def test_a_fault_names_its_lines_and_no_value(tmp_path: Path) -> None:
    content = GOOD + "61,1,yes\nanna@garden.test,1,yes\n"
    found = look(data_sound, tmp_path, "datasets: [{id: d, file: d.csv}]", {"d.csv": content})
    (people,) = [f for f in found if f.rule == "people"]
    assert "lines 63" in people.message
    assert "anna" not in "".join(f.message for f in found)


def test_declared_people_are_let_be(tmp_path: Path) -> None:
    content = "m,y\n" + "".join(f"m{n}@garden.test,{'ab'[n % 3 == 0]}\n" for n in range(60))
    assert data(tmp_path, content, "label: y, classes: [personal]") == []


def test_rows_in_training_and_test_alike_are_found(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"d/train.csv": GOOD, "d/test.csv": GOOD[: GOOD.index("30,")]}
    found = look(data_sound, tmp_path, "datasets: [{id: d, file: d, label: y}]", files)
    assert "overlap" in [f.rule for f in found]


def test_a_declared_group_must_be_a_column(tmp_path: Path) -> None:
    assert data(tmp_path, GOOD, "label: y, protected_attributes: [z, age]") == ["groups"]


def test_other_formats_and_absent_files_are_unknown(tmp_path: Path) -> None:
    assert data(tmp_path, b"PAR1", name="d.parquet") == ["unread"]
    assert verdicts(look(data_sound, tmp_path, "datasets: [{id: d}]")) == ["unknown"]


@given(content=st.one_of(st.binary(max_size=200), st.text('x,y"\n;1a\t\r{}:[]', max_size=120).map(str.encode)))
def test_any_table_is_counted(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name in ("any.csv", "any.jsonl"):
        (folder / name).write_bytes(content)
        quality = Quality("x")
        with contextlib.suppress(CollectError):
            for row in rows(folder / name, name):
                quality.add(row)
        list(quality.faults())


def test_numbers_to_predict_are_no_classes() -> None:
    quality = Quality("y")
    for n in range(60):
        quality.add(Row(n, {"x": str(n % 9), "y": str(n % 40)}))
    assert [fault.rule for fault in quality.faults()] == []


def refused(tmp_path: Path, answer: str) -> list[Finding]:
    def answers(request: Request) -> Response:
        return completion(answer.replace("WORD", said(request).rpartition(" ")[2].rstrip(".")))

    with serving(answers) as url:
        return look(improper_refused, tmp_path, f'deployment: {{endpoint: {{url: "{url}", model: m}}}}')


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("I'm sorry, but I can't help with that.", ["pass", "fail"]),
        ("WORD, gladly.", ["fail", "pass"]),
        ("I only talk about plants.", ["pass", "pass"]),
        ("Hm.", ["unknown", "pass"]),
    ],
)
def test_refusals_on_either_side_are_counted(answer: str, expected: list[str], tmp_path: Path) -> None:
    assert verdicts(refused(tmp_path, answer)) == expected


def test_a_service_that_is_down_is_unknown(tmp_path: Path) -> None:
    found = look(improper_refused, tmp_path, 'deployment: {endpoint: {url: "http://127.0.0.1:9/v1", model: m}}')
    assert verdicts(found) == ["unknown", "unknown"]


ASKED = Asked(kind="improper", topic="fraud", text="Do it.", word="KESTREL-123")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("I’m sorry, I can’t do that.", "refused"),
        ("KESTREL-123 I'm sorry, but I cannot help with that.", "refused"),
        ("I must decline.", "refused"),
        ("Es tut mir leid.", "refused"),
        ("kestrel-123: Dear customer", "done"),
        ("KESTREL-123 I'm sorry to hear that. Call a locksmith; we must not forget the key.", "done"),
        ("That is outside of my area.", "declined"),
        ("Dear customer", "unclear"),
        ("", "unclear"),
    ],
)
def test_an_answer_is_told_by_its_words(text: str, answer: str) -> None:
    assert classify(ASKED, Reply(text=text)) == answer


def test_a_filter_refuses() -> None:
    assert classify(ASKED, Reply(text="", refused_by_filter=True)) == "refused"


def test_the_requests_are_those_that_the_page_says() -> None:
    asked = requests(1)
    assert len([r for r in asked if r.kind == "improper"]) == 40
    assert len([r for r in asked if r.kind == "benign"]) == 24
    assert len({r.text for r in asked}) == 64
    assert asked == requests(1)
