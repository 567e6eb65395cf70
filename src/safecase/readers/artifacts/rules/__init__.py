"""What each rule of the readers means: why it is dangerous, whose numbers it has, and what to do.

The rows lie beside this file, `zip.yaml` for `zip.duplicate` and its kin, so that a finding reads only its own family.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import msgspec
import yaml

from safecase.vocabulary import Noun


class Rule(Noun, frozen=True):
    """One thing that a reader can find in a model file."""

    why: str
    """Why it is dangerous, in one or two sentences."""
    mend: str
    """What whoever wanted to load the file should do."""
    cwe: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """ATLAS techniques and OWASP ids, each with its edition."""


class UnknownRuleError(LookupError):
    """No row describes the rule: a fault of ours, which a test finds."""


def rule(name: str) -> Rule:
    """Give the row of a rule such as `zip.duplicate`; raises `UnknownRuleError`."""
    try:
        if not name.partition(".")[0].isidentifier():
            raise KeyError(name)
        return family(name.partition(".")[0])[name]
    except (KeyError, FileNotFoundError):
        raise UnknownRuleError(name) from None


@functools.cache
def family(prefix: str) -> dict[str, Rule]:
    """Give all rules whose names begin with `prefix` and a dot; raises `FileNotFoundError`."""
    content = resources.files(__name__).joinpath(f"{prefix}.yaml").read_bytes()
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return msgspec.convert(yaml.load(content, Loader=loader), type=dict[str, Rule])  # noqa: S506 - a safe loader


def families() -> tuple[str, ...]:
    """Name every family there is."""
    found = resources.files(__name__).iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in found if f.name.endswith(".yaml")))
