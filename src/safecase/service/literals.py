"""Secrets that stand in a manifest itself: refused, and taken out of whatever is shown of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from safecase.engines.secrets import find as find_secrets
from safecase.readers.text import shown
from safecase.readers.yaml_places import Document, Fault
from safecase.service.sense import leaves

Steps: TypeAlias = tuple[str | int, ...]

MEND = "write `${env:NAME}` or `${file:path}`, and replace the secret itself: it has been written down"

MOST = 50
"""Lines of one secret that are looked for elsewhere in the file."""

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


def redacted(lines: Sequence[str], found: Sequence[Literal], rows: Iterable[int]) -> tuple[str, ...]:
    """Give the lines of a file that are to be shown (`rows`, from 1), without secrets; the others are left empty."""
    shown_rows = {row - 1 for row in rows if 0 < row <= len(lines)}
    kept = {row: lines[row] for row in shown_rows}
    for literal in found:
        place = literal.fault.place
        assert place is not None
        kept[place.line - 1] = lines[place.line - 1][: place.column - 1] + "…"
    parts = {part for literal in found for part in literal.text.splitlines()[:MOST] if len(part.strip()) > 3}
    for row, line in kept.items():
        for part in parts:
            line = line.replace(part.strip(), "…")
        kept[row] = _without(line)
    return tuple(kept.get(row, "") for row in range(len(lines)))


def _without(line: str) -> str:
    line = _WITH_PASSWORD.sub(lambda m: m[0].replace(m[1], "…"), line)
    key = re.match(r"""[\s\-{"']*([\w-]+)["']?\s*:\s*""", line)
    if key and _SECRET_NAME.search(key[1].replace("-", "_")) and not _REFERENCE.search(line):
        line = line[: key.end()] + "…"
    for secret in sorted(find_secrets(line), key=lambda s: s.start, reverse=True):
        line = line[: secret.start] + "…" + line[secret.end :]
    return line


def _by_looks(text: str) -> tuple[str, str] | None:
    password = _WITH_PASSWORD.search(text)
    if password and not _REFERENCE.search(password[0]):
        return "the URL holds a password", text
    for secret in find_secrets(text):
        return f"looks like {secret.label} ({shown(secret.masked)})", text
    return None


def _by_name(text: str, steps: Steps) -> tuple[str, str] | None:
    name = str(steps[-1]) if steps else ""
    by_name = _SECRET_NAME.search(name.replace("-", "_")) or steps == ("deployment", "endpoint", "key")
    if by_name and not _REFERENCE.search(text):
        return f"`{shown(name)}` is written out", text
    return None
