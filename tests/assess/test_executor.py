"""The executor: whatever a check does, each task gets findings, in bounded time, and the others go on."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from safecase.assess.assessment import worst_of
from safecase.assess.executor import LocalExecutor
from safecase.assess.work import Answer, Job
from safecase.checks import REGISTRY
from safecase.evidence.log import Ledger
from safecase.service.schema import DeploymentBlock, Manifest, ServiceBlock
from safecase.service.schema import Endpoint as EndpointBlock
from safecase.service.subjects import Service
from tests.assess import odd_checks
from tests.evidence.drafts import draft


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
        ("odd.exits", "broke: SystemExit: 3"),
        ("odd.interrupts", "broke: KeyboardInterrupt"),
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
    assert "at least 99000 more" in findings[-1].message


def test_a_failure_that_comes_last_is_not_cut(tmp_path: Path) -> None:
    findings = answers(tmp_path, "odd.late")["odd.late"].findings
    assert len(findings) == 1001
    assert [f.message for f in findings if f.verdict == "fail"] == ["the last part is rotten"]
    assert findings[0].message == "part 0 is well", "the order is the check's own"
    assert "2002 more findings were left out" in findings[-1].message
    assert worst_of(findings) == "fail"


def test_what_is_no_sound_finding_becomes_one_unknown_that_names_the_check(tmp_path: Path) -> None:
    good, bad = answers(tmp_path, "odd.words")["odd.words"].findings
    assert good.verdict == "pass"
    assert (bad.verdict, bad.check, bad.subject) == ("unknown", "odd.words", "service")
    assert "odd.words gave what is no finding of its own" in bad.message
    assert "and 10 more" in bad.message
    assert bad.mend


@pytest.mark.parametrize("check", ["odd.terrible", "odd.words", "odd.huge", "odd.keeps", "odd.surrogate", "odd.late"])
def test_whatever_a_check_gives_the_ledger_keeps_and_can_be_read(
    check: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SAFECASE_SIGNING_KEY", raising=False)
    ledger = Ledger(tmp_path / "ledger")
    answer = answers(tmp_path, check)[check]
    given = draft(
        check=check,
        verdict=worst_of(answer.findings),
        findings=answer.findings,
        metrics=answer.metrics,
        artefacts=tuple(answer.kept),
    )
    (record,) = ledger.append([given], {digest: kept.content for digest, kept in answer.kept.items()})
    assert ledger.read() == (record,)
    assert ledger.verify().ok
    assert all(len(f.message) <= 4000 and len(f.mend) <= 2000 and len(f.key) <= 400 for f in record.findings)


def test_what_cannot_be_kept_is_left_out_and_told(tmp_path: Path) -> None:
    answer = answers(tmp_path, "odd.keeps")["odd.keeps"]
    assert [kept.content for kept in answer.kept.values()] == [b"what was seen"]
    assert [metric.name for metric in answer.metrics] == ["good"]
    assert [f.verdict for f in answer.findings] == ["pass", "unknown"]
    assert "2 measures and 2 artefacts" in answer.findings[1].message


def test_a_worker_sees_only_what_it_needs_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAFECASE_SIGNING_KEY", "CLOUD_TOKEN", "MODEL_KEY"):
        monkeypatch.setenv(name, "secret")
    wanted = EndpointBlock(url="http://127.0.0.1:9/v1", key="${env:MODEL_KEY} ${env:SAFECASE_SIGNING_KEY}")
    asked = job("odd.environment", tmp_path)
    manifest = msgspec.structs.replace(asked.manifest, deployment=DeploymentBlock(endpoint=wanted))
    ((_, answer),) = LocalExecutor(1).map([msgspec.structs.replace(asked, manifest=manifest)])
    seen = set(answer.findings[0].message.split())
    assert {"PATH", "MODEL_KEY"} <= seen
    assert not {"CLOUD_TOKEN", "SAFECASE_SIGNING_KEY"} & seen


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_what_a_worker_may_compute_is_bounded_by_the_time_of_its_job(tmp_path: Path) -> None:
    seconds = int(answers(tmp_path, "odd.limits")["odd.limits"].findings[0].message)
    assert 20 <= seconds <= 30 * (os.cpu_count() or 1)


PARENT = """
import sys
from pathlib import Path
from safecase.assess.executor import LocalExecutor
from tests.assess.test_executor import job
list(LocalExecutor(1).map([job("odd.busy", Path(sys.argv[1]))]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd is of Linux")
def test_a_worker_does_not_outlive_a_parent_that_was_killed_while_it_computes(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    program = [sys.executable, "-c", PARENT, str(tmp_path)]
    parent = subprocess.Popen(program, stderr=subprocess.PIPE, env=environment)
    assert parent.stderr is not None
    worker = os.pidfd_open(int(parent.stderr.readline()))
    parent.kill()
    try:
        assert select.select([worker], [], [], 10)[0], "it computes on"
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(worker, signal.SIGKILL)
        os.close(worker)
        parent.communicate()


def test_what_a_check_prints_does_not_get_into_the_answers(tmp_path: Path) -> None:
    assert answers(tmp_path, "odd.prints")["odd.prints"].findings[0].message == "well"


def test_one_broken_check_hides_no_other(tmp_path: Path) -> None:
    found = answers(tmp_path, "odd.dies", "odd.hangs", "odd.good", "odd.raises", "odd.prints", width=1)
    assert {c for c, a in found.items() if a.findings[0].verdict == "pass"} == {"odd.good", "odd.prints"}
    assert len(found) == 5
