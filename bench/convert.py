"""Convert a PyTorch file of 1 GB, held against `cp` of it: time, and the most memory.

usage: python bench/convert.py [MEGABYTES]     the file is made here, without PyTorch
"""

from __future__ import annotations

import hashlib
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from safecase.measures.supply_chain.conversion import convert

ROUNDS = 3
TENSORS = 64


def pickled(count: int) -> bytes:
    """Give the pickle of a dict of TENSORS tensors, opcode by opcode."""
    out = io.BytesIO()
    out.write(b"\x80\x02}(")
    for index in range(TENSORS):
        name, key = f"layer.{index}.weight".encode(), str(index).encode()
        out.write(b"X" + len(name).to_bytes(4, "little") + name + b"ctorch._utils\n_rebuild_tensor_v2\n(")
        out.write(b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX" + len(key).to_bytes(4, "little") + key)
        out.write(b"X\x03\x00\x00\x00cpuJ" + count.to_bytes(4, "little") + b"tQK\x00")
        out.write(b"J" + count.to_bytes(4, "little") + b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR")
    return out.getvalue() + b"u."


def make(path: Path, size: int) -> None:
    """Make a file as torch.save does."""
    count = size // TENSORS // 4
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(count))
        archive.writestr("archive/byteorder", b"little")
        block = os.urandom(count * 4)
        for index in range(TENSORS):
            archive.writestr(f"archive/data/{index}", block)
        archive.writestr("archive/version", b"3\n")


def main(size: int) -> None:
    """Print the table."""
    if len(sys.argv) > 2:
        convert(Path(sys.argv[2]), Path(sys.argv[3]), overwrite=True)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    folder = Path(tempfile.mkdtemp())
    try:
        source, target = folder / "model.pt", folder / "model.safetensors"
        make(source, size)
        copied, converted, memory = [], [], 0
        for _ in range(ROUNDS):
            started = time.perf_counter()
            subprocess.run(["cp", source, folder / "copy"], check=True)
            with (folder / "copy").open("rb") as copy:
                os.fsync(copy.fileno())
            copied.append(time.perf_counter() - started)
            (folder / "copy").unlink()
            started = time.perf_counter()
            command = [sys.executable, __file__, str(size), str(source), str(target)]
            memory = max(memory, int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            converted.append(time.perf_counter() - started)
            target.unlink()
        block = os.urandom(64 << 20)
        started = time.perf_counter()
        hashlib.sha256(block).digest()
        hashing = (time.perf_counter() - started) * size / len(block)
        fastest, ours = min(copied), min(converted)
        print(f"file                 {size >> 20:>8} MB")
        print(f"cp and fsync         {fastest:>8.2f} s")
        print(f"convert (process)    {ours:>8.2f} s   {fastest / ours:.2f} of the speed of cp")
        print(f"one SHA-256 of it    {hashing:>8.2f} s   three are made: source, target, tensors")
        print(f"most memory          {memory:>8} MB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main((int(sys.argv[1]) if len(sys.argv) > 1 and len(sys.argv) < 3 else 1024) << 20)
