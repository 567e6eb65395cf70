"""What a pickle may name: an exact list by framework, and for everything else whose it is and how bad that is.

The answer to "is this name fine" is no unless a line says yes: of `allowed_globals.json`, written by hand, with rules
for arguments, or of `frameworks/`, made by tools/list_framework_classes.py from what frameworks really hold.
"""

from __future__ import annotations

import functools
import re
import sys
from importlib import resources
from typing import Literal, TypeAlias

import msgspec

from safecase.vocabulary import Noun

Ruling: TypeAlias = Literal["allowed", "named", "ruled", "dangerous", "library", "project"]
"""`allowed` may be called. `named` may be named only. `ruled` may be called as its argument rule says. Of what is not
on the list, `dangerous` can do harm by its nature, `library` belongs to Python or a known framework (whose own pickles
never call it), and `project` is somebody's own code."""

_CLASS_LIKE = re.compile(r"_{0,2}[A-Z][A-Za-z0-9_]*\Z")
_CYTHON = re.compile(r"__pyx_unpickle_([A-Z]\w*)\Z")
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_ALWAYS_MODULES = frozenset(
    {"os", "sys", "posix", "nt", "subprocess", "builtins", "importlib", "ctypes", "shutil", "socket", "runpy", "pty"}
)
"""Names that nobody gives to anything but the module itself, even as an attribute of another."""

_DUNDER = re.compile(r"__\w+__\Z")


class _Framework(Noun, frozen=True):
    """A list that was made."""

    about: str
    versions: tuple[str, ...]
    classes: dict[str, frozenset[str]]
    """By module. Their instances may be made, and given a state."""
    functions: dict[str, frozenset[str]] = {}
    """By module. They may be named."""


class _Names(Noun, frozen=True):
    # msgspec gives each its own empty dict.
    call: dict[str, tuple[str, ...]] = {}
    named: dict[str, tuple[str, ...]] = {}
    ruled: dict[str, str] = {}
    classes: tuple[str, ...] = ()


class _Dangerous(Noun, frozen=True):
    modules: frozenset[str]
    names: dict[str, frozenset[str]]


class _Listed(Noun, frozen=True):
    about: str
    frameworks: dict[str, _Names]
    aliases: dict[str, str]
    dangerous: _Dangerous
    libraries: frozenset[str]
    stdlib_of_other_versions: frozenset[str]


class Policy:
    """Judges names; `allow` holds dotted names of the user's own that are fine."""

    def __init__(self, allow: frozenset[str] = frozenset()) -> None:
        self._allow = allow
        self._known: dict[tuple[str, str], tuple[str, str, Ruling]] = {}

    def judge(self, module: str, name: str) -> tuple[str, str, Ruling]:
        """Give the module and name that are really meant, and the ruling on them."""
        key = (module, name)
        found = self._known.get(key)
        if found is None:
            found = self._judge(module, name)
            if len(self._known) < 100_000:
                self._known[key] = found
        return found

    def rule(self, module: str, name: str) -> str:
        """Give the argument rule of a name whose ruling is `ruled`."""
        return _tables().ruled[f"{_canonical(module)}.{name}"]

    def _judge(self, module: str, name: str) -> tuple[str, str, Ruling]:
        listed = _tables().ruling(_canonical(module), name)
        if listed is not None:
            return module, name, listed
        module, name = _really_meant(module, name)
        if _is_dangerous(module, name):
            return module, name, "dangerous"
        if f"{module}.{name}" in self._allow:
            return module, name, "allowed"
        # Reached through another module, a listed name is still what it is.
        again = _tables().ruling(_canonical(module), name)
        if again is not None:
            return module, name, again
        top = module.partition(".")[0]
        return module, name, "library" if top in _library_names() else "project"


class _Tables:
    """The list, turned to what is asked of it."""

    def __init__(self, listed: _Listed) -> None:
        self.listed = listed
        self.call: set[tuple[str, str]] = set()
        self.named: set[tuple[str, str]] = set()
        self.ruled: dict[str, str] = {}
        self.classes: list[str] = []
        for framework in listed.frameworks.values():
            self.call.update((module, name) for module, names in framework.call.items() for name in names)
            self.named.update((module, name) for module, names in framework.named.items() for name in names)
            self.ruled.update(framework.ruled)
            self.classes.extend(framework.classes)

    def ruling(self, module: str, name: str) -> Ruling | None:
        key = (module, name)
        if key in self.call:
            return "allowed"
        if f"{module}.{name}" in self.ruled:
            return "ruled"
        if key in self.named:
            return "named"
        if self._is_class(module, name):
            return "allowed"
        return "named" if name in _framework(module.partition(".")[0]).functions.get(module, ()) else None

    def _is_class(self, module: str, name: str) -> bool:
        listed = _framework(module.partition(".")[0]).classes.get(module, ())
        cython = _CYTHON.match(name)
        # What Cython writes beside a class makes an instance of it and gives it its state.
        if (cython[1] if cython else name) in listed:
            return True
        # Whatever stands in code that TorchScript compiled is TorchScript.
        return any(_below(module, package) for package in self.classes) and bool(_CLASS_LIKE.match(name))


@functools.cache
def _framework(top: str) -> _Framework:
    """Give what we know of a framework; nothing where we have no list of it."""
    file = resources.files("safecase.readers.pickles").joinpath("frameworks", f"{top}.json")
    if not _PLAIN_NAME.match(top) or not file.is_file():
        return _Framework(about="", versions=(), classes={})
    return msgspec.json.decode(file.read_bytes(), type=_Framework)


@functools.cache
def _tables() -> _Tables:
    content = resources.files("safecase.readers.pickles").joinpath("allowed_globals.json").read_bytes()
    return _Tables(msgspec.json.decode(content, type=_Listed))


@functools.cache
def _library_names() -> frozenset[str]:
    listed = _tables().listed
    return frozenset(sys.stdlib_module_names) | listed.stdlib_of_other_versions | listed.libraries


def _below(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _canonical(module: str) -> str:
    """Give the name that the list knows a module by: numpy renamed its core."""
    for new, old in _tables().listed.aliases.items():
        if _below(module, new):
            return old + module[len(new) :]
    return module


def _really_meant(module: str, name: str) -> tuple[str, str]:
    """Follow a dotted name through the modules on its way: `logging` and `os.system` are `os.system`."""
    parts = name.split(".")
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if part in (_ALWAYS_MODULES if index == len(parts) - 1 else _library_names()):
            return part, ".".join(parts[index + 1 :])
    return module, name


def _is_dangerous(module: str, name: str) -> bool:
    dangerous = _tables().listed.dangerous
    parts = module.split(".")
    if any(".".join(parts[:n]) in dangerous.modules for n in range(1, len(parts) + 1)):
        return True
    if any(_DUNDER.match(part) for part in name.split(".")):
        return True
    return name.partition(".")[0] in dangerous.names.get(module, ())
