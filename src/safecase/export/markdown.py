"""The case as Markdown for a comment on a pull request or the summary of a job: what decides first, the rest folded."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence

from safecase.export.answer import Answer, answer_of
from safecase.export.points import KINDS, Kind, Point, accepted_by, points
from safecase.export.words import MEASURE_TITLES, counts_of, reason, reason_of, title_of
from safecase.readers.text import shown
from safecase.vocabulary import MEASURES, Case, MeasureSummary

MOST_BYTES = 60_000
"""A comment on GitHub holds 65 536 characters."""
MOST_DECIDING = 10
MOST_NOTES = 20
LONGEST = 300
LONGEST_NAME = 80
_ROOM_TO_SPARE = 2000
"""For the ends of folded parts and the last lines."""

_FOLDS: Mapping[Kind, str] = {
    "fails": "We looked, and it fails",
    "unjudged": "We looked, and it could not be judged or is too old",
    "unseen": "Nobody looked yet",
    "accepted": "Accepted for a time",
}
_HEADS = ("Measure", "Verdict", "fails", "not judged", "nobody looked", "accepted", "holds")
# What GitHub makes more of than text: `@name` and `#1` notify and link, `www.` and `://` link, `$` is mathematics.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>|~#&$!]|:(?=//)|(?<=\bwww)\.|(?<![\w])@(?=\w)", re.IGNORECASE)


def render(case: Case, extra: Mapping[str, object] | None = None, within: str = "") -> bytes:
    """Write the page, never more than `MOST_BYTES`: what finds no room is counted."""
    answer = answer_of(extra)
    told = points(case, within)
    lines = [*_headline(case, answer), "", *_measures(case), "", *_deciding(answer, told), *_next(case)]
    room = MOST_BYTES - _ROOM_TO_SPARE - _size(lines) - _size(_closing(case))
    for kind in KINDS:
        of_kind = [point for point in told if point.kind == kind]
        if kind == "fails" and answer is None and len(of_kind) <= MOST_DECIDING:
            continue
        rows = _unseen(of_kind) if kind == "unseen" else [_told(point) for point in of_kind]
        folded = _fold(f"{_FOLDS[kind]} ({len(of_kind)})", rows, room)
        room -= _size(folded)
        lines += folded
    notes = [f"- {prose(note)}" for note in case.notes[:MOST_NOTES]]
    notes += [f"- not said, and it would decide: {prose(question)}" for question in case.questions[:MOST_NOTES]]
    lines += _fold(f"Notes ({len(notes)})", notes, room)
    return "\n".join([*lines, *_closing(case)]).encode() + b"\n"


def escaped(text: str, limit: int = LONGEST) -> str:
    """Give text from outside as nothing but text: no markup, no HTML, no link, nobody notified."""
    return _SPECIAL.sub(_harmless, _line(text, limit))


def code(text: str, limit: int = LONGEST) -> str:
    """Give text from outside as code, between more backticks than it has in a row."""
    return _fenced(_line(text, limit))


def prose(text: str, limit: int = LONGEST) -> str:
    """Give text from outside, with what stands between backticks as code."""
    parts = _line(text, limit).split("`")
    if len(parts) % 2 == 0:
        return escaped(text, limit)
    return "".join(_fenced(part) if place % 2 else _SPECIAL.sub(_harmless, part) for place, part in enumerate(parts))


def _fenced(told: str) -> str:
    fence = "`" * (max((len(run) for run in re.findall("`+", told)), default=0) + 1)
    space = " " if told.startswith("`") or told.endswith("`") else ""
    return f"{fence}{space}{told}{space}{fence}" if told else ""


def _line(text: str, limit: int) -> str:
    """Give text in one line; what is all escapes is cut shorter, so that it takes no more room than other text."""
    text = " ".join(text.split())
    told = shown(text, limit)
    return told if len(told) <= 2 * limit else shown(text, limit // 8)


def _harmless(found: re.Match[str]) -> str:
    sign = found.group()
    # A name after a word joiner notifies nobody; a backslash before the sign does not help there.
    return "@\u2060" if sign == "@" else f"\\{sign}"


# the parts


def _headline(case: Case, answer: Answer | None) -> Iterator[str]:
    name = escaped(title_of(case), LONGEST_NAME)
    yield f"## {name}: {answer.word}" if answer else f"## {name} {case.verdict}"
    yield ""
    if answer is None:
        yield f"{reason(case)}."
        return
    rules = f"profile {code(answer.profile)}, rules from {code(answer.source, LONGEST_NAME)}"
    yield f"The case {case.verdict}: {reason(case)} ({rules})."
    if answer.known:
        yield f"{answer.known} open claims are known to the baseline and do not block."


def _measures(case: Case) -> Iterator[str]:
    """Draw the nine measures as a table; what was seen stands apart from what nobody looked at."""
    yield f"| {' | '.join(_HEADS)} |"
    yield "| --- | --- |" + " ---: |" * (len(_HEADS) - 2)
    known = {measure.id: measure for measure in case.measures}
    for measure in MEASURES:
        summary = known.get(measure, MeasureSummary(id=measure, verdict="unproven"))
        found = counts_of(summary)
        applying = sum(n for state, n in found.items() if state != "not_applicable")
        verdict = summary.verdict if applying else "nothing applies" if found["not_applicable"] else "no claim yet"
        unjudged = found["unsupported"] + found["stale"]
        numbers = (found["contested"], unjudged, found["unseen"], found["accepted"], found["supported"])
        cells = [MEASURE_TITLES[measure], f"**{verdict}**" if verdict == "fails" else verdict]
        yield f"| {' | '.join([*cells, *(str(n or '') for n in numbers)])} |"


def _deciding(answer: Answer | None, told: Sequence[Point]) -> Iterator[str]:
    """Name what closes the gate, apart from what keeps it from being judged; without a gate, what was seen to fail."""
    if answer is None:
        yield from _listed("What decides", [_told(point) for point in told if point.kind == "fails"])
        return
    for title, blocks in (("What decides", True), ("Not known yet, and the gate asks for it", False)):
        rows = [
            f"- **{escaped(d.control, 40)}** {escaped(d.title)} ({d.severity}): {prose(d.why)}"
            + (f" · mend: {prose(d.mend)}" if d.mend else "")
            for d in answer.deciding[:MOST_DECIDING]
            if d.blocks is blocks
        ]
        yield from _listed(title, rows)


def _listed(title: str, rows: Sequence[str]) -> Iterator[str]:
    if rows:
        more = len(rows) - MOST_DECIDING
        yield from (f"### {title}", "", *rows[:MOST_DECIDING], *([f"- and {more} more"] if more > 0 else []), "")


def _next(case: Case) -> Iterator[str]:
    if not case.next:
        return
    yield from ("### What to do next", "")
    for number, mend in enumerate(case.next, 1):
        why, place = reason_of(mend, case.claims)
        where = f" at {code(str(place))}" if place else ""
        named = ", ".join(escaped(control, 40) for control in mend.claims[:6])
        more = f" and {len(mend.claims) - 6} more" if len(mend.claims) > 6 else ""
        yield f"{number}. {prose(mend.mend)}  "
        yield f"   {named}{more}{where}: {prose(why)}"
    yield ""


def _told(point: Point) -> str:
    claim = point.claim
    where = f" at {code(str(point.place))}" if point.finding and point.finding.place else ""
    head = f"- **{escaped(claim.control, 40)}** ({point.severity}){where}: {prose(point.message)}"
    if point.kind == "accepted":
        return f"{head} · {prose(accepted_by(claim))}"
    return head + (f" · mend: {prose(point.mend)}" if point.mend else "")


def _unseen(told: Sequence[Point]) -> Sequence[str]:
    """Name by measure what nobody looked at; why and what is wanted stands in the page of each."""
    if not told:
        return []
    rows = ["A check's evidence supports each of these, or the word of the person who knows: `safecase attest ID`.", ""]
    for measure in MEASURES:
        of_measure = [point.claim for point in told if point.claim.measure == measure]
        named = "; ".join(f"{escaped(c.control, 40)} {escaped(c.title)} ({c.severity})" for c in of_measure)
        rows += [f"- **{MEASURE_TITLES[measure]}**: {named}"] if named else []
    return rows


def _fold(title: str, rows: Sequence[str], room: int) -> Sequence[str]:
    """Fold rows under a title, as many as there is room for, and count the others."""
    if not rows:
        return []
    taken: list[str] = []
    for row in rows:
        room -= len(row.encode()) + 1
        if room < 0:
            break
        taken.append(row)
    left = len(rows) - len(taken)
    if left:
        taken.append(f"- {left} more: `safecase show case` tells all")
    return [f"<details><summary>{html.escape(title)}</summary>", "", *taken, "", "</details>", ""]


def _closing(case: Case) -> Sequence[str]:
    about = f"as of {escaped(case.as_of, 40)}, catalogue {escaped(case.catalogue, 40)}"
    return [f"Service {code(case.service, LONGEST_NAME)}, {about}. `safecase explain ID` tells more of an id."]


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)
