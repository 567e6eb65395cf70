"""One more failure never makes a verdict better: over a real ledger, through the plan, up to the claim."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safecase.assess.judge import Seen, claim_of
from safecase.assess.plan import Known, plan
from safecase.assess.summaries import VERDICT_OF
from safecase.catalogue.read import catalogue
from safecase.checks import Check
from safecase.evidence.log import Ledger
from safecase.evidence.record import Draft
from safecase.evidence.status import by_group, newest
from safecase.evidence.trust import counting
from safecase.service.schema import Manifest, ServiceBlock
from safecase.service.subjects import Repository
from safecase.vocabulary import Control, Decision, Finding
from tests.evidence.drafts import draft

START = datetime(2026, 11, 1, tzinfo=UTC)
NOW, BEFORE = "a" * 64, "b" * 64
DAYS = 30
RANK = {"fails": 0, "unproven": 1, "holds": 2}
CONTROL = Control(
    id="SC-04", measure="supply_chain", title="t", text="T.", when="True", severity="high", checks=("model.scan",)
)
APPLIES = Decision(control="SC-04", applies=True, because=())


def found(verdict: Any) -> Finding:
    return Finding(check="model.scan", subject="repository", verdict=verdict, message="seen", mend="mend it")


def a_draft(
    verdict: str, day: float, ttl: float, version: str | int, about: str, parameters: str, transient: bool, told: bool
) -> Draft:
    subjects = [{"name": "repository", "sha256": about}]
    subjects += [{"name": "parameters:model.scan", "sha256": parameters}] if parameters else []
    return draft(
        verdict=verdict,
        evaluated_at=(START + timedelta(days=day)).isoformat(),
        ttl_days=ttl,
        check_version=version,
        subjects=tuple(subjects),
        transient=transient,
        findings=(found(verdict),) if told or verdict == "pass" else (),
    )


drafts = st.builds(
    a_draft,
    st.sampled_from(["pass", "fail", "unknown"]),
    st.integers(0, 20),
    st.sampled_from([0, 0.5, 5, 30, 36_500]),
    st.sampled_from([1, 1, 1, "1", 2, "next"]),
    st.sampled_from([NOW, NOW, NOW, BEFORE]),
    st.sampled_from(["", "", BEFORE]),
    st.booleans(),
    st.booleans(),
)
failing = st.builds(
    a_draft,
    st.just("fail"),
    st.integers(0, 25),
    st.sampled_from([0, 0.5, 5, 30, 36_500]),
    st.sampled_from([1, 1, 1, "1", 2, "next"]),
    st.sampled_from([NOW, NOW, NOW, BEFORE]),
    st.sampled_from(["", "", BEFORE]),
    st.booleans(),
    st.booleans(),
)


def verdict_of(ledger: Ledger, at: datetime) -> str:
    """Judge the one control as `assess` does, from what the ledger holds."""
    check = Check(
        id="model.scan", control="SC-04", severity="high", version=1, run=lambda *_: (), on=Repository, runs="process",
        network=False, reads=(), files=(), estimate=None, doc="", where="x:y",
    )  # fmt: skip
    known = Known(
        catalogue=msgspec.structs.replace(catalogue(), controls={"SC-04": CONTROL}),
        checks={"model.scan": check},
        subjects=(Repository(),),
        digests={"repository": NOW},
        files={},
        manifest=Manifest(safecase=1, service=ServiceBlock(id="bot")),
        evidence=by_group(counting(ledger.read(), None, 0, service="bot", most_days={"model.scan": DAYS})),
        now=at,
    )
    standing = plan([APPLIES], known, chosen=lambda _control, _check: False)
    claim = claim_of(APPLIES, CONTROL, Seen(standing.standings, standing.lacking, None, ()), at)
    return VERDICT_OF[claim.state]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(there=st.lists(drafts, max_size=5), more=failing, at=st.integers(0, 60))
def test_a_failing_record_never_improves_the_verdict(home: Path, there: list[Draft], more: Draft, at: int) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        ledger = Ledger(folder / "ledger")
        ledger.append(there)
        moment = START + timedelta(days=at)
        before = verdict_of(ledger, moment)
        ledger.append([more])
        assert RANK[verdict_of(ledger, moment)] <= RANK[before]
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "more",
    [
        {"ttl_days": 0},
        {"ttl_days": 0.01},
        {"check_version": "1"},
        {"check_version": "another"},
        {"evaluated_at": "2099-01-01T00:00:00Z"},
        {"ttl_days": 0, "transient": True},
        {"ttl_days": 0, "findings": ()},
    ],
)
def test_a_claim_that_is_contested_stays_so_whatever_failure_is_added(
    ledger: Ledger, more: dict[str, Any], home: Path
) -> None:
    given: dict[str, Any] = {
        "verdict": "fail",
        "findings": (found("fail"),),
        "subjects": ({"name": "repository", "sha256": NOW},),
    }
    ledger.append([draft(1, **given)])
    at = datetime(2026, 11, 24, tzinfo=UTC)
    assert verdict_of(ledger, at) == "fails"
    ledger.append([draft(2, **given | more)])
    assert verdict_of(ledger, at) == "fails"


def test_an_old_failure_hides_no_older_one_that_still_counts_and_is_hidden_by_a_pass(ledger: Ledger) -> None:
    now = {"model:x": NOW}
    given: dict[str, Any] = {"subjects": ({"name": "model:x", "sha256": NOW},), "findings": ()}
    ledger.append([draft(1, verdict="fail", **given), draft(2, verdict="fail", ttl_days=0, **given)])
    at = datetime(2026, 11, 24, tzinfo=UTC)
    record, state = newest(ledger.read(), now, at)
    assert record is not None
    assert (record.seq, state) == (0, "fresh")
    ledger.append([draft(3, verdict="pass", **given)])
    record, state = newest(ledger.read(), now, at)
    assert record is not None
    assert (record.seq, record.verdict, state) == (2, "pass", "fresh")
