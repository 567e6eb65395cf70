"""Hosts as resolvers take them, and which dotted words are hosts at all."""

from __future__ import annotations

import functools
import re
from typing import Final

_PLAIN: Final = frozenset(
    {
        "com", "net", "org", "edu", "gov", "mil", "int", "biz", "io", "ai", "dev", "app", "xyz", "online", "site",
        "shop", "cloud", "tech", "store", "top", "club", "live", "mobi", "onion", "example", "test", "invalid",
        "local", "localhost", "internal", "link", "click", "page", "web", "space", "fun", "icu", "vip", "work",
        "world", "today", "network", "email", "news", "digital", "agency", "media", "solutions", "systems",
        "services", "company", "group", "academy", "center", "gle", "goog", "google", "amazon", "apple", "arpa",
        "eu", "de", "fr", "uk", "ch", "at", "nl", "be", "es", "pt", "se", "dk", "fi", "pl", "cz", "sk", "hu", "gr",
        "ro", "bg", "hr", "ie", "lu", "ee", "lv", "lt", "ru", "ua", "by", "tr", "il", "sa", "ae", "cn", "jp", "kr",
        "tw", "hk", "sg", "th", "vn", "ph", "au", "nz", "ca", "mx", "br", "ar", "cl", "co", "pe", "za", "ng", "ke",
        "eg", "ma", "gg", "tk", "ml", "ga", "cf", "gq", "ws", "cc", "tv", "ly", "fm", "su", "zone", "host", "press",
        "run", "art", "blog", "wiki", "design", "life", "one", "pw", "re",
    }
)  # fmt: skip
_ALSO_WORDS: Final = frozenset(
    {
        "is", "it", "in", "to", "me", "us", "so", "no", "my", "id", "info", "name", "pro", "sh", "md", "py", "rs",
        "ts", "js", "st", "im", "ps", "as", "am", "an", "do", "go",
    }
)  # fmt: skip
"""They end sentences, members of programs and names of files as often as hosts."""
_HOST: Final = re.compile(r"(?<![\w-])[\w-]++(?:\.[\w-]++)+")
_IPV4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_FILES: Final = frozenset(["py", "md", "sh", "rs", "ts", "js"])


@functools.lru_cache(4096)
def host_of(authority: str) -> str:
    """Give the host of the authority of an address (`user@Host.:443`), in one spelling."""
    host = authority.rpartition("@")[2].casefold()
    if host.startswith("["):
        return host.partition("]")[0].lstrip("[")
    host = host.partition(":")[0].strip(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return host
    return host.removeprefix("www.")


def bare_hosts(text: str) -> list[tuple[str, bool]]:
    """Give each dotted word that is a host, and whether that is certain."""
    found = []
    for match in _HOST.finditer(text):
        start, end = match.span()
        if start and text[start - 1] in "@.":
            continue
        last = match[0].rpartition(".")[2]
        behind = text[end : end + 1]
        certain = _certain(match[0], last, behind, text[end + 1 : end + 2])
        if certain is not None:
            found.append((host_of(match[0]), certain))
    return found


def _certain(word: str, last: str, behind: str, then: str) -> bool | None:
    """Say whether a dotted word is a host; None where it is none."""
    if _IPV4.fullmatch(word):
        return True
    lower = last.lower()
    # A sentence that begins without a space before it is no host: `done.It`.
    if (last[:1].isupper() and not last.isupper() and not word[0].isupper()) or behind == "(":
        return None
    if lower in _PLAIN or lower.startswith("xn--"):
        return True
    leads_on = (behind == "/" and (then.isalnum() or not then)) or (behind == ":" and then.isdigit())
    if leads_on and lower not in _FILES and len(lower) >= 2 and lower.isalpha():
        return True
    if behind == "=" or lower in _FILES:
        return None
    return False if lower in _ALSO_WORDS else None
