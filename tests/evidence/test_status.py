"""Where evidence stands: by age, by digest, by signer; never better for more that speaks against it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.evidence.examine import DECODER
from safecase.evidence.record import FIRST, Record, chained, normalised
from safecase.evidence.status import as_recorded, by_group, newest, state_of, status
from tests.evidence.drafts import draft

START = datetime(2026, 11, 1, tzinfo=UTC)
A, B = "a" * 64, "b" * 64
NOW = {"model:x": A}


def record(
    seq: int = 0, *, day: float = 0, about: dict[str, str] | None = None, signer: str = "", **changes: Any
) -> Record:
    subjects = tuple({"name": n, "sha256": d} for n, d in (NOW if about is None else about).items())
    at = (START + timedelta(days=day)).isoformat()
    made = normalised(draft(0, evaluated_at=at, subjects=subjects, **{"ttl_days": 10, **changes}))
    return DECODER.decode(chained(made, seq=seq, prev=FIRST, at=at, signer=signer, kept=())[1])


def on(day: float) -> datetime:
    return START + timedelta(days=day)


@pytest.mark.parametrize(
    ("age", "state"),
    [(-1, "missing"), (0, "fresh"), (7.99, "fresh"), (8, "due"), (9.99, "due"), (10, "stale"), (999, "stale")],
)
def test_evidence_is_fresh_then_due_at_four_fifths_then_stale(age: float, state: str) -> None:
    assert state_of(record(), NOW, on(age)) == state


def test_a_time_to_live_of_nothing_is_stale_at_once() -> None:
    assert state_of(record(ttl_days=0), NOW, on(0)) == "stale"


@pytest.mark.parametrize(
    "changes",
    [
        {"subjects_now": {"model:x": B}},
        {"subjects_now": {}},
        {"revoked": {"k1"}},
        {"recalled": {("model.scan", 1)}},
        {"recalled": {("model.scan", "1")}},
    ],
)
def test_evidence_is_void_once_its_subject_signer_or_check_is_another(changes: dict[str, Any]) -> None:
    given = {"subjects_now": NOW, **changes}
    assert state_of(record(signer="k1"), given.pop("subjects_now"), on(1), **given) == "void"


def test_a_prefix_or_a_capital_in_a_digest_makes_no_difference() -> None:
    assert state_of(record(), {"model:x": "sha256:" + A.upper()}, on(1)) == "fresh"


def test_what_is_recalled_in_another_version_still_counts() -> None:
    assert state_of(record(), NOW, on(1), recalled={("model.scan", 2)}) == "fresh"


def test_a_newer_record_that_could_not_judge_is_not_masked_by_an_older_pass() -> None:
    found, state = newest([record(0, day=0), record(1, day=1, verdict="unknown")], NOW, on(2))
    assert found is not None
    assert (found.verdict, state) == ("unknown", "fresh")


def test_order_is_by_when_it_was_evaluated_and_not_by_when_it_was_added() -> None:
    found, _ = newest([record(0, day=2, verdict="fail"), record(1, day=1)], NOW, on(3))
    assert found is not None
    assert found.verdict == "fail"


def test_of_two_at_the_same_moment_the_one_added_later_counts() -> None:
    found, _ = newest([record(0), record(1, verdict="fail")], NOW, on(1))
    assert found is not None
    assert found.seq == 1


def test_newer_evidence_about_another_digest_does_not_hide_what_matches() -> None:
    found, state = newest([record(0), record(1, day=1, about={"model:x": B}, verdict="fail")], NOW, on(2))
    assert found is not None
    assert (found.seq, state) == (0, "fresh")


def test_what_is_void_is_not_given_for_it_no_longer_counts() -> None:
    assert newest([record()], {"model:x": B}, on(1)) == (None, "void")
    assert newest([], NOW, on(1)) == (None, "missing")
    assert newest([record(day=5)], NOW, on(1)) == (None, "missing")


def test_records_are_grouped_by_check_and_subjects_and_settings_do_not_count() -> None:
    with_settings = record(1, about={"model:x": A, "parameters:model.scan": B})
    groups = by_group([record(0), with_settings, record(2, check="model.format")])
    assert set(groups) == {("model.scan", ("model:x",)), ("model.format", ("model:x",))}
    assert [r.seq for r in groups["model.scan", ("model:x",)]] == [0, 1]
    assert newest([with_settings], {**NOW, "parameters:model.scan": A}, on(1)) == (None, "void")


def test_a_control_is_as_bad_as_the_worst_of_what_was_looked_at() -> None:
    now = {"model:x": A, "model:y": B}
    found = status([record(0), record(1, about={"model:y": B}, verdict="fail", day=-9)], now, on(0))["SC-04"]
    assert (found.state, found.verdict, found.record) == (
        "due",
        "fail",
        record(1, about={"model:y": B}, verdict="fail", day=-9).id,
    )


def test_a_part_that_is_gone_counts_only_while_nothing_else_is_there() -> None:
    gone = record(0, about={"model:old": B}, verdict="fail")
    assert status([gone], NOW, on(1))["SC-04"].state == "void"
    found = status([gone, record(1)], NOW, on(1))["SC-04"]
    assert (found.state, found.verdict) == ("fresh", "pass")


def test_before_there_was_any_evidence_it_is_missing() -> None:
    found = status([record()], NOW, on(-1))["SC-04"]
    assert (found.state, found.verdict, found.record) == ("missing", "unknown", None)


def test_where_nothing_is_known_to_have_changed_the_last_digests_are_asked_for() -> None:
    records = [record(0, about={"model:x": B}, day=1), record(1, day=2), record(2, about={"model:x": B}, day=0)]
    assert as_recorded(records) == NOW


verdicts = st.sampled_from(["pass", "fail", "unknown"])
abouts = st.sampled_from(
    [{"model:x": A}, {"model:x": B}, {"model:y": A}, {"model:x": A, "model:y": A}, {"model:gone": A}]
)
many = st.lists(st.tuples(verdicts, abouts, st.integers(0, 20), st.sampled_from([0, 5, 30])), max_size=8)
RANK = {"fail": 0, "unknown": 1, "pass": 2}
SEEN = {"model:x": A, "model:y": A}


def made(rows: list[tuple[str, dict[str, str], int, int]]) -> list[Record]:
    return [record(n, verdict=v, about=s, day=d, ttl_days=t) for n, (v, s, d, t) in enumerate(rows)]


@given(rows=many, about=abouts, day=st.integers(0, 20), at=st.integers(0, 40))
def test_one_more_record_that_fails_never_makes_anything_better(
    rows: list[Any], about: dict[str, str], day: int, at: int
) -> None:
    records = made(rows)
    before = status(records, SEEN, on(at)).get("SC-04")
    after = status([*records, record(99, verdict="fail", about=about, day=day)], SEEN, on(at))["SC-04"]
    assert after.verdict != "pass" or (before is not None and before.verdict == "pass")
    assert before is None or RANK[after.verdict] <= RANK[before.verdict]


@given(rows=many, at=st.integers(0, 40), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_file_decides_nothing(rows: list[Any], at: int, seed: Any) -> None:
    records = made(rows)
    shuffled = [*records]
    seed.shuffle(shuffled)
    assert status(records, SEEN, on(at)) == status(shuffled, SEEN, on(at))


@given(rows=many)
def test_before_everything_all_is_missing(rows: list[Any]) -> None:
    assert all(s.state == "missing" for s in status(made(rows), SEEN, on(-1)).values())


@given(rows=many, at=st.integers(0, 40), later=st.integers(0, 40))
def test_time_alone_makes_nothing_fresher(rows: list[Any], at: int, later: int) -> None:
    records = [r for r in made(rows) if r.moment <= on(at)]
    states = ("missing", "void", "stale", "due", "fresh")
    now = status(records, SEEN, on(at))
    then = status(records, SEEN, on(at + later))
    assert all(states.index(then[c].state) <= states.index(now[c].state) for c in now)
