"""Makes archives that no honest tool writes."""

from __future__ import annotations

import pickle
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from safecase.readers.artifacts.look import ArtifactReport, look

GOOD = pickle.dumps({"weights": [0.1, 0.2]}, protocol=2)
EVIL = b"\x80\x04cos\nsystem\nX\x08\x00\x00\x00touch me\x85R."


class Part(NamedTuple):
    """A member: what its directory entry says, and where `local` differs from that."""

    name: str
    content: bytes
    method: int = 0
    flags: int = 0
    crc: int | None = None
    packed: int | None = None
    size: int | None = None
    mode: int = 0
    local: dict[str, Any] = {}
    listed: bool = True
    behind: bytes = b""
    descriptor: tuple[int, int, int] | None = None


def local_record(part: Part) -> bytes:
    """Give a member with the header before it."""
    told = _told(part) | part.local
    name = str(told["name"]).encode()
    numbers = struct.pack("<III", told["crc"], told["packed"], told["size"])
    head = struct.pack("<4sHHHHH", b"PK\x03\x04", 20, told["flags"], told["method"], 0, 0x21)
    described = b"" if part.descriptor is None else b"PK\x07\x08" + struct.pack("<III", *part.descriptor)
    return head + numbers + struct.pack("<HH", len(name), 0) + name + _packed(part) + described + part.behind


def directory_entry(part: Part, start: int) -> bytes:
    """Give the entry of a member."""
    told = _told(part)
    name = str(told["name"]).encode()
    head = struct.pack("<4sHHHHHH", b"PK\x01\x02", 0x314, 20, told["flags"], told["method"], 0, 0x21)
    numbers = struct.pack("<III", told["crc"], told["packed"], told["size"])
    return head + numbers + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, part.mode << 16, start) + name


def end_record(count: int, size: int, start: int, comment: bytes = b"", disk: int = 0) -> bytes:
    """Give the record at the end."""
    return struct.pack("<4sHHHHIIH", b"PK\x05\x06", disk, 0, count, count, size, start, len(comment)) + comment


def zip_of(
    *parts: Part, prefix: bytes = b"", comment: bytes = b"", count: int | None = None, shifted: int = 0
) -> bytes:
    """Make a zip; `shifted` puts its offsets that much too low, as for a prefix of which it does not know."""
    content, entries = prefix, b""
    for part in parts:
        if part.listed:
            entries += directory_entry(part, len(content) - shifted)
        content += local_record(part)
    listed = sum(part.listed for part in parts)
    end = end_record(listed if count is None else count, len(entries), len(content) - shifted, comment)
    return content + entries + end


def _packed(part: Part) -> bytes:
    if part.method == 8:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        return deflater.compress(part.content) + deflater.flush()
    return part.content


def _told(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "flags": part.flags,
        "method": part.method,
        "crc": zlib.crc32(part.content) if part.crc is None else part.crc,
        "packed": len(_packed(part)) if part.packed is None else part.packed,
        "size": len(part.content) if part.size is None else part.size,
    }


def looked(tmp_path: Path, content: bytes, name: str = "model.pt") -> ArtifactReport:
    """Look into a file of such content."""
    path = tmp_path / name
    path.write_bytes(content)
    return look(path)


def rules(report: ArtifactReport) -> set[str]:
    """Name the rules of its problems."""
    return {p.rule for p in report.problems}
