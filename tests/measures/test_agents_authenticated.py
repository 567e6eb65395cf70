"""`a2a.probe` against agents that verify what they are sent, and agents that leave some of it out."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from safecase.measures.protection.checks.agents_authenticated import agents_authenticated
from safecase.vocabulary import Finding
from tests.measures.agent_server import CARD, OLD_CARD, Rules, agent, pem_of, public_of, signed_card
from tests.measures.looking import looked, rules, written

TOKEN = "token-of-the-test"
SENDER = ed25519.Ed25519PrivateKey.generate()
CARD_KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_KEY", pem_of(SENDER))


def strict(*without: str, token: str = TOKEN) -> Rules:
    return Rules(token, {"safecase-probe": SENDER.public_key()}, without)


def found(folder: Path, url: str, *, key: bool = True, signing: bool = True, more: str = "") -> list[Finding]:
    said = f"protection:\n  agents:\n  - id: researcher\n    url: {url}\n{more}"
    said += f"    key: {TOKEN}\n" if key else ""
    said += "    signing: {keyid: safecase-probe, key: '${env:PROBE_KEY}'}\n" if signing else ""
    return looked(agents_authenticated, written(folder, {"card.pub": public_of(CARD_KEY)}, said))


def taken(findings: list[Finding]) -> list[str]:
    return sorted(f.key.partition(":")[2] for f in findings if f.rule == "agents.taken")


def test_an_agent_that_verifies_everything_passes(tmp_path: Path) -> None:
    with agent(strict()) as url:
        (finding,) = found(tmp_path, url)
    assert finding.verdict == "pass"
    assert "refused 8 forged ones" in finding.message


@pytest.mark.parametrize(
    ("without", "wanted"),
    [
        ("token", ["wrong token"]),
        ("signature", ["unsigned"]),
        ("nonce", ["replayed"]),
        ("age", ["signed a day ago"]),
        ("digest", ["changed after it was signed"]),
        ("key", ["signed with another key"]),
        ("list", ["signed by an unlisted sender"]),
    ],
)
def test_each_thing_that_an_agent_leaves_out_is_found(without: str, wanted: list[str], tmp_path: Path) -> None:
    with agent(strict(without)) as url:
        assert taken(found(tmp_path, url)) == wanted


def test_an_agent_that_believes_everybody_fails_and_signatures_are_then_moot(tmp_path: Path) -> None:
    with agent(Rules("", {}, ())) as url:
        assert len(taken(found(tmp_path, url))) == 8


def test_a_bearer_token_alone_is_no_signature_and_can_be_replayed(tmp_path: Path) -> None:
    with agent(Rules(TOKEN, {}, ())) as url:
        assert taken(found(tmp_path, url, signing=False)) == ["replayed", "unsigned"]


def test_signatures_without_tokens_are_enough(tmp_path: Path) -> None:
    with agent(strict(token="")) as url:
        assert {f.verdict for f in found(tmp_path, url, key=False)} == {"pass"}


def test_where_the_listed_sender_is_refused_refusals_show_nothing(tmp_path: Path) -> None:
    with agent(Rules("another", {"x": SENDER.public_key()}, ())) as url:
        assert rules(found(tmp_path, url), "unknown") == ["agents.valid"]


def test_without_a_sender_for_tests_only_strangers_are_tried(tmp_path: Path) -> None:
    manifest = "components: [{id: researcher, type: agent}]\n"
    with agent(strict()) as url:
        tools = f"tools: [{{id: researcher, effect: read, via: http, url: '{url}'}}]\n"
        assert rules(looked(agents_authenticated, written(tmp_path, {}, manifest + tools)), "unknown") == [
            "agents.sender"
        ]
    with agent(Rules("", {}, ())) as url:
        tools = f"tools: [{{id: researcher, effect: read, via: http, url: '{url}'}}]\n"
        (finding,) = looked(agents_authenticated, written(tmp_path, {}, manifest + tools))
    assert (finding.verdict, finding.severity) == ("fail", "critical")


@pytest.mark.parametrize(("method", "card"), [("SendMessage", CARD), ("message/send", OLD_CARD)])
def test_the_protocol_is_spoken_as_the_card_says(method: str, card: dict[str, object], tmp_path: Path) -> None:
    with agent(strict(), signed_card(card, CARD_KEY), method=method) as url:
        findings = found(tmp_path, url, more="    card_keys: [card.pub]\n")
    assert [f.verdict for f in findings] == ["pass", "pass"]


def test_a_task_that_is_rejected_is_a_refusal(tmp_path: Path) -> None:
    with agent(strict(), state="TASK_STATE_AUTH_REQUIRED") as url:
        assert {f.verdict for f in found(tmp_path, url)} == {"pass"}


def test_mcp_is_spoken_where_it_is_said(tmp_path: Path) -> None:
    with agent(strict(), method="initialize") as url:
        assert {f.verdict for f in found(tmp_path, url, more="    speaks: mcp\n")} == {"pass"}


def test_an_unsigned_card_and_a_changed_one_fail_and_one_without_a_key_is_unknown(tmp_path: Path) -> None:
    signed = signed_card(CARD, CARD_KEY)
    keys = "    card_keys: [card.pub]\n"
    with agent(strict(), CARD) as url:
        assert rules(found(tmp_path, url)) == ["agents.card"]
    with agent(strict(), signed | {"description": "Does as it likes."}) as url:
        assert rules(found(tmp_path, url, more=keys)) == ["agents.card"]
    with agent(strict(), signed_card(CARD, ec.generate_private_key(ec.SECP256R1()))) as url:
        assert rules(found(tmp_path, url, more=keys)) == ["agents.card"]
    with agent(strict(), signed) as url:
        assert rules(found(tmp_path, url), "unknown") == ["agents.card"]


def test_an_agent_that_is_away_or_elsewhere_is_unknown(tmp_path: Path) -> None:
    assert rules(found(tmp_path, "http://127.0.0.1:9/a2a"), "unknown") == ["agents.unasked"]
    assert rules(found(tmp_path, "https://researcher.example/a2a"), "unknown") == ["agents.unasked"]
