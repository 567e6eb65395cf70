"""The filter: part by part, each by itself, so that a stream says what the whole says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from safecase.detectors.egress.addresses import Address, addresses
from safecase.detectors.egress.policy import Blocked, EgressPolicy, refusal

CAP: Final = 4096
"""So much is held back for one part; a longer one is taken out as a whole."""
LOOK: Final = 2 * CAP
MOST_TRUSTED: Final = 1_000_000
_ACTIVE: Final = frozenset(
    (  # noqa: SIM905  a list of them would be a page
        "a abbr applet area audio base basefont bgsound body button canvas command details dialog div embed font form "
        "frame frameset head html iframe image img input isindex keygen link listing main map marquee math menu meta "
        "noembed noframes noscript object option output param picture plaintext portal script section select slot "
        "source span style svg table tbody td template textarea tfoot th thead title tr track use video xml xmp "
        "animate set foreignobject"
    ).split()
)
"""Elements that run or fetch something, or can by one of their attributes."""
_PASSIVE: Final = frozenset(
    (
        "a",
        "abbr",
        "details",
        "div",
        "main",
        "map",
        "menu",
        "output",
        "section",
        "span",
        "table",
        "tbody",
        "td",
        "th",
        "tr",
    )
)
"""Of those, elements that do nothing without an attribute."""
_SAFE_ATTRIBUTES: Final = re.compile(
    r"(?:\s{1,20}(?:colspan|rowspan|align|open)(?:\s?=\s?[\"']?\w{0,20}[\"']?)?){0,10}\s{0,20}/?", re.ASCII
)
_OPENS: Final = re.compile(r"<(?=[A-Za-z/!?])")
_NAME: Final = re.compile(r"<[/\s]{0,4}([A-Za-z][A-Za-z0-9:-]{0,30})")
_FENCE: Final = re.compile(r"[ ]{0,3}(?:`{3,}|~{3,})")
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
        self._fenced = False
        self._line_starts = True

    def feed(self, piece: str) -> str:
        """Take a piece, give what may go on."""
        self._held += piece
        out: list[str] = []
        at = 0
        while True:
            # Where nothing can be an address or markup, parts need not be looked at one by one.
            far = min(len(self._held), at + LOOK)
            worth = _WORTH.search(self._held, at, far)
            plain = self._held.rfind(" ", at, worth.start() if worth else far) + 1
            if plain > at:
                out.append(self._held[at:plain])
                self._line_starts = self._held[at:plain].rpartition("\n")[2].isspace()
                at = plain
            end = self._part(at)
            if end < 0:
                break
            out.append(self._passed(self._held[at:end]))
            at = end
        self._held = self._held[at:]
        return "".join(out)

    def end(self) -> str:
        """Give the rest."""
        rest, self._held = self._held, ""
        return self._passed(rest) if rest else ""

    def _part(self, at: int) -> int:
        """Give where the next part ends; -1 where that is not known yet."""
        held = self._held
        space = _SPACE.search(held, at)
        if space is None:
            return at + CAP if len(held) - at >= CAP else -1
        end = space.end()
        opened = _last_open(held, at, end)
        if opened < 0:
            return end
        closed = held.find(">", opened)
        if closed < 0:
            return at + CAP if len(held) - at >= CAP else -1
        after = _SPACE.search(held, closed)
        if after is None:
            return at + CAP if len(held) - at >= CAP else -1
        return after.end()

    def _passed(self, part: str) -> str:
        code = self._fenced
        if self._line_starts and _FENCE.match(part):
            self._fenced, code = not self._fenced, True
        self._line_starts = part.endswith("\n") or (self._line_starts and not part.strip())
        if len(part) >= CAP and not _SPACE.search(part, 0, CAP) and _WORTH.search(part):
            self.blocked.append(Blocked("link", "?", "it is too long to be looked at"))
            return "[removed]"
        said = _ESCAPES.sub("", part)
        said = self._addresses(said)
        return said if code or self._policy.html == "keep" else self._markup(said)

    def _addresses(self, part: str) -> str:
        out: list[str] = []
        at = 0
        for one in addresses(part):
            reason, host = refusal(one.text, self._policy, self._trusted)
            if not reason or (one.bare and reason == "its host is not allowed" and not _carries(one)):
                continue
            self.blocked.append(Blocked("link", host[:100], reason))
            out += part[at : one.start], defanged(host)
            at = one.end
        out.append(part[at:])
        return "".join(out)

    def _markup(self, part: str) -> str:
        out: list[str] = []
        at = 0
        for found in _OPENS.finditer(part):
            # Markup that is cut off by the cap could go on with anything.
            cut = len(part) >= CAP and part.find(">", found.start()) < 0
            if cut or _is_active(part, found.start()):
                self.blocked.append(Blocked("markup", "", "it could run or fetch something"))
                out += part[at : found.start()], "&lt;"
                at = found.end()
        out.append(part[at:])
        return "".join(out)


_SPACE: Final = re.compile(r"\s+(?=\S)|\n")
_WORTH: Final = re.compile(r"[/\\:<&?#`~\x1b\x80-\U0010ffff]|www", re.IGNORECASE)


def _last_open(text: str, start: int, end: int) -> int:
    """Give where markup opens in a part that does not close in it; -1 where none does."""
    for found in _OPENS.finditer(text, start, end):
        if text.find(">", found.start(), end) < 0:
            return found.start()
    return -1


def _is_active(text: str, at: int) -> bool:
    if text.startswith(("<!", "<?"), at):
        return True
    name = _NAME.match(text, at)
    if name is None or name[1].lower() not in _ACTIVE:
        # Whatever the name, a handler makes it run.
        return bool(name and re.match(r"[^>]{0,2000}[\s/\"']on[a-z]{3,30}\s*=", text[name.end() :], re.IGNORECASE))
    if name[1].lower() not in _PASSIVE:
        return True
    closed = text.find(">", name.end())
    inside = text[name.end() : closed if closed >= 0 else len(text)]
    return closed < 0 or not _SAFE_ATTRIBUTES.fullmatch(inside)


def _carries(one: Address) -> bool:
    """A host without a scheme is a link for few clients: it goes when it carries something."""
    tail = re.split(r"[/?#]", one.text, maxsplit=1)[-1]
    return bool(re.search(r"[?=]|%[0-9a-fA-F]{2}", one.text)) or any(len(t) >= 16 for t in re.split(r"[/.&_-]", tail))


def defanged(host: str) -> str:
    """Write a host so that nothing makes a link of it."""
    safe = re.sub(r"[^A-Za-z0-9.\-]", "", host)[:60].replace(".", "[.]")
    return f"(link to {safe or 'elsewhere'} removed)"
