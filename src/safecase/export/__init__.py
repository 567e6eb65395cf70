"""From a case to bytes: a screen, a page, a comment, and what other programs read; one file a format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from safecase.errors import UsageError

if TYPE_CHECKING:
    from safecase.export.html import RecordView
    from safecase.plugins import Exporter
    from safecase.vocabulary import Case

FORMATS: Mapping[str, str] = {
    "text": "a screen: the verdict, the nine measures, what to mend first",
    "json": "the whole case, for other programs",
    "jsonl": "one claim a line, for programs that read a line at a time",
    "html": "one page for people, which loads nothing",
    "md": "Markdown for a comment on a pull request or the summary of a job",
    "sarif": "SARIF 2.1.0, for code scanning",
    "junit": "JUnit XML, for CI servers: a suite a measure, a test a claim",
    "github": "annotations of a GitHub workflow, lines for the runner",
}
"""Every format of ours, and what it is for; plug-ins bring more (`formats`)."""
SUFFIXES: Mapping[str, str] = {
    ".html": "html",
    ".json": "json",
    ".txt": "text",
    ".md": "md",
    ".jsonl": "jsonl",
    ".sarif": "sarif",
    ".sarif.json": "sarif",
    ".xml": "junit",
}
"""What the end of a file's name says of its format; the longest end counts."""


class Output(NamedTuple):
    """A file to write the case to, and in which format."""

    form: str
    path: Path


def formats() -> Mapping[str, Exporter | None]:
    """Give every format by its name: None for those of ours, and what writes it for those of plug-ins."""
    from safecase.plugins import exporters

    return {**exporters(), **dict.fromkeys(FORMATS)}


def known(form: str) -> bool:
    """Say whether a format is there; plug-ins are loaded for a name only that is none of ours."""
    return form in FORMATS or form in formats()


def output_of(named: str) -> Output:
    """Read `FILE`, whose suffix names the format, or `FORMAT:FILE`; a folder may stand before either."""
    head, colon, file = named.partition(":")
    folder, slash, form = head.rpartition("/")
    # A file may have a colon in its name, and C: is a drive.
    if colon and file and len(form) > 1 and known(form):
        return Output(form, Path(folder + slash + file))
    return Output(format_of(named), Path(named))


def format_of(path: str) -> str:
    """Give the format that a file's suffix names."""
    name = PurePath(path).name.lower()
    ends = [end for end in SUFFIXES if name.endswith(end) and name != end]
    if not ends:
        mend = f"end the name in one of {' '.join(SUFFIXES)}, or say FORMAT:FILE with one of {' '.join(FORMATS)}"
        raise UsageError(f"{path}: its suffix names no format", mend=mend)
    return SUFFIXES[max(ends, key=len)]


def render(
    case: Case,
    form: str,
    *,
    records: Mapping[str, RecordView] | None = None,
    extra: Mapping[str, object] | None = None,
    width: int = 80,
    colour: bool = False,
    unicode: bool = True,
    folder: str = "",
    within: str = "",
) -> bytes:
    """Give the case in a format of `FORMATS` or of a plug-in, as claims (the long text), or nothing at all for "".

    `records` are the evidence that the page tells of, by id; `extra` are more keys of the JSON, and where it holds the
    gate's answer the other formats tell that; `width`, `colour` and `unicode` say what the screen can show, `folder`
    where the service lies for who stands elsewhere, `within` where it lies in its repository. A format leaves aside
    what it has no use for.
    """
    match form:
        case "":
            return b""
        case "json":
            from safecase.export import json

            return json.render(case, extra)
        case "jsonl":
            from safecase.export import jsonl

            return jsonl.render(case, extra)
        case "html":
            from safecase.export import html

            return html.render(case, records or {})
        case "text" | "claims":
            from safecase.export import text

            written = text.summary if form == "text" else text.claims
            return written(case, text.Paper(width, colour, unicode, folder)).encode()
        case "md":
            from safecase.export import markdown

            return markdown.render(case, extra, within)
        case "sarif":
            from safecase.export import sarif

            return sarif.render(case, extra, within)
        case "junit":
            from safecase.export import junit

            return junit.render(case, extra)
        case "github":
            from safecase.export import github

            return github.render(case, extra, within)
    return _of_plugin(case, form)


def _of_plugin(case: Case, form: str) -> bytes:
    write = formats().get(form)
    if write is None:
        raise UsageError(f"{form!r} is no format of a case", mend=f"choose one of {', '.join(formats())}")
    try:
        content = write(case)
    except Exception as why:  # whatever the code of others does, the case is not lost
        raise UsageError(
            f"the plug-in's format {form} failed: {type(why).__name__}", mend="choose another format"
        ) from why
    if not isinstance(content, bytes):
        raise UsageError(f"the plug-in's format {form} gave no bytes", mend="choose another format")
    return content
