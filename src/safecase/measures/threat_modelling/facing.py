"""The threats that a service faces by what is known of it, as the assessment itself decides them."""

from __future__ import annotations

from typing import NamedTuple

from safecase.catalogue.read import catalogue
from safecase.catalogue.scope import facts_of, ruling
from safecase.checks import Context
from safecase.vocabulary import Threat


class Faced(NamedTuple):
    """A threat that applies, with what answers it here."""

    threat: Threat
    controls: tuple[str, ...]
    """Those of its controls that apply."""
    questions: tuple[str, ...]
    """Facts that nobody said; with them it might not apply."""


def faced(ctx: Context) -> tuple[Faced, ...]:
    """Give every threat that applies, or might."""
    rows = catalogue()
    facts = facts_of(ctx.facts, rows)
    found = []
    for threat in rows.threats.values():
        decided = ruling(threat.when, facts)
        if decided.applies:
            controls = tuple(c for c in threat.controls if ruling(rows.controls[c].when, facts).applies)
            found.append(Faced(threat, controls, decided.questions))
    return tuple(found)
