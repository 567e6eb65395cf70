"""The executor: whatever a check does, each task gets findings, in bounded time, and the others go on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from safecase.assess.executor import LocalExecutor
from safecase.assess.work import Answer, Job
from safecase.checks import REGISTRY
from safecase.service.schema import Manifest, ServiceBlock
from safecase.service.subjects import Service
from tests.assess import odd_checks


def job(check: str, tmp_path: Path) -> Job:
    found = REGISTRY[check]
    return Job(
        check=check,
        module=odd_checks.__name__,
        runs=found.runs,
        network=found.network,
        subject=Service(name="service", manifest="safecase.yaml"),
        root=str(tmp_path),
        manifest=Manifest(safecase=1, service=ServiceBlock(id="shop")),
        manifest_path="safecase.yaml",
        now=datetime(2026, 11, 23, tzinfo=UTC),
        seconds=0.3 if "hangs" in check else 20,
    )


def answers(tmp_path: Path, *checks: str, width: int = 2) -> dict[str, Answer]:
    return {j.check: a for j, a in LocalExecutor(width).map([job(c, tmp_path) for c in checks])}


def test_findings_metrics_and_artefacts_come_back_from_a_process(tmp_path: Path) -> None:
    answer = answers(tmp_path, "odd.good")["odd.good"]
    assert answer.findings[0].verdict == "pass"
    assert answer.metrics[0].high == 0.6
    assert answer.kept[answer.findings[0].evidence[0]].content == b"what was seen"


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("odd.hangs", "took longer than 0.3 s and was stopped"),
        ("odd.hangs-in-a-thread", "took longer than 0.3 s and was left"),
        ("odd.raises", "broke: ZeroDivisionError: \\x1b[31mred"),
        ("odd.unreachable", "could not look: nobody answers"),
        ("odd.dies", "ended without an answer (exit 7"),
        ("odd.hungry", "more memory than it may take"),
        ("odd.deep", "broke: RecursionError"),
    ],
)
def test_a_check_that_cannot_look_is_unknown_with_the_reason_and_tried_again(
    check: str, said: str, tmp_path: Path
) -> None:
    answer = answers(tmp_path, check)[check]
    assert [f.verdict for f in answer.findings] == ["unknown"]
    assert said in answer.findings[0].message
    assert answer.findings[0].mend
    assert answer.transient


@pytest.mark.parametrize(("check", "said"), [("odd.garbage", "no finding of its own"), ("odd.silent", "said nothing")])
def test_a_check_that_says_nothing_sensible_is_unknown(check: str, said: str, tmp_path: Path) -> None:
    answer = answers(tmp_path, check)[check]
    assert answer.findings[0].verdict == "unknown"
    assert said in answer.findings[0].message


def test_findings_without_end_are_cut(tmp_path: Path) -> None:
    findings = answers(tmp_path, "odd.endless")["odd.endless"].findings
    assert len(findings) == 1001
    assert findings[-1].verdict == "unknown"


def test_what_a_check_prints_does_not_get_into_the_answers(tmp_path: Path) -> None:
    assert answers(tmp_path, "odd.prints")["odd.prints"].findings[0].message == "well"


def test_one_broken_check_hides_no_other(tmp_path: Path) -> None:
    found = answers(tmp_path, "odd.dies", "odd.hangs", "odd.good", "odd.raises", "odd.prints", width=1)
    assert {c for c, a in found.items() if a.findings[0].verdict == "pass"} == {"odd.good", "odd.prints"}
    assert len(found) == 5
