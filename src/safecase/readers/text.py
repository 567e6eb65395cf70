"""Text from outside, made fit to be shown: no control characters, no terminal escapes, no endless lines."""

from __future__ import annotations

import unicodedata

_UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def shown(text: str, limit: int = 80) -> str:
    """Escape what a terminal or an editor would act upon (controls, direction marks, tags), and cut at `limit`."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(c if unicodedata.category(c) not in _UNSHOWN else _escaped(c) for c in cut)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"
