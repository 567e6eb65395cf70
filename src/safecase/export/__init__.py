"""From a case to bytes: a screen, the long text, JSON for other programs, one HTML page for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from safecase.errors import UsageError
from safecase.vocabulary import Case

if TYPE_CHECKING:
    from safecase.export.html import RecordView

SUFFIXES: Mapping[str, str] = {".html": "html", ".json": "json", ".txt": "text"}
"""What a file's suffix says of its format."""


def format_of(path: str) -> str:
    """Give the format that a file's suffix names."""
    form = SUFFIXES.get(PurePath(path).suffix.lower())
    if form is None:
        raise UsageError(f"{path}: its suffix names no format", mend=f"end the name in one of {' '.join(SUFFIXES)}")
    return form


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
) -> bytes:
    """Give the case in a format: text, claims (the long text), json, html, or nothing at all for "".

    `records` are the evidence that the page tells of, by id; `extra` are more keys of the JSON; `width`, `colour` and
    `unicode` say what the screen can show, `folder` where the service lies for who stands elsewhere. A format leaves
    aside what it has no use for.
    """
    match form:
        case "":
            return b""
        case "json":
            from safecase.export import json

            return json.render(case, extra)
        case "html":
            from safecase.export import html

            return html.render(case, records or {})
        case "text" | "claims":
            from safecase.export import text

            written = text.summary if form == "text" else text.claims
            return written(case, text.Paper(width, colour, unicode, folder)).encode()
    raise UsageError(f"{form!r} is no format of a case", mend="choose one of text, claims, json, html")
