"""The hardened demo behind its gateway: what clients reach, what is stopped, and what the log says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safecase.readers.conversations import said
from safecase.service import read
from safecase.service.digests import Digests
from safecase.service.discover import discover
from safecase.service.schema import Endpoint
from safecase.targets.embedded import model
from safecase.targets.openai import OpenAITarget
from tests.demo.conftest import Running, running
from tests.demo.test_bot import ATTACKS


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start the hardened service once, as the demo does, with the stand-in in the place of the model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "runtime_is_here", lambda: False)
        with running(tmp_path_factory.mktemp("service"), hardened=True) as started:
            yield started


def ask(behind: Running, *messages: dict[str, Any], key: str | None = None) -> Any:
    key = behind.stage.environment["SAFECASE_DEMO_KEY"] if key is None else key
    body = {"model": "halbrad-support", "messages": list(messages)}
    return behind.call("POST", "/v1/chat/completions", body, key=key)


def test_an_ordinary_question_is_answered_by_the_bot(behind: Running) -> None:
    for question in ("Where is your shop?", "When do you open on Saturday?"):
        reply = ask(behind, {"role": "user", "content": question})
        assert reply.status == 200
        assert reply.value["model"].startswith("halbrad-support/")
    assert "9:00" in reply.text


def test_clients_know_a_key_of_the_gateway_and_nobody_else_gets_in(behind: Running) -> None:
    assert behind.stage.environment["SAFECASE_DEMO_KEY"].startswith("sk-sc-")
    assert ask(behind, {"role": "user", "content": "Hello"}, key="wrong").status == 401
    assert behind.call("GET", "/v1/models").status == 401


def test_an_attack_is_stopped_before_the_bot_reads_it(behind: Running) -> None:
    reply = ask(behind, {"role": "user", "content": ATTACKS["order"]})
    assert (reply.status, reply.value["error"]["param"]) == (403, "injection")


def test_the_log_says_what_the_guards_did_and_no_text(behind: Running) -> None:
    ask(behind, {"role": "user", "content": "My address is ada.lovelace@example.org. When do you open on Saturday?"})
    log = behind.folder / ".safecase/gateway"
    until = time.monotonic() + 5
    content = ""
    while "redact" not in redactions(content) and time.monotonic() < until:
        content = "".join(path.read_text() for path in sorted(log.glob("*/*.jsonl")))
    assert "redact" in redactions(content)
    assert "lovelace" not in content


def redactions(content: str) -> set[str]:
    events = [json.loads(line) for line in content.splitlines(keepends=True) if line.endswith("\n")]
    return {event["guards"]["redaction.in"]["result"] for event in events if "redaction.in" in event.get("guards", {})}


def test_the_folder_holds_no_key(behind: Running) -> None:
    secrets = [behind.stage.environment[name].encode() for name in ("SAFECASE_DEMO_KEY", "SAFECASE_DEMO_CANARY")]
    written = [path.read_bytes() for path in Path(behind.folder).rglob("*") if path.is_file()]
    assert not any(secret in content for secret in secrets for content in written)


def test_what_the_gateway_writes_is_no_part_of_the_service(behind: Running) -> None:
    service = read.read(read.find(behind.folder))
    before = discover(service, Digests(service.root, None), frozenset()).digests
    (event,) = (behind.folder / ".safecase/gateway").glob("*/*2.jsonl")
    with event.open("a") as file:
        file.write("{}\n")
    assert discover(service, Digests(service.root, None), frozenset()).digests == before


def test_a_refusal_of_the_gateway_is_a_filter_for_whoever_attacks(behind: Running) -> None:
    environment = behind.stage.environment
    url, key = environment["SAFECASE_DEMO_URL"], environment["SAFECASE_DEMO_KEY"]
    endpoint = Endpoint(url=url, key=key, model="halbrad-support")
    with OpenAITarget(endpoint, secret=str, owned=(), remaining=lambda: 30.0) as target:
        assert target.ask(said(ATTACKS["order"]), max_tokens=8).refused_by_filter
