"""How fast the gateway is: pass-through and with all guards, whole and streamed, beside LiteLLM and Portkey.

    python bench/gateway.py [--litellm /path/to/litellm] [--portkey /path/to/portkey-start] [--seconds 5]

Every gateway runs alone, one after the other in the same minutes, as one process with one worker before the same mock
upstream. Requests a second and latencies are the client's; CPU is the gateway process's own, by the system's count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from safecase.gateway.keys import Key, KeyStore

KEY = "sk-bench-0123456789abcdefghijklmnopqrstuv"
SECRET_NAME = "SAFECASE_BENCH_SECRET"
KEYS: dict[int, str] = {}
"""By port; other gateways take `KEY`."""
SENTENCE = "The garden opens at nine, and whoever comes early waits at the gate with the keeper and a cup of tea. "
PROMPT = (SENTENCE * 6)[:512]
PIECES = 22


class Row(NamedTuple):
    """What one run showed."""

    name: str
    requests_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    rss_mib: float
    errors: int


class Mock(asyncio.Protocol):
    """An upstream that answers at once: the same bytes, whole or as a stream."""

    whole: bytes
    stream: bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line[15:])
            if len(rest) < length:
                return
            body, self._buffer = rest[:length], rest[length:]
            streamed = b'"stream":true' in body or b'"stream": true' in body
            self._transport.write(self.stream if streamed else self.whole)


def _answers() -> tuple[bytes, bytes]:
    usage = {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}
    base = {"id": "chatcmpl-1", "created": 1, "model": "mock"}
    message = {"role": "assistant", "content": (SENTENCE * 4)[:400]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = json.dumps({**base, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    events = []
    for number in range(PIECES):
        delta = {"content": SENTENCE[number * 4 : number * 4 + 18]}
        piece = {"index": 0, "delta": delta, "finish_reason": None}
        events.append({**base, "object": "chat.completion.chunk", "choices": [piece]})
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    events.append({**base, "object": "chat.completion.chunk", "choices": [last], "usage": usage})
    stream = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%b\r\n\r\n"
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(stream), stream)
    return (
        head % (b"application/json", b"content-length: %d" % len(whole)) + whole,
        head % (b"text/event-stream", b"transfer-encoding: chunked") + chunked,
    )


def mock(port: int) -> None:
    """Run the upstream until it is killed."""
    import uvloop

    Mock.whole, Mock.stream = _answers()

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(run())


class Client(asyncio.Protocol):
    """Asks again and again over one connection."""

    def __init__(self, request: bytes, until: float, took: list[float], errors: list[int], gap: float) -> None:
        self._request, self._until, self._took, self._errors, self._gap = request, until, took, errors, gap
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        asyncio.get_running_loop().call_later(self._gap * random.random(), self._ask)

    def _ask(self) -> None:
        self._buffer = b""
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        low = head.lower()
        if b"transfer-encoding: chunked" in low:
            if not body.endswith(b"0\r\n\r\n"):
                return
        else:
            at = low.find(b"content-length:")
            if at < 0 or len(body) < int(low[at + 15 :].split(b"\r\n")[0]):
                return
        now = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200"):
            self._errors[0] += 1
        self._took.append(now - self._asked)
        if now >= self._until:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)
        elif self._gap:
            asyncio.get_running_loop().call_later(max(0.0, self._gap - (now - self._asked)), self._ask)
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._errors[0] += 1
            self.done.set_result(None)


def load(port: int, *, streamed: bool, seconds: float, clients: int, rate: float = 0.0) -> tuple[list[float], int]:
    """Ask for some seconds from so many connections; gives how long each took, and how many failed."""
    import uvloop

    said: dict[str, Any] = {"model": "mock", "messages": [{"role": "user", "content": PROMPT}]}
    body = json.dumps(said | ({"stream": True} if streamed else {})).encode()
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer %b\r\n"
        b"content-type: application/json\r\nx-portkey-provider: openai\r\n"
        b"x-portkey-custom-host: http://127.0.0.1:%d/v1\r\ncontent-length: %d\r\n\r\n"
    ) % (KEYS.get(port, KEY).encode(), UPSTREAM, len(body)) + body
    took: list[float] = []
    errors = [0]

    async def run() -> None:
        until = time.perf_counter() + seconds
        loop = asyncio.get_running_loop()
        gap = clients / rate if rate else 0.0
        made = [
            await loop.create_connection(lambda: Client(request, until, took, errors, gap), "127.0.0.1", port)
            for _ in range(clients)
        ]
        await asyncio.wait_for(asyncio.gather(*(one.done for _, one in made)), seconds + 60)

    uvloop.run(run())
    return took, errors[0]


UPSTREAM = 0


def free() -> int:
    """Give a port that nobody uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def process(command: list[str], port: int, **environment: str) -> Iterator[int]:
    """Run a server until it listens; gives its process id, and ends it."""
    log = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
    child = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if child.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise SystemExit(f"{command[0]} did not start: {log.read()[-2000:].decode()}") from None
                time.sleep(0.1)
        yield child.pid
    finally:
        os.killpg(child.pid, 15)
        child.wait(20)


def cpu(pid: int) -> float:
    """Give the CPU seconds that a process and its children have taken."""
    total = 0.0
    for one in [pid, *_children(pid)]:
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _children(pid: int) -> list[int]:
    try:
        found = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return found + [deeper for one in found for deeper in _children(one)]


def rss(pid: int) -> float:
    """Give the resident memory of a process and its children, in MiB."""
    total = 0
    for one in [pid, *_children(pid)]:
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1])
        except OSError:
            continue
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(name: str, port: int, pid: int, *, streamed: bool, seconds: float, clients: int = 16) -> Row:
    """Warm up, then load one gateway."""
    load(port, streamed=streamed, seconds=1.0, clients=clients)
    before = cpu(pid)
    began = time.perf_counter()
    took, errors = load(port, streamed=streamed, seconds=seconds, clients=clients)
    wall = time.perf_counter() - began
    used = cpu(pid) - before
    took.sort()
    n = len(took)
    return Row(
        name=name,
        requests_s=n / wall,
        p50_ms=1000 * took[n // 2],
        p99_ms=1000 * took[int(n * 0.99)],
        cpu_ms=1000 * used / n,
        rss_mib=rss(pid),
        errors=errors,
    )


def added(port: int, upstream: int, seconds: float) -> tuple[float, float]:
    """Give the added median and 99th percentile in ms at 100 requests a second, over asking the mock itself."""
    result = []
    for at in (upstream, port):
        took, _ = load(at, streamed=False, seconds=seconds, clients=10, rate=100)
        took.sort()
        result.append((took[len(took) // 2], took[int(len(took) * 0.99)]))
    return 1000 * (result[1][0] - result[0][0]), 1000 * (result[1][1] - result[0][1])


def secret() -> bytes:
    """Give this run's own secret; the gateways are children and inherit it."""
    return os.environ.setdefault(SECRET_NAME, secrets.token_urlsafe(36)).encode()


def safecase(folder: Path, port: int, *, guards: bool) -> list[str]:
    """Write a policy, make the key, and give the command."""
    off = {name: {"on": False} for name in ("redaction", "injection", "egress", "tools")}
    policy = {
        "upstreams": [{"id": "mock", "url": f"http://127.0.0.1:{UPSTREAM}/v1"}],
        "log": {"folder": str(folder / f"log{port}")},
        "guards": {} if guards else off,
    }
    path = folder / f"policy{port}.yaml"
    path.write_text(json.dumps(policy))
    store = KeyStore(path.with_suffix(".db"), secret())
    limits = Key(name="bench", prefix="", requests_per_minute=10**9, tokens_per_day=10**12)
    KEYS[port] = store.create(limits)
    return [sys.executable, __file__, "--serve", str(path), "--port", str(port)]


def serve(path: Path, port: int) -> None:
    """Run the gateway with one key and limits that are never reached."""
    from safecase.gateway.keyed import keyed
    from safecase.gateway.policy import read_policy
    from safecase.gateway.server import Settings
    from safecase.gateway.server import serve as run

    opening = partial(keyed, path.with_suffix(".db"), secret())
    run(Settings(policy=read_policy(path), root=path.parent, port=port), opening, str)


def main(argv: list[str]) -> None:
    """Measure everything that is there, and print the table."""
    global UPSTREAM
    asked = argparse.ArgumentParser()
    asked.add_argument("--litellm", type=Path)
    asked.add_argument("--portkey", type=Path)
    asked.add_argument("--seconds", type=float, default=5.0)
    asked.add_argument("--serve", type=Path)
    asked.add_argument("--mock", action="store_true")
    asked.add_argument("--port", type=int, default=0)
    said = asked.parse_args(argv)
    if said.mock:
        mock(said.port)
        return
    if said.serve:
        serve(said.serve, said.port)
        return
    UPSTREAM = free()
    rows: list[Row] = []
    late: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with process([sys.executable, __file__, "--mock", "--port", str(UPSTREAM)], UPSTREAM) as upstream:
            rows.append(measure("mock itself", UPSTREAM, upstream, streamed=False, seconds=2))
            for label, guards in (("pass-through", False), ("all guards", True)):
                port = free()
                with process(safecase(folder, port, guards=guards), port) as pid:
                    for streamed in (False, True):
                        title = f"safecase, {label}{', stream' if streamed else ''}"
                        rows.append(measure(title, port, pid, streamed=streamed, seconds=said.seconds))
                    late[label] = added(port, UPSTREAM, said.seconds)
            for title, command, environment in _peers(said, folder):
                port = free()
                with process(command(port), port, **environment) as pid:
                    for streamed in (False, True):
                        named = f"{title}{', stream' if streamed else ''}"
                        rows.append(measure(named, port, pid, streamed=streamed, seconds=said.seconds))
    print("| gateway, 16 connections | requests/s | p50 ms | p99 ms | CPU ms/request | RSS MiB | errors |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.name} | {row.requests_s:,.0f} | {row.p50_ms:.2f} | {row.p99_ms:.2f} | {row.cpu_ms:.3f} "
            f"| {row.rss_mib:.0f} | {row.errors} |"
        )
    for label, (p50, p99) in late.items():
        print(f"added at 100 requests/s, {label}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")


def _peers(said: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Callable[[int], list[str]], dict[str, str]]]:
    if said.portkey:
        yield "Portkey 1.15.2", lambda port: ["node", str(said.portkey), f"--port={port}", "--headless"], {}
    if said.litellm:
        config = folder / "litellm.yaml"
        upstream = {"model": "openai/mock", "api_base": f"http://127.0.0.1:{UPSTREAM}/v1", "api_key": "x"}
        config.write_text(
            json.dumps(
                {
                    "model_list": [{"model_name": "mock", "litellm_params": upstream}],
                    "general_settings": {"master_key": KEY},
                }
            )
        )
        yield (
            "LiteLLM 1.106.2",
            lambda port: [str(said.litellm), "--config", str(config), "--port", str(port), "--host", "127.0.0.1"],
            {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
        )


if __name__ == "__main__":
    main(sys.argv[1:])
