"""Whether what a plug-in or a local file brings is what it says: ids of its own, a real control, a real subject."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar, get_args

from safecase.checks import Check, Runs
from safecase.plugins.entries import RefusedError
from safecase.readers.text import shown
from safecase.service.subjects import Subject
from safecase.vocabulary import SEVERITIES

if TYPE_CHECKING:
    from safecase.probes.probe import Probe

T = TypeVar("T")
_REST = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(\.[a-z0-9][a-z0-9_-]{0,63}){0,3}")


def by_id(
    found: Iterable[T], prefix: str, id_of: Callable[[T], object], fault_of: Callable[[T], str] = lambda _: ""
) -> Mapping[str, T]:
    """Give things by id; refuses all of them where one has a foreign, a double or no proper id, or a fault."""
    things: dict[str, T] = {}
    for thing in found:
        id = id_of(thing)
        if not isinstance(id, str) or not id.startswith(f"{prefix}."):
            raise RefusedError(f"it brings {shown(str(id))}, and its ids begin with `{prefix}.`")
        if not _REST.fullmatch(id.removeprefix(f"{prefix}.")):
            raise RefusedError(f"{shown(id)} is no id: small letters, digits, - and _, in words joined by points")
        if id in things:
            raise RefusedError(f"it brings {id} twice")
        fault = fault_of(thing)
        if fault:
            raise RefusedError(f"{id} {fault}")
        things[id] = thing
    return things


def fault_of(check: Check) -> str:
    """Say what a check claims that is not so; empty where it is sound."""
    from safecase.catalogue.read import catalogue
    from safecase.engines.nearest import nearest

    controls = catalogue().controls
    if check.control not in controls:
        near = nearest(str(check.control), controls)
        hint = f"; did you mean {near}?" if near else ""
        return f"verifies {shown(str(check.control))}, which is no control of the catalogue{hint}"
    if check.on not in get_args(Subject):
        return (
            "looks at nothing that a service has: the type of its first parameter is one of safecase.service.subjects"
        )
    if check.severity not in SEVERITIES or check.runs not in get_args(Runs):
        return f"has the severity {shown(str(check.severity))} and runs as {shown(str(check.runs))}: no such words"
    if type(check.version) is not int or check.version < 1:
        return "has a version that is no number from 1 up"
    if not callable(check.run) or not check.doc.strip():
        return "has no docstring: that is its page"
    return ""


def probe_fault(probe: Probe) -> str:
    """Say what a family of attacks lacks; empty where it is sound."""
    if not all(isinstance(text, str) and text.strip() for text in (probe.title, probe.mend)):
        return "has no title or no mend"
    return "" if callable(probe.attacks) else "has no function that gives attacks"


def unfindable(check: Check) -> str:
    """Say why a worker process could not find a check by the name of its module; empty where it can."""
    module, _, name = check.where.partition(":")
    if getattr(sys.modules.get(module), name, None) is check:
        return ""
    return f"cannot be found again as {shown(check.where)}: make it with @check at the top level of a module"
