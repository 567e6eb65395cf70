"""The best-known packages of each registry, and the names that are likely to be taken for one of them.

The lists hold the 5,000 most downloaded names each, the most downloaded first, as of June 2026 (for PyPI by the public
download statistics, in the form of PEP 503). They are facts, kept as data: one name a line.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from safecase.engines.lookalikes import Lookalikes
from safecase.readers.known_flaws import Registry

IMITATED = 1000
"""Slips are looked for among so many of the first names: who imitates wants to be installed by many."""
_FILES = {"PyPI": "pypi.txt", "npm": "npm.txt"}


def imitates(registry: Registry, name: str) -> str:
    """Give the well-known package that a name is likely to be taken for; empty where there is none.

    A scope of npm belongs to one account, so that names in it are not compared.
    """
    return "" if name.startswith("@") else _lookalikes(registry).of(name)


@cache
def _lookalikes(registry: Registry) -> Lookalikes:
    names = resources.files(__package__).joinpath(_FILES[registry]).read_text("utf-8").split()
    return Lookalikes((name for name in names if not name.startswith("@")), IMITATED)
