"""What the tests of the demo share: a service folder, and a stage on which the stand-in answers."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from safecase.demo.stage import Stage, materialise
from safecase.targets.embedded import model

TODAY = date(2026, 11, 23)


class Reply(NamedTuple):
    status: int
    value: Any

    @property
    def text(self) -> str:
        return str(self.value["choices"][0]["message"]["content"])


class Running(NamedTuple):
    """A bot that runs, and a way to ask it."""

    stage: Stage
    folder: Path

    def call(self, method: str, path: str, value: Any = None, *, key: str | None = None) -> Reply:
        host = self.stage.environment["SAFECASE_DEMO_URL"].split("/")[2]
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            connection.request(method, path, None if value is None else json.dumps(value), headers)
            answer = connection.getresponse()
            return Reply(answer.status, json.loads(answer.read()))
        finally:
            connection.close()

    def ask(self, question: str, **more: Any) -> Reply:
        messages = [{"role": "user", "content": question}]
        key = self.stage.environment["SAFECASE_DEMO_KEY"]
        return self.call("POST", "/v1/chat/completions", {"messages": messages, **more}, key=key)


@contextmanager
def running(folder: Path, *, hardened: bool, gateway: bool = True) -> Iterator[Running]:
    """Start a variant; without a gateway the bot itself is asked, as its own tests want it."""
    service = materialise(folder, hardened=hardened, today=TODAY)
    if not gateway:
        manifest = service / "safecase.yaml"
        manifest.write_text(re.sub(r"(?ms)^protection:.*?\n\n", "", manifest.read_text("utf-8")), "utf-8")
    with Stage(service) as stage:
        yield Running(stage, service)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], Running]]:
    """Start each variant once, with the stand-in: as on a machine for which the runtime has no build."""
    from contextlib import ExitStack

    started: dict[bool, Running] = {}
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "runtime_is_here", lambda: False)

        def start(hardened: bool) -> Running:
            if hardened not in started:
                folder = tmp_path_factory.mktemp("service")
                started[hardened] = stack.enter_context(running(folder, hardened=hardened, gateway=False))
            return started[hardened]

        yield start


@pytest.fixture
def shipped(stand_in: Callable[[bool], Running]) -> Running:
    return stand_in(False)


@pytest.fixture
def hardened(stand_in: Callable[[bool], Running]) -> Running:
    return stand_in(True)
