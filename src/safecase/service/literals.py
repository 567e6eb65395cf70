"""Secrets that stand in a manifest itself: refused, and taken out of whatever is shown of the file."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from safecase.readers.text import shown
from safecase.readers.yaml_places import Document, Fault
from safecase.service.sense import leaves

Steps: TypeAlias = tuple[str | int, ...]

MEND = "write `${env:NAME}` or `${file:path}`, and replace the secret itself: it has been written down"

_SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|passphrase|api_?key|token|secret|client_secret|private_key|secret_key|authorization)$", re.I
)
_REFERENCE = re.compile(r"\$\{(env|file):[^}]+\}")
_WITH_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@")
_NOT_SECRET = {"sha256", "revision", "fingerprint", "revoked_signers", "canary"}


class Literal(NamedTuple):
    """A secret that is written out."""

    steps: Steps
    text: str
    """The secret itself: never to be shown."""
    fault: Fault


def secrets(value: Any, document: Document) -> Iterator[Literal]:
    """Find every text of a manifest that is a secret, by its looks or by its key."""
    for steps, text in leaves(value):
        if isinstance(text, str) and text and not _NOT_SECRET & {s for s in steps if isinstance(s, str)}:
            found = _by_looks(text) or _by_name(text, steps)
            if found is not None:
                label, secret = found
                message = f"{label}; a manifest holds references only"
                yield Literal(steps, secret, document.fault(message, steps, mend=MEND))


def redacted(lines: Sequence[str], found: Iterable[Literal], rows: Iterable[int]) -> tuple[str, ...]:
    """Give the lines of a file without secrets: those that were found, and whatever looks like one in `rows`."""
    kept = list(lines)
    for literal in found:
        place = literal.fault.place
        assert place is not None
        row = place.line - 1
        kept[row] = kept[row][: place.column - 1] + "…"
        for part in literal.text.splitlines():
            if len(part.strip()) > 3:
                kept = [line.replace(part.strip(), "…") for line in kept]
    for row in {r - 1 for r in rows if 0 < r <= len(kept)}:
        kept[row] = _without(kept[row])
    return tuple(kept)


def _without(line: str) -> str:
    line = _WITH_PASSWORD.sub(lambda m: m[0].replace(m[1], "…"), line)
    key = re.match(r"""[\s\-{"']*([\w-]+)["']?\s*:\s*""", line)
    if key and _SECRET_NAME.search(key[1].replace("-", "_")) and not _REFERENCE.search(line):
        line = line[: key.end()] + "…"
    for secret in sorted(_finder(line), key=lambda s: int(s.start), reverse=True):
        line = line[: secret.start] + "…" + line[secret.end :]
    return line


def _by_looks(text: str) -> tuple[str, str] | None:
    password = _WITH_PASSWORD.search(text)
    if password and not _REFERENCE.search(password[0]):
        return "the URL holds a password", text
    for secret in _finder(text):
        return f"looks like {shown(secret.label)} ({shown(secret.masked)})", text
    return None


def _by_name(text: str, steps: Steps) -> tuple[str, str] | None:
    name = str(steps[-1]) if steps else ""
    by_name = _SECRET_NAME.search(name.replace("-", "_")) or steps == ("deployment", "endpoint", "key")
    if by_name and not _REFERENCE.search(text):
        return f"`{shown(name)}` is written out", text
    return None


def _finder(text: str) -> Iterable[Any]:
    try:
        return importlib.import_module("safecase.engines.secrets").find(text)
    except ModuleNotFoundError:
        return ()
