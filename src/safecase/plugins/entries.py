"""Entry points of other distributions, loaded one by one: whatever their code does, a word about each comes out."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeAlias, TypeVar, get_args

from safecase.errors import SafecaseError
from safecase.readers.text import shown
from safecase.vocabulary import Noun

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

T = TypeVar("T")
Kind: TypeAlias = Literal["check", "detector", "probe", "exporter"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_MODULES = 500
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}(\.[a-z][a-z0-9_-]{0,31})?")


class Plugin(Noun, frozen=True):
    """One entry point of an installed distribution, and what it brings or why it is refused."""

    kind: Kind
    name: str
    distribution: str
    version: str
    value: str
    """Where its code is: `package.module`, or `package.module:name`."""
    brings: tuple[str, ...] = ()
    broken: str = ""
    """Why nothing of it is used; empty where all of it is."""


class RefusedError(Exception):
    """What a plug-in brings cannot be taken; the text says why."""


class Loaded(NamedTuple, Generic[T]):
    """Everything of a kind that plug-ins bring, by id, and a word about each plug-in."""

    things: Mapping[str, T]
    plugins: tuple[Plugin, ...]


def group_of(kind: Kind) -> str:
    """Name the group of entry points for a kind."""
    return f"safecase.{kind}s"


def load(
    kind: Kind,
    take: Callable[[EntryPoint], Mapping[str, T]],
    *,
    reserved: Collection[str] = (),
    entries: Iterable[EntryPoint] | None = None,
) -> Loaded[T]:
    """Load every entry point of a kind; one that raises, clashes or brings what it must not is refused whole.

    `take` loads one and gives what it brings by id. Names in `reserved` are the beginnings of our own ids.
    """
    plugins: list[Plugin] = []
    found = sorted(
        _installed(kind, plugins.append) if entries is None else entries,
        key=lambda entry: (entry.name, _distribution(entry), entry.value),
    )
    names = Counter(entry.name for entry in found)
    things: dict[str, T] = {}
    for entry in found:
        try:
            if names[entry.name] > 1:
                twins = ", ".join(f"{_distribution(e)} {_version(e)}" for e in found if e.name == entry.name)
                raise RefusedError(f"more than one plug-in is called {shown(entry.name)}: {twins}; remove all but one")
            _well_named(entry, kind, reserved)
            brought = take(entry)
            if not brought:
                raise RefusedError(f"{shown(entry.value)} brings no {kind}")
        except RefusedError as why:
            plugins.append(_plugin(kind, entry, broken=str(why)))
        else:
            things.update(brought)
            plugins.append(_plugin(kind, entry, brings=tuple(sorted(brought))))
    return Loaded(things, tuple(plugins))


def _installed(kind: Kind, told: Callable[[Plugin], None]) -> Iterator[EntryPoint]:
    """Give the entry points of every distribution; where those of one cannot be read, `told` hears it.

    Not `importlib.metadata.entry_points`: one unreadable distribution would hide all the others.
    """
    from importlib.metadata import distributions  # 20 ms, which a worker process does not need

    group, seen = group_of(kind), set[str]()
    for distribution in distributions():
        name = str(distribution.metadata["Name"] or "")
        if name and name in seen:
            continue  # the first on the path is the one that is imported
        seen.add(name)
        try:
            found = tuple(distribution.entry_points)
        except Exception as why:  # noqa: BLE001 whatever is wrong with the file, it is that distribution's
            if group in _entry_points_text(distribution):
                reason = f"its entry points cannot be read: {type(why).__name__}"
                told(Plugin(kind=kind, name="", distribution=shown(name), version="", value="", broken=reason))
            continue
        yield from (entry for entry in found if entry.group == group)


def _entry_points_text(distribution: Distribution) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except (OSError, ValueError):
        return ""


def value_of(entry: EntryPoint) -> object:
    """Import what an entry point names; what is raised becomes `RefusedError`, what is printed goes to stderr."""
    return _guarded(entry.load)


def held(value: object, kind: type[T], mine: Callable[[T], bool] = lambda _: True) -> tuple[T, ...]:
    """Give the things of a kind that a value holds.

    The value is one of them, a module or package (each of its modules is imported, and its top level looked at), or a
    function that gives some. `mine` says which of a module's are its own, and which it only imported.
    """
    if isinstance(value, kind):
        return (value,)
    if isinstance(value, ModuleType):
        modules = _guarded(lambda: list(_with_submodules(value)))
        candidates = (thing for module in modules for thing in vars(module).values() if isinstance(thing, kind))
        return tuple({id(thing): thing for thing in candidates if mine(thing)}.values())
    if not callable(value) or isinstance(value, type):
        raise RefusedError(f"it names a {type(value).__name__}, which is no {kind.__name__}, no module and no function")
    return tuple(_given(value, kind))


def _given(make: Callable[[], object], kind: type[T]) -> Iterator[T]:
    given = _guarded(lambda: _several(make()))
    for thing in given:
        if not isinstance(thing, kind):
            raise RefusedError(f"it gives {shown(repr(thing))}, which is no {kind.__name__}")
        yield thing


def _several(given: object) -> list[object]:
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else [given]


def _with_submodules(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    for count, found in enumerate(pkgutil.walk_packages(getattr(module, "__path__", ()), module.__name__ + ".")):
        if count >= MOST_MODULES:
            raise RefusedError(f"it has more than {MOST_MODULES} modules")
        yield importlib.import_module(found.name)


def _guarded(act: Callable[[], T]) -> T:
    """Run a plug-in's code: it may raise anything or end the program, and standard output is ours."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return act()
    except (KeyboardInterrupt, RefusedError):
        raise
    except SafecaseError as why:
        raise RefusedError(shown(why.message, 300)) from why
    except BaseException as why:  # SystemExit at import is one of the things that a plug-in may do
        raise RefusedError(f"{type(why).__name__}: {shown(str(why), 300)}") from why


def _well_named(entry: EntryPoint, kind: Kind, reserved: Collection[str]) -> None:
    dotted = kind == "exporter"
    if not _NAME.fullmatch(entry.name) or ("." in entry.name) is not dotted:
        wanted = "two words with a point between them (`acme.csv`)" if dotted else "one word of letters and digits"
        raise RefusedError(f"the entry point is called {shown(entry.name)!r}; wanted is {wanted}, in small letters")
    if entry.name in reserved:
        raise RefusedError(f"ids of our own begin with `{entry.name}.`; choose another name for the entry point")


def _plugin(kind: Kind, entry: EntryPoint, *, brings: tuple[str, ...] = (), broken: str = "") -> Plugin:
    return Plugin(
        kind=kind,
        name=shown(entry.name),
        distribution=_distribution(entry),
        version=_version(entry),
        value=shown(entry.value, 200),
        brings=brings,
        broken=broken,
    )


def _distribution(entry: EntryPoint) -> str:
    return shown(str(entry.dist.metadata["Name"] or "")) if entry.dist else ""


def _version(entry: EntryPoint) -> str:
    return shown(str(entry.dist.metadata["Version"] or "")) if entry.dist else ""
