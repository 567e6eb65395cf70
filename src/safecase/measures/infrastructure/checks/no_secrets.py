"""`secret.scan`: no credential lies in the files of the service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from safecase.checks import Context, check
from safecase.engines.secrets import Secret, find
from safecase.errors import CollectError
from safecase.readers.repository import excluded
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Digest, Finding, Place

MOST_BYTES = 5_000_000
PEEKED = 8192
"""Bytes in which a NUL makes a file binary."""
MOST_FINDINGS = 200
MOST_NAMED = 5
MOST_LISTED = 1000
MOST_DEPTH = 60


class Look(NamedTuple):
    """What became of the files: `found` holds no more than are told, `total` counts them all."""

    texts: int
    binary: int
    ignored: tuple[str, ...]
    unread: tuple[str, ...]
    found: tuple[tuple[Place, Secret], ...]
    total: int


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
    cell, outputs and metadata included. Binary files are counted, files over 5 MB are named and leave it unproven.
    Placeholders and samples from documents are passed over. The value itself is never kept or shown. Nobody is asked
    whether a key is still live, and neither the history of the repository, nor what is packed or encoded (archives,
    base64), nor what git ignores is searched. A random value is told by the name it is given to: a password made of
    words alone, or one that stands under a harmless name, is not found.

    ## How to mend it
    Revoke the key first: it must count as known. Then refer to it (`${env:NAME}`) and keep it in a secret store. Where
    a file needs made-up secrets, such as a test's, name it under `infrastructure.secrets_ignore`.

    ## References
    CWE-798; CWE-312; LLM02:2026; LLM08:2026; ATLAS AML.T0055; EU AI Act Art. 15(5).
    """
    look = _look(repository, ctx)
    kept = ctx.keep(_listing(look), name="looked-at.txt")
    for place, secret in look.found:
        yield _finding(repository, place, secret, kept)
    if look.total > MOST_FINDINGS:
        yield no_secrets.failed(
            repository,
            f"{look.total - MOST_FINDINGS} more were found, and are not listed",
            kept,
            rule="more",
            mend="mend those that are listed first, or name made-up ones under infrastructure.secrets_ignore",
        )
    if look.unread:
        named = ", ".join(shown(path) for path in look.unread[:MOST_NAMED])
        more = f" and {len(look.unread) - MOST_NAMED} more" if len(look.unread) > MOST_NAMED else ""
        yield no_secrets.unknown(
            repository,
            f"larger than {MOST_BYTES // 1_000_000} MB or not readable, and not looked at: {named}{more}",
            kept,
            rule="unread",
            place=Place(file=look.unread[0]),
            mend="name them under settings.exclude if they are not part of the service",
        )
    if not look.texts and not look.unread:
        yield no_secrets.unknown(repository, f"there was nothing to look at: {_told(look)}", kept, rule="nothing")
    elif not look.found and not look.unread:
        yield no_secrets.passed(repository, f"no credential was found: {_told(look)}", kept)


def _look(repository: Repository, ctx: Context) -> Look:
    texts = binary = count = 0
    ignored: list[str] = []
    unread: list[str] = []
    found: list[tuple[Place, Secret]] = []
    for path in repository.files:
        if excluded(path, ctx.manifest.infrastructure.secrets_ignore):
            ignored.append(path)
            continue
        try:
            text = _text(ctx, path)
        except (OSError, CollectError):
            unread.append(path)
            continue
        if text is None:
            binary += 1
            continue
        texts += 1
        for place_of, secret in _secrets(path, text):
            count += 1
            if len(found) < MOST_FINDINGS:
                found.append((place_of(), secret))
    return Look(texts, binary, tuple(ignored), tuple(unread), tuple(found), count)


def _told(look: Look) -> str:
    ignored = f", {len(look.ignored)} left out by infrastructure.secrets_ignore" if look.ignored else ""
    return f"{look.texts} text files looked at, {look.binary} binary ones skipped{ignored}"


def _listing(look: Look) -> bytes:
    lines = [_told(look), *(f"left out: {shown(p, 400)}" for p in look.ignored[:MOST_LISTED])]
    lines += [f"not read: {shown(p, 400)}" for p in look.unread[:MOST_LISTED]]
    return "\n".join([*lines, ""]).encode()


def _text(ctx: Context, path: str) -> str | None:
    """Give the text of a file, None where it is binary."""
    with ctx.path(path).open("rb") as file:
        content = file.read(PEEKED)
        if _is_binary(content):
            return None
        content += file.read(MOST_BYTES - PEEKED + 1)
    if len(content) > MOST_BYTES:
        raise CollectError(f"{shown(path)} is too large")
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if utf16 else "utf-8-sig", "replace")


def _is_binary(prefix: bytes) -> bool:
    return b"\0" in prefix and not prefix.startswith((b"\xff\xfe", b"\xfe\xff"))


def _secrets(path: str, text: str) -> Iterator[tuple[Callable[[], Place], Secret]]:
    """Yield each secret with what finds its place: lines are counted only for those that are told."""
    cells = _cells(text) if path.endswith(".ipynb") else None
    if cells is None:
        for secret in find(text):
            yield partial(_place, path, text, secret.start), secret
        return
    for cell in cells:
        for secret in find(cell):
            yield partial(_place_in_json, path, text, cell[secret.start : secret.end]), secret


def _place(path: str, text: str, start: int) -> Place:
    before = text.rfind("\n", 0, start) + 1
    return Place(file=path, line=text.count("\n", 0, start) + 1, column=start - before + 1)


def _place_in_json(path: str, text: str, value: str) -> Place:
    """A cell's lines are strings of JSON: the first line of the value is looked for as JSON writes it."""
    first = value.partition("\n")[0]
    for escaped in (json.dumps(first), json.dumps(first, ensure_ascii=False)):
        at = text.find(escaped[1:-1])
        if at >= 0:
            return _place(path, text, at)
    return Place(file=path)


def _cells(text: str) -> list[str] | None:
    """Give the texts of a notebook (sources, outputs, metadata) as they are meant; None where it is none."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return list(_strings(notebook, 0)) if isinstance(notebook, dict) else None


def _strings(value: object, depth: int) -> Iterator[str]:
    """Every text in a notebook; a list of lines is one text, and a text keeps the name that it is given to."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        yield "".join(value)
    elif isinstance(value, list) and depth < MOST_DEPTH:
        for item in value:
            yield from _strings(item, depth + 1)
    elif isinstance(value, dict) and depth < MOST_DEPTH:
        for name, item in value.items():
            if isinstance(item, str) and "\n" not in item:
                yield f'{name} = "{item}"'
            else:
                yield from _strings(item, depth + 1)


def _finding(repository: Repository, place: Place, secret: Secret, kept: Digest) -> Finding:
    return no_secrets.failed(
        repository,
        f"{secret.label} ({secret.masked}) in {shown(place.file)}",
        kept,
        rule=secret.rule,
        key=f"{secret.rule}:{secret.tag}",
        place=place,
        severity="critical" if secret.known else "high",
        mend="revoke it, and keep the new one in a secret store (${env:NAME})",
    )
