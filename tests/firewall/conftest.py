"""A hub on a loopback port, and a firewall before it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .hub import Hub


class Wall:
    """A firewall that runs: where, and what it told."""

    def __init__(self, url: str, log: Path, store: Path) -> None:
        self.url = url
        self.store = store
        self._log = log

    def events(self, event: str = "") -> list[dict[str, Any]]:
        told = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [e for e in told if event in ("", e["event"])]


Build = Callable[..., contextlib.AbstractContextManager[Wall]]


@pytest.fixture(scope="session")
def hub_server() -> Iterator[Hub]:
    from .hub import Hub, running

    hub = Hub()
    with running(hub.app()) as url:
        hub.url = url
        yield hub


@pytest.fixture
def hub(hub_server: Hub) -> Hub:
    url = hub_server.url
    hub_server.__init__()  # type: ignore[misc]  # each test has a fresh one at the same address
    hub_server.url = url
    return hub_server


@pytest.fixture
def build_wall(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    monkeypatch.setattr("safecase.firewall.fetching.PAUSE_SECONDS", 0.01)
    from safecase.firewall.audit import Log
    from safecase.firewall.server import Settings, build

    from .hub import running

    @contextlib.contextmanager
    def start(**settings: Any) -> Iterator[Wall]:
        log = Log(tmp_path / "events.jsonl")
        store = settings.pop("store", tmp_path / "store")
        wanted = {"upstream": hub.url, "workers": 1, "scan_seconds": 20.0} | settings
        with running(build(Settings(store=store, **wanted), log)) as url:
            yield Wall(url, tmp_path / "events.jsonl", store)
        log.close()

    return start


@pytest.fixture
def wall(build_wall: Build) -> Iterator[Wall]:
    with build_wall() as found:
        yield found
