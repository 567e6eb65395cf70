"""Advisories in the OSV format, from a folder or zip of records: streamed, bounded, and only those that matter.

A folder (or a zip of one) holds records (`ID.json`) and zips of records (`osv-all.zip`, `osv/<ecosystem>/all.zip`),
and a `manifest.json` with `created` and, for each file, its `sha256` and `size`. Of a record only its package names are
looked at, unless one of them is ours: an archive of hundreds of thousands stays a matter of seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Set
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from safecase.errors import CollectError
from safecase.readers.repository import list_files
from safecase.readers.text import shown
from safecase.vocabulary import Noun

MOST_RECORD = 8_000_000
MOST_RECORDS = 1_500_000
MOST_BYTES = 8_000_000_000
"""Unpacked, all together."""
MOST_DIRECTORY = 64_000_000
"""Bytes of a zip's directory, which is read at once."""
MOST_INNER = 2_000_000_000
MOST_PROBLEMS = 100
MOST_ECOSYSTEMS = 1000
MOST_APART = timedelta(days=30)
"""Between the newest record and the day that the manifest says: databases of advisories change daily."""
MANIFEST = "manifest.json"

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
_MALICIOUS = re.compile(rb'"id"\s{0,40}:\s{0,40}"MAL-')
_ECOSYSTEM = re.compile(rb'"ecosystem"\s*:\s*"([^"]{1,100})"')
_NAME = re.compile(rb'"name"\s*:\s*"((?:[^"\\]|\\.)*+)"')
_MODIFIED = re.compile(rb'"modified"\s*:\s*"([0-9T:.+Zz-]{10,40})"')


class Event(Noun, frozen=True):
    """Where in a package's history a flaw begins or ends."""

    kind: str
    """introduced, fixed, last_affected or limit."""
    version: str


class Range(Noun, frozen=True):
    """A line of a package's history."""

    kind: str
    """SEMVER, ECOSYSTEM or GIT."""
    events: tuple[Event, ...]


class Affected(Noun, frozen=True):
    """A package that has the flaw, and in which versions."""

    ecosystem: str
    """Without what comes behind its colon."""
    name: str
    ranges: tuple[Range, ...]
    versions: tuple[str, ...]


class Advisory(Noun, frozen=True):
    """One record."""

    id: str
    file: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    withdrawn: bool = False
    affected: tuple[Affected, ...] = ()
    vectors: tuple[str, ...] = ()
    """CVSS vectors."""
    words: tuple[str, ...] = ()
    """Severities in words, as databases add them."""


class Bundle(Noun, frozen=True):
    """What was imported, as far as it is about our packages."""

    advisories: tuple[Advisory, ...]
    created: datetime | None
    dated: str
    """What tells the date: its manifest, or its newest record."""
    records: int
    """How many were looked at."""
    malicious: int = 0
    """How many of them are about malicious packages (MAL-)."""
    ecosystems: frozenset[str] = frozenset()
    """Whose packages its records are about, in lower case: of any other it says nothing."""
    problems: tuple[str, ...] = ()
    """What could not be read, or is not what the manifest says: nothing can be said of what stands there."""


class _Member(NamedTuple):
    name: str
    open: Callable[[], IO[bytes]]


def read_bundle(path: Path, names: Set[str], *, normalised: Callable[[str], str]) -> Bundle:
    """Read a folder, a zip or one record; keeps the records that name one of `names` (as `normalised` gives them).

    Raises CollectError where there is nothing to read.
    """
    reading = _Reading(names, normalised)
    try:
        if path.is_dir():
            reading.folder(path)
        elif zipfile.is_zipfile(path):
            with path.open("rb") as file:
                reading.archive(file, path.name)
        elif path.is_file():
            reading.files([_Member(path.name, lambda: path.open("rb"))], {}, "")
        else:
            raise CollectError(f"{shown(path.name)} is not there", mend="correct maintenance.advisories")
    except OSError as why:
        raise CollectError(
            f"{shown(path.name)} cannot be read: {why.strerror or why}", mend="see who may read it"
        ) from why
    return reading.bundle()


class _Reading:
    """One reading of a bundle, while it grows."""

    def __init__(self, names: Set[str], normalised: Callable[[str], str]) -> None:
        self._names, self._normalised = names, normalised
        self._found: list[Advisory] = []
        self._problems: list[str] = []
        self._more = 0
        self._records = self._bytes = self._malicious = 0
        self._newest = b""
        self._ecosystems: set[bytes] = set()
        self._created: datetime | None = None

    def bundle(self) -> Bundle:
        newest = _moment(self._newest.decode("ascii"))
        if self._created and newest and self._created - newest > MOST_APART:
            self._problem(
                f"{MANIFEST} says it was made on {self._created.date()}, and its newest record is of {newest.date()}"
            )
        problems = [*self._problems, *([f"and {self._more} more"] if self._more else [])]
        return Bundle(
            advisories=tuple(sorted(self._found, key=lambda a: (a.id, a.file))),
            created=self._created or newest,
            dated="its manifest" if self._created else "its newest record",
            records=self._records,
            malicious=self._malicious,
            ecosystems=frozenset(_text(found).partition(":")[0].lower() for found in self._ecosystems),
            problems=tuple(problems),
        )

    def folder(self, path: Path) -> None:
        listing = list_files(path)
        paths = [entry.path for entry in listing.entries]
        for told in listing.unreadable:
            self._problem(told)
        for told in listing.passed_over:
            self._problem(f"{shown(told)} was made by a tool and is not read")
        if not listing.complete:
            self._problem(f"there are more than {len(listing.entries):,} files: the rest was not read; zip them")
        for told in _links(path):
            self._problem(f"{shown(told)} is a link and is not followed")
        members = [_Member(name, (lambda name=name: (path / name).open("rb"))) for name in paths]  # type: ignore[misc]
        listed = self._manifest(next((m for m in members if m.name == MANIFEST), None))
        self.files(members, listed, "")

    def archive(self, file: IO[bytes], where: str, *, inner: bool = False) -> None:
        """Read a zip; one inside of another one holds records only."""
        try:
            with zipfile.ZipFile(_Bounded(file)) as opened:
                infos = [info for info in opened.infolist() if not info.is_dir()]
                members = [_Member(i.filename, (lambda i=i: opened.open(i))) for i in infos]  # type: ignore[misc]
                manifest = None if inner else next((m for m in members if m.name == MANIFEST), None)
                self.files(members, self._manifest(manifest), where, inner=inner)
        except CollectError:
            raise
        except _BROKEN as why:
            self._problem(f"{shown(where)} is no zip that can be read ({type(why).__name__})")

    def files(self, members: list[_Member], listed: Mapping[str, Any], where: str, *, inner: bool = False) -> None:
        prefix = f"{where}/" if where else ""
        for member in members:
            if member.name == MANIFEST or not member.name.endswith((".json", ".zip")):
                continue
            told = prefix + member.name
            try:
                if member.name.endswith(".zip"):
                    if inner:
                        self._problem(f"{shown(told)} is a zip in a zip in a zip")
                    else:
                        self._zip(member, listed, told)
                else:
                    self._file(member, listed, told)
            except CollectError:
                raise
            except _BROKEN as why:
                self._problem(f"{shown(told)} cannot be read ({type(why).__name__})")
        names = {member.name for member in members}
        for name in sorted(set(listed) - names):
            self._problem(f"{shown(prefix + name)} is in the manifest and not there")

    def _zip(self, member: _Member, listed: Mapping[str, Any], told: str) -> None:
        with member.open() as source, tempfile.TemporaryFile() as copy:
            digest, size = hashlib.sha256(), 0
            while part := source.read(1 << 20):
                size += len(part)
                if size > MOST_INNER:
                    raise CollectError(
                        f"{shown(told)} is larger than {MOST_INNER // 10**9} GB", mend="split the bundle"
                    )
                digest.update(part)
                copy.write(part)
            self._verify(member.name, listed, digest.hexdigest(), size, told)
            copy.seek(0)
            self.archive(copy, told, inner=True)

    def _file(self, member: _Member, listed: Mapping[str, Any], told: str) -> None:
        with member.open() as source:
            content = source.read(MOST_RECORD + 1)
        self._records += 1
        self._bytes += len(content)
        if self._records > MOST_RECORDS or self._bytes > MOST_BYTES:
            raise CollectError("there are more advisories than can be read", mend="import those of PyPI and npm only")
        if len(content) > MOST_RECORD:
            self._problem(f"{shown(told)} is larger than {MOST_RECORD // 10**6} MB")
            return
        if listed:
            self._verify(member.name, listed, hashlib.sha256(content).hexdigest(), len(content), told)
        newest = max(_MODIFIED.findall(content), default=b"")
        self._newest = max(self._newest, newest)
        self._malicious += _MALICIOUS.search(content) is not None
        if len(self._ecosystems) < MOST_ECOSYSTEMS:
            self._ecosystems.update(_ECOSYSTEM.findall(content))
        if self._concerns(content):
            self._record(content, told)

    def _concerns(self, content: bytes) -> bool:
        """Say by a record's names whether it may be about one of ours; one without a name is read as a whole."""
        found = _NAME.findall(content)
        if b"\\u" in content:  # a name may be spelt with escapes, the word "name" too
            return True
        return not found or any(self._normalised(_text(name)) in self._names for name in found)

    def _record(self, content: bytes, told: str) -> None:
        try:
            advisory = _advisory(msgspec.json.decode(content), told)
        except (msgspec.DecodeError, _ShapeError, RecursionError, UnicodeDecodeError) as why:
            self._problem(f"{shown(told)} is no OSV record: {shown(str(why), 100)}")
            return
        ours = tuple(a for a in advisory.affected if self._normalised(a.name) in self._names)
        if ours:
            self._found.append(msgspec.structs.replace(advisory, affected=ours))

    def _manifest(self, member: _Member | None) -> Mapping[str, Any]:
        if member is None:
            return {}
        try:
            with member.open() as source:
                told = json.loads(source.read(MOST_RECORD))
            if not isinstance(told, dict):
                self._problem(f"{MANIFEST} is no mapping")
            files = told.get("files", {}) if isinstance(told, dict) else {}
            self._created = _moment(str(told["created"])) if isinstance(told, dict) and "created" in told else None
        except (*_BROKEN, RecursionError) as why:
            self._problem(f"{MANIFEST} cannot be read ({type(why).__name__})")
            return {}
        if not isinstance(files, dict):
            self._problem(f"{MANIFEST}: `files` is no mapping")
            return {}
        return files

    def _verify(self, name: str, listed: Mapping[str, Any], digest: str, size: int, told: str) -> None:
        if not listed:
            return
        entry = listed.get(name)
        if not isinstance(entry, dict):
            self._problem(f"{shown(told)} is not in the manifest")
        elif entry.get("sha256") != digest or entry.get("size", size) != size:
            self._problem(f"{shown(told)} is not what the manifest says: its hash or size differs")

    def _problem(self, text: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(text)
        else:
            self._more += 1


def _links(folder: Path) -> Iterator[str]:
    """Name what would be a record if it were a file."""
    for where, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            if os.path.islink(f"{where}/{name}"):  # noqa: PTH114 - many thousands of records
                yield os.path.relpath(f"{where}/{name}", folder)


class _Bounded:
    """A file of which no single reading takes more than a zip's directory may have."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell
        self.close = lambda: None  # whoever opened it closes it
        self.seekable = lambda: True

    def read(self, size: int = -1) -> bytes:
        if size > MOST_DIRECTORY:
            raise CollectError("the directory of a zip of advisories is too large", mend="split the bundle")
        return self._file.read(MOST_DIRECTORY if size < 0 else size)


class _ShapeError(Exception):
    """A record does not have the shape of one."""


def _advisory(value: Any, told: str) -> Advisory:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str) or not value["id"]:
        raise _ShapeError("it has no id")
    affected = [_affected(item) for item in _dicts(value, "affected") if item.get("package")]
    severities = [
        *_dicts(value, "severity"),
        *(s for item in _dicts(value, "affected") for s in _dicts(item, "severity")),
    ]
    places = [value, *_dicts(value, "affected")]
    specific = [part for place in places for key in _SPECIFIC if isinstance(part := place.get(key), dict)]
    return Advisory(
        id=value["id"][:200],
        file=told,
        aliases=tuple(a for a in _list(value, "aliases") if isinstance(a, str)),
        summary=str(value.get("summary") or value.get("details") or "")[:2000],
        withdrawn=_is_past(value.get("withdrawn")),
        affected=tuple(affected),
        vectors=tuple(score for s in severities if isinstance(score := s.get("score"), str)),
        words=tuple(word for part in specific if isinstance(word := part.get("severity"), str)),
    )


def _is_past(value: object) -> bool:
    """Say whether an advisory was withdrawn: by a day that has come."""
    moment = _moment(value) if isinstance(value, str) else None
    return moment is not None and moment <= datetime.now(UTC)


_SPECIFIC = ("database_specific", "ecosystem_specific")


def _affected(item: Mapping[str, Any]) -> Affected:
    package = item["package"]
    if not isinstance(package, dict) or not all(isinstance(package.get(key), str) for key in ("ecosystem", "name")):
        raise _ShapeError("a package has no ecosystem or name")
    ranges = tuple(
        Range(kind=str(entry.get("type", "")), events=tuple(_events(entry))) for entry in _dicts(item, "ranges")
    )
    versions = _list(item, "versions")
    if not all(isinstance(version, str) for version in versions):
        raise _ShapeError("`versions` holds what is no text")
    ecosystem = package["ecosystem"].partition(":")[0]
    return Affected(ecosystem=ecosystem, name=package["name"], ranges=ranges, versions=tuple(versions))


def _events(entry: Mapping[str, Any]) -> Iterator[Event]:
    for event in _dicts(entry, "events"):
        for kind, version in event.items():
            if kind not in ("introduced", "fixed", "last_affected", "limit") or not isinstance(version, str):
                raise _ShapeError(f"`{kind}` is no event of a range")
            yield Event(kind=kind, version=version)


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _ShapeError(f"`{key}` is no list")
    return found


def _dicts(value: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = _list(value, key)
    if not all(isinstance(item, dict) for item in found):
        raise _ShapeError(f"`{key}` holds what is no mapping")
    return found


def _text(raw: bytes) -> str:
    if b"\\" not in raw:
        return raw.decode("utf-8", "replace")
    try:
        return str(json.loads(b'"' + raw + b'"'))
    except ValueError:
        return raw.decode("utf-8", "replace")


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
