"""What `card.complete` says of model cards as people write them, and leave them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from safecase.measures.supply_chain.checks.card_complete import card_complete
from safecase.readers.model_cards import TOPICS, read_card, tells
from tests.measures.looking import looked, rules, written

FULL = """\
---
license: mit
datasets: [org/plants]
---
# Guide
**Contact:** ada@shop.example

Direct Use
----------
Staff look up care instructions.

## Bias, Risks, and Limitations
Knows central Europe only.

### Results
93 % of 300 questions.
"""


def said(text: str) -> set[str]:
    return {one.topic for one in tells(read_card(text.encode(), "card.md")) if one.says}


def test_sections_labels_and_the_yaml_in_front_all_tell() -> None:
    assert said(FULL) == set(TOPICS)
    assert said(FULL.replace("\n", "\r\n")) == set(TOPICS)


@pytest.mark.parametrize(
    "empty",
    [
        "",
        "TBD",
        "TODO.",
        "[More Information Needed]",
        "- **What it is for:** [More Information Needed]",
        "<!-- who may use it -->",
        "<!-- never closed",
        "N/A",
        "...",
        "| | |\n|---|---|",
        "### A heading and nothing else",
        "*To be written*",
    ],
)
def test_a_section_with_nothing_or_a_placeholder_in_it_says_nothing(empty: str) -> None:
    assert said(f"# Guide\n\n## Intended use\n\n{empty}\n") == set()


def test_a_heading_in_a_block_of_code_is_none() -> None:
    assert said("# G\n```\n## License\nMIT\n```\n") == set()
    assert said("# G\n~~~\n```\n~~~\n## License\nMIT\n") == {"licence"}


def test_a_section_ends_where_the_next_of_its_rank_begins() -> None:
    assert said("## License\n\n## Contact\nada\n") == {"contact"}
    assert said("## License\n### Terms\nApache-2.0\n") == {"licence"}


def test_what_is_missing_is_named_with_its_line(tmp_path: Path) -> None:
    card = FULL.replace("93 % of 300 questions.", "TBD")
    folder = written(tmp_path, {"card.md": card}, "models: [{id: m, card: card.md}]\n")
    (only,) = looked(card_complete, folder)
    assert (only.verdict, only.rule, str(only.place)) == ("fail", "evaluation", "card.md:15")


def test_models_without_a_card_fail_and_without_models_it_is_unknown(tmp_path: Path) -> None:
    models = "models: [{id: a}, {id: b, card: gone.md}, {id: c, card: 'https://x.example/card'}]\n"
    found = looked(card_complete, written(tmp_path / "a", {}, models))
    assert rules(found) == ["none", "none"]
    assert rules(found, "unknown") == ["elsewhere"]
    assert [f.verdict for f in looked(card_complete, written(tmp_path / "b", {}))] == ["unknown"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"---\na: &a [*a]\n---\n",
        b"---\n{{{{\n---\n# x",
        b"---\nlicense: mit\n",
        b"#" * 1_000_000,
        b"# " + b"a" * 1_000_000,
        b"?" * 1_000_000,
        b" " * 1_000_000 + b"x",
        b"\n" * 1_000_000,
        b"**" * 500_000,
        b"<!--" * 250_000,
        b"# a\n" * 400_000,
        b"`" * 1_000_000,
        b"x" * 3_000_000,
        b"---\n[]\n---\n# License\n\nMIT",
    ],
)
def test_files_of_any_shape_are_answered_in_little_time(tmp_path: Path, content: bytes) -> None:
    folder = written(tmp_path, {"card.md": content}, "models: [{id: m, card: card.md}]\n")
    started = time.monotonic()
    assert looked(card_complete, folder)
    assert time.monotonic() - started < 3
