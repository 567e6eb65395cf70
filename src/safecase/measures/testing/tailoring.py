"""Which families of attacks a service's open threats ask for, and why the others are left out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from safecase.probes.probe import Probe
from safecase.vocabulary import Noun


class LeftOut(Noun, frozen=True):
    """A family that is not asked, since none of the threats of which it is a way is open."""

    family: str
    threats: tuple[str, ...]


class Tailored(Noun, frozen=True):
    """The families that are asked, and those that are not."""

    wanted: tuple[Probe, ...]
    left_out: tuple[LeftOut, ...]


def tailored(families: Sequence[Probe], open_threats: Iterable[str]) -> Tailored:
    """Choose the families that are a way of one of the open threats; one that names no threat is kept."""
    facing = set(open_threats)
    wanted = tuple(one for one in families if not one.threats or facing.intersection(one.threats))
    left_out = (LeftOut(family=one.name, threats=one.threats) for one in families if one not in wanted)
    return Tailored(wanted=wanted, left_out=tuple(left_out))
