"""The log of events when the disk takes no more: what happened is kept, and what cannot be logged does not happen."""

from __future__ import annotations

import errno
import json
import time
from pathlib import Path
from typing import Any

import pytest

from safecase.errors import EvidenceError
from safecase.gateway import events
from safecase.gateway.events import EventLog
from safecase.readers.chained_logs import follow


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.open()]


def _until(done: Any) -> None:
    until = time.monotonic() + 10
    while not done() and time.monotonic() < until:
        time.sleep(0.01)


def test_a_full_disk_loses_nothing_and_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_WAITING", 500)
    log = EventLog(tmp_path, 1_000_000)
    log.add({"event": "call", "n": 0})
    _until(lambda: log.written == 1)
    write = log._write

    def full(_: list[dict[str, Any]]) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(log, "_write", full)
    sent = 0
    while log.admits():
        sent += 1
        log.add({"event": "call", "n": sent})
    assert not any(log.admits() for _ in range(299))
    log.add({"event": "call", "n": sent + 1})  # it was let through before
    _until(lambda: log.failing)
    assert log.failing == "no room"
    assert log.waiting <= 501
    monkeypatch.setattr(log, "_write", write)
    _until(lambda: log.waiting == 0 and not log.failing)
    log.add({"event": "call", "n": -2})
    log.stop()
    told = _lines(tmp_path)
    numbers = [one["n"] for one in told if one["event"] == "call"]
    assert numbers == [*range(sent + 2), -2]
    assert sum(one["calls"] for one in told if one["event"] == "refused_unlogged") == 300
    assert [one["seq"] for one in told] == list(range(1, len(told) + 1))


def test_segments_are_bounded_and_chained(tmp_path: Path) -> None:
    log = EventLog(tmp_path, 10_000)
    for number in range(400):
        log.add({"event": "call", "n": number, "pad": "x" * 100})
        if number % 50 == 0:
            time.sleep(0.12)
    log.stop()
    paths = sorted(tmp_path.glob("*.jsonl"))
    assert len(paths) > 1
    before = None
    for path in paths:
        found = follow(path, before, frozenset(), time.monotonic() + 10)
        assert found.flaw is None
        before = found.end
    assert [one["n"] for one in _lines(tmp_path)] == list(range(400))


def test_a_line_that_was_torn_is_left_behind_and_told_by_its_readers(tmp_path: Path) -> None:
    log = EventLog(tmp_path, 1_000_000)
    log.add({"event": "call", "n": 1})
    log.stop()
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes() + b'{"event": "ca')
    log = EventLog(tmp_path, 1_000_000)
    log.add({"event": "call", "n": 2})
    log.stop()
    last = json.loads(sorted(tmp_path.glob("*.jsonl"))[-1].read_text())
    assert (last["n"], last["seq"]) == (2, 2)


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file")
    with pytest.raises(EvidenceError) as why:
        EventLog(tmp_path / "log", 1_000_000)
    assert "log.folder" in why.value.mend
