"""The files that say which packages are installed: declarations and locks of Python and JavaScript, bounded."""

from __future__ import annotations

import configparser
import fnmatch
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from safecase.errors import ManifestError
from safecase.readers import yaml_places
from safecase.readers.requirements_txt import Option, Requirement, Source, parse
from safecase.vocabulary import Noun, Place

Ecosystem: TypeAlias = Literal["python", "javascript", "conda"]

MOST_BYTES = 30_000_000

UNNAMED = "install_requires"
"""Stands for what setup.py wants, since only running it would tell the names."""

OF_WORKSPACES = frozenset({"uv.lock", "package-lock.json", "pnpm-lock.yaml", "yarn.lock"})
"""Locks that cover the folders below, too."""


class Entry(Noun, frozen=True):
    """One package as a lock (or a requirements file) has it."""

    name: str
    version: str
    hashed: bool
    """By a hash, an integrity value, or a whole commit; a path inside of the repository needs none."""
    place: Place
    source: Source = "index"
    insecure: bool = False
    """It is fetched without TLS."""
    uploaded: datetime | None = None
    """When the registry got the last of its files, where the lock tells it (uv, PEP 751)."""


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
    includes: tuple[Option, ...] = ()
    """`-r` and `-c`, their files as they are written: relative to the folder of this one."""
    constrains: bool = False
    """It says which version where a package is installed, and installs none."""
    problem: str = ""
    """Why it could not be read; empty where it was."""


Reader: TypeAlias = Callable[[str, str], PackageFile]


def is_dependency_file(path: str) -> bool:
    """Say by a file's path whether it declares or locks packages."""
    return _reader_of(path) is not None


def read_file(root: Path, path: str) -> PackageFile:
    """Read one file; what is wrong with it is in `problem`, never an exception.

    A name that tells nothing (`-r base.txt`) is read as a requirements file.
    """
    try:
        with (root / path).open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as why:
        unread = PackageFile(path=path, ecosystem=_ecosystem_of(path), locks=True)
        return _problem(unread, why.strerror or "it cannot be read")
    return read_content(path, content)


def read_content(path: str, content: bytes) -> PackageFile:
    """Read what a file of that path holds, or held once."""
    reader = _reader_of(path) or (_wanted if path.endswith(".in") else _requirements)
    unread = PackageFile(path=path, ecosystem=_ecosystem_of(path), locks=True)
    try:
        if len(content) > MOST_BYTES:
            return _problem(unread, f"larger than {MOST_BYTES // 1_000_000} MB")
        # What PowerShell writes (`pip freeze > requirements.txt`), and pip reads.
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        return reader(path, content.decode("utf-16" if utf16 else "utf-8-sig"))
    except ManifestError as why:
        return _problem(unread, why.message)
    except (ValueError, RecursionError) as why:  # not UTF-8, not TOML, not JSON, or nested without end
        return _problem(unread, f"it is not what its name says: {type(why).__name__}: {str(why)[:120]}")
    except configparser.Error as why:
        return _problem(unread, f"it is not what its name says: {str(why)[:120]}")


def normalised(name: str) -> str:
    """Give the one form of a Python package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _problem(file: PackageFile, text: str) -> PackageFile:
    return PackageFile(path=file.path, ecosystem=file.ecosystem, locks=file.locks, problem=text)


def _ecosystem_of(path: str) -> Ecosystem:
    name = path.rpartition("/")[2]
    if name in ("package.json", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"):
        return "javascript"
    return "conda" if name.startswith(("conda-", "environment.")) else "python"


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
        includes=tuple(o for o in options if o.name in ("-r", "--requirement", "-c", "--constraint")),
    )


def _constraints(path: str, text: str) -> PackageFile:
    return msgspec.structs.replace(_requirements(path, text), constrains=True)


def _wanted(path: str, text: str) -> PackageFile:
    """requirements.in, from which pip-compile makes requirements.txt."""
    found = _requirements(path, text)
    names = {normalised(e.name) for e in found.entries if e.source == "index"}
    return msgspec.structs.replace(found, locks=False, entries=(), declared=tuple(sorted(names)))


def _risky(option: Option) -> bool:
    adds = option.name in ("--extra-index-url", "--find-links", "-f", "--trusted-host")
    return adds or (option.name in ("-i", "--index-url") and option.value.startswith("http://"))


def _entry(requirement: Requirement, path: str) -> Entry:
    version = requirement.version or ("fixed" if requirement.fixed else "")
    place = Place(file=path, line=requirement.line)
    return Entry(
        name=requirement.name,
        version=version,
        hashed=requirement.hashed,
        place=place,
        source=requirement.source,
        insecure=requirement.insecure,
    )


def _toml_lock(path: str, text: str) -> PackageFile:
    """uv.lock, poetry.lock, pdm.lock (`package`) and pylock.toml (`packages`)."""
    document = tomllib.loads(text)
    old_hashes = _mapping(_mapping(document.get("metadata")).get("files"))  # poetry before 1.4
    lines = _lines_of(text, re.compile(r'^name = "([^"\n]{1,200})"'))
    entries = []
    for package in _mappings(document.get("package", document.get("packages"))):
        name = str(package.get("name", "?"))
        source = _source_of(package)
        place = Place(file=path, line=lines.get(name, 0))
        hashed = source == "path" or _hashed(package) or bool(old_hashes.get(name)) or _whole_commit(package)
        version = str(package.get("version", "fixed" if hashed else ""))
        entries.append(
            Entry(
                name=name,
                version=version,
                hashed=hashed,
                place=place,
                source=source,
                insecure=_insecure(package),
                uploaded=_uploaded(package),
            )
        )
    return PackageFile(path=path, ecosystem="python", locks=True, entries=tuple(entries))


def _source_of(package: Mapping[str, Any]) -> Source:
    """Each tool says it in its own way: a key of `source`, its `type` (poetry), a key of the package (pdm, PEP 751)."""
    source = _mapping(package.get("source"))
    said = {*source, *package, str(source.get("type"))}
    if said & {"path", "editable", "virtual", "directory", "file"}:
        return "path"
    if said & {"git", "vcs", "hg"}:
        return "vcs"
    return "url" if "archive" in said or source.get("type") == "url" or set(source) == {"url"} else "index"


def _insecure(package: Mapping[str, Any]) -> bool:
    parts = [package, _mapping(package.get("source")), *_files_of(package)]
    said = (part.get(key) for part in parts for key in ("url", "git", "registry", "index", "resolved"))
    return any(isinstance(url, str) and url.startswith(("http://", "git+http://")) for url in said)


def _files_of(package: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    files = [*_mappings(package.get("wheels")), *_mappings(package.get("files"))]
    return files + [_mapping(package.get(key)) for key in ("sdist", "archive")]


def _uploaded(package: Mapping[str, Any]) -> datetime | None:
    """Give the latest time, since a file may be added to an old release; None where one file tells none."""
    times: list[datetime] = []
    for file in _files_of(package):
        told = file.get("upload-time", file.get("upload_time"))
        if isinstance(told, str):
            try:
                told = datetime.fromisoformat(told)
            except ValueError:
                return None
        if isinstance(told, datetime):
            times.append(told if told.tzinfo else told.replace(tzinfo=UTC))
        elif file:
            return None
    return max(times, default=None)


def _hashed(package: Mapping[str, Any]) -> bool:
    return any(file.get("hash") or file.get("hashes") for file in _files_of(package))


def _whole_commit(package: Mapping[str, Any]) -> bool:
    source, vcs = _mapping(package.get("source")), _mapping(package.get("vcs"))
    commit = source.get("resolved_reference") or vcs.get("commit-id") or package.get("revision") or source.get("git")
    return bool(re.search(r"(^|#)[0-9a-f]{40}$", str(commit)))


def _pipfile_lock(path: str, text: str) -> PackageFile:
    document = _mapping(json.loads(text))
    lines = _lines_of(text, re.compile(r'^\s+"([^"\n]{1,200})": \{'))
    entries = [
        Entry(
            name=name,
            version=str(entry.get("version", "")).lstrip("=") or ("fixed" if {"ref", "path"} & set(entry) else ""),
            hashed=bool(
                entry.get("hashes") or entry.get("path") or re.fullmatch("[0-9a-f]{40}", str(entry.get("ref")))
            ),
            place=Place(file=path, line=lines.get(name, 0)),
            source="vcs" if "git" in entry else "path" if "path" in entry else "url" if "file" in entry else "index",
        )
        for part in ("default", "develop")
        for name, entry in _named(document.get(part))
    ]
    return PackageFile(path=path, ecosystem="python", locks=True, entries=tuple(entries))


def _pyproject(path: str, text: str) -> PackageFile:
    document = tomllib.loads(text)
    project, tool = _mapping(document.get("project")), _mapping(document.get("tool"))
    poetry, uv, pdm = (_mapping(tool.get(name)) for name in ("poetry", "uv", "pdm"))
    wanted = [*_strings(project.get("dependencies")), *_strings(uv.get("dev-dependencies"))]
    for groups in (
        project.get("optional-dependencies"),
        document.get("dependency-groups"),
        pdm.get("dev-dependencies"),
    ):
        wanted += [text for group in _mapping(groups).values() for text in _strings(group)]
    names = {normalised(found[1]) for text in wanted if (found := re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", text))}
    tables = [poetry.get("dependencies"), poetry.get("dev-dependencies")]
    tables += [_mapping(group).get("dependencies") for group in _mapping(poetry.get("group")).values()]
    names |= {normalised(name) for table in tables for name in _mapping(table) if name != "python"}
    names.discard(normalised(str(project.get("name", poetry.get("name", "")))))  # `bot[all]` in an extra of bot
    options = [Option(f"tool.uv.{key}", str(uv[key]), 0) for key in ("extra-index-url", "find-links") if uv.get(key)]
    return PackageFile(
        path=path, ecosystem="python", locks=False, declared=tuple(sorted(names)), indexes=tuple(options)
    )


def _setup_py(path: str, text: str) -> PackageFile:
    """setup.py is not run: that it wants something is all that is seen of it."""
    wants = bool(re.search(r"install_requires\s*=\s*(?!\[\s*\])\S", text))
    return PackageFile(path=path, ecosystem="python", locks=False, declared=(UNNAMED,) if wants else ())


def _setup_cfg(path: str, text: str) -> PackageFile:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    wanted = parser.get("options", "install_requires", fallback="").splitlines()
    if parser.has_section("options.extras_require"):
        wanted += [line for _, lines in parser.items("options.extras_require") for line in lines.splitlines()]
    found = (re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line) for line in wanted)
    names = {normalised(name[1]) for name in found if name}
    return PackageFile(path=path, ecosystem="python", locks=False, declared=tuple(sorted(names)))


def _pipfile(path: str, text: str) -> PackageFile:
    document = tomllib.loads(text)
    names = {normalised(n) for part in ("packages", "dev-packages") for n in _mapping(document.get(part))}
    return PackageFile(path=path, ecosystem="python", locks=False, declared=tuple(sorted(names)))


def _conda(path: str, text: str) -> PackageFile:
    """environment.yml: no hash fits into it, so that it only declares."""
    found = _mapping(yaml_places.read(text.encode(), path, any_keys=True).value).get("dependencies")
    wanted = [*_strings(found), *(text for item in _mappings(found) for text in _strings(item.get("pip")))]
    # `conda-forge::numpy=1.26`; `-r more.txt` under pip is an option.
    names = (re.match(r"(?:[^:\s]{1,80}::)?([A-Za-z0-9_][A-Za-z0-9._-]*)", text) for text in wanted)
    declared = {normalised(name[1]) for name in names if name} - {"python", "pip"}
    return PackageFile(path=path, ecosystem="conda", locks=False, declared=tuple(sorted(declared)))


def _conda_lock(path: str, text: str) -> PackageFile:
    document = yaml_places.read(text.encode(), path, any_keys=True, most_bytes=MOST_BYTES)
    found = _mapping(document.value).get("package")
    entries = tuple(
        Entry(
            name=str(package.get("name", "?")),
            version=str(package.get("version") or ""),
            hashed=bool(package.get("hash")),
            place=document.place(("package", index)),
            insecure=_insecure(package),
        )
        for index, package in enumerate(found if isinstance(found, list) else [])
        if isinstance(package, Mapping)
    )
    return PackageFile(path=path, ecosystem="conda", locks=True, entries=entries)


def _conda_explicit(path: str, text: str) -> PackageFile:
    """conda-linux-64.lock: one address a line, `…/numpy-1.26.4-py311_0.conda#hash`."""
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        address, _, digest = line.strip().partition("#")
        if "://" in address:
            parts = re.sub(r"\.(conda|tar\.bz2)$", "", address.rpartition("/")[2]).rsplit("-", 2)
            entries.append(
                Entry(
                    name=parts[0],
                    version=parts[1] if len(parts) == 3 else "",
                    hashed=bool(re.fullmatch(r"(sha256:)?[0-9a-f]{32,64}", digest)),
                    place=Place(file=path, line=number),
                    insecure=address.startswith("http://"),
                )
            )
    return PackageFile(path=path, ecosystem="conda", locks=True, entries=tuple(entries))


def _package_json(path: str, text: str) -> PackageFile:
    document = _mapping(json.loads(text))
    parts = ("dependencies", "devDependencies", "optionalDependencies")
    # What lies in the repository itself needs no lock.
    own = ("workspace:", "file:", "link:", "portal:")
    wanted = [(n, str(at)) for part in parts for n, at in _mapping(document.get(part)).items()]
    names = {_aliased(name, at) for name, at in wanted if not at.startswith(own)}
    return PackageFile(path=path, ecosystem="javascript", locks=False, declared=tuple(sorted(names)))


def _aliased(name: str, wanted: str) -> str:
    """Give the name that a package has at its registry: `"one": "npm:other@1"` installs `other`, called `one`."""
    alias = re.match(r"npm:(@?[^@\s]{1,200})@", wanted)
    return alias[1] if alias else name


def _package_lock(path: str, text: str) -> PackageFile:
    document = _mapping(json.loads(text))
    packages = document.get("packages")
    named = _named(packages) if packages is not None else _nested(document, depth=0)
    lines = _lines_of(text, re.compile(r'^\s+"([^"\n]{1,300})": \{'))
    entries = tuple(
        Entry(
            name=_installed(name, entry),
            version=str(entry.get("version", "")).rpartition("npm:")[2].rpartition("@")[2],
            hashed=bool(entry.get("integrity")) or _is_own(entry) or _git_commit(entry),
            place=Place(file=path, line=lines.get(name, 0)),
            source=_javascript_source(str(entry.get("resolved", entry.get("version", ""))), own=_is_own(entry)),
            insecure=_insecure(entry),
        )
        for name, entry in named
        if "node_modules/" in name or packages is None
    )
    return PackageFile(path=path, ecosystem="javascript", locks=True, entries=entries)


def _installed(name: str, entry: Mapping[str, Any]) -> str:
    """Give the registry's name of an entry: an alias says it by `name`, in old locks before its version."""
    told = entry.get("name")
    if isinstance(told, str) and told:
        return told
    return _aliased(name.rpartition("node_modules/")[2], str(entry.get("version", "")))


def _nested(document: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in _named(document.get("dependencies")):
        yield name, entry
        if depth < 50:
            yield from _nested(entry, depth + 1)


def _is_own(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("link") or entry.get("inBundle") or entry.get("bundled"))


def _git_commit(entry: Mapping[str, Any]) -> bool:
    return bool(re.search(r"#[0-9a-f]{40}$", str(entry.get("resolved", entry.get("version", "")))))


def _javascript_source(resolved: str, *, own: bool) -> Source:
    if own or resolved.startswith(("file:", "link:", "portal:")):
        return "path"
    return "vcs" if resolved.startswith(("git", "ssh:")) else "index"


def _yarn_lock(path: str, text: str) -> PackageFile:
    entries: list[Entry] = []
    line = 1
    for block in re.split(r"\n(?=\S)", text):
        head = re.match(r'"?(@?[^@"\n]{1,200})@([^\n]{0,2000})', block)
        version = re.search(r'^[ \t]+version:?[ \t]+"?([^"\n]+)"?', block, re.MULTILINE)
        # Berry calls what lies in the repository itself soft.
        own = head and (re.match(r"(workspace|link|portal|file):", head[2]) or "linkType: soft" in block)
        if head and version and not own:
            resolved = re.search(r'^[ \t]+resolved[ \t]+"?([^"\s]+)', block, re.MULTILINE)
            url = resolved[1] if resolved else ""
            fixed = bool(re.search(r"^[ \t]+(integrity|checksum):?[ \t]", block, re.MULTILINE))
            entries.append(
                Entry(
                    name=_aliased(head[1], head[2]),
                    version=version[1],
                    hashed=fixed or _git_commit({"resolved": url}),
                    place=Place(file=path, line=line),
                    source=_javascript_source(url, own=False),
                    insecure=_insecure({"resolved": url}),
                )
            )
        line += block.count("\n") + 1
    return PackageFile(path=path, ecosystem="javascript", locks=True, entries=tuple(entries))


_PNPM_KEY = re.compile(r"/?(@[^/@\s]{1,100}/[^/@\s]{1,200}|[^/@\s]{1,200})[@/]([^(]{1,500})")


def _pnpm_lock(path: str, text: str) -> PackageFile:
    document = yaml_places.read(text.encode(), path, any_keys=True, most_bytes=MOST_BYTES)
    entries = []
    for key, entry in _named(_mapping(document.value).get("packages")):
        resolution = _mapping(entry.get("resolution"))
        named = _PNPM_KEY.match(key)  # react@19.0.0(peer), /react@18.2.0, /react/17.0.2
        url = str(resolution.get("repo") or resolution.get("tarball") or "")
        source: Source = "path" if "directory" in resolution else "vcs" if "repo" in resolution else "index"
        entries.append(
            Entry(
                name=named[1] if named else key,
                version=named[2] if named else "",
                hashed=bool({"integrity", "commit", "directory"} & set(resolution)),
                place=document.key_place(("packages", key)),
                source=source,
                insecure=_insecure({"url": url}),
            )
        )
    return PackageFile(path=path, ecosystem="javascript", locks=True, entries=tuple(entries))


READERS: Mapping[str, Reader] = {
    "requirements*.txt": _requirements,
    "*requirements.txt": _requirements,
    "requirements*.in": _wanted,
    "constraints*.txt": _constraints,
    "uv.lock": _toml_lock,
    "poetry.lock": _toml_lock,
    "pdm.lock": _toml_lock,
    "pylock.toml": _toml_lock,
    "pylock.*.toml": _toml_lock,
    "Pipfile.lock": _pipfile_lock,
    "Pipfile": _pipfile,
    "pyproject.toml": _pyproject,
    "setup.py": _setup_py,
    "setup.cfg": _setup_cfg,
    "environment.yml": _conda,
    "environment.yaml": _conda,
    "conda-lock.yml": _conda_lock,
    "conda-*.lock": _conda_explicit,
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
    if fnmatch.fnmatchcase(path, "*requirements/*.in"):
        return _wanted
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
