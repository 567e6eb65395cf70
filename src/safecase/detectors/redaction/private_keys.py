"""Private keys in PEM's armour, ended or not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safecase.detectors.redaction.kinds import SECRET, Find

BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BEGUN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,60}-{0,5}")
END = re.compile(r"-----END [A-Z0-9 ]{0,60}-----")
_RUN = re.compile(r"[A-Za-z0-9+/=]{16,}")
_PART = re.compile(f"(?P<begin>{BEGIN.pattern})|(?P<end>{END.pattern})|{_RUN.pattern}")
STRETCH = 200
"""A key's body has a run of 16 base64 characters in every stretch this long; where none is, it has ended."""


def private_keys(text: str) -> Iterator[Find]:
    """Yield private keys; one whose last line is missing goes as far as its base64 does."""
    at = 0
    while begin := BEGIN.search(text, at):
        at = end = begin.end()
        size = 0
        for run in _RUN.finditer(text, at):
            if run.start() - end > STRETCH:
                break
            end, size = run.end(), size + len(run[0])
        last = END.search(text, at, min(len(text), end + STRETCH))
        if last:
            end = last.end()
        if size >= 40:
            yield Find(begin.start(), end, SECRET)
            at = end


def is_open(text: str, start: int, end: int) -> bool:
    """Say whether a key that begins at `start` may go on behind `end`."""
    begin = BEGIN.match(text, start, end)
    if begin is None:
        return _BEGUN.fullmatch(text, start, end) is not None
    body = begin.end()
    if END.search(text, max(body, end - 100), end):
        return False
    # The whole of a run that lies a stretch back is in sight.
    return end - body <= STRETCH or _RUN.search(text, max(body, end - STRETCH - 32), end) is not None


def unfinished(text: str, start: int, end: int) -> int:
    """Give where the first key begins that may go on behind `end`, or -1."""
    key, last = -1, start
    for part in _PART.finditer(text, start, end):
        if key >= 0 and part.start() - last > STRETCH:
            key = -1
        if part.lastgroup == "begin" and key < 0:
            key = part.start()
        elif part.lastgroup == "end":
            key = -1
        last = part.end()
    return key if end - last <= STRETCH else -1


def skip(text: str, at: int, *, final: bool) -> tuple[int, bool]:
    """Go on in the body of a key from `at`: give how far, and whether the key has ended there."""
    while final or len(text) - at >= STRETCH + 100:
        ahead = min(len(text), at + STRETCH + 100)
        if last := END.search(text, at, ahead):
            return last.end(), True
        run = _RUN.search(text, at, min(len(text), at + STRETCH + 16))
        if run is None:
            return at, True
        at = run.end()
    return at, False
