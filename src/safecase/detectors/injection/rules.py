"""Turns of phrase that hardly anybody uses but to take over a model: data in `rules.yaml`, each with its weight."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml


class Rule(NamedTuple):
    """One turn of phrase."""

    id: str
    why: str
    weight: float
    pattern: re.Pattern[str]


@cache
def rules() -> tuple[Rule, ...]:
    """Give all rules."""
    content = resources.files(__package__).joinpath("rules.yaml").read_bytes()
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    rows = yaml.load(content, Loader=loader)  # noqa: S506 - a safe loader
    return tuple(Rule(row["id"], row["why"], float(row["weight"]), re.compile(row["pattern"])) for row in rows)


def matched(text: str) -> list[Rule]:
    """Give the rules that a plain text fits."""
    return [rule for rule in rules() if rule.pattern.search(text)]


def weigh_rules(text: str) -> float:
    """Give what the rules add to the score of a plain text."""
    return sum(rule.weight for rule in rules() if rule.pattern.search(text))
