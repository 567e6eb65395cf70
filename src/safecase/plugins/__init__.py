"""What other distributions, and files of the service's own repository, bring: checks, detectors, probes, exporters.

They come in by entry points: `safecase.checks`, `safecase.detectors`, `safecase.probes` and `safecase.exporters`. The
name of an entry point is the first word of every id that it brings (`acme` brings `acme.readme`). A plug-in that cannot
be imported, clashes or brings what it must not is refused whole and said to be broken; the others go on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from safecase import __version__
from safecase.checks import REGISTRY, Check
from safecase.plugins.entries import Loaded, Plugin, RefusedError, held, load, value_of
from safecase.plugins.local import local_checks, named, refuse, wanted_by
from safecase.plugins.sound import by_id, fault_of, probe_fault, unfindable
from safecase.vocabulary import Case

# What a kind is made of is imported by the function that gives it: a worker process that wants a check needs none.
if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from safecase.detectors.detector import Detector
    from safecase.probes.probe import Probe

__all__ = [
    "Exporter",
    "Plugin",
    "broken",
    "checks",
    "collector_of",
    "detectors",
    "exporters",
    "installed",
    "local_checks",
    "named",
    "notes",
    "probes",
    "refuse",
    "wanted_by",
]

Exporter: TypeAlias = Callable[[Case], bytes]


def installed() -> tuple[Plugin, ...]:
    """Give every plug-in that is installed, broken ones among them."""
    return (*_checks().plugins, *_detectors().plugins, *_probes().plugins, *_exporters().plugins)


def broken() -> tuple[Plugin, ...]:
    """Give the plug-ins that are refused."""
    return tuple(plugin for plugin in installed() if plugin.broken)


def notes() -> tuple[str, ...]:
    """Say in a sentence each, for a case, which plug-ins are refused and why."""
    return tuple(
        f"the plug-in {p.name} of {p.distribution} {p.version} is broken and brings no {p.kind}: {p.broken}"
        for p in broken()
    )


def collector_of(check: str) -> str:
    """Say whose code collects the evidence of a check: Safecase's, or that of a plug-in in it."""
    own = f"safecase {__version__}"
    found = next((p for p in _checks().plugins if check in p.brings), None)
    return own if found is None else f"{found.distribution} {found.version} in {own}"


def checks() -> Mapping[str, Check]:
    """Give the checks of plug-ins by id; `safecase.checks.load()` gives them with the built-in ones."""
    return _checks().things


def detectors() -> Mapping[str, Detector]:
    """Give every detector by id, the built-in ones first."""
    from safecase.detectors import DETECTORS

    return {**{d.id: d for d in DETECTORS}, **_detectors().things}


def probes() -> tuple[Probe, ...]:
    """Give every family of attacks, the built-in ones first."""
    from safecase.probes import PROBES

    return (*PROBES, *_probes().things.values())


def exporters() -> Mapping[str, Exporter]:
    """Give the formats of plug-ins: the name of each (`acme.csv`), and what writes a case in it."""
    return _exporters().things


@functools.cache
def _checks() -> Loaded[Check]:
    """Load them once: whatever they do to the registry, it holds the built-in checks and those that are taken."""
    from safecase.catalogue.read import catalogue

    own = dict(REGISTRY)
    named = {name for control in catalogue().controls.values() for name in control.checks}

    def take(entry: EntryPoint) -> Mapping[str, Check]:
        try:
            found = held(value_of(entry), Check, lambda check: _package(check.where) == _package(entry.value))
            if any(REGISTRY.get(id) is not check for id, check in own.items()):
                raise RefusedError("it puts something of its own in the place of a built-in check")
            return by_id(found, entry.name, lambda check: check.id, lambda check: fault_of(check) or unfindable(check))
        finally:
            REGISTRY.clear()
            REGISTRY.update(own)

    loaded = load("check", take, reserved={"local", *map(_first_word, own), *map(_first_word, named)})
    REGISTRY.update(loaded.things)
    return loaded


@functools.cache
def _detectors() -> Loaded[Detector]:
    from safecase.detectors import DETECTORS
    from safecase.detectors.detector import Detector

    def take(entry: EntryPoint) -> Mapping[str, Detector]:
        found = held(value_of(entry), Detector, lambda detector: _package(detector.where) == _package(entry.value))
        return by_id(found, entry.name, lambda detector: detector.id)

    return load("detector", take, reserved={_first_word(detector.id) for detector in DETECTORS})


@functools.cache
def _probes() -> Loaded[Probe]:
    from safecase.probes import PROBES
    from safecase.probes.probe import Probe

    def take(entry: EntryPoint) -> Mapping[str, Probe]:
        found = held(value_of(entry), Probe, lambda probe: probe not in PROBES)
        return by_id(found, entry.name, lambda probe: probe.weakness, probe_fault)

    return load("probe", take, reserved={probe.weakness for probe in PROBES})


@functools.cache
def _exporters() -> Loaded[Exporter]:
    def take(entry: EntryPoint) -> Mapping[str, Exporter]:
        render = value_of(entry)
        if not callable(render) or isinstance(render, type):
            raise RefusedError(f"{entry.value} is a {type(render).__name__}, and no function from a case to bytes")
        return {entry.name: render}

    return load("exporter", take)


def _first_word(id: str) -> str:
    return id.partition(".")[0]


def _package(where: str) -> str:
    """Name the package of `package.module:name`."""
    return where.partition(":")[0].partition(".")[0]
