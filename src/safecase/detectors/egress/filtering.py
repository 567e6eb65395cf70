"""The filter: part by part, each by itself, so that a stream says what the whole says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from safecase.detectors.egress.addresses import Address, addresses
from safecase.detectors.egress.policy import HIGH_ENTROPY, Blocked, EgressPolicy, entropy, refusal

CAP: Final = 4096
"""So much is held back for one part; a longer one is taken out as a whole."""
MOST_TRUSTED: Final = 1_000_000
_ACTIVE: Final = frozenset(
    (
        "script", "style", "svg", "math", "iframe", "frame", "frameset", "plaintext", "xmp", "listing", "textarea",
        "title", "noscript", "noembed", "noframes", "template", "select", "pre", "foreignobject", "annotation-xml",
    )
)  # fmt: skip
"""Elements that run something, or change how what follows them is read."""
_SAFE_ATTRIBUTES: Final = re.compile(
    r"(?:\s{1,20}(?:class|id|lang|dir|title|colspan|rowspan|align|open|start)(?:\s?=\s?(?:\"[\w\s.-]{0,80}\"|'[\w\s.-]{0,80}'|\w{1,20}))?)"
    r"{0,10}\s{0,20}/?"
)
"""Whatever the element: attributes that neither run nor fetch anything."""
_UNSAFE: Final = re.compile(
    r"[\s/\"'](?:on[a-z]{3,30}|src\w*|href|style|action|formaction|data|background)\s{0,9}=", re.I
)
_OPENS: Final = re.compile(r"<(?=[A-Za-z/!?])")
_NAME: Final = re.compile(r"<(/?)([A-Za-z][^\s/>]{0,60})")
_FENCE: Final = re.compile(r"(`{3,}|~{3,})([A-Za-z0-9_+#.-]{0,20})\n")
_CLOSES: Final = re.compile(r"`{3,}|~{3,}")
_ESCAPES: Final = re.compile(r"[\x1b\x9b\x9d]")
"""What moves a terminal, and makes links in it (OSC 8)."""


class Filtered(NamedTuple):
    """An answer that leads nowhere it may not."""

    text: str
    blocked: tuple[Blocked, ...]


def filter_text(text: str, policy: EgressPolicy, trusted: Iterable[str] = ()) -> Filtered:
    """Filter a whole answer; `trusted` is what the user and the operator said."""
    stream = EgressStream(policy, trusted)
    said = stream.feed(text) + stream.end()
    return Filtered(said, tuple(stream.blocked))


class EgressStream:
    """Filters an answer that comes in pieces.

    A text is cut only behind white space, and never within markup: what a part becomes depends on nothing but the part,
    and whether it stands in a block of code. So all pieces together are the filtered whole.
    """

    def __init__(self, policy: EgressPolicy, trusted: Iterable[str] = ()) -> None:
        self.blocked: list[Blocked] = []
        self._policy = policy
        self._trusted = "\n".join(trusted)[:MOST_TRUSTED]
        self._held = ""
        self._fence = ""
        """What opened the block of code that this is in; empty outside of one."""
        self._line = ""
        """What of the line has passed: enough of it to tell how it begins."""
        self._blank_before = True
        self._skipping = False

    def feed(self, piece: str) -> str:
        """Take a piece, give what may go on."""
        self._held += piece
        out: list[str] = []
        at = 0
        while (end := self._part(at)) > at:
            out.append(self._passed(self._held[at:end]))
            at = end
        self._held = self._held[at:]
        return "".join(out)

    def end(self) -> str:
        """Give the rest."""
        rest, self._held = self._held, ""
        return self._passed(rest) if rest else ""

    def _part(self, at: int) -> int:
        """Give where the next part ends, by nothing but the next `CAP` characters; `at` where that is not known yet."""
        held, far = self._held, at + CAP
        known = len(held) >= far
        worth = _WORTH.search(held, at, min(far, len(held)))
        if worth is None or worth.start() > at:
            # Where nothing can be an address or markup, words need not be looked at one by one.
            upto = worth.start() if worth else min(far, len(held))
            plain = held.rfind(" ", at, upto) + 1
            if plain > at and (plain < upto or known):
                return plain
        end = min(far, len(held))
        space = _SPACE.search(held, at, end)
        while space:
            opened = _last_open(held, at, space.end())
            if opened < 0:
                return space.end()
            closed = held.find(">", opened, end)
            space = _SPACE.search(held, closed, end) if closed > 0 else None
        if not known:
            return at
        return max((one.end() for one in _SPACE.finditer(held, at, far)), default=far)

    def _passed(self, part: str) -> str:
        if self._skipping:
            space = re.search(r"\s", part)
            self._skipping = space is None
            part = part[space.start() :] if space else ""
        code = self._in_code(part)
        if len(part) >= CAP and not re.search(r"\s", part) and _WORTH.search(part):
            self.blocked.append(Blocked("link", "?", "it is too long to be looked at"))
            self._skipping = True
            return "[removed]"
        said = _ESCAPES.sub("", part)
        said = self._addresses(said)
        return said if code or self._policy.html == "keep" else self._markup(said)

    def _in_code(self, part: str) -> bool:
        """Follow the lines, and say whether a part stands in a block of code, as any reader of Markdown sees it.

        In doubt it does not: a block must begin behind a blank line, at the left, and end at the first line that could
        end it. Else what a reader takes for markup would be taken for code here.
        """
        inside = bool(self._fence)
        if not self._line.strip():
            if self._fence:
                closing = _CLOSES.match(part.lstrip(" "))
                if closing and closing[0][0] == self._fence[0] and len(closing[0]) >= len(self._fence):
                    self._fence = ""
            elif not self._line and self._blank_before and (opening := _FENCE.match(part)):
                self._fence = opening[1]
                inside = True
        for line in part.splitlines(keepends=True):
            self._line = (self._line + line)[:80]
            if line.endswith(("\n", "\r")):
                self._blank_before = not self._line.strip()
                self._line = ""
        return inside

    def _addresses(self, part: str) -> str:
        gone: list[tuple[int, int, str]] = []
        for one in addresses(part):
            reason, host = refusal(one.text, self._policy, self._trusted)
            if one.bare and reason in ("", "its host is not allowed") and not _carries(one):
                continue
            if one.odd and not one.bare:
                reason = reason or "it is written in an odd way"
            if reason:
                self.blocked.append(Blocked("link", host[:100], reason))
                gone.append((one.start, one.end, host))
        out: list[str] = []
        at = 0
        for start, end, host in sorted(gone):
            if start >= at:
                out += part[at:start], defanged(host)
            at = max(at, end)
        out.append(part[at:])
        return "".join(out)

    def _markup(self, part: str) -> str:
        out: list[str] = []
        at = 0
        closes = part.rfind(">")
        # Never closed, it is dropped; but what the answer is put into may close it, and what the cap cut off may go on.
        unsafe = len(part) >= CAP or bool(_UNSAFE.search(part))
        for found in _OPENS.finditer(part):
            if (unsafe and found.start() > closes) or _is_active(part, found.start()):
                self.blocked.append(Blocked("markup", "", "it could run or fetch something"))
                out += part[at : found.start()], "&lt;"
                at = found.end()
        out.append(part[at:])
        return "".join(out)


_SPACE: Final = re.compile(r"\s+(?=\S)")
_WORTH: Final = re.compile(r"[/\\:<&?#@`~.\x1b\x80-\U0010ffff]|[wW]{3}")


def _last_open(text: str, start: int, end: int) -> int:
    """Give where markup opens in a part that does not close in it; -1 where none does."""
    closed = text.rfind(">", start, end)
    for found in _OPENS.finditer(text, max(start, closed), end):
        return found.start()
    return -1


def _is_active(text: str, at: int) -> bool:
    if text.startswith(("<!", "<?"), at):
        return True
    name = _NAME.match(text, at)
    if name is None:
        return False
    if name[2].lower() in _ACTIVE:
        return True
    closed = text.find(">", name.end())
    inside = text[name.end() : max(closed, name.end())]
    # An attribute without a value neither runs nor fetches anything.
    return "=" in inside and not _SAFE_ATTRIBUTES.fullmatch(inside)


def _carries(one: Address) -> bool:
    """A host without a scheme is a link for few clients: it goes when it carries something."""
    if any(len(label) >= 16 and entropy(label) > HIGH_ENTROPY for label in re.split(r"[/.:?#]", one.text)[:-1]):
        return True
    _, cut, tail = one.text.partition("/") if "/" in one.text else one.text.partition("?")
    if not cut:
        return False
    return bool(re.search(r"[?=]|%[0-9a-fA-F]{2}", one.text)) or any(len(t) >= 16 for t in re.split(r"[/.&_-]", tail))


def defanged(host: str) -> str:
    """Write a host so that nothing makes a link of it."""
    safe = re.sub(r"[^A-Za-z0-9.\-]", "", host)[:60].replace(".", "[.]")
    return f"(link to {safe or 'elsewhere'} removed)"
