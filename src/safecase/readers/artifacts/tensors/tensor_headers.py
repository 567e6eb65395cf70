"""The header of safetensors: what it says of the file must be so, or a loader reads what is not there."""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO, Final

from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_HEADER: Final = 100_000_000
MOST_DIMENSIONS: Final = 64
_BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


class _Wrong(Exception):  # noqa: N818 - becomes a problem
    pass


def check_safetensors(file: BinaryIO, size: int, problems: Problems, member: str) -> int:
    """Hold a safetensors header against its file; gives the number of tensors."""
    try:
        return _safetensors(file, size)
    except _Wrong as why:
        problems.add("safetensors.header", "suspicious", f"its header is not true: {why}", offset=8, member=member)
        return 0


def _safetensors(file: BinaryIO, size: int) -> int:
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > MOST_HEADER:
        raise _Wrong(f"it says that it is {length} bytes long")
    if length > size - 8:
        raise _Wrong(f"it says that it is {length} bytes long, in a file of {size}")
    content = file.read(length)
    if content[:1] != b"{":
        raise _Wrong("it does not begin with a brace")
    header = _parsed(content)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _Wrong("its metadata hold more than texts")
    spans = sorted(_span(name, entry) for name, entry in header.items())
    at = 0
    for start, end, name in spans:
        if start != at:
            raise _Wrong(f"{shown(name)} {'overlaps another tensor' if start < at else 'leaves a hole before it'}")
        at = end
    if at != size - 8 - length:
        raise _Wrong(f"its tensors take {at} bytes, and {size - 8 - length} are there")
    return len(spans)


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        header = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError) as why:
        twice = isinstance(why, _TwiceError)
        raise _Wrong("a key stands there twice" if twice else "it is no JSON") from None
    if not isinstance(header, dict):
        raise _Wrong("it is no JSON object")
    return header


class _TwiceError(ValueError):
    pass


def _refused(constant: str) -> None:
    raise ValueError(constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _TwiceError
    return made


def _span(name: str, entry: Any) -> tuple[int, int, str]:
    try:
        (start, end), shape, bits = entry["data_offsets"], entry["shape"], _BITS[entry["dtype"]]
        whole = (
            isinstance(shape, list)
            and len(shape) <= MOST_DIMENSIONS
            and all(type(n) is int and 0 <= n < 2**63 for n in (start, end, *shape))
        )
    except (TypeError, KeyError, ValueError):
        raise _Wrong(f"the entry of {shown(name)} is none") from None
    if not whole or (end - start) * 8 != math.prod(shape) * bits:
        raise _Wrong(f"{shown(name)} has another size than its shape")
    return start, end, name
