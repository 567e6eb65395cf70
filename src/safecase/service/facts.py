"""The facts that predicates read: what was declared, with its place, and what was discovered in the repository."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from safecase.readers.text import shown
from safecase.vocabulary import Fact, Place

_INDEX = re.compile(r"\.(\d+)(?=\.|$)")


def facts_by_key(declared: Iterable[Fact], discovered: Iterable[Fact] = ()) -> Mapping[str, Fact]:
    """Give every fact by its key; a declared one wins over a discovered one.

    Facts of a list of blocks (`models.0.origin`, `models.1.origin`) become one (`models.origin`) whose value is the
    tuple of all, with None where a block does not say it; its place is the first one's.
    """
    known: dict[str, Fact] = {fact.key: fact for fact in discovered}
    listed: dict[str, dict[int, Fact]] = {}
    counts: dict[str, int] = {}
    for fact in declared:
        value = tuple(fact.value) if isinstance(fact.value, list) else fact.value
        index = _INDEX.search(fact.key)
        if index is None:
            known[fact.key] = Fact(key=fact.key, value=value, origin=fact.origin, place=fact.place)
            continue
        parent = fact.key[: index.start()]
        counts[parent] = max(counts.get(parent, 0), int(index[1]) + 1)
        listed.setdefault(_INDEX.sub("", fact.key), {})[int(index[1])] = fact
    for key, by_index in listed.items():
        known[key] = _joined(key, by_index, counts)
    for parent, count in counts.items():
        known.setdefault(parent, Fact(key=parent, value=count, place=_first_place(listed, parent)))
    return known


def _joined(key: str, by_index: Mapping[int, Fact], counts: Mapping[str, int]) -> Fact:
    count = counts[next(parent for parent in sorted(counts, key=len, reverse=True) if key.startswith(parent + "."))]
    values: list[object] = []
    for index in range(count):
        value = by_index[index].value if index in by_index else None
        values.extend(value if isinstance(value, (list, tuple)) else (value,))
    return Fact(key=key, value=tuple(values), place=next(iter(by_index.values())).place)


def _first_place(listed: Mapping[str, Mapping[int, Fact]], parent: str) -> Place | None:
    return next(
        (fact.place for key, facts in listed.items() if key.startswith(parent + ".") for fact in facts.values()), None
    )


def told(fact: Fact | None, key: str) -> str:
    """Say a fact in a line: `deployment.exposure is public (safecase.yaml:9)`."""
    if fact is None:
        return f"{key} is not said; the worse value is taken"
    value = fact.value
    if isinstance(value, tuple):
        text = ", ".join("?" if v is None else _word(v) for v in value) or "none"
    else:
        text = _word(value)
    where = f" ({shown(fact.place.file)}:{fact.place.line})" if fact.place and fact.place.line else ""
    origin = "" if fact.origin == "declared" or key.startswith("discovered.") else f", {fact.origin}"
    return f"{key} is {text[:100]}{origin}{where}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return shown(str(value), 100)
