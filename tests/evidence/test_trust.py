"""Whose evidence counts, for how long, and for which service."""

from __future__ import annotations

from pathlib import Path

import pytest

from safecase.evidence import keys
from safecase.evidence.log import Ledger
from safecase.evidence.trust import Trust, counting, trusted
from tests.evidence.drafts import draft


@pytest.fixture
def foreign(ten: Ledger, home: Path, tmp_path: Path) -> Ledger:
    """Ten records of somebody else, then one of our own."""
    home.rename(tmp_path / "somebody-else")
    ten.append([draft(11)])
    return ten


def test_unless_said_otherwise_only_what_our_own_keys_signed_counts(foreign: Ledger) -> None:
    assert [r.seq for r in counting(foreign.read(), None, 11)] == [10]
    assert [r.seq for r in counting(foreign.read(), trusted(), 11)] == [10]


def test_the_key_of_the_pipeline_is_one_of_our_own(
    foreign: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(keys.VARIABLE, str(tmp_path / "somebody-else/signing.key"))
    assert len(counting(foreign.read(), None, 11)) == 11


def test_what_this_run_collects_counts_although_no_key_could_be_had(
    foreign: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "file/home"))
    foreign.append([draft(12)])
    assert [r.seq for r in counting(foreign.read(), None, 11)] == [11]
    assert counting(foreign.read(), None, 12) == ()
    assert counting(foreign.read(), Trust((), this_run=False), 11) == ()


def test_a_key_that_is_named_is_the_only_one(foreign: Ledger) -> None:
    theirs = foreign.read()[0].signer
    assert [r.seq for r in counting(foreign.read(), trusted(theirs), 0)] == list(range(10))


def test_evidence_of_another_service_in_the_same_ledger_does_not_count(ledger: Ledger) -> None:
    ledger.append([draft(0, service="bot"), draft(1, service="shop"), draft(2, service="")])
    assert [r.seq for r in counting(ledger.read(), None, 0, service="bot")] == [0, 2]


def test_no_record_counts_longer_than_its_control_allows(ledger: Ledger) -> None:
    ledger.append([draft(0, ttl_days=36_500), draft(1, ttl_days=3), draft(2, check="other", ttl_days=90)])
    counted = counting(ledger.read(), None, 0, most_days={"model.scan": 30})
    assert [r.ttl_days for r in counted] == [30, 3, 90]


def test_the_case_says_of_evidence_that_does_not_count_why(foreign: Ledger) -> None:
    assert "no key of this user: they count only for a gate that names it" in foreign.seal().note
