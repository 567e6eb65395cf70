"""What the user and the operator named themselves, and what only strangers wrote."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from safecase.detectors.tool_calls.paths import hidden, leaves_folder, tidy
from safecase.detectors.tool_calls.plain import folded
from safecase.detectors.tool_calls.policy import TRUSTED, Segment
from safecase.detectors.tool_calls.values import Value, squashed

MOST_TRIES: Final = 2000
"""Places of one value in a text that are looked at."""
LONG_TOKEN: Final = 16
DENSE: Final = 3.5
_AFTER_WORD: Final = re.compile(r"\w")
_TOKEN: Final = re.compile(r"[^/?&#=.,;:+\s]{16,}")
_ALNUM: Final = re.compile(r"[0-9a-z]+")
_AMOUNT: Final = re.compile(r"(?<![\w.])[0-9]+(?:[,'.][0-9]+)*(?![0-9])")


class Known:
    """The texts of a conversation by who wrote them, each read when it is first needed."""

    def __init__(self, segments: Sequence[Segment], trusted_tools: Sequence[str]) -> None:
        self._segments = segments
        self._tools = trusted_tools

    def _trusts(self, segment: Segment) -> bool:
        if segment.origin == "tool" and segment.tool:
            return any(fnmatchcase(segment.tool, glob) for glob in self._tools)
        return segment.origin in TRUSTED

    @functools.cached_property
    def trusted(self) -> str:
        """All that users and operators wrote."""
        return "\n\n".join(folded(s.text) for s in self._segments if self._trusts(s))

    @functools.cached_property
    def said(self) -> str:
        """What the user wrote."""
        return "\n\n".join(folded(s.text) for s in self._segments if s.origin == "user")

    @functools.cached_property
    def strange(self) -> str:
        """What anybody may have written."""
        return "\n\n".join(folded(s.text) for s in self._segments if not self._trusts(s))

    def trusts(self, value: Value) -> bool:
        """Say whether a user or an operator named this value."""
        if value.sort == "url":
            return self._trusts_url(value)
        if value.sort == "path":
            return self._trusts_path(value.text)
        return stands(value, self.trusted, self._groups)

    def in_strange(self, value: Value) -> bool:
        """Say whether a stranger's text has this value as it is."""
        if value.sort == "number":
            return value.text in squashed(self.strange)
        return (value.host or value.text) in self.strange

    @functools.cached_property
    def highest(self) -> float | None:
        """The highest amount that a user or an operator wrote."""
        return max((number for found in _AMOUNT.findall(self.trusted) for number in amounts(found)), default=None)

    @functools.cached_property
    def _groups(self) -> tuple[str, ...]:
        return tuple(_ALNUM.findall(self.trusted))

    def _trusts_url(self, value: Value) -> bool:
        if _bounded(self.trusted, value.text, "", "/?#=&-_%~+"):
            return True
        if not value.host or not value.certain or not stands(Value("host", value.host), self.trusted, ()):
            return False
        return not self.carries(value.text)

    def carries(self, url: str) -> bool:
        """Say whether something that nobody named could be carried away in a URL's path or query."""
        behind = url.partition("://")[2].partition("/")[2] or url.partition("?")[2] or url.partition("#")[2]
        return any(dense(token) and token not in self.trusted for token in _TOKEN.findall(behind))

    def _trusts_path(self, path: str) -> bool:
        if _bounded(self.trusted, path, "/", "/") or _bounded(self._tidied, path, "/", "/"):
            return True
        if path.startswith("..") or hidden(path):
            return False
        folder = path.rpartition("/")[0]
        while folder and (folder.count("/") >= 2 or not folder.startswith(("/", "~"))) and not folder.endswith(":"):
            if _bounded(self.said, folder, "/", ""):
                return True
            if _bounded(self.trusted, folder, "/", "") and path not in self.strange:
                return True
            folder = folder.rpartition("/")[0]
        # A file that the user named, in the folder where it was found.
        name = path.rpartition("/")[2]
        return not leaves_folder(path) and "." in name and _bounded(self.said, name, "/", "/")

    @functools.cached_property
    def _tidied(self) -> str:
        return " ".join(tidy(word) for word in self.trusted.split() if "/" in word or "\\" in word)


def stands(value: Value, text: str, groups: Sequence[str]) -> bool:
    """Say whether a value stands in a text by itself, not as a part of another."""
    if value.sort == "number":
        return _grouped(value.text, groups)
    if value.sort == "address":
        return _bounded(text, value.text, ".%+'-@", "-@")
    if value.sort == "host":
        return _bounded(text, value.text, ".-@", "-@") or _bounded(text, "www." + value.text, ".-@", "-@")
    return _bounded(text, value.text, "-", "-")


def dense(token: str) -> bool:
    """Say whether a token holds as much as a secret does."""
    if len(token) < LONG_TOKEN:
        return False
    counts = Counter(token[:512]).values()
    total = sum(counts)
    return -sum(n / total * math.log2(n / total) for n in counts) > DENSE


def amounts(written: str) -> list[float]:
    """Give what an amount means, in the one or the other way to write thousands."""
    readings = {written.replace(",", "").replace("'", "")}
    if "," in written:
        readings.add(written.replace(".", "").replace("'", "").replace(",", "."))
    found = []
    for reading in readings:
        try:
            found.append(float(reading))
        except ValueError:
            continue
    return found


def _bounded(text: str, part: str, before: str, after: str) -> bool:
    """Find a part with nothing joined to it on either side; a full stop behind it ends a sentence."""
    if not part:
        return False
    at = text.find(part)
    for _ in range(MOST_TRIES):
        if at < 0:
            return False
        end = at + len(part)
        left, right = text[at - 1 : at] if at else "", text[end : end + 1]
        joined = right == "." and (text[end + 1 : end + 2].isalnum() or text[end + 1 : end + 2] in ("_", "-"))
        free_left = not left or not (left.isalnum() or left == "_" or left in before)
        if free_left and not joined and (not right or not (right.isalnum() or right == "_" or right in after)):
            return True
        at = text.find(part, at + 1)
    return False


def _grouped(number: str, groups: Sequence[str]) -> bool:
    """Find a number however it is grouped, from the start of one group to the end of another."""
    for at, group in enumerate(groups):
        if not number.startswith(group):
            continue
        made, then = group, at + 1
        while len(made) < len(number) and then < len(groups) and number.startswith(groups[then], len(made)):
            made += groups[then]
            then += 1
        if made == number:
            return True
    return False
