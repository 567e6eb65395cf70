"""The injection detector's first stage on texts that it never saw, and the texts of our own that it was trained on."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from safecase.detectors.injection import score, threshold_for

UNSEEN = Path(__file__).with_name("injection_written_by_us.yaml")
TOOLS = Path(__file__).parents[2] / "tools"


@cache
def unseen(kind: str) -> list[str]:
    """Give the texts of a kind, of all languages."""
    texts = yaml.safe_load(UNSEEN.read_bytes())
    return [text for kinds in texts.values() for text in kinds[kind]]


def flagged(kind: str, fpr: float) -> float:
    """Give the share of a kind's texts above the shipped threshold."""
    limit = threshold_for(fpr)
    return sum(score(text).score > limit for text in unseen(kind)) / len(unseen(kind))


def test_short_ordinary_questions_of_many_languages_raise_no_alarm() -> None:
    assert flagged("short", 0.01) == 0
    assert score("Where is your shop?").score < threshold_for(0.01)


@pytest.mark.parametrize(("kind", "most"), [("trigger", 0.05), ("document", 0.05)])
def test_ordinary_texts_in_the_words_of_attacks_hardly_do(kind: str, most: float) -> None:
    assert flagged(kind, 0.01) <= most


@pytest.mark.parametrize(("kind", "least"), [("direct", 0.75), ("indirect", 0.65)])
def test_attacks_of_many_languages_are_found_where_more_alarms_are_allowed(kind: str, least: float) -> None:
    assert flagged(kind, 0.05) >= least


def test_training_texts_are_many_the_same_each_time_and_none_of_those_we_judge_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.delitem(sys.modules, "injection_texts", raising=False)
    import injection_texts

    rows = injection_texts.made()
    assert rows == injection_texts.made()
    texts = {str(row["text"]).casefold() for row in rows}
    assert len(rows) >= 15_000
    assert 0.4 < sum(row["label"] == 1 for row in rows) / len(rows) < 0.6
    assert len({str(row["source"]).split(":")[1] for row in rows}) == 18
    judged = {
        text.casefold() for kind in ("direct", "indirect", "short", "trigger", "document") for text in unseen(kind)
    }
    assert not judged & texts
