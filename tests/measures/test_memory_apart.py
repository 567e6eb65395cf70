"""`memory.probe` against assistants that remember well, badly, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from safecase.measures.protection import remembering as remembering_module
from safecase.measures.protection.checks.memory_apart import memory_apart
from safecase.vocabulary import Finding
from tests.measures.looking import looked, rules, written
from tests.measures.remembering_bot import remembering
from tests.targets.servers import Request, Response, completion, serving

MEMORY = "memory: {kind: persistent, scope: user, writable_by: [user], ttl_days: 30}\n"
TWO = "testing: {identities: [{id: ada, key: ada-key}, {id: bob, key: bob-key}]}\n"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering_module, "PAUSE_S", 0.01)


def found(folder: Path, url: str, *, memory: str = MEMORY, target: str = TWO) -> list[Finding]:
    manifest = f"ai: {{kind: llm}}\ndeployment: {{endpoint: '{url}'}}\n{memory}{target}"
    return looked(memory_apart, written(folder, {}, manifest))


def test_a_memory_for_each_user_passes(tmp_path: Path) -> None:
    with remembering() as url:
        assert {f.verdict for f in found(tmp_path, url)} == {"pass"}


def test_users_may_be_told_by_a_field_of_the_request(tmp_path: Path) -> None:
    users = "testing: {identities: [{id: ada}, {id: bob}]}\n"
    with remembering(whose=lambda request: str(request.body.get("user"))) as url:
        assert {f.verdict for f in found(tmp_path, url, target=users)} == {"pass"}


def test_a_memory_that_all_users_share_fails(tmp_path: Path) -> None:
    with remembering(whose=lambda _: "all") as url:
        findings = found(tmp_path, url)
    assert [f.key for f in findings if f.verdict == "fail"] == ["fact", "wish"]
    assert all(f.evidence for f in findings if f.verdict == "fail")


@pytest.mark.parametrize(("origin", "notes", "tools"), [("note", True, False), ("tool", False, True)])
def test_an_order_of_a_stranger_that_is_followed_later_fails(
    origin: str, notes: bool, tools: bool, tmp_path: Path
) -> None:
    with remembering(heeds_notes=notes, heeds_tools=tools) as url:
        findings = found(tmp_path, url)
    assert [(f.rule, f.key) for f in findings if f.verdict == "fail"] == [("memory.foreign", origin)]


def test_an_endpoint_that_takes_no_results_of_tools_is_judged_by_notes(tmp_path: Path) -> None:
    with remembering(takes_tools=False) as url:
        findings = found(tmp_path, url)
    assert [f.message for f in findings if f.key == "foreign"] == ["no order in a note was followed later"]


def test_a_service_that_remembers_nothing_shows_nothing(tmp_path: Path) -> None:
    with serving(lambda _: completion("Gladly.")) as url:
        assert rules(found(tmp_path, url), "unknown") == ["memory.unseen"]


def test_a_service_that_repeats_what_it_is_told_shows_nothing(tmp_path: Path) -> None:
    def echo(request: Request) -> Response:
        return completion(request.body["messages"][-1]["content"])

    with serving(echo) as url:
        assert rules(found(tmp_path, url), "unknown") == ["memory.unseen"]


def test_with_one_identity_it_is_not_known_whether_others_see_it(tmp_path: Path) -> None:
    with remembering() as url:
        findings = found(tmp_path, url, target="testing: {identities: []}")
    assert rules(findings, "unknown") == ["memory.one"]
    assert rules(findings) == []


def test_two_identities_with_one_key_are_not_two(tmp_path: Path) -> None:
    same = "testing: {identities: [{id: ada, key: k}, {id: bob, key: k}]}\n"
    with remembering() as url:
        (finding,) = [f for f in found(tmp_path, url, target=same) if f.verdict != "pass"]
    assert (finding.rule, finding.verdict) == ("memory.unasked", "unknown")
    assert "in the same way" in finding.message


def test_a_silent_endpoint_is_unknown(tmp_path: Path) -> None:
    with serving(lambda _: Response(401, b"{}")) as url:
        (finding,) = [f for f in found(tmp_path, url) if f.verdict != "pass"]
    assert (finding.rule, finding.verdict) == ("memory.unasked", "unknown")
    assert "401" in finding.message


def test_a_declared_memory_for_all_fails_and_unsaid_rules_are_unknown(tmp_path: Path) -> None:
    with remembering() as url:
        shared = found(tmp_path, url, memory="memory: {kind: persistent, scope: tenant}\n")
    assert rules(shared) == ["memory.scope"]
    assert rules(shared, "unknown") == ["memory.rules"]


def test_a_guard_that_stops_orders_leaves_the_rest_to_be_judged(tmp_path: Path) -> None:
    with remembering(stops_orders=True) as url:
        findings = found(tmp_path, url)
    assert {f.verdict for f in findings} == {"pass"}
    assert [f.message for f in findings if f.key == "foreign"] == [
        "the service took neither a note nor a tool's result with an order in it"
    ]
