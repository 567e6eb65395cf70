"""`secret.scan`: no credential lies in the files of the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from safecase.checks import Context, check
from safecase.engines.secrets import Secret, find
from safecase.errors import CollectError
from safecase.readers.repository import excluded
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place

MOST_BYTES = 5_000_000
PEEKED = 8192
MOST_FINDINGS = 200
MOST_NAMED = 5


class Looked(NamedTuple):
    """How many files were and were not looked at."""

    texts: int
    binary: int
    ignored: tuple[str, ...]


@check("secret.scan", control="IN-10", severity="critical", reads=("infrastructure.secrets_ignore",))
def no_secrets(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """No credential lies in code, configuration, prompts or notebooks.

    ## Why it matters
    A key in a file is a key in every clone, every image built from it, every backup, and in the context of every
    assistant that reads the repository. A provider's key that leaks is used by others within minutes, on your bill and
    with your data.

    ## How it is checked
    Every text file that belongs to the repository (what git would commit) is searched for some thirty known formats of
    credentials, with what can be checked of each (checksums, the header of a token, the body of a key), and for
    assignments of random-looking values to names such as password, token or api_key. Notebooks are searched cell by
    cell, outputs included. Binary files are counted, files over 5 MB are named and leave it unproven. Placeholders and
    samples from documents are passed over. The value itself is never kept or shown. Nobody is asked whether a key is
    still live, and the history of the repository is not searched.

    ## How to mend it
    Revoke the key first: it must count as known. Then refer to it (`${env:NAME}`) and keep it in a secret store. Where
    a file needs made-up secrets, such as a test's, name it under `infrastructure.secrets_ignore`.

    ## References
    CWE-798; CWE-312; LLM02:2026; LLM08:2026; ATLAS AML.T0055; EU AI Act Art. 15(5).
    """
    texts = binary = 0
    ignored: list[str] = []
    too_large: list[str] = []
    found: list[Finding] = []
    for path in repository.files:
        if excluded(path, ctx.manifest.infrastructure.secrets_ignore):
            ignored.append(path)
            continue
        text = _text(ctx, path, too_large)
        if text is None:
            binary += 1
            continue
        texts += 1
        found.extend(_finding(repository, path, place, secret) for place, secret in _secrets(path, text))
        if len(found) > MOST_FINDINGS:
            break
    yield from found[:MOST_FINDINGS]
    if len(found) > MOST_FINDINGS:
        yield no_secrets.unknown(
            repository, f"more than {MOST_FINDINGS} findings; the rest was not looked at", rule="more"
        )
    for path in too_large[:MOST_NAMED]:
        yield no_secrets.unknown(
            repository,
            f"{shown(path)} is larger than {MOST_BYTES // 1_000_000} MB or cannot be read, and was not looked at",
            key=path,
            place=Place(file=path),
            mend="name it under settings.exclude if it is not part of the service",
        )
    if not found and not too_large:
        yield no_secrets.passed(repository, _told(Looked(texts, binary, tuple(ignored))))


def _told(looked: Looked) -> str:
    ignored = f", {len(looked.ignored)} left out by infrastructure.secrets_ignore" if looked.ignored else ""
    return f"{looked.texts} text files hold no credential; {looked.binary} binary ones were not looked into{ignored}"


def _text(ctx: Context, path: str, too_large: list[str]) -> str | None:
    """Give the text of a file; None where it is binary, or too large, or cannot be read."""
    try:
        with ctx.path(path).open("rb") as file:
            content = file.read(PEEKED)
            if _is_binary(content):
                return None
            content += file.read(MOST_BYTES - PEEKED + 1)
    except (OSError, CollectError):
        too_large.append(path)
        return None
    if len(content) > MOST_BYTES:
        too_large.append(path)
        return None
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if utf16 else "utf-8", "replace")


def _is_binary(prefix: bytes) -> bool:
    return b"\0" in prefix and not prefix.startswith((b"\xff\xfe", b"\xfe\xff"))


def _secrets(path: str, text: str) -> Iterator[tuple[Place, Secret]]:
    if path.endswith(".ipynb"):
        cells = _cells(text)
        if cells is not None:
            for cell in cells:
                # A cell's lines are strings of JSON: the first of them leads to the line of the file.
                for secret in find(cell):
                    line = cell.rfind("\n", 0, secret.start) + 1
                    start = json.dumps(cell[line : secret.start])[1:-1][-60:]
                    yield Place(file=path, line=_line_of(text, start)), secret
            return
    for secret in find(text):
        before = text.rfind("\n", 0, secret.start) + 1
        yield Place(file=path, line=text.count("\n", 0, secret.start) + 1, column=secret.start - before + 1), secret


def _line_of(text: str, part: str) -> int:
    at = text.find(part) if part else -1
    return text.count("\n", 0, at) + 1 if at >= 0 else 0


def _cells(text: str) -> list[str] | None:
    """Give the sources and outputs of a notebook as plain texts; None where it is none."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return [part for cell in cells for part in _strings(cell, 0)] if isinstance(cells, list) else None


def _strings(value: object, depth: int) -> Iterator[str]:
    """Every text in a cell; a list of lines is one text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        yield "".join(value)
    elif depth < 20 and isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item, depth + 1)


def _finding(repository: Repository, path: str, place: Place, secret: Secret) -> Finding:
    return no_secrets.failed(
        repository,
        f"{secret.label} ({secret.masked}) in {shown(path)}",
        rule=secret.rule,
        key=secret.tag,
        place=place,
        severity="critical" if secret.known else "high",
        mend="revoke it, keep the new one in a secret store, and refer to it as ${env:NAME}",
    )
