"""Which definitions of a server a client may see: those that are as they were approved, and nothing else."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from safecase.detectors.injection import score
from safecase.detectors.tool_calls import suspicious
from safecase.detectors.tool_calls.mcp_pins import canonical
from safecase.detectors.views import views
from safecase.engines.lookalikes import skeleton
from safecase.errors import CollectError
from safecase.gateway.mcp.lock import NAMED_BY, SORTS, Definition, LockFile, Seen, Server, Sort, digest
from safecase.gateway.mcp.unseen import has_unseen, without_unseen
from safecase.readers.text import shown

Trust: TypeAlias = Literal["nothing", "first", "all"]
"""Whose definitions are pinned unasked: nobody's, those of a server that the lock does not know yet, anybody's."""

Shapes: TypeAlias = Mapping[str, Sequence[tuple[str, str]]]
"""Servers and names of their things, by what the names look like at a glance."""

MOST_LISTED: Final = 2000
LONGEST_NAME: Final = 256
LARGEST: Final = 64 * 1024
_ORDERS: Final = re.compile(
    r"\b(?:before|instead|after|when(?:ever)?|always|must|never|first|prior|do not|don't|ignore|replaces?)\b",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"[.!?\n]+")
_COMPOSED: Final = re.compile(r"[_-]|[a-z][A-Z]")
"""A name that is no plain word: one that texts do not say by chance."""


class Definitions:
    """What one server lists, held against the lock; shared by all its connections."""

    def __init__(self, file: LockFile, server: str, *, trust: Trust = "nothing", threshold: float | None) -> None:
        self.server = server
        self._file = file
        self._lock = file.read()
        known = self._lock.servers.get(server)
        self._mine = known or Server()
        self._told = Server()
        self._threshold = threshold
        # Trust at first sight ends with the first whole list of each sort: what comes later is news.
        trusts = trust == "all" or (trust == "first" and known is None)
        self._trusted: set[Sort] = set(SORTS) if trusts else set()
        self._for_good = trust == "all"
        self._listed: dict[Sort, set[str]] = {sort: set() for sort in SORTS}
        self._withheld: dict[tuple[Sort, str], Seen] = {}
        self._noted: tuple[Seen, ...] | None = None
        self._changing: set[Sort] = set()
        self._alone = threading.RLock()

    def introduced(self, name: str, version: str) -> None:
        """Take down how the server calls itself."""
        self._told = Server(name=name[:200], version=version[:200])

    def changed(self, sort: Sort) -> None:
        """The server says that its list is another one: what it listed before counts no more."""
        self._changing.add(sort)

    def shown(self, sort: Sort, page: Sequence[Any], *, first: bool, last: bool) -> tuple[list[Definition], list[Seen]]:
        """Give what a client may see of a page of a list, and what it may not; raises `CollectError`."""
        with self._alone:
            if first:
                self._listed[sort].clear()
            if (first and last) or len(self._withheld) > 2 * MOST_LISTED:
                self._withheld = {key: seen for key, seen in self._withheld.items() if key[0] != sort}
            kept, withheld = self._judged(sort, page)
            if last:
                self._changing.discard(sort)
                if not self._for_good:
                    self._trusted.discard(sort)
            news = tuple(self._withheld.values())
            if news != self._noted:
                self._file.note(self.server, news)
                self._noted = news
            return kept, withheld

    def _judged(self, sort: Sort, page: Sequence[Any]) -> tuple[list[Definition], list[Seen]]:
        named = [(definition, _name(sort, definition)) for definition in page]
        if len(self._listed[sort]) + len(named) > MOST_LISTED:
            raise CollectError(f"the server lists more than {MOST_LISTED} {sort}", mend="do not use this server")
        times = Counter(name for _, name in named)
        shapes = self._shapes(sort, times)
        kept: list[Definition] = []
        withheld: list[Seen] = []
        pinned: list[tuple[Sort, str, Definition]] = []
        for definition, name in named:
            pin = self._mine.pin(sort, name)
            if pin is None or times[name] > 1 or digest(definition) != pin.sha256:
                twice = times[name] > 1 or name in self._listed[sort]
                seen = self._doubtful(sort, name, definition, shapes, twice=twice)
                if sort not in self._trusted or seen.warnings:
                    withheld.append(seen)
                    continue
                pinned.append((sort, name, definition))
            kept.append(definition)
            self._withheld.pop((sort, name), None)
        self._withheld.update({(sort, seen.name): seen for seen in withheld})
        self._listed[sort].update(times)
        if pinned:
            self._lock = self._file.pin(self.server, self._told, pinned)
            self._mine = self._lock.servers[self.server]
        return kept, withheld

    def _shapes(self, sort: Sort, listed: Iterable[str]) -> Shapes:
        """Give all names that are pinned or listed, by what they look like."""
        names = {(server, name) for server, one in self._lock.servers.items() for name in one.pins.get(sort, {})}
        names |= {(self.server, name) for name in (*listed, *self._listed[sort])}
        found: dict[str, list[tuple[str, str]]] = {}
        for server, name in sorted(names):
            found.setdefault(_shape(name), []).append((server, name))
        return found

    def _doubtful(self, sort: Sort, name: str, definition: Definition, known: Shapes, *, twice: bool) -> Seen:
        """Say why a definition is none that was approved, and what speaks against it."""
        warnings = ["it is listed twice"] if twice else []
        if sort != "instructions":
            warnings += shadows(self.server, name, known)
        others = [other for same in known.values() for server, other in same if server != self.server]
        warnings += doubts(definition, self._threshold, others)
        pinned = self._mine.pin(sort, name) is not None
        why = "it is not what was approved" if pinned else "nobody has approved it"
        return Seen(sort=sort, name=name, why=why, warnings=tuple(dict.fromkeys(warnings)), definition=definition)

    def refused(self, sort: Sort, name: object) -> str:
        """Say why a thing may not be used; empty where it may. Text that is no name is refused, too."""
        if not isinstance(name, str):
            return "it has no name"
        if sort in self._changing:
            return "the server has changed its list since; list it again first"
        if seen := self._withheld.get((sort, name)):
            return f"{seen.why}{': ' + '; '.join(seen.warnings) if seen.warnings else ''}; {self.way_out}"
        if self._mine.pin(sort, name) is None:
            return f"nobody has approved it; {self.way_out}"
        return ""

    @property
    def way_out(self) -> str:
        """What a person can type to see and accept."""
        return (
            f"`safecase gateway mcp diff {self.server}` shows it, `safecase gateway mcp accept {self.server}` accepts"
        )


def doubts(definition: Mapping[str, Any], threshold: float | None, others: Iterable[str] = ()) -> list[str]:
    """Say what a definition tells the model that it should not; `threshold` is the injection detector's."""
    found = [
        problem.message for problem in suspicious([_told(definition)]) if problem.says in ("malicious", "suspicious")
    ]
    every = list(_texts(definition))
    if any(has_unseen(text) for text in every):
        found.append("it has invisible characters")
    joined = "\n".join(every)
    if threshold is not None:
        told = score(joined)
        if told.score > threshold or any(score(text).score > threshold for text in every if len(text) > 40):
            found.append("it looks like an attack on the model")
        if not told.whole:
            found.append("it is too long to be looked at to its end")
    found += _orders(joined, others)
    return [shown(one, 200) for one in found[:10]]


def shadows(server: str, name: str, known: Shapes) -> Iterator[str]:
    """Say whose name a name is or looks like."""
    if has_unseen(name) or not name.isprintable():
        yield "its name has characters that nobody sees"
    for of, other in known.get(_shape(name), ()):
        if of != server:
            yield f"it is named like {shown(other, 60)} of {shown(of, 60)}"
        elif other != name:
            yield f"it is named like {shown(other, 60)} of the same server"


def _shape(name: str) -> str:
    return skeleton(without_unseen(name).casefold())


def _orders(text: str, others: Iterable[str]) -> Iterator[str]:
    """Say which other servers' tools a text gives orders about."""
    known = {other for other in others if len(other) > 3}
    readings = [view.text for view in views(text).found] if known else []
    wanted = {other for other in known if any(other in reading for reading in readings)}
    if not wanted:
        return
    for sentence in (one for reading in readings for one in _SENTENCE.split(reading)):
        if not _ORDERS.search(sentence):
            continue
        for other in sorted(wanted):
            quoted = rf"[`'\"]{re.escape(other)}[`'\"]|\b{re.escape(other)}\s+tool\b|\btool\s+{re.escape(other)}\b"
            pattern = rf"(?<![\w-]){re.escape(other)}(?![\w-])" if _COMPOSED.search(other) else quoted
            if re.search(pattern, sentence):
                yield f"it gives orders about the tool {shown(other, 60)} of another server"
                wanted.discard(other)


def _name(sort: Sort, definition: object) -> str:
    name = definition.get(NAMED_BY[sort]) if isinstance(definition, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise CollectError(f"the server lists {sort} without names", mend="do not use this server")
    if len(canonical(definition)) > LARGEST:
        raise CollectError(f"the definition of {shown(name)} is larger than {LARGEST} bytes", mend="do not use it")
    return name


def _told(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {**definition, "name": str(definition.get("name", ""))}


def _texts(value: Any) -> Iterator[str]:  # as JSON has it
    """Give every text of a definition, keys among them."""
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield from part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
