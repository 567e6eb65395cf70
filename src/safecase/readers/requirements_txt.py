"""pip's requirements files: each entry with its version, hashes and source; options; includes, without running pip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

Source: TypeAlias = Literal["index", "url", "vcs", "path"]

MOST_LINES = 200_000

_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]{0,200}\])?\s*(.{0,500})")
_EXACT = re.compile(r"\(?\s*===?\s*([A-Za-z0-9][A-Za-z0-9.!+_-]*)\s*\)?$")
_HASH = re.compile(r"--hash[= ]\s*(?:sha256|sha384|sha512):[0-9A-Fa-f]{64,128}")
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:$|[#&\s])")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_URL_HASH = re.compile(r"#(?:.*&)?sha256=[0-9a-f]{64}")
_SCHEME = re.compile(r"(?:git|hg|svn|bzr)\+|https?://|file:", re.IGNORECASE)


class Requirement(NamedTuple):
    """One package that a file asks for."""

    name: str
    version: str
    """Empty where it floats."""
    hashed: bool
    source: Source
    fixed: bool
    """A URL with a hash, or a version control source with a whole commit."""
    line: int
    insecure: bool = False
    """It is fetched without TLS."""


class Option(NamedTuple):
    """One option line: `-r other.txt`, `--extra-index-url ...`."""

    name: str
    value: str
    line: int


def parse(text: str) -> Iterator[Requirement | Option]:
    """Yield what the lines of a requirements file say; lines that say nothing known are passed over."""
    for number, line in _logical_lines(text):
        if line.startswith("-"):
            option = _option(line, number)
            if option.name in ("-e", "--editable"):
                yield _from_url(option.value, number) if _SCHEME.match(option.value) else _path(option.value, number)
            else:
                yield option
        else:
            yield _requirement(line, number)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join continued lines and drop comments; gives each with the number of its first line."""
    started, parts = 0, []
    for number, raw in enumerate(text.splitlines()[:MOST_LINES], start=1):
        line = re.sub(r"(?:^|\s)#(?!egg=|sha256=).*$", "", raw).strip()
        started = started or number
        if line.endswith("\\"):
            parts.append(line[:-1].strip())
            continue
        parts.append(line)
        whole = " ".join(part for part in parts if part)
        if whole:
            yield started, whole
        started, parts = 0, []
    if any(parts):
        yield started, " ".join(part for part in parts if part)


def _option(line: str, number: int) -> Option:
    name, _, value = line.replace("=", " ", 1).partition(" ") if line.startswith("--") else line.partition(" ")
    if not line.startswith("--") and len(name) > 2:  # -rbase.txt
        name, value = line[:2], line[2:]
    return Option(name, value.strip(), number)


def _requirement(line: str, number: int) -> Requirement:
    spec = line.split(" --", 1)[0].split(";", 1)[0].strip()
    hashed = bool(_HASH.search(line))
    if _SCHEME.match(spec):
        return _from_url(spec, number)
    if spec.startswith((".", "/")):
        return _path(spec, number)
    found = _NAME.match(spec)
    if found is None:
        return Requirement(spec[:80], "", hashed, "index", fixed=False, line=number)
    name, rest = found[1], found[2].strip()
    if rest.startswith("@"):
        found_at = _from_url(rest[1:].strip(), number)
        return found_at._replace(name=name, hashed=hashed or found_at.hashed)
    exact = _EXACT.match(rest)
    version = exact[1] if exact and "*" not in rest else ""
    return Requirement(name, version, hashed, "index", fixed=False, line=number)


def _from_url(url: str, number: int) -> Requirement:
    vcs = "+" in url.partition(":")[0]
    named = _EGG.search(url)
    name = named[1] if named else url.split("#", 1)[0].rstrip("/").rpartition("/")[2][:80] or url[:80]
    fixed = bool(_COMMIT.search(url)) if vcs else bool(_URL_HASH.search(url))
    insecure = url.partition("://")[0].lower() in ("http", "git+http", "hg+http", "svn+http", "git+git", "bzr+http")
    source: Source = "path" if url.lower().startswith("file:") else "vcs" if vcs else "url"
    fixed = fixed or source == "path"
    return Requirement(name, "", hashed=fixed, source=source, fixed=fixed, line=number, insecure=insecure)


def _path(path: str, number: int) -> Requirement:
    return Requirement(path[:80], "", hashed=True, source="path", fixed=True, line=number)
