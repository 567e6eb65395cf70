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
_LEADS_ON: Final = re.compile(
    r"(?:^|[/?&;#=])(?:url|uri|u|q|to|next|goto|dest(?:ination)?|redirect(?:_?ur[il]|_to)?|return(?:_?to|_?ur[il])?|continue"
    r"|target|link|out|forward|callback|image|img|src|proxy|fetch|r)(?:=|/)(?:https?:|//|%2f%2f|https?%3a)",
    re.IGNORECASE,
)
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
    text = re.sub(r"[\t\n\r]", "", url).replace("\\", "/")
    scheme, _, rest = text.partition(":")
    if text.startswith("//"):
        text = "https:" + text
    elif scheme.lower() in ("http", "https", "ftp", "ws", "wss"):
        text = f"{scheme.lower()}://{rest.lstrip('/')}"
    elif "://" not in text and ":" in text:
        return f"its scheme is {scheme.lower()[:20]}", scheme.lower()[:20]
    else:
        text = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(text)
        host = unquote(parts.hostname or "").lower().rstrip(".")
    except ValueError:
        return "it cannot be read", "?"
    if parts.scheme not in ("http", "https", "ws", "wss"):
        return f"its scheme is {parts.scheme[:20]}", host or parts.scheme[:20]
    if not _allowed(host, policy.allowed_hosts):
        return "its host is not allowed", host
    if parts.username or parts.password:
        return "it carries a name before its host", host
    whole = f"{host}{parts.path}?{parts.query}#{parts.fragment}"
    if any(_starts(whole, known) for known in (*_REDIRECTORS, *policy.open_redirects)) or _LEADS_ON.search(whole):
        return "it leads on to another address", host
    if url not in trusted and (token := _suspicious(parts, host)):
        return f"it carries {len(token)} signs that look like data", host
    return "", host


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
        if len(token) >= LONG_TOKEN and (entropy(token) > HIGH_ENTROPY or re.fullmatch(r"[0-9a-fA-F]{16,}", token)):
            return token
    spoken = unquote(f"{parts.query} {parts.fragment}")
    # Data need not be encoded: a sentence in a query is as good as a key.
    return spoken if len(spoken) >= 4 * LONG_TOKEN else ""


def entropy(token: str) -> float:
    """Give the bits a character (Shannon) of a token by itself."""
    counts = Counter(token)
    return -sum(n / len(token) * math.log2(n / len(token)) for n in counts.values())
