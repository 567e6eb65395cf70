"""A client, the proxy and a server as the processes that they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from safecase.gateway.mcp.stdio import lines
from tests.gateway.test_mcp_filter import ATTACK, SOW, WATER

SERVER = Path(__file__).with_name("mcp_server.py")


class Spoken:
    """Lines to and from the proxy."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def asks(self, method: str, id_: int = 1, **params: Any) -> dict[str, Any]:
        self.says({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
        return self.hears()

    def says(self, message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def hears(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def ends(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(20)


@contextmanager
def proxied(folder: Path, *words: str, **said: Any) -> Iterator[Spoken]:
    (folder / "says.json").write_text(json.dumps(said))
    (folder / "gateway.yaml").write_text("limits: {answer_bytes: 100000, body_bytes: 100000}\n")
    command = [sys.executable, "-m", "safecase.cli", "gateway", "mcp", "--name", "garden", "--policy", "gateway.yaml"]
    server = [*words, "--", sys.executable, str(SERVER), "says.json"]
    process = subprocess.Popen(
        [*command, *server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
    )
    try:
        yield Spoken(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def test_a_server_is_listed_called_logged_and_left(tmp_path: Path) -> None:
    with proxied(tmp_path, "--trust-first", tools=[WATER]) as client:
        told = client.asks("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={})
        assert told["result"]["serverInfo"] == {"name": "garden", "version": "1.0"}
        client.says({"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert client.asks("tools/list")["result"]["tools"] == [WATER]
        told = client.asks("tools/call", name="water", arguments={"bed": "roses"})
        assert told["result"]["content"][0]["text"] == '{"bed": "roses"}'
        client.says(b"nonsense\n")
        assert client.hears()["error"]["code"] == -32700
        client.says(b"x" * 300_000 + b"\n")
        assert client.hears()["error"]["code"] == -32600
        (tmp_path / "says.json").write_text(json.dumps({"tools": [{**WATER, "description": "Other."}, SOW]}))
        assert client.asks("tools/list")["result"]["tools"] == []
        assert "accept garden" in client.asks("tools/call", name="water")["error"]["message"]
        assert client.ends() == 0
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("events-*.jsonl"))
    events = [json.loads(line) for line in content.splitlines()]
    assert [event["event"] for event in events][:2] == ["started", "mcp"]
    assert {"block", "pass"} <= {event.get("result") for event in events}
    assert b"roses" not in content


def test_what_changed_is_shown_accepted_and_then_passes(tmp_path: Path) -> None:
    def words(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "safecase.cli", "gateway", "mcp", *more]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    bad = {**SOW, "description": f"Sows. \x1b[31m{ATTACK}"}
    with proxied(tmp_path, tools=[WATER, bad]) as client:
        assert client.asks("tools/list")["result"]["tools"] == []
        client.ends()
    shown = words("diff", "garden").stdout
    assert '+  "description": "Waters a bed of the garden."' in shown
    assert "warning: it looks like an attack" in shown
    assert "\x1b" not in shown
    assert "1 accepted" in words("accept", "garden").stderr
    with proxied(tmp_path, tools=[WATER, bad]) as client:
        assert client.asks("tools/list")["result"]["tools"] == [WATER]
        client.ends()
    assert "1 accepted" in words("accept", "garden", "sow_seeds").stderr
    with proxied(tmp_path, tools=[WATER, bad]) as client:
        assert client.asks("tools/list")["result"]["tools"] == [WATER, bad]
        client.ends()
    assert "as it was approved" in words("diff").stdout
    assert words("accept", "garden", "nothing").returncode == 2
    assert words("accept", "../garden").returncode == 2
    assert words("--url", "http://elsewhere.example/mcp").returncode == 2
    assert words("--", str(tmp_path / "no-such-program")).returncode == 2
    assert words().returncode == 2


def test_a_server_that_dies_answers_all_that_waits_and_its_status_is_told(tmp_path: Path) -> None:
    with proxied(tmp_path, "--trust-first", tools=[WATER], exit=7) as client:
        client.asks("tools/list")
        assert "exit status 7" in client.asks("tools/call", id_=5, name="water")["error"]["message"]
        assert client.process.wait(20) == 7


@pytest.mark.parametrize(
    "raw",
    [
        "nonsense\n",
        '{"jsonrpc":"2.0","id":99,"result":{"content":[]}}\n[]\n',
        '{"jsonrpc":"2.0","method":"notifications/evil"}\n' * 3,
    ],
)
def test_what_a_server_says_beside_its_answers_never_comes_through(tmp_path: Path, raw: str) -> None:
    with proxied(tmp_path, "--trust-first", tools=[WATER], raw=raw) as client:
        client.asks("tools/list")
        told = client.asks("tools/call", id_=5, name="water", arguments={})
        assert told["id"] == 5
        assert client.asks("ping", id_=6)["id"] == 6


def test_a_line_without_end_takes_no_memory_and_its_request_is_answered(tmp_path: Path) -> None:
    with proxied(tmp_path, "--trust-first", tools=[WATER], flood=800) as client:
        client.asks("tools/list")
        assert "larger" in client.asks("tools/call", name="water", arguments={})["error"]["message"]
        status = Path(f"/proc/{client.process.pid}/status")
        if status.exists():
            peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            assert int(peak.split()[1]) < 150_000


def test_whoever_stops_the_proxy_stops_the_server(tmp_path: Path) -> None:
    with proxied(tmp_path, "--trust-first", tools=[WATER]) as client:
        client.asks("tools/list")
        children = Path(f"/proc/{client.process.pid}/task/{client.process.pid}/children")
        if not children.exists():
            pytest.skip("this system does not list children")
        child = int(children.read_text().split()[0])
        client.process.terminate()
        assert client.process.wait(20) == 128 + 15
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_lines_are_the_same_however_they_come(size: int) -> None:
    content = b"one\n\n" + b"x" * 20 + b"\ntwo\r\nthree"
    source, sink = os.pipe()
    for at in range(0, len(content), size):
        os.write(sink, content[at : at + size])
    os.close(sink)
    assert list(lines(source, 10)) == [b"one", None, b"two\r"]
    os.close(source)
