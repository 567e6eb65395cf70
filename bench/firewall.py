"""The firewall beside a plain file server, in one run: python bench/firewall.py [--mb N] [--rounds N]

HEAD of a file that is known, and GET of a large one, whole and from its middle, each in turn with a plain server of
static files (Starlette's, under the same uvicorn). Both run in processes of their own; medians are printed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

COMMIT = "0123456789" * 4
STATIC = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles
app = Starlette()
app.mount("/", StaticFiles(directory=sys.argv[1]))
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False, http="h11")
"""
HUB = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route
async def answer(request):
    headers = {"X-Repo-Commit": sys.argv[3], "X-Linked-Etag": sys.argv[4]}
    return FileResponse(sys.argv[1], headers=headers)
app = Starlette(routes=[Route("/{path:path}", answer)])
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


def port() -> int:
    """Give a port that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def started(*command: str, at: int) -> Iterator[int]:
    """Run a server until it is wanted no more, and give its process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(400):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", at), 1):
                break
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def model(path: Path, megabytes: int) -> str:
    """Write a safetensors file of random bytes, and give its SHA-256."""
    size = megabytes * 1_000_000
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    block = os.urandom(1_000_000)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for _ in range(megabytes):
            file.write(block)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def head_ms(client: httpx2.Client, url: str, times: int) -> list[float]:
    """Time questions for the head of a file."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        assert client.head(url).status_code == 200
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def mb_per_s(client: httpx2.Client, url: str, start: int) -> float:
    """Time the bytes of a file from `start` on."""
    began, size = time.perf_counter(), 0
    with client.stream("GET", url, headers={"Range": f"bytes={start}-"} if start else {}) as answer:
        assert answer.status_code == (206 if start else 200), answer.status_code
        for piece in answer.iter_raw(1_000_000):
            size += len(piece)
    return size / 1e6 / (time.perf_counter() - began)


def peak_mib(process: int) -> int:
    """Give the most memory that a process had (Linux)."""
    told = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in told.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "static").mkdir()
        file = folder / "static" / "model.safetensors"
        digest = model(file, options.mb)
        hub, static, wall = port(), port(), port()
        program = "from safecase.cli.supply_firewall import firewall; firewall.main()"
        python = sys.executable
        with (
            started(python, "-c", HUB, str(file), str(hub), COMMIT, digest, at=hub),
            started(python, "-c", STATIC, str(file.parent), str(static), at=static),
            started(
                python,
                "-c",
                program,
                "--listen",
                f"127.0.0.1:{wall}",
                "--upstream",
                f"http://127.0.0.1:{hub}",
                "--store",
                str(folder / "store"),
                "--log",
                str(folder / "log"),
                at=wall,
            ) as ours_at,  # fmt: skip
            httpx2.Client(timeout=120, follow_redirects=True) as client,
        ):
            ours = f"http://127.0.0.1:{wall}/acme/bert/resolve/main/model.safetensors"
            plain = f"http://127.0.0.1:{static}/model.safetensors"
            began = time.perf_counter()
            mb_per_s(client, ours, 0)
            first = time.perf_counter() - began
            heads: dict[str, list[float]] = {plain: [], ours: []}
            whole: dict[str, list[float]] = {plain: [], ours: []}
            half: dict[str, list[float]] = {plain: [], ours: []}
            for _ in range(options.rounds):
                for url in (plain, ours):
                    heads[url] += head_ms(client, url, 100)
                    whole[url].append(mb_per_s(client, url, 0))
                    half[url].append(mb_per_s(client, url, options.mb * 500_000))
            memory = peak_mib(ours_at)
    print(f"{options.mb} MB; first GET, with fetch, verification and scan: {first:.2f} s")
    print(f"peak memory of the firewall, without its scanners: {memory} MiB")
    print(f"{'':<12} {'HEAD p50 ms':>12} {'HEAD p95 ms':>12} {'GET MB/s':>10} {'Range MB/s':>11}")
    for url, label in ((plain, "static files"), (ours, "firewall")):
        p50, p95 = statistics.median(heads[url]), statistics.quantiles(heads[url], n=20)[-1]
        rates = statistics.median(whole[url]), statistics.median(half[url])
        print(f"{label:<12} {p50:>12.2f} {p95:>12.2f} {rates[0]:>10.0f} {rates[1]:>11.0f}")
    over = statistics.median(heads[ours]) - statistics.median(heads[plain])
    share = statistics.median(whole[ours]) / statistics.median(whole[plain])
    part = statistics.median(half[ours]) / statistics.median(half[plain])
    print(f"overhead per HEAD {over:+.2f} ms (bar: +5); throughput {share:.0%} whole, {part:.0%} by Range (bar: 80 %)")


if __name__ == "__main__":
    main()
