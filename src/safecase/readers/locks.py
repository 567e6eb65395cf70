"""The files that say which packages are installed: declarations and locks of Python and JavaScript, bounded."""

from __future__ import annotations

import fnmatch
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from safecase.errors import ManifestError
from safecase.readers import yaml_places
from safecase.readers.requirements_txt import Option, Requirement, parse
from safecase.vocabulary import Noun, Place

Ecosystem: TypeAlias = Literal["python", "javascript"]

MOST_BYTES = 30_000_000

OF_WORKSPACES = frozenset({"uv.lock", "package-lock.json", "pnpm-lock.yaml", "yarn.lock"})
"""Locks that cover the folders below, too."""


class Entry(Noun, frozen=True):
    """One package as a lock (or a requirements file) has it."""

    name: str
    version: str
    hashed: bool
    """By a hash, an integrity value, or a whole commit; a path inside of the repository needs none."""
    place: Place


class PackageFile(Noun, frozen=True):
    """What one file says."""

    path: str
    ecosystem: Ecosystem
    locks: bool
    """It is installed from; otherwise it declares what is wanted."""
    entries: tuple[Entry, ...] = ()
    declared: tuple[str, ...] = ()
    """Normalised names."""
    indexes: tuple[Option, ...] = ()
    """Options that add an index beside the default one, or speak to one without TLS."""
    includes: tuple[str, ...] = ()
    problem: str = ""
    """Why it could not be read; empty where it was."""


Reader: TypeAlias = Callable[[str, str], PackageFile]


def is_dependency_file(path: str) -> bool:
    """Say by a file's path whether it declares or locks packages."""
    return _reader_of(path) is not None


def read_file(root: Path, path: str) -> PackageFile:
    """Read one file; what is wrong with it is in `problem`, never an exception."""
    reader = _reader_of(path)
    assert reader is not None, path
    unread = PackageFile(path=path, ecosystem="javascript" if _is_javascript(path) else "python", locks=True)
    try:
        with (root / path).open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            return _problem(unread, f"larger than {MOST_BYTES // 1_000_000} MB")
        return reader(path, content.decode("utf-8-sig"))
    except OSError as why:
        return _problem(unread, why.strerror or "it cannot be read")
    except ManifestError as why:
        return _problem(unread, why.message)
    except (ValueError, RecursionError) as why:  # not UTF-8, not TOML, not JSON, or nested without end
        return _problem(unread, f"it is not what its name says: {type(why).__name__}: {str(why)[:120]}")


def normalised(name: str) -> str:
    """Give the one form of a Python package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _problem(file: PackageFile, text: str) -> PackageFile:
    return PackageFile(path=file.path, ecosystem=file.ecosystem, locks=file.locks, problem=text)


def _is_javascript(path: str) -> bool:
    return path.endswith(("package.json", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"))


def _requirements(path: str, text: str) -> PackageFile:
    found = list(parse(text))
    entries = tuple(_entry(r, path) for r in found if isinstance(r, Requirement))
    options = [o for o in found if isinstance(o, Option)]
    return PackageFile(
        path=path,
        ecosystem="python",
        locks=True,
        entries=entries,
        indexes=tuple(o for o in options if _risky(o)),
        includes=tuple(o.value for o in options if o.name in ("-r", "--requirement", "-c", "--constraint")),
    )


def _risky(option: Option) -> bool:
    adds = option.name in ("--extra-index-url", "--find-links", "-f", "--trusted-host")
    return adds or (option.name in ("-i", "--index-url") and option.value.startswith("http://"))


def _entry(requirement: Requirement, path: str) -> Entry:
    version = requirement.version or ("fixed" if requirement.fixed else "")
    place = Place(file=path, line=requirement.line)
    return Entry(name=requirement.name, version=version, hashed=requirement.hashed, place=place)


def _toml_lock(path: str, text: str) -> PackageFile:
    """uv.lock, poetry.lock, pdm.lock (`package`) and pylock.toml (`packages`)."""
    document = tomllib.loads(text)
    old_hashes = _mapping(_mapping(document.get("metadata")).get("files"))  # poetry before 1.4
    lines = _lines_of(text, re.compile(r'^name = "([^"\n]{1,200})"'))
    entries = []
    for package in _mappings(document.get("package", document.get("packages"))):
        name = str(package.get("name", "?"))
        source = _mapping(package.get("source"))
        local = {"path", "editable", "virtual", "directory"} & (set(source) | set(package))
        place = Place(file=path, line=lines.get(name, 0))
        hashed = bool(local) or _hashed(package) or bool(old_hashes.get(name)) or _whole_commit(package, source)
        version = str(package.get("version", "fixed" if local or hashed else ""))
        entries.append(Entry(name=name, version=version, hashed=hashed, place=place))
    return PackageFile(path=path, ecosystem="python", locks=True, entries=tuple(entries))


def _hashed(package: Mapping[str, Any]) -> bool:
    files = [*_mappings(package.get("wheels")), *_mappings(package.get("files"))]
    files += [_mapping(package.get(key)) for key in ("sdist", "archive")]
    return any(file.get("hash") or file.get("hashes") for file in files)


def _whole_commit(package: Mapping[str, Any], source: Mapping[str, Any]) -> bool:
    commit = (
        source.get("resolved_reference") or _mapping(package.get("vcs")).get("commit-id") or package.get("revision")
    )
    git = str(source.get("git", ""))
    return bool(re.search(r"(^|#)[0-9a-f]{40}$", str(commit or git)))


def _pipfile_lock(path: str, text: str) -> PackageFile:
    document = _mapping(json.loads(text))
    entries = [
        Entry(
            name=name,
            version=str(entry.get("version", "")).lstrip("=") or ("fixed" if entry.get("ref") else ""),
            hashed=bool(entry.get("hashes") or entry.get("ref") or entry.get("path")),
            place=Place(file=path),
        )
        for part in ("default", "develop")
        for name, entry in _named(document.get(part))
    ]
    return PackageFile(path=path, ecosystem="python", locks=True, entries=tuple(entries))


def _pyproject(path: str, text: str) -> PackageFile:
    document = tomllib.loads(text)
    project, tool = _mapping(document.get("project")), _mapping(document.get("tool"))
    poetry = _mapping(tool.get("poetry"))
    wanted = [*_strings(project.get("dependencies"))]
    for group in [
        *_mapping(project.get("optional-dependencies")).values(),
        *_mapping(document.get("dependency-groups")).values(),
    ]:
        wanted += _strings(group)
    names = [found[1] for text in wanted if (found := re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", text))]
    names += [name for name in _mapping(poetry.get("dependencies")) if name != "python"]
    return PackageFile(
        path=path, ecosystem="python", locks=False, declared=tuple(sorted({normalised(name) for name in names}))
    )


def _setup(path: str, text: str) -> PackageFile:
    """setup.py and setup.cfg are not run: that they want something is all that is seen of them."""
    wants = bool(re.search(r"install_requires\s*=\s*(?!\[\s*\])\S", text)) or "install_requires\n" in text
    return PackageFile(path=path, ecosystem="python", locks=False, declared=("install_requires",) if wants else ())


def _pipfile(path: str, text: str) -> PackageFile:
    document = tomllib.loads(text)
    names = {normalised(n) for part in ("packages", "dev-packages") for n in _mapping(document.get(part))}
    return PackageFile(path=path, ecosystem="python", locks=False, declared=tuple(sorted(names)))


def _conda(path: str, text: str) -> PackageFile:
    value = _mapping(yaml_places.read(text.encode(), path, any_keys=True).value)
    found = value.get("dependencies")
    names = [d for d in found if isinstance(d, str)] if isinstance(found, list) else []
    entries = tuple(
        Entry(name=re.split(r"[=<> ]", name)[0], version="", hashed=False, place=Place(file=path))
        for name in names
        if re.split(r"[=<> ]", name)[0] not in ("python", "pip")
    )
    return PackageFile(path=path, ecosystem="python", locks=True, entries=entries)


def _package_json(path: str, text: str) -> PackageFile:
    document = _mapping(json.loads(text))
    parts = ("dependencies", "devDependencies", "optionalDependencies")
    names = {name for part in parts for name, _ in _mapping(document.get(part)).items()}
    return PackageFile(path=path, ecosystem="javascript", locks=False, declared=tuple(sorted(names)))


def _package_lock(path: str, text: str) -> PackageFile:
    document = _mapping(json.loads(text))
    packages = document.get("packages")
    named = _named(packages) if packages is not None else _nested(document, depth=0)
    lines = _lines_of(text, re.compile(r'^\s+"([^"\n]{1,300})": \{'))
    entries = tuple(
        Entry(
            name=name.rpartition("node_modules/")[2],
            version=str(entry.get("version", "")),
            hashed=bool(entry.get("integrity")) or _is_own(entry) or _git_commit(entry),
            place=Place(file=path, line=lines.get(name, 0)),
        )
        for name, entry in named
        if "node_modules/" in name or packages is None
    )
    return PackageFile(path=path, ecosystem="javascript", locks=True, entries=entries)


def _nested(document: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in _named(document.get("dependencies")):
        yield name, entry
        if depth < 50:
            yield from _nested(entry, depth + 1)


def _is_own(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("link") or entry.get("inBundle") or entry.get("bundled"))


def _git_commit(entry: Mapping[str, Any]) -> bool:
    return bool(re.search(r"#[0-9a-f]{40}$", str(entry.get("resolved", entry.get("version", "")))))


def _yarn_lock(path: str, text: str) -> PackageFile:
    entries: list[Entry] = []
    for block in re.split(r"\n(?=\S)", text[:MOST_BYTES]):
        head = re.match(r'"?(@?[^@"\n]{1,200})@', block)
        version = re.search(r'^\s+version:?\s+"?([^"\n]+)"?', block, re.MULTILINE)
        if head and version and "workspace:" not in block:
            hashed = bool(re.search(r"^\s+(integrity|checksum):?\s", block, re.MULTILINE))
            entries.append(Entry(name=head[1], version=version[1], hashed=hashed, place=Place(file=path)))
    return PackageFile(path=path, ecosystem="javascript", locks=True, entries=tuple(entries))


def _pnpm_lock(path: str, text: str) -> PackageFile:
    value = _mapping(yaml_places.read(text.encode(), path, any_keys=True, most_bytes=MOST_BYTES).value)
    entries = tuple(
        Entry(
            name=name.lstrip("/"),
            version="fixed",
            hashed=bool({"integrity", "commit", "directory"} & set(_mapping(entry.get("resolution")))),
            place=Place(file=path),
        )
        for name, entry in _named(value.get("packages"))
    )
    return PackageFile(path=path, ecosystem="javascript", locks=True, entries=entries)


READERS: Mapping[str, Reader] = {
    "requirements*.txt": _requirements,
    "*requirements.txt": _requirements,
    "constraints*.txt": _requirements,
    "uv.lock": _toml_lock,
    "poetry.lock": _toml_lock,
    "pdm.lock": _toml_lock,
    "pylock.toml": _toml_lock,
    "pylock.*.toml": _toml_lock,
    "Pipfile.lock": _pipfile_lock,
    "Pipfile": _pipfile,
    "pyproject.toml": _pyproject,
    "setup.py": _setup,
    "setup.cfg": _setup,
    "environment.yml": _conda,
    "environment.yaml": _conda,
    "package.json": _package_json,
    "package-lock.json": _package_lock,
    "npm-shrinkwrap.json": _package_lock,
    "yarn.lock": _yarn_lock,
    "pnpm-lock.yaml": _pnpm_lock,
}
"""Readers by the pattern of a file's name."""


def _reader_of(path: str) -> Reader | None:
    name = path.rpartition("/")[2]
    if fnmatch.fnmatchcase(path, "*requirements/*.txt"):
        return _requirements
    return next((reader for pattern, reader in READERS.items() if fnmatch.fnmatchcase(name, pattern)), None)


def _lines_of(text: str, pattern: re.Pattern[str]) -> Mapping[str, int]:
    """Where each name stands first: readers of TOML and JSON tell no lines."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = pattern.match(line)
        if found:
            lines.setdefault(found[1], number)
    return lines


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _named(value: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return [(name, _mapping(entry)) for name, entry in _mapping(value).items()]


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
