"""Check files of the service's own repository: run as they are, so only where the user says that this is wanted.

Their ids begin with `local.`. They can import the standard library, Safecase and what is installed, not each other.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

import msgspec

from safecase.checks import REGISTRY, Check
from safecase.errors import SafecaseError, UsageError
from safecase.plugins.entries import RefusedError
from safecase.plugins.sound import by_id, fault_of, unfindable
from safecase.readers.text import shown
from safecase.service.schema import Manifest
from safecase.vocabulary import Place

PREFIX: Final = "local"
SETTING: Final = "settings.checks"
_MODULE: Final = "safecase_local/"
"""What a module of a local file is called before its path: no name of a package can clash with it."""
MOST_FILES = 200
MOST_BYTES = 1_000_000
_LOADED: dict[tuple[str, str], dict[str, Check]] = {}
"""The checks of each file, by the service's folder and the module: two services may have a file of one name."""


def wanted_by(manifest: Manifest) -> tuple[str, ...]:
    """Give the files and folders that the manifest names under `settings.checks`."""
    return tuple(getattr(manifest.settings, "checks", ()))


def refuse(manifest: Manifest) -> None:
    """Refuse a manifest that wants code of the repository run, where a change must not alter what judges it."""
    wanted = wanted_by(manifest)
    if wanted:
        raise UsageError(
            f"{SETTING} names code of this repository ({', '.join(map(shown, wanted[:3]))}), and the change that is "
            "judged may have altered it",
            mend="give the checks out as a plug-in, or say --allow-local-code where nobody else can change them",
        )


def local_checks(root: Path, wanted: Sequence[str]) -> Mapping[str, Check]:
    """Load the checks of files and folders under `root`; what is wrong with one is an error with its place.

    They are never in the registry, which outlives the service.
    """
    found: dict[str, Check] = {}
    for path in _files(root, wanted):
        for id, check in _load(root, path).items():
            if id in found:
                raise UsageError(f"{shown(path)} brings {id}, which {found[id].where} brings, too", mend="rename one")
            found[id] = check
    return found


def named(id: str, module: str, root: Path) -> Check:
    """Give a check by its id and the module that makes it: an installed one, or a file under `root`."""
    if not module.startswith(_MODULE):
        importlib.import_module(module)
        return REGISTRY[id]
    loaded = _LOADED.get((str(root), module))
    return (_load(root, module.removeprefix(_MODULE)) if loaded is None else loaded)[id]


def _files(root: Path, wanted: Sequence[str]) -> Iterator[str]:
    """Name the files, relative to the root: of a folder those that lie in it and do not begin with `_`."""
    top = root.resolve()
    named: dict[str, None] = {}
    for path in wanted:
        found = (top / path).resolve()
        if not found.is_relative_to(top):
            raise UsageError(f"{SETTING}: {shown(path)} leads out of the service's folder", mend="keep it inside")
        files = sorted(f for f in found.glob("*.py") if not f.name.startswith("_")) if found.is_dir() else [found]
        named.update(dict.fromkeys(file.relative_to(top).as_posix() for file in files))
        if len(named) > MOST_FILES:
            raise UsageError(f"{SETTING}: more than {MOST_FILES} files", mend="make a plug-in of them")
    yield from named


def _load(root: Path, path: str) -> dict[str, Check]:
    """Run one file and take the checks that it makes."""
    name = _MODULE + path
    source = _source(root, path)
    module = ModuleType(name)
    module.__file__ = str(root / path)
    before = dict(REGISTRY)
    sys.modules[name] = module  # so that the types in it can be resolved
    try:
        with contextlib.redirect_stdout(sys.stderr):
            # Not imported: that would write a cache into the repository, and take whatever lies beside it.
            exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 what the user asked for by name
        made = [thing for thing in vars(module).values() if isinstance(thing, Check) and thing.where.startswith(name)]
        checks = by_id(made, PREFIX, lambda check: check.id, lambda check: fault_of(check) or unfindable(check))
        if not checks:
            raise RefusedError("it makes no check")
    except KeyboardInterrupt:
        raise
    except BaseException as why:  # whatever the file does is the file's fault, and has a line
        raise _faulty(path, why) from why
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)
    # The file itself is what it depends on: another text of it voids what it said.
    loaded = {id: msgspec.structs.replace(check, files=(*check.files, SETTING)) for id, check in checks.items()}
    _LOADED[str(root), name] = loaded
    return loaded


def _source(root: Path, path: str) -> bytes:
    found = (root / path).resolve()
    if not path.endswith(".py") or ":" in path or not found.is_relative_to(root.resolve()):
        raise UsageError(f"{SETTING}: {shown(path)} is no Python file of this service", mend="name a .py file in it")
    try:
        with found.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        raise UsageError(f"{SETTING}: {shown(path)} cannot be read: {why.strerror}", mend="correct the path") from why
    if len(content) > MOST_BYTES:
        raise UsageError(f"{SETTING}: {shown(path)} is larger than {MOST_BYTES} bytes", mend="split it")
    return content


def _faulty(path: str, why: BaseException) -> UsageError:
    """Say what is wrong with a file, and in which of its lines."""
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(why.__traceback__) if frame.filename == path]
    line = why.lineno or 0 if isinstance(why, SyntaxError) else lines[-1] if lines else 0
    said = why.message if isinstance(why, SafecaseError) else str(why)
    kind = "" if isinstance(why, RefusedError | SafecaseError) else f"{type(why).__name__}: "
    return UsageError(
        f"this file of {SETTING} cannot be used: {kind}{shown(said, 300)}",
        mend=f"correct {shown(path)}, or take it out of {SETTING}",
        place=Place(file=path, line=line),
    )
