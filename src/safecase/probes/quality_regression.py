"""Asks the ordinary cases that the owner named: after a change they must come out as well as before."""

from __future__ import annotations

import random
from collections.abc import Iterator

from safecase.probes.oracles import Oracle
from safecase.probes.probe import Attack, Probe, ProbeFacts, turns


def attacks(rng: random.Random, facts: ProbeFacts) -> Iterator[Attack]:
    """Ask each golden case; nothing where there are none."""
    for row in turns(rng, facts.golden):
        yield Attack(
            weakness="quality_regression",
            variant=row.id,
            conversation=row.conversation,
            oracle=Oracle(kind="wrong", wanted=(), case=row),
            tools=facts.tools,
        )


QUALITY_REGRESSION = Probe(
    weakness="quality_regression",
    title="An ordinary case of the business comes out wrong",
    references=("LLM07:2026", "nist-ai-rmf-1.0/MEASURE-2.5"),
    threats=("T19", "T74", "T82"),
    mend="see with `safecase testing evaluate` which cases fail, and compare with the version before",
    attacks=attacks,
)
