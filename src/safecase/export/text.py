"""The case on a screen: a summary that fits one, and the long form with every claim."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from safecase.export import words
from safecase.readers.text import shown
from safecase.vocabulary import MEASURES, Case, CaseVerdict, Claim, ClaimState, Finding, MeasureSummary, Place

MOST_MENDS = 3
MOST_NOTES = 3
LONGEST = 160
"""Of a sentence in the summary."""
LONGEST_IN_FULL = 2000
LONGEST_PLACE = 36
WIDEST_GAP = 12
"""Columns that may stay empty before the mark of a cut, so that it falls between words."""
HEAD = 30
"""Columns of a measure's sign, verdict and name."""
BAR = 8
"""Columns of the bar that says how much of a measure holds."""

_COLOURS = {"holds": "32", "supported": "32", "pass": "32", "fails": "31", "contested": "31", "fail": "31"}
_COLOURS |= {"unproven": "33", "unsupported": "33", "stale": "33", "unknown": "33", "accepted": "36"}
_SIGNS = {"holds": "✓", "supported": "✓", "pass": "✓", "fails": "✗", "contested": "✗", "fail": "✗"}
_SIGNS |= {"unproven": "?", "unsupported": "?", "stale": "◷", "unknown": "?", "accepted": "≈", "not_applicable": "·"}
_ASCII = {"✓": "+", "✗": "x", "◷": "~", "≈": "=", "·": "-", "…": "...", "→": "->", "–": "-", "—": "-", "’": "'"}
_ASCII |= {"━": "=", "“": '"', "”": '"', "≥": ">=", "≤": "<="}


class Paper(NamedTuple):
    """What is written on: so many columns, with colour or without, with more than ASCII or without."""

    width: int = 80
    colour: bool = False
    unicode: bool = True
    folder: str = ""
    """Where the service lies, for a reader who stands elsewhere."""

    def plain(self, text: str, limit: int = LONGEST) -> str:
        """Give text from outside with nothing in it that a terminal acts upon."""
        return self.signs(shown(" ".join(text.split()), limit))

    def signs(self, text: str) -> str:
        """Give text in the signs that the screen has."""
        if self.unicode:
            return text
        for sign, plain in _ASCII.items():
            text = text.replace(sign, plain)
        return text.encode("ascii", "backslashreplace").decode("ascii")

    def painted(self, text: str, word: str) -> str:
        """Colour text as the state that `word` names."""
        return f"\x1b[{_COLOURS[word]}m{text}\x1b[0m" if self.colour and word in _COLOURS else text

    def strong(self, text: str) -> str:
        """Set text in bold."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def cut(self, text: str, head: str = "", lines: int = 1) -> Iterator[str]:
        """Wrap a text to so many lines at the most; what is cut off leaves a mark."""
        found = list(self.wrapped(text, head))
        if len(found) <= lines:
            yield from found
            return
        *whole, last = found[:lines]
        mark = self.signs("…")
        if self.width - columns(last + mark) > WIDEST_GAP:
            last += " " + found[lines].strip()
        while columns(last + mark) > self.width:
            last = last[:-1]
        yield from (*whole, last.rstrip() + mark)

    def wrapped(self, text: str, head: str = "", state: str = "") -> Iterator[str]:
        """Break text into lines that fit, after `head` (coloured as `state`) and hanging below it."""
        indent = head if columns(head) <= self.width // 2 else head[: len(head) - len(head.lstrip())][: self.width // 4]
        if indent != head:
            text = f"{head.strip()} {text}"
        room = max(self.width - columns(indent), 1)
        for number, line in enumerate(_broken(text, room)):
            yield ((self.painted(indent, state) if not number else " " * columns(indent)) + line).rstrip()


def summary(case: Case, paper: Paper) -> str:
    """Tell the case on one screen: the verdict, the nine measures, what to mend first, what to type next."""
    lines = [*_headline(case, paper), ""]
    summaries = {measure.id: measure for measure in case.measures}
    told = [summaries.get(measure, MeasureSummary(id=measure, verdict="unproven")) for measure in MEASURES]
    # The bars stand in every line or in none, and never at the cost of a second line.
    widest = max(columns(_counted(words.counts_of(one))) for one in told)
    bars = HEAD + BAR + 2 + widest <= paper.width
    for one in told:
        lines += _measure(one, paper, bars=bars)
    lines += ["", *_mends(case, paper), *_questions(case, paper), *_notes(case, paper), *_next(case, paper)]
    return "\n".join(lines) + "\n"


def claims(case: Case, paper: Paper) -> str:
    """Tell every claim with what speaks for and against it, by measure."""
    about = f"{shown(case.service)}, as of {case.as_of}, catalogue {case.catalogue}"
    lines = [*_headline(case, paper), *paper.wrapped(paper.plain(about))]
    for measure in MEASURES:
        of_measure = sorted((c for c in case.claims if c.measure == measure), key=words.urgency)
        lines += ["", paper.strong(words.MEASURE_TITLES[measure])]
        if not of_measure:
            lines.append("  no claim yet")
        for claim in of_measure:
            lines += _claim(claim, paper)
    for question in case.questions:
        lines += paper.wrapped(paper.plain(question), "Not said: ")
    for note in case.notes:
        lines += paper.wrapped(paper.plain(note, LONGEST_IN_FULL), "Note: ")
    return "\n".join([*lines, *_next(case, paper)]) + "\n"


def columns(text: str) -> int:
    """Count the columns of a terminal that a text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


# the parts of the summary


def _headline(case: Case, paper: Paper) -> Iterator[str]:
    name = paper.plain(words.title_of(case), 60)
    told = "\n".join(paper.wrapped(f"{name} {case.verdict}: {words.reason(case)}"))
    before, word, after = told[len(name) :].rpartition(f"{case.verdict}:")
    yield from (told[: len(name)] + before + paper.painted(word, case.verdict) + after).split("\n")


def _measure(told: MeasureSummary, paper: Paper, *, bars: bool) -> Iterator[str]:
    found = words.counts_of(told)
    verdict: CaseVerdict | ClaimState = told.verdict
    if any(found.values()) and not any(n for state, n in found.items() if state != "not_applicable"):
        verdict = "not_applicable"
    sign, word = (_sign(verdict, paper), told.verdict) if any(found.values()) else (paper.signs("·"), "")
    if verdict == "not_applicable":
        word = ""
    head = f"{sign} {word:<9} {words.MEASURE_TITLES[told.id]:<17} "
    if bars:
        head += f"{paper.signs(_bar(found)):<{BAR}}  "
    yield from paper.wrapped(_counted(found), head, word)


def _bar(found: Mapping[words.Standing, int]) -> str:
    """Draw how much of what applies holds: full only where all of it does, empty only where nothing does."""
    total = sum(n for state, n in found.items() if state != "not_applicable")
    if not total:
        return ""
    holding = found["supported"] + found["accepted"]
    filled = max(BAR * holding // total, min(holding, 1))
    return "━" * filled + "·" * (BAR - filled)


def _counted(found: Mapping[words.Standing, int]) -> str:
    if not any(found.values()):
        return "no claim yet"
    applying = {state: n for state, n in found.items() if n and state != "not_applicable"}
    if not applying:
        return f"nothing applies ({found['not_applicable']} looked at)"
    return ", ".join(f"{n} {words.STATE_WORDS[state]}" for state, n in applying.items())


def _mends(case: Case, paper: Paper) -> Iterator[str]:
    if not case.next:
        return
    yield paper.strong("Mend first:")
    for number, item in enumerate(case.next[:MOST_MENDS], 1):
        yield from paper.cut(paper.plain(item.mend), f" {number}. ", lines=2)
        why, place = words.reason_of(item, case.claims)
        about = paper.plain(_some(item.claims, 4))
        there = _at(place, paper)
        # Half of the line is the reason's.
        if columns(about + there) <= paper.width // 2:
            about += there
        yield from paper.cut(f"{about}: {paper.plain(why)}", "    ")


def _at(place: Place | None, paper: Paper) -> str:
    """Say where; of a long path the end, which says the most."""
    if place is None:
        return ""
    told = shown(str(place), LONGEST_IN_FULL)
    return " at " + paper.signs(told if len(told) <= LONGEST_PLACE else "…" + told[1 - LONGEST_PLACE :])


def _questions(case: Case, paper: Paper) -> Iterator[str]:
    """Name in one line as many as fit of what is not said."""
    if not case.questions:
        return
    head = "Not said, and it would decide: "
    asked = [paper.plain(question, 60) for question in case.questions]
    for many in range(len(asked), 0, -1):
        line = head + _some(asked, many)
        if columns(line) <= paper.width:
            yield line
            return
    yield from paper.wrapped(f"{head}{len(asked)} {'things' if len(asked) > 1 else 'thing'}; see `safecase show facts`")


def _notes(case: Case, paper: Paper) -> Iterator[str]:
    for note in case.notes[:MOST_NOTES]:
        yield from paper.cut(paper.plain(note), "Note: ")
    if len(case.notes) > MOST_NOTES:
        yield from paper.wrapped(f"{len(case.notes) - MOST_NOTES} more: `safecase show case`", "Note: ")


def _next(case: Case, paper: Paper) -> Iterator[str]:
    first = next((claim for item in case.next for claim in item.claims), "")
    worst = min(case.claims, key=words.urgency, default=None)
    explained = first or (worst.control if worst is not None else "supply_chain")
    yield ""
    show = f"safecase show case {paper.plain(paper.folder)}".rstrip()
    yield from paper.wrapped(f"{show}, safecase explain {paper.plain(explained, 40)}", "Next: ")


def _some(names: tuple[str, ...] | list[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _sign(word: str, paper: Paper) -> str:
    return paper.signs(_SIGNS[word])


# a claim, whole


def _claim(claim: Claim, paper: Paper) -> Iterator[str]:
    head = f"  {_sign(claim.state, paper)} {paper.plain(claim.control, 20):<6} "
    yield from paper.wrapped(paper.plain(claim.title), head, claim.state)
    standing = f"{words.STATE_WORDS[words.standing(claim)]}, severity {claim.severity}"
    yield from paper.wrapped(standing + (f", until {paper.plain(claim.expires, 40)}" if claim.expires else ""), "    ")
    for because in claim.because:
        yield from paper.wrapped(paper.plain(because, LONGEST_IN_FULL), "    because ")
    for question in claim.questions:
        yield from paper.wrapped(paper.plain(question), "    not said: ")
    for finding in claim.findings:
        yield from _finding(finding, paper)


def _finding(finding: Finding, paper: Paper) -> Iterator[str]:
    head = f"    {_sign(finding.verdict, paper)} {finding.verdict:<7} "
    yield from paper.wrapped(paper.plain(finding.message, LONGEST_IN_FULL), head, finding.verdict)
    where = f" on {finding.subject}" if finding.subject else ""
    about = f"{finding.check}{where}" + (f", {finding.place}" if finding.place else "")
    yield from paper.wrapped(paper.plain(about, 300), "      ")
    if finding.mend and finding.verdict != "pass":
        yield from paper.wrapped(paper.plain(finding.mend, LONGEST_IN_FULL), "      mend: ")


# lines


def _broken(text: str, room: int) -> Iterator[str]:
    """Break at spaces, and within a word only where it is longer than a line."""
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if columns(joined) <= room:
            line = joined
            continue
        if line:
            yield line
        *full, line = _cut(word, room)
        yield from full
    if line or not text:
        yield line


def _cut(word: str, room: int) -> Iterator[str]:
    piece = ""
    taken = 0
    for character in word:
        wide = columns(character)
        if taken + wide > room and piece:
            yield piece
            piece, taken = "", 0
        piece += character
        taken += wide
    yield piece
