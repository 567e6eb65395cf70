"""What a change of the manifest brings and takes: threats and controls, with the facts that decide. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from safecase.assess.tailor import Tailoring
from safecase.catalogue.read import catalogue
from safecase.vocabulary import Fact, Noun


class Changed(Noun, frozen=True):
    """A row that one of two manifests has, and the other has not."""

    id: str
    title: str
    because: tuple[str, ...]


class Difference(Noun, frozen=True):
    """What lies between two revisions of a manifest."""

    threats_gained: tuple[Changed, ...]
    threats_lost: tuple[Changed, ...]
    controls_gained: tuple[Changed, ...]
    controls_lost: tuple[Changed, ...]
    facts_changed: tuple[tuple[str, str, str], ...]
    """Key, the value before and the value after; empty where there was or is none."""


def difference(before: Mapping[str, Fact], after: Mapping[str, Fact]) -> Difference:
    """Decide everything twice, and tell what differs; a lost row names the facts that now speak against it."""
    rows = catalogue()
    old, new = Tailoring(before, rows), Tailoring(after, rows)
    threats = [
        (a.threat.id, a.threat.title, a.applies, b.applies, b.because)
        for a, b in zip(old.threats(), new.threats(), strict=True)
    ]
    controls = [
        (a.control, rows.controls[a.control].title, a.applies, b.applies, b.because)
        for a, b in zip(old.controls(), new.controls(), strict=True)
    ]
    return Difference(
        threats_gained=_only(threats, gained=True),
        threats_lost=_only(threats, gained=False),
        controls_gained=_only(controls, gained=True),
        controls_lost=_only(controls, gained=False),
        facts_changed=tuple(_facts(before, after)),
    )


def _only(rows: list[tuple[str, str, bool, bool, tuple[str, ...]]], *, gained: bool) -> tuple[Changed, ...]:
    return tuple(
        Changed(id=id_, title=title, because=because)
        for id_, title, was, now, because in rows
        if was is not now and now is gained
    )


def _facts(before: Mapping[str, Fact], after: Mapping[str, Fact]) -> list[tuple[str, str, str]]:
    found = []
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        one = "" if was is None else str(was.value)
        two = "" if now is None else str(now.value)
        if one != two:
            found.append((key, one, two))
    return found
