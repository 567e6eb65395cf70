"""The order of versions: PEP 440 for Python packages, Semantic Versioning 2.0.0 for npm's.

A version becomes a tuple that compares as the standard says. What is no version gives None, never an exception.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

Key: TypeAlias = tuple[Any, ...]  # nested tuples of numbers and texts, built so that two of one kind always compare

LONGEST = 200

_PEP440 = re.compile(
    r"""\s*v?
    (?:(?P<epoch>[0-9]{1,200})!)?
    (?P<release>[0-9]{1,200}(?:\.[0-9]{1,200}){0,100})
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>[0-9]{0,200}))?
    (?:-(?P<post_dash>[0-9]{1,200})|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_n>[0-9]{0,200}))?
    (?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_n>[0-9]{0,200}))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?
    \s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_PRE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_DEV_ONLY, _FINAL = -1, 3
_PUBLIC: Key = (0, ())

_SEMVER = re.compile(
    r"\s*[v=]{0,2}\s*(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?\s*",
    re.ASCII,
)


def pep440(text: str) -> Key | None:
    """Give the key of a Python version (PEP 440); None where it is none."""
    found = _PEP440.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    release = [int(part) for part in found["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    pre, post, dev = _pre(found), _post(found), _dev(found)
    return (int(found["epoch"] or 0), tuple(release), pre, post, dev, _local(found["local"]))


def public(key: Key) -> Key:
    """Give the key of a Python version without its local label: 2.5.1+cu121 is 2.5.1 where flaws are concerned."""
    return (*key[:-1], _PUBLIC)


def has_local(key: Key) -> bool:
    """Say whether a Python version's key has a local label."""
    return bool(key[-1] != _PUBLIC)


def semver(text: str) -> Key | None:
    """Give the key of a semantic version; None where it is none. A `v` before and missing parts are let pass."""
    found = _SEMVER.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    numbers = tuple(int(part or 0) for part in found.groups()[:3])
    pre = found[4]
    if pre is None:
        return (*numbers, (1, ()))
    return (*numbers, (0, tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in pre.split("."))))


def _pre(found: re.Match[str]) -> Key:
    if found["pre"]:
        return (_PRE[found["pre"].lower()], int(found["pre_n"] or 0))
    # 1.0.dev1 comes before 1.0a1, and 1.0.post1.dev1 does not.
    only_dev = found["dev"] and _post(found) < 0
    return (_DEV_ONLY if only_dev else _FINAL, 0)


def _post(found: re.Match[str]) -> int:
    if found["post_dash"]:
        return int(found["post_dash"])
    return int(found["post_n"] or 0) if found["post"] else -1


def _dev(found: re.Match[str]) -> Key:
    return (0, int(found["dev_n"] or 0)) if found["dev"] else (1, 0)


def _local(text: str | None) -> Key:
    if text is None:
        return _PUBLIC
    parts = re.split(r"[-_.]", text.lower())
    return (1, tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts))
