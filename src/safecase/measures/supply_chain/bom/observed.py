"""What the bytes of a weight file say of it: its format, how many parameters of which kind, which architecture."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from safecase.errors import CollectError
from safecase.readers.artifacts import formats

MOST_HEADER: Final = 100_000_000
_GGUF_TEXTS: Final = {"general.architecture": "architecture", "general.name": "title", "general.license": "license"}
_MOST_PAIRS: Final = 10_000
_SCALARS: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def observe(path: Path) -> Iterator[tuple[str, str]]:
    """Give names and values; a file that is not as its format wants gives its format alone."""
    try:
        with formats.opened(path) as (file, size):
            kind = formats.identify_stream(file, size, path.name)
            yield "format", kind.name
            if kind.name == "safetensors":
                yield from _safetensors(file, size)
            elif kind.name == "gguf":
                yield from _gguf(file)
    except (CollectError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return


def _safetensors(file: BinaryIO, size: int) -> Iterator[tuple[str, str]]:
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > min(MOST_HEADER, size):
        return
    header = json.loads(file.read(length))
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    kinds: Counter[str] = Counter()
    for entry in tensors.values():
        kinds[str(entry["dtype"])] += math.prod(entry["shape"])
    yield "parameters", str(sum(kinds.values()))
    yield "tensors", str(len(tensors))
    for kind, _ in kinds.most_common():
        yield "dtype", kind


def _gguf(file: BinaryIO) -> Iterator[tuple[str, str]]:
    file.seek(4)
    if int.from_bytes(file.read(4), "little") not in (2, 3):
        return
    tensors, pairs = (int.from_bytes(file.read(8), "little") for _ in range(2))
    yield "tensors", str(tensors)
    for _ in range(min(pairs, _MOST_PAIRS)):
        key = _text(file)
        kind = int.from_bytes(file.read(4), "little")
        if kind == 8:
            value = _text(file)
            if key in _GGUF_TEXTS:
                yield _GGUF_TEXTS[key], value[:500]
        elif kind in _SCALARS:
            number = int.from_bytes(file.read(_SCALARS[kind]), "little")
            if key.endswith(".context_length"):
                yield "context_length", str(number)
        else:
            return  # lists come after what is wanted, in every writer that is known


def _text(file: BinaryIO) -> str:
    length = int.from_bytes(file.read(8), "little")
    if length > 1_000_000:
        raise ValueError("a text that is too long")
    return file.read(length).decode("utf-8", "replace")
