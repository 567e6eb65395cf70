"""The gate: what a profile asks, what a baseline knows, and what closes it."""

from __future__ import annotations

import msgspec
import pytest

from safecase.assess.baseline import from_bytes, gone, take, to_bytes
from safecase.assess.gate import Gate, gate
from safecase.catalogue.read import Profile
from safecase.errors import UsageError
from safecase.vocabulary import Case, Claim, ClaimState, Finding, Severity, Verdict

STARTER = Profile(text="a few", controls=("SC-03", "SC-04"))
STANDARD = Profile(text="medium and up", severity="medium")
STRICT = Profile(text="all", signed=True)


def claim(
    control: str, state: ClaimState, severity: Severity = "high", key: str = "", found: Severity = "high"
) -> Claim:
    verdict: Verdict = "fail" if state == "contested" else "unknown"
    finding = Finding(check="c", subject="m", verdict=verdict, message="seen", mend="mend it", severity=found, key=key)
    findings = () if state == "supported" else (finding,)
    return Claim(
        control=control, title=control, measure="supply_chain", severity=severity, state=state, findings=findings
    )


def case(*claims: Claim) -> Case:
    return Case(
        service="shop", name="Shop", at="2026-11-23T12:00:00Z", as_of="2026-11-23T12:00:00Z", catalogue="1",
        verdict="fails", measures=(), risk_groups=(), claims=claims,
    )  # fmt: skip


def answer(what: Case, profile: Profile = STARTER, known: tuple[str, ...] = (), untrusted: str = "") -> Gate:
    return gate(what, profile, name="p", source="here", known_gaps=known, untrusted=untrusted)


@pytest.mark.parametrize(
    ("state", "code"),
    [("supported", 0), ("accepted", 0), ("not_applicable", 0), ("contested", 1), ("unsupported", 3), ("stale", 3)],
)
def test_the_exit_code_follows_the_state(state: ClaimState, code: int) -> None:
    assert answer(case(claim("SC-03", state))).exit_code == code


def test_a_no_weighs_more_than_what_could_not_be_judged() -> None:
    given = answer(case(claim("SC-03", "unsupported"), claim("SC-04", "contested")))
    assert (given.exit_code, [d.control for d in given.deciding]) == (1, ["SC-04", "SC-03"])


def test_a_profile_asks_only_what_it_names() -> None:
    assert answer(case(claim("TV-05", "contested"))).allowed is True
    assert answer(case(claim("TV-05", "contested", "low")), STANDARD).allowed is True
    assert answer(case(claim("TV-05", "contested", "medium")), STANDARD).allowed is False


def test_only_gaps_that_the_baseline_does_not_know_block() -> None:
    old = case(claim("SC-03", "contested", key="a.pkl"))
    known = take(old).gaps
    assert answer(old, known=known).allowed is True
    assert answer(old, known=known).known == 1
    assert answer(case(claim("SC-03", "contested", key="b.pkl")), known=known).allowed is False


def test_an_unproven_claim_that_the_baseline_knows_still_blocks_when_it_is_contested() -> None:
    known = take(case(claim("SC-03", "unsupported"))).gaps
    assert answer(case(claim("SC-03", "unsupported")), known=known).allowed is True
    assert answer(case(claim("SC-03", "contested")), known=known).allowed is False


def test_what_is_critical_is_never_known_to_a_baseline() -> None:
    bad = case(claim("SC-04", "contested", found="critical"))
    assert take(bad).gaps == ()
    forged = to_bytes(take(bad)).replace(
        b'"gaps": []', b'"gaps": ["SC-04:' + bad.claims[0].findings[0].fingerprint.encode() + b'!"]'
    )
    assert answer(bad, known=from_bytes(forged, "b.json", "shop").gaps).allowed is False


def test_a_baseline_is_the_same_bytes_for_the_same_gaps_and_tells_which_are_gone() -> None:
    first, second = claim("SC-03", "contested", key="a"), claim("SC-04", "unsupported")
    taken = take(case(first, second))
    assert to_bytes(taken) == to_bytes(take(case(second, first)))
    assert from_bytes(to_bytes(taken), "b.json", "shop") == taken
    unsure = f"SC-04:{second.findings[0].fingerprint}?"
    assert gone(taken, [first]) == tuple(sorted((unsure, "SC-04:unproven")))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"schema":"x","service":"shop","made":"","gaps":[]}']
)
def test_a_broken_baseline_closes_the_gate_with_a_word(content: bytes) -> None:
    with pytest.raises(UsageError):
        from_bytes(content, "b.json", "shop")


def test_a_baseline_of_another_service_is_refused() -> None:
    with pytest.raises(UsageError, match="not of 'other'"):
        from_bytes(to_bytes(take(case())), "b.json", "other")


def test_the_strict_profile_wants_a_signature_that_is_trusted() -> None:
    good = case(claim("SC-03", "supported"))
    assert answer(good, STRICT).exit_code == 0
    assert answer(good, STRICT, untrusted="the ledger is not signed").exit_code == 3


def test_what_could_not_be_judged_is_not_hidden_by_a_known_failure() -> None:
    old = claim("SC-03", "contested", key="a.pkl")
    known = take(case(old)).gaps
    unsure = Finding(check="c", subject="other", verdict="unknown", message="unreadable")
    new = msgspec.structs.replace(old, findings=(*old.findings, unsure))
    given = answer(case(new), known=known)
    assert given.allowed is not True
    assert given.deciding[0].why == "unreadable"
    assert answer(case(new), known=take(case(new)).gaps).allowed is True


def test_missing_evidence_is_not_hidden_by_a_known_failure() -> None:
    old = claim("SC-03", "contested")
    known = take(case(old)).gaps
    assert answer(case(msgspec.structs.replace(old, state="unsupported")), known=known).exit_code == 3


def test_each_thing_that_a_key_names_is_a_gap_of_its_own() -> None:
    known = take(case(claim("SC-03", "contested", key="click\nhttpx"))).gaps
    assert answer(case(claim("SC-03", "contested", key="httpx")), known=known).allowed is True
    assert answer(case(claim("SC-03", "contested", key="click\nevil\nhttpx")), known=known).allowed is False
