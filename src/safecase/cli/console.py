"""The only place that prints: results on stdout, everything else on stderr, errors with the line they are about."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TextIO, TypeAlias

import click

from safecase.errors import ManifestError, SafecaseError
from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.vocabulary import Place

Mode: TypeAlias = Literal["auto", "always", "never"]

WIDTH = 80
REFRESH = 0.1
"""Seconds between two lines of what goes by too fast to be read."""
_SIGNS = {"…": "...", "→": "->", "–": "-", "—": "-", "’": "'", "“": '"', "”": '"', "·": "*", "≥": ">=", "≤": "<="}
_LONGEST_MESSAGE = 2000


class Screen(NamedTuple):
    """What the reader of stdout sees."""

    width: int
    unicode: bool


_MODE: list[Mode] = ["auto"]


def colour(mode: Mode) -> None:
    """Set whether colour is used: on a terminal only (`auto`, the default), always or never."""
    _MODE[0] = mode


def coloured(stream: TextIO | None = None) -> bool:
    """Say whether colour is wanted on a stream (stdout): `--color`, then NO_COLOR and FORCE_COLOR, then a terminal."""
    if _MODE[0] != "auto":
        return _MODE[0] == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return _is_terminal(stream or sys.stdout) and os.environ.get("TERM") != "dumb"


def screen() -> Screen:
    """Give the width of stdout (80 where it is no terminal), and whether it can show more than ASCII."""
    width = shutil.get_terminal_size((WIDTH, 24)).columns if _is_terminal(sys.stdout) else WIDTH
    return Screen(max(width, 20), _unicode(sys.stdout))


def result(content: str | bytes) -> None:
    """Write what was asked for to stdout, as it is."""
    if isinstance(content, str):
        _write(sys.stdout, content)
        return
    with _no_reader():
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def say(text: str) -> None:
    """Tell something besides the result, on stderr, in a line."""
    _write(sys.stderr, text + "\n")


def error(why: SafecaseError) -> None:
    """Tell an error on stderr: what and where, the line of the file with a caret, and what mends it."""
    stream = sys.stderr
    width = shutil.get_terminal_size((WIDTH, 24)).columns if _is_terminal(stream) else WIDTH
    text = rendered(why, width=max(width, 40), unicode=_unicode(stream), colour=coloured(stream))
    _write(stream, text)


def rendered(why: SafecaseError, *, width: int = WIDTH, unicode: bool = True, colour: bool = False) -> str:
    """Give the text of an error; of a ManifestError all faults, and how many there are."""
    faults: Sequence[SafecaseError] = why.faults if isinstance(why, ManifestError) else (why,)
    lines = why.lines if isinstance(why, ManifestError) else ()
    paper = _Paper(width, unicode, colour)
    told = [part for fault in faults for part in _fault(fault, lines, paper)]
    if len(faults) > 1:
        files = {fault.place.file for fault in faults if fault.place}
        told.append(f"{len(faults)} errors" + (f" in {shown(files.pop(), 200)}" if len(files) == 1 else ""))
    text = "\n".join(told) + "\n"
    return text if unicode else _ascii(text)


def defect(why: Exception) -> None:
    """Tell an error that is ours, without a traceback but with where it happened and what to do."""
    at = why.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" ({at.tb_frame.f_code.co_filename.rpartition('safecase')[2]}:{at.tb_lineno})" if at else ""
    say(f"error: a defect of safecase, not yours: {type(why).__name__}: {shown(str(why), 300)}{where}")
    say("mend: SAFECASE_DEBUG=1 shows where it happened; please report that, without secrets")


def did_you_mean(wanted: str, known: Iterable[str]) -> str:
    """Give `; did you mean X?`, or nothing where no known word is near."""
    from safecase.engines.nearest import nearest

    found = nearest(wanted, known)
    return f"; did you mean {found}?" if found else ""


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on stderr while something is done in `total` steps; only on a terminal that a person watches."""
    stream = sys.stderr
    if not _is_terminal(stream) or "CI" in os.environ or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    done = 0
    full, empty = ("█", "░") if _unicode(stream) else ("#", ".")

    def step(text: str) -> None:
        nonlocal done
        done = min(done + 1, total)
        filled = 20 * done // max(total, 1)
        line = f"{full * filled}{empty * (20 - filled)} {done}/{total} {shown(text, 200)}"
        room = shutil.get_terminal_size((WIDTH, 24)).columns - 1
        _write(stream, "\r" + line[:room].ljust(room))

    try:
        yield step
    finally:
        room = shutil.get_terminal_size((WIDTH, 24)).columns - 1
        _write(stream, "\r" + " " * room + "\r")


@contextlib.contextmanager
def counting() -> Iterator[Callable[[str], None]]:
    """Show on stderr how many steps are done and the last of them, where nobody knows how many there will be."""
    stream = sys.stderr
    if not _is_terminal(stream) or "CI" in os.environ or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    done, told = 0, 0.0

    def step(text: str) -> None:
        nonlocal done, told
        done += 1
        now = time.monotonic()
        if now - told > REFRESH:
            told = now
            room = shutil.get_terminal_size((WIDTH, 24)).columns - 1
            _write(stream, "\r" + f"{done} {shown(text, 200)}"[:room].ljust(room))

    try:
        yield step
    finally:
        room = shutil.get_terminal_size((WIDTH, 24)).columns - 1
        _write(stream, "\r" + " " * room + "\r")


# errors


class _Paper(NamedTuple):
    width: int
    unicode: bool
    colour: bool

    def styled(self, text: str, fg: str) -> str:
        return click.style(text, fg=fg, bold=True) if self.colour else text

    def visible(self, text: str) -> str:
        """Show a part of a line: a tab as an arrow, since it may be what is wrong, and controls escaped."""
        text = shown(text.replace("\t", "→" if self.unicode else ">"), len(text) + 1)
        return text if self.unicode else _ascii(text)


def _fault(fault: SafecaseError, lines: Sequence[str], paper: _Paper) -> Iterator[str]:
    place = fault.place
    where = f"{shown(str(place), 300)}: " if place else ""
    yield f"{paper.styled('error:', 'red')} {where}{_clean(fault.message)}"
    hint = shown(str(getattr(fault, "hint", "")), 200)
    if place is not None and 0 < place.line <= len(lines):
        yield from _source(lines[place.line - 1], place, int(getattr(fault, "width", 1)), hint, paper)
    elif hint:
        yield f"  {hint}"
    if fault.mend:
        yield f"{paper.styled('mend:', 'green')} {_clean(fault.mend)}"


def _source(row: str, place: Place, wide: int, hint: str, paper: _Paper) -> Iterator[str]:
    """Give the line of the file, cut to what fits around the column, and the caret below it."""
    head = f"{place.line:>3} | "
    room = max(paper.width - len(head), 20)
    start = max(0, place.column - 1)
    first = min(start, len(row))
    fits = room - 1 if len(row) <= room and _wide(paper.visible(row)) <= room else room // 2
    while first and _wide(paper.visible(row[first - 1 : start])) <= fits:
        first -= 1
    before, after = paper.visible(row[first:start]), paper.visible(row[start : start + room])
    yield head + _cut(before + after, room).rstrip()
    gutter = " " * (len(head) - 2) + "| "
    if place.column:
        marked = _wide(paper.visible(row[start : start + max(wide, 1)]))
        carets = "^" * max(1, min(marked, room - _wide(before)))
        yield f"{gutter}{' ' * _wide(before)}{paper.styled(carets, 'red')}" + (f" {hint}" if hint else "")
    elif hint:
        yield gutter + hint


def _cut(text: str, room: int) -> str:
    text = text[:room]
    while _wide(text) > room:
        text = text[:-1]
    return text


def _wide(text: str) -> int:
    """Count the columns of a terminal that a text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _clean(text: str) -> str:
    """Escape what a terminal would act upon; our own line breaks stay."""
    return "\n  ".join(shown(part, _LONGEST_MESSAGE) for part in text.splitlines())


# streams


def _write(stream: TextIO, text: str) -> None:
    with _no_reader():
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(_ascii(text))
        stream.flush()


@contextlib.contextmanager
def _no_reader() -> Iterator[None]:
    """Say no more when nobody reads any more (`safecase show | head`); the exit code stays what it is."""
    try:
        yield
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())


def _ascii(text: str) -> str:
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _unicode(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "").startswith("utf")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False  # closed
