"""Judging: what speaks for and against a control becomes a claim; failing evidence never improves a verdict."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.assess.judge import Seen, claim_of, judge
from safecase.assess.next_steps import mends
from safecase.assess.plan import Lacking, Standing
from safecase.assess.summaries import VERDICT_OF, worst
from safecase.vocabulary import (
    Attestation,
    CaseVerdict,
    Control,
    Decision,
    EvidenceState,
    Exemption,
    Finding,
    Place,
    Verdict,
)
from tests.assess.records import record

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CONTROL = Control(
    id="SC-03", measure="supply_chain", title="Safe formats", text="Safe.", when="True", severity="high", checks=("c",)
)
ATTESTED = Control(
    id="RC-21", measure="compliance", title="Policy", text="Signed.", when="True", severity="low", attested=True
)
APPLIES = Decision(control="SC-03", applies=True, because=("it applies to every service",))
ORDER: tuple[CaseVerdict, ...] = ("fails", "unproven", "holds")


def standing(verdict: Verdict, state: EvidenceState = "fresh", subject: str = "m", **more: object) -> Standing:
    found = Finding(check="c", subject=subject, verdict=verdict, message="seen", mend="mend it", **more)  # type: ignore[arg-type]
    return Standing(check="c", subject=subject, state=state, record=record("c", subject, (found,)))


def seen(*standings: Standing, **more: object) -> Seen:
    return Seen(standings, (), None, ())._replace(**more)


def exemption(**more: str) -> Exemption:
    words = {"control": "SC-03", "owner": "ada", "reason": "until the release", "expires": "2026-12-31"} | more
    return Exemption(**words)


def state_of(what: Seen) -> str:
    return claim_of(APPLIES, CONTROL, what, NOW).state


def test_a_control_is_supported_when_every_check_on_every_subject_passed() -> None:
    assert state_of(seen(standing("pass", subject="a"), standing("pass", subject="b"))) == "supported"


def test_one_fresh_failure_contests_it() -> None:
    assert state_of(seen(standing("pass", subject="a"), standing("fail", subject="b"))) == "contested"


def test_unknown_is_never_a_pass() -> None:
    assert state_of(seen(standing("pass", subject="a"), standing("unknown", subject="b"))) == "unsupported"


@pytest.mark.parametrize(("state", "expected"), [("stale", "stale"), ("void", "unsupported"), ("due", "supported")])
def test_old_evidence_is_stale_and_that_of_something_changed_is_none(state: EvidenceState, expected: str) -> None:
    assert state_of(seen(standing("pass", state))) == expected


def test_evidence_that_was_never_collected_supports_nothing() -> None:
    assert state_of(seen(Standing(check="c", subject="m", state="missing"))) == "unsupported"
    assert state_of(seen()) == "unsupported"


def test_a_check_with_nothing_to_look_at_says_what_to_declare() -> None:
    lacking = Lacking(control="SC-03", check="c", reason="c found nothing to look at", mend="declare `models:`")
    claim = claim_of(APPLIES, CONTROL, seen(lacking=(lacking,)), NOW)
    assert (claim.state, claim.findings[0].mend) == ("unsupported", "declare `models:`")


def test_void_failing_evidence_contests_nothing_and_supports_nothing() -> None:
    assert state_of(seen(standing("fail", "void"))) == "unsupported"


def test_a_valid_exception_accepts_the_gap() -> None:
    assert state_of(seen(standing("fail"), exemptions=(exemption(),))) == "accepted"


@pytest.mark.parametrize("expires", ["2026-11-22", "2028-01-01", "soon"])
def test_an_exception_that_ended_or_has_no_near_end_hides_nothing(expires: str) -> None:
    assert state_of(seen(standing("fail"), exemptions=(exemption(expires=expires),))) == "contested"


def test_an_exception_for_one_finding_does_not_cover_another() -> None:
    mine, other = standing("fail", key="a"), standing("fail", subject="n", key="b")
    assert mine.record is not None
    only = exemption(fingerprint=mine.record.findings[0].fingerprint)
    assert state_of(seen(mine, exemptions=(only,))) == "accepted"
    assert state_of(seen(mine, other, exemptions=(only,))) == "contested"


def test_an_attested_control_wants_a_person_and_a_day() -> None:
    decision = Decision(control="RC-21", applies=True, because=())
    given = Attestation(
        control="RC-21",
        owner="ada",
        reason="signed",
        given="2026-01-01",
        expires="2026-12-31",
        place=Place(file="a.yaml"),
    )
    assert claim_of(decision, ATTESTED, seen(), NOW).state == "unsupported"
    assert claim_of(decision, ATTESTED, seen(attestation=given), NOW).state == "supported"
    ended = Attestation(
        control="RC-21",
        owner="ada",
        reason="signed",
        given="2025-01-01",
        expires="2025-12-31",
        place=Place(file="a.yaml"),
    )
    assert claim_of(decision, ATTESTED, seen(attestation=ended), NOW).state == "unsupported"


def test_a_measure_without_a_claim_is_unproven() -> None:
    judged = judge([APPLIES], [], {"SC-03": CONTROL}, {"SC-03": seen(standing("pass"))}, NOW)
    by_id = {m.id: m.verdict for m in judged.measures}
    assert (by_id["supply_chain"], by_id["training"], judged.verdict) == ("holds", "unproven", "unproven")


def test_what_is_contested_is_mended_before_what_nobody_looked_at() -> None:
    contested = claim_of(APPLIES, CONTROL, seen(standing("fail")), NOW)
    unseen = claim_of(Decision(control="RC-21", applies=True, because=()), ATTESTED, seen(), NOW)
    assert [m.claims for m in mends([unseen, contested])] == [("SC-03",), ("RC-21",)]


states = st.sampled_from(get_args(EvidenceState))
verdicts = st.sampled_from(get_args(Verdict))
some_standing = st.builds(
    lambda verdict, state, subject: (
        standing(verdict, state, subject)
        if state != "missing"
        else Standing(check="c", subject=subject, state="missing")
    ),
    verdicts,
    states,
    st.sampled_from(["a", "b", "c"]),
)


@given(st.lists(some_standing, max_size=6), st.sampled_from(["fresh", "due", "stale", "void"]))
def test_failing_evidence_never_improves_a_verdict(standings: list[Standing], state: EvidenceState) -> None:
    before = VERDICT_OF[claim_of(APPLIES, CONTROL, seen(*standings), NOW).state]
    after = VERDICT_OF[claim_of(APPLIES, CONTROL, seen(*standings, standing("fail", state, "z")), NOW).state]
    assert ORDER.index(after) <= ORDER.index(before)


@given(st.lists(some_standing, min_size=1, max_size=6), st.randoms())
def test_the_order_of_evidence_does_not_matter(standings: list[Standing], random: object) -> None:
    shuffled = list(standings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert state_of(seen(*standings)) == state_of(seen(*shuffled))


@given(st.lists(st.sampled_from(ORDER)))
def test_the_whole_is_as_bad_as_its_worst_part(verdicts: list[CaseVerdict]) -> None:
    assert ORDER.index(worst(verdicts)) == min((ORDER.index(v) for v in verdicts), default=1)
