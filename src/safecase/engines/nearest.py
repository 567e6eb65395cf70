"""The nearest known word to one that is not known: what "did you mean" says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "onprem": ("self_hosted",),
    "onpremise": ("self_hosted",),
    "onpremises": ("self_hosted",),
    "datacenter": ("self_hosted",),
    "cloud": ("managed_cloud", "saas_api"),
    "saas": ("saas_api",),
    "api": ("saas_api", "provider"),
    "device": ("edge",),
    "internet": ("public",),
    "external": ("public",),
    "open": ("public",),
    "private": ("internal",),
    "intranet": ("internal",),
    "airgapped": ("isolated",),
    "offline": ("isolated",),
    "login": ("authenticated",),
    "prod": ("production",),
    "live": ("production",),
    "dev": ("build",),
    "development": ("build",),
    "staging": ("test",),
    "customers": ("consumers", "businesses"),
    "employees": ("staff",),
    "chatbot": ("llm",),
    "gpt": ("llm",),
    "genai": ("llm",),
    "generative": ("llm",),
    "classifier": ("tabular", "vision"),
    "pii": ("personal",),
    "health": ("special",),
    "yes": ("true",),
    "on": ("true",),
    "no": ("false",),
    "off": ("false",),
    "vendor": ("deployer", "provider"),
    "huggingface": ("hub",),
}
"""What people say for the words of the manifest, without case, spaces and dashes."""

LONGEST = 64


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that is meant: written otherwise, a synonym, a slip of the fingers, or its beginning."""
    words = list(known)
    if not word or len(word) > LONGEST:
        return None
    plain = _plain(word)
    for candidate in words:
        if _plain(candidate) == plain:
            return candidate
    for synonym in SYNONYMS.get(plain, ()):
        if synonym in words:
            return synonym
    slips = min(((distance(plain, _plain(candidate)), at) for at, candidate in enumerate(words)), default=None)
    if slips is not None and slips[0] <= max(1, len(plain) // 3):
        return words[slips[1]]
    if len(plain) >= 3:
        return next((c for c in words if _plain(c).startswith(plain) or plain.startswith(_plain(c) or "\0")), None)
    return None


def distance(one: str, other: str) -> int:
    """Count the letters to insert, delete, change or swap with a neighbour to come from `one` to `other`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _plain(word: str) -> str:
    return re.sub(r"[\s_-]+", "", word).lower()
