"""The layout of a safetensors file, byte by byte as the safetensors library writes it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Final

from safecase.measures.supply_chain.convert.tensors import DTYPES, Refused, Tensor
from safecase.readers.text import shown

MOST_HEADER: Final = 100_000_000
"""Bytes that the library reads."""

_RANKS: Final = {dtype: rank for rank, dtype in enumerate(DTYPES)}


def in_order(tensors: Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
    """Sort as the library does: the dtypes that need the strictest alignment first, then by name."""
    return sorted(tensors.items(), key=lambda item: (-_RANKS[item[1].dtype], item[0]))


def header(ordered: list[tuple[str, Tensor]], metadata: Mapping[str, str]) -> bytes:
    """Give the bytes before the data: the length, and JSON filled up with blanks to a multiple of eight."""
    entries: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in ordered:
        _fit(name)
        start, end = end, end + tensor.size
        entries[name] = {"dtype": DTYPES[tensor.dtype][0], "shape": tensor.shape, "data_offsets": (start, end)}
    content = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    if len(content) > MOST_HEADER:
        raise Refused("the names of the tensors take more than safetensors can hold", mend="split the file")
    return struct.pack("<Q", len(content)) + content


def _fit(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Refused(
            f"the name {shown(ascii(name))} of a tensor is no text", mend="rename it, and save again"
        ) from None
    if name == "__metadata__":
        raise Refused("a tensor is named __metadata__, which safetensors keeps for itself", mend="rename it")
