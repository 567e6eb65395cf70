"""A gateway's policy follows from the threats that a service faces, and what its owner wrote wins."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.catalogue.read import catalogue
from safecase.errors import UsageError
from safecase.gateway.admission import Caller
from safecase.gateway.from_threats import FROM_MANIFEST, Derived, Reason, derive, table
from safecase.gateway.keyed import keyed
from safecase.gateway.keys import Key, KeyStore
from safecase.gateway.policy import GatewayPolicy, policy_of, read_policy
from safecase.gateway.refusals import Refused
from safecase.service.schema import Manifest

SECRET = "Qm7v-Zk2pX9tYw4rLb8nHc3sGd6fJa1uEo5i"
THREATS = sorted(table().threats)
AGENT: dict[str, Any] = {
    "tools": [
        {"id": "read_mail", "effect": "read"},
        {"id": "send_mail", "effect": "send", "approval": "each"},
        {"id": "pay", "effect": "pay", "approval": "none", "reversible": False},
        {"id": "note", "effect": "write", "approval": "none"},
        {"id": "calendar", "effect": "write", "reversible": True},
        {"id": "post", "effect": "send"},
        {"id": "search", "effect": "read", "via": "http", "url": "https://Search.garden.example/api"},
        {"id": "odd", "effect": "read", "url": "http://[no-address/"},
    ],
    "infrastructure": {"egress": ["files.garden.example", "*.wild.example", "10.0.0.0/8", "10.0.0.1", "shop/bot"]},
    "testing": {"attacks": {"canary": "${env:CANARY}"}},
}


def manifest(**said: Any) -> Manifest:
    return msgspec.convert({"safecase": 1, "service": {"id": "garden"}, **said}, Manifest)


def derived(*facing: str, written: Mapping[str, Any] | None = None, **said: Any) -> Derived:
    return derive(facing, manifest(**said), written or {}, "safecase.yaml: protection.gateway")


def reason_of(found: Derived, path: str) -> Reason:
    return next(reason for reason in found.reasons if reason.path == path)


def test_every_threat_of_operation_is_answered_or_said_to_be_answered_elsewhere() -> None:
    operation = sorted(t.id for t in catalogue().threats.values() if t.lifecycle == "operation")
    told = [*table().threats, *(threat for row in table().elsewhere for threat in row.threats)]
    assert sorted(told) == operation


def test_every_setting_is_used_and_known_to_the_policy() -> None:
    used = {name for names in table().threats.values() for name in names}
    assert used == set(table().settings)
    for group in table().settings.values():
        for path, value in group.set.items():
            if isinstance(value, dict):
                assert value["manifest"] in FROM_MANIFEST
            said: Any = GatewayPolicy()
            for step in path.split("."):
                said = getattr(said, step)


def test_no_two_settings_disagree() -> None:
    values: dict[str, set[str]] = {}
    for group in table().settings.values():
        for path, value in group.set.items():
            if not isinstance(value, list):
                values.setdefault(path, set()).add(json.dumps(value))
    assert [path for path, said in values.items() if len(said) > 1] == []


def test_indirect_injection_makes_the_guard_stop_documents_and_tools() -> None:
    found = derived("T02")
    assert {"tool", "retrieved"} <= set(found.policy.guards.injection.block)
    assert reason_of(found, "guards.injection.block").threats == ("T02",)
    assert reason_of(found, "guards.injection.block").origin == "derived"


def test_personal_data_leaves_as_placeholders_that_come_back() -> None:
    found = derived("T09", "T81")
    assert found.policy.guards.redaction.on
    assert found.policy.guards.redaction.restore
    assert reason_of(found, "guards.redaction.on").threats == ("T09", "T81")


def test_tools_need_approval_as_they_are_declared() -> None:
    found = derived("T25", **AGENT)
    assert {rule["tool"]: rule["call"] for rule in found.policy.guards.tools.rules} == {
        "read_mail": "allow",
        "send_mail": "approve",
        "pay": "approve",
        "note": "allow",
        "calendar": "allow",
        "post": "approve",
        "search": "allow",
        "odd": "allow",
    }
    assert found.policy.guards.tools.default == "approve"


def test_only_whole_names_of_hosts_are_taken_from_the_manifest() -> None:
    hosts = derived("T18", **AGENT).policy.guards.egress.allowed_hosts
    assert hosts == ("files.garden.example", "search.garden.example")


def test_the_planted_text_is_the_manifests_and_its_lack_is_told() -> None:
    assert derived("T07", **AGENT).policy.guards.canary.words == ("${env:CANARY}",)
    assert derived("T07").missing == {"testing.attacks.canary": ("T07",)}


def test_denial_of_wallet_bounds_answers_and_requests() -> None:
    limits = derived("T21").policy.limits
    assert (limits.output_tokens, limits.requests_per_minute) == (8192, 600)


def test_what_is_written_wins_and_is_told_where_it_is_weaker() -> None:
    written = {
        "shadow": True,
        "limits": {"output_tokens": 20_000, "at_once": 10},
        "guards": {
            "injection": {"block": ["user"]},
            "redaction": {"labels": ["EMAIL"], "restore": False},
            "tools": {"default": "allow", "rules": [{"tool": "*", "call": "allow"}]},
            "egress": {"html": "keep", "allowed_hosts": ["docs.garden.example"], "fail": "open"},
            "canary": {"words": []},
        },
    }
    found = derived(*THREATS, written=written, **AGENT)
    assert found.policy.guards.injection.block == ("user",)
    assert found.policy.limits.output_tokens == 20_000
    assert sorted(reason.path for reason in found.reasons if reason.weaker) == [
        "guards.canary.words",
        "guards.egress.fail",
        "guards.egress.html",
        "guards.injection.block",
        "guards.redaction.labels",
        "guards.tools.default",
        "guards.tools.rules",
        "limits.output_tokens",
        "shadow",
    ]
    assert reason_of(found, "limits.output_tokens").derived == 8192
    assert not reason_of(found, "limits.at_once").weaker


def test_a_stricter_rule_for_a_tool_is_not_weaker() -> None:
    rules = [{"tool": "pay", "call": "deny"}, {"tool": "*", "call": "approve"}]
    found = derived("T25", written={"guards": {"tools": {"rules": rules}}}, **AGENT)
    assert not any(reason.weaker for reason in found.reasons)


def test_what_is_written_wrong_is_told_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"safecase\.yaml: protection\.gateway: .*limits\.at_once"):
        derived("T21", written={"limits": {"at_once": "many"}})


@given(st.sets(st.sampled_from(THREATS)))
@settings(max_examples=60, deadline=None)
def test_no_set_of_threats_makes_a_policy_weaker_than_its_defaults(facing: set[str]) -> None:
    found = derived(*facing, **AGENT)
    plain, default = found.policy.guards, GatewayPolicy().guards
    assert set(default.injection.block) <= set(plain.injection.block)
    assert all((plain.injection.on, plain.redaction.on, plain.tools.on, plain.egress.on))
    assert plain.redaction.labels == ()
    assert not found.policy.shadow
    assert not any(reason.weaker for reason in found.reasons)
    assert set(found.threats) <= facing


def test_a_key_without_a_limit_of_its_own_is_held_to_the_policys(tmp_path: Path) -> None:
    admission = keyed(tmp_path / "keys.db", SECRET.encode(), requests_per_minute=2)
    store = KeyStore(tmp_path / "keys.db", SECRET.encode())
    free = admission.caller(store.create(Key(name="free", prefix="")))
    own = admission.caller(store.create(Key(name="own", prefix="", requests_per_minute=3)))
    assert free
    assert own

    async def calls(caller: Caller) -> int:
        for count in range(10):
            try:
                await admission.reserve(caller, 1, 1, 0)
            except Refused:
                return count
        return 10

    assert [asyncio.run(calls(caller)) for caller in (free, own)] == [2, 3]


# The command line.


SERVICE = """\
safecase: 1
service: {id: garden}
ai: {kind: llm}
deployment: {exposure: public}
data: [{id: letters, classes: [personal]}]
testing: {attacks: {canary: "${env:GARDEN_CANARY}"}}
protection:
  gateway:
    limits: {output_tokens: 20000}
"""


def safecase(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "safecase.cli", *words],
        cwd=folder,
        env={**os.environ, "SAFECASE_HOME": str(folder / "home"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    (tmp_path / "safecase.yaml").write_text(SERVICE)
    return tmp_path


def test_the_policy_is_printed_with_the_reason_of_each_setting(garden: Path) -> None:
    told = safecase(garden, "gateway", "policy")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "T01*" in told.stdout
    assert any(line.split()[:3] == ["limits.output_tokens", "written", "20000"] for line in lines)
    assert any("weaker: 8192 would follow" in line for line in lines)
    assert any(line.split()[:3] == ["guards.redaction.on", "derived", "true"] for line in lines)


def test_the_policy_as_yaml_is_one_that_the_gateway_takes(garden: Path) -> None:
    told = safecase(garden, "gateway", "policy", "--format", "yaml")
    (garden / "gateway.yaml").write_text(told.stdout)
    policy = read_policy(garden / "gateway.yaml")
    assert policy.service == "garden"
    assert policy.limits.output_tokens == 20_000
    assert policy.guards.canary.words == ("${env:GARDEN_CANARY}",)
    assert "output_tokens: 20000  # written" in told.stdout


def test_the_policy_as_json_names_the_open_threats(garden: Path) -> None:
    told = json.loads(safecase(garden, "gateway", "policy", "--format", "json").stdout)
    assert "T01" in told["open"]
    assert {reason["origin"] for reason in told["reasons"]} == {"written", "derived"}
    assert policy_of(told["policy"], "").limits.output_tokens == 20_000


def test_a_weak_secret_is_refused_before_anything_is_told(garden: Path) -> None:
    told = safecase(garden, "gateway", "run", SAFECASE_GATEWAY_SECRET="short")
    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr.splitlines()[0] == "error: the gateway's secret is shorter than 32 bytes"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nobody says where the models are"),
        (("--upstream", "ftp://models"), "--upstream is no address"),
        (("--upstream-key-env", "KEY"), "--upstream-key-env is for an --upstream"),
    ],
)
def test_without_an_address_of_models_it_does_not_start(garden: Path, words: tuple[str, ...], message: str) -> None:
    told = safecase(garden, "gateway", "run", *words, SAFECASE_GATEWAY_SECRET=SECRET)
    assert told.returncode == 2
    assert f"error: {message}" in told.stderr
    assert "chat whole" not in told.stderr
