"""Characters that a model reads and nobody sees."""

from __future__ import annotations

import re
from typing import Final

_UNSEEN: Final = re.compile(
    # The three flags that are spelt with tags, and emoji with one selector or joiner, stay.
    "(\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|"
    "\U000e0077\U000e006c\U000e0073)\U000e007f)"
    "|[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0]"
    "|[\U000e0000-\U000e0fff]|[\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
    "|(?<=[\x00-\u02ff])[\u200c-\u200f\ufe00-\ufe0d]+|[\u200c-\u200f\ufe00-\ufe0f]{2,}|^[\u200c-\u200f\ufe00-\ufe0f]+"
)


def has_unseen(text: str) -> bool:
    """Say whether a text holds what nobody sees."""
    return not text.isascii() and any(found[1] is None for found in _UNSEEN.finditer(text))


def without_unseen(text: str) -> str:
    """Take it out; joiners stay where a script or an emoji needs them, and so do flags."""
    return text if text.isascii() else _UNSEEN.sub(lambda found: found[1] or "", text)
