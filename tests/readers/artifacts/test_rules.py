"""Every rule that a reader can name has a row that says why, and what to do; and no row is left without its rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import safecase.readers.artifacts.rules as rules
from safecase.catalogue.references import source_of

READERS = Path(rules.__file__).parents[2]
FAMILIES = rules.families()
NAMED = re.compile(rf'"((?:{"|".join(FAMILIES)})\.[a-z0-9_.-]+)"')
NO_RULES = re.compile(r"\.(py|json|yaml|yml|toml|txt|md|bin|pb|xml|jinja2?|cfg|pkl)$")


def all_code() -> str:
    folders = [READERS / "pickles", READERS / "archives", READERS / "artifacts"]
    scanning = READERS.parent / "measures" / "supply_chain" / "scanning.py"
    sources = [p.read_text() for folder in folders for p in folder.rglob("*.py")] + [
        scanning.read_text(),
        (READERS / "trees.py").read_text(),
    ]
    return "\n".join(sources)


def named_in_code() -> set[str]:
    return set(NAMED.findall(all_code()))


ROWS = {name: row for family in FAMILIES for name, row in rules.family(family).items()}


def test_every_rule_of_the_code_has_a_row() -> None:
    told = {n for n in named_in_code() if n.partition(".")[0] in FAMILIES and not NO_RULES.search(n)}
    known_others = {n for n in told if n not in ROWS}
    # What is no rule but a dotted name of Python or a key that begins like a family.
    assert {n for n in known_others if re.fullmatch(r"[a-z_]+\.[a-z-]+", n)} <= NO_RULE_NAMES, (
        known_others - NO_RULE_NAMES
    )


NO_RULE_NAMES = {"code.interact", "pickle.load", "pickle.loads", "pickle.dump", "pickle.dumps", "yaml.load"}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_row_says_why_and_what_to_do(name: str) -> None:
    row = ROWS[name]
    assert len(row.why) > 20
    assert row.why.endswith((".", "?"))
    assert len(row.mend) >= 10
    assert all(re.fullmatch(r"CWE-\d+", cwe) for cwe in row.cwe)
    assert row.references or row.cwe
    assert all(source_of(reference) for reference in row.references), row.references


def test_a_row_belongs_to_a_rule_that_is_used() -> None:
    """Some rules are named by parts (`f"hdf5.{kind}"`): then their last word stands in the code."""
    code = all_code()
    ends = {name: name.partition(".")[2] for name in ROWS}
    unused = [
        name
        for name, end in ends.items()
        if not any(form in code for form in (name, f'"{end}"', f'.{end}"', f'"{end.replace("-", " ")}"'))
    ]
    assert not unused, unused


def test_a_rule_without_a_row_is_an_error_of_ours() -> None:
    with pytest.raises(rules.UnknownRuleError):
        rules.rule("pickle.never")
    with pytest.raises(rules.UnknownRuleError):
        rules.rule("nobody.knows")
