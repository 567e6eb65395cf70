"""`safecase supply scan` beside other scanners of model files, in one run: python bench/supply_scan.py [options]

--corpus DIR       a folder with manifest.jsonl (path, expected: malicious | suspicious | benign): what is found
--peer NAME=EXE    picklescan, modelscan, hayward, modelaudit or aisbom, installed by `make bench-peers`; repeatable
--runs N           runs of each timing; medians are printed

Small pickles, large files and start-up are made here; runs are taken in turn, so that a machine whose speed drifts
treats all alike.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import random
import resource
import statistics
import struct
import subprocess
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

SAFECASE = str(Path(sysconfig.get_path("scripts")) / "safecase")
COMMANDS: dict[str, tuple[list[str], frozenset[int]]] = {
    "picklescan": (["-p"], frozenset({1})),
    "modelscan": (["-p"], frozenset({1})),
    "hayward": (["scan"], frozenset({1})),
    "modelaudit": (["scan", "--no-cache"], frozenset({1})),
    "aisbom": (["scan", "--output", os.devnull], frozenset({2})),
}
"""Words before the path, and the exit codes that mean that something was found."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=EXE")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pickles", type=int, default=5000)
    parser.add_argument("--large", type=int, default=2000, help="MB of the large files")
    options = parser.parse_args()
    tools = {"safecase": ([SAFECASE, "supply", "scan", "--no-cache"], frozenset({1}))}
    for peer in options.peer:
        name, _, exe = peer.partition("=")
        words, bad = COMMANDS[name]
        tools[name] = ([exe, *words], bad)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if options.corpus:
            found(tools, options.corpus)
        timed(tools, Path(folder), options)


def found(tools: dict[str, tuple[list[str], frozenset[int]]], corpus: Path) -> None:
    """Print what each tool finds by its exit code, a process a case."""
    cases = [json.loads(line) for line in (corpus / "manifest.jsonl").read_text().splitlines()]
    print(f"{'tool':<12} {'bad found':>12} {'false alarms':>14}   ({len(cases)} cases, by exit code)")
    for name, (command, bad) in tools.items():
        hits = [once([*command, str(corpus / case["path"])])[3] in bad for case in cases]
        wrong = [case["expected"] != "benign" for case in cases]
        caught = sum(h for h, w in zip(hits, wrong, strict=True) if w)
        alarms = sum(h for h, w in zip(hits, wrong, strict=True) if not w)
        print(f"{name:<12} {caught:>5} of {sum(wrong):<4} {alarms:>6} of {len(wrong) - sum(wrong)}")
    print()


def timed(tools: dict[str, tuple[list[str], frozenset[int]]], folder: Path, options: argparse.Namespace) -> None:
    """Print CPU seconds, wall seconds and memory of each tool on each load."""
    loads: dict[str, Callable[[Path], None]] = {
        "one tiny pickle": lambda path: path.write_bytes(pickle.dumps([1, 2])) and None,
        f"{options.pickles} small pickles": lambda path: small_pickles(path, options.pickles),
        f"{options.large} MB safetensors": lambda path: safetensors(path, options.large),
        f"{options.large} MB PyTorch zip": lambda path: pytorch(path, options.large),
    }
    print(f"{'load':<24} {'tool':<12} {'CPU s':>8} {'wall s':>8} {'MiB':>6}   (median of {options.runs})")
    for index, (load, make) in enumerate(loads.items()):
        path = folder / f"load{index}{'.pkl' if index == 0 else ['', '', '.safetensors', '.pt'][index]}"
        make(path)
        taken: dict[str, list[tuple[float, float, float, int]]] = {}
        rivals = dict(tools)
        if index >= 2:
            rivals["safecase --hash"] = ([*tools["safecase"][0], "--hash"], frozenset())
        for _ in range(options.runs):
            for name, (command, _) in rivals.items():
                taken.setdefault(name, []).append(once([*command, str(path)]))
        for name, runs in taken.items():
            cpu, wall, memory = (statistics.median(run[n] for run in runs) for n in range(3))
            print(f"{load:<24} {name:<12} {cpu:>8.3f} {wall:>8.3f} {memory:>6.0f}")
        if index >= 2:
            print(f"{'':<24} {'sha256 alone':<12} {sha256_alone(path):>8.3f}")
            path.unlink()


def once(command: list[str]) -> tuple[float, float, float, int]:
    """Give user+system seconds with all children, wall seconds, peak MiB and the exit code of one run."""
    started = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - started, usage.ru_maxrss / 1024, process.returncode


def sha256_alone(path: Path) -> float:
    """Give the CPU seconds that reading a file for its SHA-256 takes."""
    started = time.process_time()
    with path.open("rb", buffering=0) as file:
        hashlib.file_digest(file, "sha256")
    return time.process_time() - started


def small_pickles(folder: Path, count: int) -> None:
    """Write pickles of a few hundred bytes in protocols 2 to 4."""
    folder.mkdir()
    rng = random.Random(1)
    for index in range(count):
        value = {
            "name": f"x{index}",
            "steps": list(range(20)),
            "weights": [rng.random() for _ in range(30)],
            "config": {"lr": 0.1, "layers": [1, 2, 3], "activation": "relu"},
        }
        (folder / f"f{index}.pkl").write_bytes(pickle.dumps(value, protocol=rng.choice([2, 3, 4])))


def safetensors(path: Path, megabytes: int) -> None:
    """Write a file of 500 tensors."""
    each = megabytes * 1_000_000 // 500
    header = {
        f"layer.{n}.weight": {"dtype": "U8", "shape": [each], "data_offsets": [n * each, (n + 1) * each]}
        for n in range(500)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _ in range(500):
            file.write(bytes(each))


def pytorch(path: Path, megabytes: int) -> None:
    """Write a zip as PyTorch does: 500 stored members and the pickle that names them."""
    each = megabytes * 1_000_000 // 500
    body = b"\x80\x02}q\x00("
    for n in range(500):
        key = f"layer.{n}".encode()
        body += b"X" + struct.pack("<I", len(key)) + key
        body += b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nByteStorage\n"
        body += b"X" + struct.pack("<I", len(str(n))) + str(n).encode() + b"X\x03\x00\x00\x00cpu"
        number = b"J" + struct.pack("<i", each)
        body += number + b"tQK\x00" + number + b"\x85K\x01\x85\x89}tR"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", body + b"u.")
        for n in range(500):
            archive.writestr(f"archive/data/{n}", bytes(each))
        archive.writestr("archive/version", "3\n")


if __name__ == "__main__":
    main()
