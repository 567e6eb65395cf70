"""Licences as people and files name them, held against a list of those that may be used."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal, TypeAlias

Standing: TypeAlias = Literal["allowed", "refused", "unsaid"]

_NOTHING = frozenset({"", "other", "unknown", "none", "noassertion", "n/a", "proprietary?"})


def standing(told: str, allowed: Collection[str]) -> Standing:
    """Judge an SPDX expression or a name: one side of OR is enough, every side of AND is needed."""
    text = told.strip().strip("()")
    if text.casefold() in _NOTHING:
        return "unsaid"
    known = {_plain(one) for one in allowed}
    either = re.split(r"\s+or\s+", text, flags=re.IGNORECASE)
    fits = any(
        all(_plain(part) in known for part in re.split(r"\s+and\s+", one, flags=re.IGNORECASE)) for one in either
    )
    # With brackets inside, what belongs together is not told apart here: then every name must be allowed.
    if re.search(r"[()]", text):
        names = re.split(r"\s+(?:or|and)\s+", re.sub(r"[()]", " ", text), flags=re.IGNORECASE)
        fits = all(_plain(name) in known for name in names)
    return "allowed" if fits else "refused"


def _plain(name: str) -> str:
    """`Apache 2.0`, `apache-2.0` and `Apache-2.0` are one."""
    text = re.sub(r"\s+with\s+.*", "", name.strip(), flags=re.IGNORECASE).casefold()
    text = re.sub(r"\b(the|licen[cs]e|version|v)\b", " ", text)
    return re.sub(r"[^a-z0-9.]+", "-", text).strip("-").removesuffix("-only").removesuffix("-or-later")
