"""Judge lists of packages beside a model: where else than from the usual index they are taken, and as what."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from safecase.readers.artifacts.report import Confidence, Problems
from safecase.readers.text import shown

MOST_LINES: Final = 20_000
_NAME: Final = re.compile(
    r"(^|/)([\w.-]*(requirements|constraints)[\w.-]*\.(txt|in|pip))$|(^|/)requirements/[\w.-]+\.(txt|in)$",
    re.IGNORECASE,
)
_INDEX: Final = re.compile(r"^(?:--extra-index-url|--index-url|-i|--find-links|-f|--trusted-host)(?:[=\s]+|$)(\S*)")
_ADDRESS: Final = re.compile(r"(?:^|@\s*|\s)((?:git|hg|svn|bzr)\+\S+|https?://\S+|file:\S+)")
_KNOWN: Final = re.compile(
    r"^(?:git\+)?(?:ssh://git@|https://)(?:download\.pytorch\.org|pypi\.org|files\.pythonhosted\.org|data\.pyg\.org|pypi\.nvidia\.com"
    r"|storage\.googleapis\.com/jax-releases|developer\.download\.nvidia\.com)(?:/|$)"
)
_PINNED: Final = re.compile(r"@[0-9a-f]{40}\b|[#&]sha256=[0-9a-f]{64}")
_WHEELS: Final = re.compile(r"^https://github\.com/[\w./-]+/releases/download/\S+\.whl")


def is_requirements(name: str) -> bool:
    """Say whether pip reads a file, by its name."""
    return bool(_NAME.search(name))


def check_requirements(lines: Iterable[str], problems: Problems, member: str) -> None:
    """Note other indexes, addresses and options that bring in other code."""
    for number, line in enumerate(lines, 1):
        if number > MOST_LINES:
            problems.add("repo.large", "error", "more lines than are judged", member=member)
            return
        text = line.split(" #")[0].strip()
        if text and not text.startswith("#"):
            _line(text, number, problems, member)


def _line(text: str, number: int, problems: Problems, member: str) -> None:
    index = _INDEX.match(text)
    if index:
        if not _KNOWN.match(index[1]):
            message = f"line {number}: packages are taken from {shown(index[1] or text)} as well, whoever owns that"
            problems.add("repo.index", "suspicious", message, member=member, key=text[:100])
        return
    address = _ADDRESS.search(text)
    if address and not _KNOWN.match(address[1]) and not _PINNED.search(text) and not _WHEELS.match(address[1]):
        message = (
            f"line {number}: a package is taken from an address that may give something else tomorrow: {shown(text)}"
        )
        known = address[1].startswith("git+https://github.com/")
        confidence: Confidence = "low" if known else "high"
        problems.add("repo.address", "suspicious", message, member=member, key=text[:100], confidence=confidence)
