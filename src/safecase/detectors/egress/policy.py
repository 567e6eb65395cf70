"""Where an answer may lead."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from safecase.vocabulary import Noun

LONG_TOKEN: Final = 16
HIGH_ENTROPY: Final = 3.5
"""Bits a character: ordinary words have 2 to 3, keys and encoded text 4 and more."""
_WITHIN: Final = re.compile(r"https?(?::|%3a)|(?:/|%(?:25)?2f){2}|\\\\", re.IGNORECASE)
"""Another address within an address, encoded or not."""
_LEADS_ON: Final = re.compile(
    r"(?:^|[/?&;#=])(?:url|uri|u|q|to|next|goto|go|dest(?:ination)?|redir(?:ect)?(?:_?ur[il]|_to)?|return(?:_?to|_?ur[il])?"
    r"|continue|target|link|out|forward|callback|image|img|src|proxy|fetch|exit|away|jump)(?:=|/)(?:[\w-]{1,63}\.){1,6}[a-z]{2,24}"
    r"(?:[/:?]|$)",
    re.IGNORECASE,
)
_WORDS: Final = re.compile(r"(?:[A-Z]?[a-z]{2,20})+[0-9]{0,4}")
"""Words written together, as in names of classes and pages."""
_REDIRECTORS: Final = (
    "google.com/url", "bing.com/ck", "youtube.com/redirect", "l.facebook.com/", "lm.facebook.com/", "t.co/", "bit.ly/",
    "tinyurl.com/", "goo.gl/", "is.gd/", "ow.ly/", "buff.ly/", "rebrand.ly/", "cutt.ly/", "lnkd.in/", "t.ly/", "rb.gy/",
    "duckduckgo.com/l/", "out.reddit.com/", "steamcommunity.com/linkfilter/", "slack-redir.net/", "href.li/",
    "safelinks.protection.outlook.com/", "urldefense.com/", "translate.goog/", "translate.google.com/translate",
    "images.weserv.nl/", "wsrv.nl/", "i0.wp.com/", "i1.wp.com/", "i2.wp.com/", "web.archive.org/web/", "proxy.",
)  # fmt: skip
"""Hosts and paths that send on to any address that they are given."""


class EgressPolicy(Noun, frozen=True):
    """Hosts that links and images may lead to."""

    allowed_hosts: tuple[str, ...] = ()
    """A host, or `*.example.org` for it and all below it."""
    open_redirects: tuple[str, ...] = ()
    """Beginnings of addresses (host and path) that lead on to others, beside those that are known."""
    html: Literal["escape", "keep"] = "escape"
    """What becomes of markup outside of code that runs or fetches something."""


class Blocked(NamedTuple):
    """What was taken out."""

    kind: str
    """`link` or `markup`."""
    host: str
    reason: str


def refusal(url: str, policy: EgressPolicy, trusted: str) -> tuple[str, str]:
    """Say why a URL may not stay, and where it leads; the reason is empty where it may stay.

    `trusted` holds all that the user and the operator said.
    """
    text = _whole(re.sub(r"[\t\n\r]", "", url).replace("\\", "/"))
    try:
        parts = urlsplit(text)
        host = unquote(parts.hostname or "").lower().rstrip(".")
        port = parts.port
    except ValueError:
        return "it cannot be read", "?"
    if parts.scheme not in ("http", "https", "ws", "wss"):
        return f"its scheme is {parts.scheme[:20]}", host or parts.scheme[:20]
    if not _allowed(host, policy.allowed_hosts):
        return "its host is not allowed", host
    if parts.username is not None or parts.password is not None:
        return "it carries a name before its host", host
    if not re.fullmatch(r"[a-z0-9.-]+", host) or port == 0:
        return "its host is written in an odd way", host
    whole, behind = (
        f"{host}{parts.path}?{parts.query}",
        f"{parts.path.removeprefix('/')}?{parts.query}#{parts.fragment}",
    )
    known = any(_starts(whole, one) for one in (*_REDIRECTORS, *policy.open_redirects))
    if known or _WITHIN.search(behind) or _LEADS_ON.search(behind):
        return "it leads on to another address", host
    if url not in trusted and (token := _suspicious(parts, host)):
        return f"it carries {len(token)} signs that look like data", host
    return "", host


def _whole(text: str) -> str:
    """Write an address with its scheme, as browsers complete it."""
    scheme, _, rest = text.partition(":")
    if text.startswith("//"):
        return f"https:{text}"
    if scheme.lower() in ("http", "https", "ftp", "ws", "wss"):
        return f"{scheme.lower()}://{rest.lstrip('/')}"
    if "://" in text or (":" in text and not re.match(r"[\w.-]+:\d{1,5}(?:[/?#]|$)", text)):
        return text
    return f"mailto:{text}" if "@" in text.partition("/")[0] else f"https://{text}"


def _starts(whole: str, known: str) -> bool:
    return whole.startswith((known, f"www.{known}"))


def _allowed(host: str, names: tuple[str, ...]) -> bool:
    for name in names:
        plain = name.lower().rstrip(".")
        if plain.startswith("*.") and (host == plain[2:] or host.endswith(plain[1:])):
            return True
        if host == plain:
            return True
    return False


def _suspicious(parts: SplitResult, host: str) -> str:
    """Give a token that looks like smuggled data; empty where there is none."""
    labels = host.split(".")[:-2]
    tokens = [*labels, *re.split(r"[/?&=#;,.+_\-~:!$'()*@]", unquote(f"{parts.path}/{parts.query}/{parts.fragment}"))]
    for token in tokens:
        if len(token) < LONG_TOKEN or (len(token) < 3 * LONG_TOKEN and _WORDS.fullmatch(token)):
            continue
        if entropy(token) > HIGH_ENTROPY or re.fullmatch(r"[0-9a-fA-F]{16,}", token):
            return token
    spoken = unquote(f"{parts.query} {parts.fragment}")
    # Data need not be encoded: a sentence in a query is as good as a key.
    return spoken if len(spoken) >= 4 * LONG_TOKEN else ""


def entropy(token: str) -> float:
    """Give the bits a character (Shannon) of a token by itself."""
    counts = Counter(token)
    return -sum(n / len(token) * math.log2(n / len(token)) for n in counts.values())
