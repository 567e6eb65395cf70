"""The policy: which words of the manifest a change may say of itself."""

from __future__ import annotations

from pathlib import Path

from safecase.assess.policy import Policy, discovered_by, doubts, ruled_by
from safecase.service.read import ServiceDescription, endpoint_of, from_bytes
from safecase.vocabulary import Fact

START = "safecase: 1\nservice: {id: shop}\n"


def described(folder: Path, more: str) -> ServiceDescription:
    return from_bytes((START + more).encode(), folder / "safecase.yaml")


def policy(folder: Path, more: str) -> Policy:
    return Policy("main", described(folder, more), None, own=False)


def test_the_endpoint_of_the_policy_is_asked_at_the_routes_of_both(tmp_path: Path) -> None:
    there = policy(tmp_path, "deployment: {endpoint: {url: 'http://a/v1', routes: [/metrics]}}\n")
    here = described(tmp_path, "deployment: {endpoint: {url: 'http://b/v1', routes: [/admin]}}\n")
    endpoint = endpoint_of(ruled_by(here, there).manifest)
    assert endpoint is not None
    assert (endpoint.url, endpoint.routes) == ("http://a/v1", ("/metrics", "/admin"))
    assert [d.control for d in doubts(here, there, new=False)] == ["endpoint"]


def test_an_endpoint_that_the_change_takes_away_is_asked_all_the_same(tmp_path: Path) -> None:
    there = policy(tmp_path, "deployment: {endpoint: 'http://a/v1'}\n")
    endpoint = endpoint_of(ruled_by(described(tmp_path, ""), there).manifest)
    assert endpoint is not None
    assert endpoint.url == "http://a/v1"


def test_a_prompt_that_the_change_no_longer_names_is_still_looked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    there = policy(tmp_path, "ai: {system_prompts: [a.txt, gone.txt]}\n")
    here = described(tmp_path, "ai: {system_prompts: [b.txt]}\n")
    assert ruled_by(here, there).manifest.ai.system_prompts == ("b.txt", "a.txt")
    assert [(d.control, "gone.txt" in d.why) for d in doubts(here, there, new=False)] == [("system-prompts", True)]


def test_rules_that_the_change_loosens_are_those_of_the_policy(tmp_path: Path) -> None:
    there = policy(tmp_path, "maintenance: {sla_days: {high: 7}}\ntraining: {modules: [{id: a, pass_score: 0.9}]}\n")
    here = described(tmp_path, "maintenance: {sla_days: {high: 999}}\ntraining: {modules: [{id: a, pass_score: 0}]}\n")
    ruled = ruled_by(here, there).manifest
    assert ruled.maintenance.sla_days == {"high": 7}
    assert ruled.training.modules[0].pass_score == 0.9


def test_a_new_service_is_doubted_until_a_person_says_that_it_is_one(tmp_path: Path) -> None:
    unknown = Policy("main", None, None, own=False)
    assert [d.control for d in doubts(described(tmp_path, ""), unknown, new=False)] == ["policy"]
    assert doubts(described(tmp_path, ""), unknown, new=True) == ()


def test_the_larger_count_of_files_decides(tmp_path: Path) -> None:
    def fact(count: int) -> Fact:
        return Fact(key="discovered.model_files", value=count, origin="discovered")

    there = policy(tmp_path, "")._replace(discovered=(fact(2),))
    assert [f.value for f in discovered_by(there, (fact(0),))] == [2]
    assert [f.value for f in discovered_by(there, (fact(3),))] == [3]
