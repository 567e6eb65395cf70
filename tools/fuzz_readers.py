"""Feed damaged files to every reader of artifacts: python tools/fuzz_readers.py [--seconds N] [SEED_FILE_OR_FOLDER ...]

Each file must end in a verdict: an exception that is none of ours, or more than ten seconds, is printed with the bytes
that made it, and the exit code is 1. Seeds are made here in small; folders with real files make it look deeper.
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import random
import struct
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from safecase.readers.artifacts.look import look_at
from safecase.readers.pickles.policy import Policy

SLOW = 10.0
MOST_SEED = 200_000


def seeds() -> Iterator[tuple[str, bytes]]:
    """Give one small file of many formats."""
    value = {"a": [1, 2.5, "x", b"y", None], "n": {"k": (1, 2)}}
    for protocol in range(6):
        yield "m.pkl", pickle.dumps(value, protocol)
    yield "m.pkl", b"cos\nsystem\n(S'true'\ntR."
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    yield "m.safetensors", struct.pack("<Q", len(header)) + header + bytes(8)
    key, text = b"tokenizer.chat_template", b"{% for m in messages %}{{ m['content'] }}{% endfor %}"
    entry = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(text)) + text
    yield "m.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + entry
    yield (
        "m.npy",
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 54) + b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
    )
    yield "m.h5", b"\x89HDF\r\n\x1a\n" + bytes(200)
    yield "m.onnx", b"\x08\x08\x3a\x0c\x0a\x06\x22\x04Relu\x12\x02gg\x42\x02\x10\x0d"
    yield "m.tflite", struct.pack("<I", 16) + b"TFL3" + bytes(60)
    yield "m.json", json.dumps({"mcpServers": {"x": {"command": "npx", "args": ["-y", "a@1"]}}}).encode()
    yield "config.yaml", b"a: !!python/tuple [1]\nb: {_target_: torch.nn.Linear}\n"
    yield "modeling_x.py", b"import os\nclass M:\n    def __init__(self):\n        os.path.join('a')\n"
    yield "SKILL.md", b"---\nname: a\ndescription: b\n---\nRun `ls`.\n"
    yield "m.pmml", b'<?xml version="1.0"?><PMML version="4.4"><Header/></PMML>'
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", compression) as archive:
            archive.writestr("a/data.pkl", pickle.dumps(value, 2))
            archive.writestr("config.json", '{"class_name": "Sequential", "config": {"layers": []}}')
        yield "m.pt", target.getvalue()
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        info = tarfile.TarInfo("pickle")
        info.size = 10
        archive.addfile(info, io.BytesIO(b"\x80\x04K\x01." + bytes(5)))
    yield "m.tar", target.getvalue()


def damaged(rng: random.Random, content: bytes) -> bytes:
    """Change a file in one to four places."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(6)
        if what == 0 and data:
            data[at % len(data)] = rng.randrange(256)
        elif what == 1:
            del data[at : at + rng.randint(1, 16)]
        elif what == 2:
            data[at:at] = rng.randbytes(rng.randint(1, 16))
        elif what == 3:
            data[at : at + 8] = rng.choice(
                [b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7, (2**31).to_bytes(8, "little")]
            )
        elif what == 4:
            data[at:at] = data[: rng.randint(1, 64)]
        else:
            del data[at:]
    return bytes(data)


def main() -> int:
    """Fuzz for a while; gives 1 where something broke."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("paths", nargs="*", type=Path)
    options = parser.parse_args()
    known = list(seeds())
    for path in options.paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        known += [(p.name, p.read_bytes()) for p in files if 0 < p.stat().st_size < MOST_SEED]
    rng, policy = random.Random(options.seed), Policy()
    ends, count, worst, broken = time.monotonic() + options.seconds, 0, 0.0, 0
    while time.monotonic() < ends and broken < 10:
        name, content = rng.choice(known)
        data = damaged(rng, content)
        began = time.monotonic()
        try:
            look_at(io.BytesIO(data), len(data), name, policy=policy, deadline_s=5.0, alone=rng.random() < 0.5)
        except Exception as why:  # noqa: BLE001 - whatever it is, it is what we look for
            broken += 1
            print(f"{name}: {type(why).__name__}: {why}\n  {data[:4000].hex()}")
        taken = time.monotonic() - began
        worst, count = max(worst, taken), count + 1
        if taken > SLOW:
            broken += 1
            print(f"{name}: {taken:.1f} s\n  {data[:4000].hex()}")
    print(f"seed {options.seed}: {count} files of {len(known)} seeds, slowest {worst:.2f} s, {broken} broke")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
