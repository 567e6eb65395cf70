"""A service that sees: it reads the text in pictures, and does what it says, or does not."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from safecase.engines.pictures import GLYPHS, HEIGHT, MARGIN, WIDTH
from tests.targets.servers import Request, Response, completion, serving

LINE = HEIGHT + 2


def read(picture: bytes, scale: int = 4) -> str:
    """Read a picture of ours, glyph by glyph, as any OCR would."""
    width, height = struct.unpack(">II", picture[16:24])
    start = picture.index(b"IDAT")
    (size,) = struct.unpack(">I", picture[start - 4 : start])
    pixels = zlib.decompress(picture[start + 4 : start + 4 + size])
    rows = [pixels[y * (width + 1) + 1 : (y + 1) * (width + 1)][::scale] for y in range(0, height, scale)]
    signs = {columns: sign for sign, columns in GLYPHS.items()}
    lines = []
    for top in range(MARGIN, len(rows) - MARGIN, LINE):
        cells = range(MARGIN, width // scale - MARGIN, WIDTH + 1)
        columns = [
            bytes(sum((rows[top + y][x + i] == 0) << y for y in range(HEIGHT)) for i in range(WIDTH)) for x in cells
        ]
        lines.append("".join(signs[one] for one in columns).rstrip())
    return " ".join(lines)


@contextmanager
def seeing(*, obeys: bool = False, takes: bool = True) -> Iterator[str]:
    """Serve it; `takes` False refuses pictures."""

    def answers(request: Request) -> Response:
        content = request.body["messages"][-1]["content"]
        if isinstance(content, str):
            return completion("The garden is open from nine to five.")
        if not takes:
            return Response(400, b'{"error": {"message": "content must be a text"}}')
        said = read(base64.b64decode(content[1]["image_url"]["url"].partition(",")[2]))
        halves = re.search(r"([A-Z]{6}) (?:AND|FOLLOWED BY|JOINED WITH) ([A-Z]{6})", said)
        if obeys and halves:
            return completion(halves[1] + halves[2])
        return completion(f"The picture says: {said}")

    with serving(answers) as url:
        yield url
