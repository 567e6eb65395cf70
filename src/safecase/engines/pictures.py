"""A text as a picture: black capitals on white, as PNG (RFC 2083), without any library."""

from __future__ import annotations

import struct
import textwrap
import zlib
from functools import cache
from typing import Final

WIDTH: Final = 5
HEIGHT: Final = 7
GAP: Final = 1
MARGIN: Final = 4
MOST_CHARACTERS: Final = 2_000
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# Five columns of seven dots each, the lowest bit on top.
GLYPHS: Final = {
    sign: bytes.fromhex(columns)
    for sign, columns in {
        "A": "7e1111117e", "B": "7f49494936", "C": "3e41414122", "D": "7f4141221c", "E": "7f49494941",
        "F": "7f09090901", "G": "3e4149497a", "H": "7f0808087f", "I": "00417f4100", "J": "2040413f01",
        "K": "7f08142241", "L": "7f40404040", "M": "7f020c027f", "N": "7f0408107f", "O": "3e4141413e",
        "P": "7f09090906", "Q": "3e4151215e", "R": "7f09192946", "S": "4649494931", "T": "01017f0101",
        "U": "3f4040403f", "V": "1f2040201f", "W": "3f4038403f", "X": "6314081463", "Y": "0708700807",
        "Z": "6151494543", "0": "3e5149453e", "1": "00427f4000", "2": "4261514946", "3": "2141454b31",
        "4": "1814127f10", "5": "2745454539", "6": "3c4a494930", "7": "0171090503", "8": "3649494936",
        "9": "064949291e", ".": "0060600000", ",": "0050300000", ":": "0036360000", "!": "00005f0000",
        "?": "0201510906", "-": "0808080808", "'": "0005030000", '"': "0007000700", " ": "0000000000",
    }.items()
}  # fmt: skip


def png(text: str, *, columns: int = 36, scale: int = 4) -> bytes:
    """Write a text, wrapped to so many columns; each dot is `scale` pixels wide. Signs without a form are left out."""
    lines = textwrap.wrap("".join(c for c in text[:MOST_CHARACTERS].upper() if c in GLYPHS or c.isspace()), columns)
    rows = [_row(line, y, columns, scale) for line in lines or [" "] for y in range(HEIGHT + 2 * GAP)]
    blank = b"\xff" * len(rows[0])
    rows = [row for row in [blank] * MARGIN + rows + [blank] * MARGIN for _ in range(scale)]
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)  # eight bits of grey
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    return _SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _row(line: str, y: int, columns: int, scale: int) -> bytes:
    """Give one row of pixels of a line, 0 black and 255 white, with a margin on both sides."""
    margin = b"\xff" * MARGIN * scale
    return margin + b"".join(_dots(sign, y, scale) for sign in line.ljust(columns)) + margin


@cache
def _dots(sign: str, y: int, scale: int) -> bytes:
    """Give one row of pixels of a sign, and the gap behind it."""
    dark = [y < HEIGHT and column >> y & 1 for column in GLYPHS[sign]] + [0] * GAP
    return b"".join((b"\0" if dot else b"\xff") * scale for dot in dark)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
