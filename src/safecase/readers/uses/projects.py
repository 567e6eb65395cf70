"""The projects of a repository: folders with their own declaration of packages, and what they call themselves."""

from __future__ import annotations

import ast
import configparser
import json
import posixpath
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safecase.readers import locks
from safecase.readers.uses.inventory import is_aside
from safecase.readers.uses.python import parsed
from safecase.vocabulary import Noun, Place

MOST_BYTES = 1_000_000
MOST_PROJECTS = 500
_NAMING = ("pyproject.toml", "package.json", "setup.cfg", "setup.py")


class Project(Noun, frozen=True):
    """A folder with its own packages."""

    folder: str
    """Relative, with forward slashes; empty for the repository itself."""
    name: str = ""
    name_place: Place | None = None
    purpose: str = ""
    purpose_place: Place | None = None
    wants: tuple[str, ...] = ()
    """Names of the packages that it declares, normalised."""


def find(root: Path, files: Iterable[str]) -> tuple[Project, ...]:
    """Give the projects, the repository itself first; folders of tests, examples and documents are none."""
    folders: dict[str, list[str]] = {"": []}
    for path in sorted(files):
        if locks.is_dependency_file(path) and not is_aside(path):
            folder = posixpath.dirname(path)
            home = posixpath.dirname(folder) if posixpath.basename(folder) == "requirements" else folder
            folders.setdefault(home, []).append(path)
    return tuple(_project(root, folder, folders[folder]) for folder in sorted(folders)[:MOST_PROJECTS])


def _project(root: Path, folder: str, files: list[str]) -> Project:
    name = purpose = ""
    name_place = purpose_place = None
    for wanted in _NAMING:
        path = posixpath.join(folder, wanted)
        if path in files and not (name and purpose):
            text = _text(root / path)
            said = _said(wanted, text)
            if not name and said.get("name"):
                name, name_place = said["name"], Place(file=path, line=_line(text, "name", said["name"]))
            if not purpose and said.get("description"):
                purpose = said["description"]
                purpose_place = Place(file=path, line=_line(text, "description", purpose))
    wants = {w for path in files if not path.endswith(tuple(locks.OF_WORKSPACES)) for w in _wants(root, path)}
    return Project(
        folder=folder,
        name=name[:200],
        name_place=name_place,
        purpose=" ".join(purpose.split())[:400],
        purpose_place=purpose_place,
        wants=tuple(sorted(wants)),
    )


def _wants(root: Path, path: str) -> Iterable[str]:
    if (
        path.rpartition("/")[2] not in ("pyproject.toml", "package.json", "setup.cfg", "Pipfile")
        and "requirements" not in path
    ):
        return ()
    found = locks.read_file(root, path)
    return (*found.declared, *(locks.normalised(entry.name) for entry in found.entries))


def _said(kind: str, text: str) -> Mapping[str, str]:
    """Give `name` and `description` as a file says them; nothing of one that cannot be read."""
    try:
        match kind:
            case "pyproject.toml":
                document = tomllib.loads(text)
                project = document.get("project") or _inside(document.get("tool"), "poetry")
            case "package.json":
                project = json.loads(text)
            case "setup.cfg":
                parser = configparser.ConfigParser(interpolation=None, strict=False)
                parser.read_string(text)
                project = dict(parser["metadata"]) if parser.has_section("metadata") else {}
            case _:
                project = _of_setup(text)
    except (ValueError, RecursionError, configparser.Error):
        return {}
    found = project if isinstance(project, dict) else {}
    return {key: value for key in ("name", "description") if isinstance(value := found.get(key), str)}


def _inside(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _of_setup(text: str) -> dict[str, str]:
    tree = parsed(text)
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)] if tree else []
    return {
        keyword.arg: keyword.value.value
        for call in calls
        if _called(call) == "setup"
        for keyword in call.keywords
        if keyword.arg in ("name", "description")
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
    }


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _line(text: str, key: str, value: str) -> int:
    """Give the line where a key has a value, as far as a look line by line tells."""
    wanted = re.compile(rf"[\"']?{key}[\"']?\s*[=:]")
    start = value.split("\n")[0][:40]
    rows = text.splitlines()
    named = [number for number, row in enumerate(rows, start=1) if wanted.match(row.strip())]
    return next((n for n in named if start in rows[n - 1]), named[0] if named else 1)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
