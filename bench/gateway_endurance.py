"""Whether the gateway stays as it is: 200,000 requests and more, with its log's disk full for ten minutes among them.

    mount -t tmpfs -o size=400m tmpfs FOLDER && python bench/gateway_endurance.py --log FOLDER

FOLDER is a disk of its own: the outage is a file that fills it, and ends when that file is removed. All guards are on,
one worker. What clients were answered, what the upstream was asked and what the log says are compared call by call.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import gateway as bench
from safecase.readers.chained_logs import follow

CLIENTS = 8
SAMPLE_S = 1.0
FILLER = "filler"


class Seen(NamedTuple):
    """What clients were answered: each status by the ids of its calls."""

    ids: dict[int, set[str]]
    statuses: Counter[int]


class Counting(bench.Mock):
    """The upstream, and how often it was asked."""

    asked = 0

    def data_received(self, data: bytes) -> None:
        Counting.asked += data.count(b"POST /v1/chat/completions ")
        super().data_received(data)


class Asker(asyncio.Protocol):
    """Asks over one connection until it is told to end; `gap` seconds from one question to the next."""

    def __init__(self, request: bytes, more: Callable[[], bool], gap: float, seen: Seen) -> None:
        self._request, self._more, self._gap, self._seen = request, more, gap, seen
        self._buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._ask()

    def _ask(self) -> None:
        if not self._more():
            self._transport.close()
            return
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < int(_header(head, b"content-length") or 0):
            return
        status = int(head[9:12])
        self._seen.statuses[status] += 1
        self._seen.ids.setdefault(status, set()).add(_header(head, b"x-safecase-call").decode())
        self._buffer = b""
        wait = self._gap - (time.perf_counter() - self._asked) if self._gap else 0.0
        asyncio.get_running_loop().call_later(max(0.0, wait), self._ask)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._buffer or exc:
            self._seen.statuses[0] += 1
        if not self.done.done():
            self.done.set_result(None)


def _header(head: bytes, name: bytes) -> bytes:
    at = head.lower().find(b"\r\n" + name + b":")
    return head[at + len(name) + 3 :].split(b"\r\n", 1)[0].strip() if at >= 0 else b""


def fill(folder: Path) -> None:
    """Leave no room on the disk."""
    with (folder / FILLER).open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(b"\0" * size)
            except OSError as why:
                if why.errno != errno.ENOSPC:
                    raise
                size //= 2


async def _phase(port: int, seen: Seen, *, requests: int, seconds: float = 0.0) -> None:
    """Ask so many times: as fast as it goes, or spread over so many seconds."""
    left, loop = requests, asyncio.get_running_loop()
    until = time.monotonic() + seconds if seconds else float("inf")

    def more() -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and time.monotonic() < until

    body = msgspec.json.encode({"model": "mock", "messages": [{"role": "user", "content": bench.PROMPT}]})
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer %b\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
    ) % (bench.KEYS[port].encode(), len(body)) + body
    gap = CLIENTS * seconds / requests if seconds else 0.0
    made = [
        await loop.create_connection(lambda: Asker(request, more, gap, seen), "127.0.0.1", port) for _ in range(CLIENTS)
    ]
    await asyncio.gather(*(one.done for _, one in made))


class Phase(NamedTuple):
    """One part of the run."""

    name: str
    answered: Counter[int]
    seconds: float
    memory: list[float]


async def run(pid: int, port: int, log: Path, said: argparse.Namespace, seen: Seen) -> list[Phase]:
    """Ask before, while and after the disk is full."""
    bench.Mock.whole, bench.Mock.stream = bench._answers()
    server = await asyncio.get_running_loop().create_server(Counting, "127.0.0.1", bench.UPSTREAM)
    memory: list[float] = []

    async def sample() -> None:
        while True:
            memory.append(bench.rss(pid))
            await asyncio.sleep(SAMPLE_S)

    sampling = asyncio.ensure_future(sample())
    phases: list[Phase] = []

    async def phase(name: str, requests: int, seconds: float = 0.0) -> None:
        answered, began = seen.statuses.copy(), time.monotonic()
        del memory[:]
        await _phase(port, seen, requests=requests, seconds=seconds)
        memory.append(bench.rss(pid))
        phases.append(Phase(name, seen.statuses - answered, time.monotonic() - began, memory.copy()))

    await phase("warming up", 5_000)
    await phase("before", said.requests)
    fill(log)
    await phase("disk full", said.requests * 2, said.outage)
    (log / FILLER).unlink()
    await asyncio.sleep(2)
    await phase("after", said.requests)
    sampling.cancel()
    server.close()
    return phases


def compare(log: Path, seen: Seen) -> None:
    """Hold the log against what clients were answered."""
    paths = sorted(log.rglob("events-*.jsonl"))
    before = None
    flaws = []
    events: list[dict[str, Any]] = []
    for path in paths:
        found = follow(path, before, frozenset(), time.monotonic() + 60)
        before = found.end
        flaws += [found.flaw] if found.flaw else []
        events += (msgspec.json.decode(line) for line in path.read_bytes().splitlines())
    calls = [one for one in events if one["event"] == "call"]
    logged = {one["id"] for one in calls}
    served = seen.ids.get(200, set())
    unlogged = sum(one["calls"] for one in events if one["event"] == "refused_unlogged")
    refused = len(seen.ids.get(503, set()))
    refused_logged = len(seen.ids.get(503, set()) & logged)
    print(
        f"\nAnswered with 200: {len(served):,}; asked of the upstream: {Counting.asked:,}; in the log: "
        f"{len(served & logged):,}; missing from it: {len(served - logged):,}."
    )
    print(
        f"Refused with 503: {refused:,}; of them one by one in the log: {refused_logged:,}, counted there together: "
        f"{unlogged:,}; in neither: {refused - refused_logged - unlogged:,}."
    )
    print(
        f"Log: {len(paths)} segments, {len(events):,} events, twice in it: {len(calls) - len(logged):,}, flaws of "
        f"the chain: {len(flaws)}."
    )
    if flaws:
        print(f"First flaw: {flaws[0]}")


def main(argv: list[str]) -> None:
    """Run it, and print the table and the comparison."""
    import uvloop

    asked = argparse.ArgumentParser()
    asked.add_argument("--log", type=Path, required=True)
    asked.add_argument("--requests", type=int, default=50_000)
    asked.add_argument("--outage", type=float, default=600.0)
    said = asked.parse_args(argv)
    if not os.path.ismount(said.log):
        raise SystemExit(f"{said.log} is no disk of its own, and filling it would fill another's")
    bench.UPSTREAM, port = bench.free(), bench.free()
    seen = Seen({}, Counter())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"log{port}").symlink_to(said.log.absolute())
        with bench.process(bench.safecase(folder, port, guards=True), port) as pid:
            phases = uvloop.run(run(pid, port, said.log, said, seen))
    print("| phase | seconds | 200 | 503 | other | MiB at its start | most MiB | MiB at its end |")
    print("|---|---|---|---|---|---|---|---|")
    for one in phases:
        other = one.answered.total() - one.answered[200] - one.answered[503]
        print(
            f"| {one.name} | {one.seconds:.0f} | {one.answered[200]:,} | {one.answered[503]:,} | {other:,} "
            f"| {one.memory[0]:.1f} | {max(one.memory):.1f} | {one.memory[-1]:.1f} |"
        )
    compare(said.log, seen)


if __name__ == "__main__":
    main(sys.argv[1:])
