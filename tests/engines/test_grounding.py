from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.grounding import citations, miscited, unfounded

SOURCES = (
    "The garden opens at 9:00 and closes at 17:00 from Monday to Friday. A ticket is 12.50 EUR; groups of ten or more "
    'pay 1,250 EUR a year. The head gardener, Erika Muster, said: "We plant two thousand tulips every spring." '
    "See https://garden.example/visit. On 2026-11-23 it is closed. Last year 1.2 million people came.",
    "Dogs must be kept on a lead.",
)


@pytest.mark.parametrize(
    "answer",
    [
        "We open at 9 am and close at 5 pm. Tickets cost €12.50 [1].",
        "Erika Muster says: “We plant two thousand tulips every spring.” [1]",
        "Erika's words: “We plant … tulips every spring.”",
        "On 23 November 2026 the garden is closed.",
        "1. Dogs must be on a lead [2].\n2. See https://garden.example/visit.",
        "Groups of 10 or more pay 1250 euros a year.",
        "The yearly fee is 1.250 EUR, and 1,200,000 people came.",
        "Der Garten öffnet um 9 Uhr und ist bis 17 Uhr offen. Die Karte ist 12,50 Euro.",
        "I'm happy to help! You can visit from Monday to Friday.",
        "It is open from １７:00 on? No: until 17:00.",
        "Yes, on day 7.",
    ],
)
def test_what_stands_in_its_sources_is_founded(answer: str) -> None:
    assert unfounded(answer, SOURCES, "Are you open on day 7?") == []


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        ("We open at 8 am.", "number", "8 am"),
        ("We close at 17:30.", "number", "17:30"),
        ("A ticket is 15.50 EUR.", "number", "15.50"),
        ("It costs 12.5 million.", "number", "12.5"),
        ("Ask Peter.", "name", "Peter"),
        ("We are open on Sunday.", "name", "Sunday"),
        ("Frau Petra Kunz ist die Leiterin und der Garten ist nicht offen.", "name", "Petra"),
        ("“We plant nine hundred roses every winter.”", "quotation", "We plant nine hundred roses every winter."),
        ("See [3].", "citation", "[3]"),
        ("See https://garden.example/visits.", "citation", "https://garden.example/visits"),
        ("Write to bob@garden.example.", "citation", "bob@garden.example"),
    ],
)
def test_what_stands_in_no_source_is_told(answer: str, kind: str, text: str) -> None:
    assert (kind, text) in unfounded(answer, SOURCES)


def test_most_answers_in_other_words_and_languages_are_judged_right() -> None:
    groups = yaml.safe_load((Path(__file__).parent / "grounded_answers.yaml").read_text("utf-8"))
    founded = [(answer, group["sources"]) for group in groups for answer in group["founded"]]
    made_up = [(answer, group["sources"]) for group in groups for answer in group["made_up"]]
    assert (len(founded), len(made_up)) == (51, 42)
    assert sum(bool(unfounded(*one)) for one in founded) <= 2
    # What slips through stands there too, of something else: 6 years for 6 hours.
    assert sum(not unfounded(*one) for one in made_up) <= 3


def test_a_mark_leads_to_the_source_that_says_it() -> None:
    assert miscited("Dogs must be on a lead [2]. A ticket is 12.50 EUR [1].", SOURCES) == []
    (wrong, _) = miscited("Dogs must be on a lead [1]. A ticket is 12.50 EUR [2].", SOURCES)
    assert wrong == ("number", "12.50")
    assert miscited("It says so [4].", SOURCES) == [("citation", "[4]")]


def test_where_a_service_numbers_its_passages_itself_one_of_ours_must_say_the_sentence() -> None:
    assert miscited("Dogs must be on a lead [1]. A ticket is 12.50 EUR [7].", SOURCES, numbered=False) == []
    assert unfounded("A ticket is 12.50 EUR [7].", SOURCES, numbered=False) == []
    apart = ("The oak was planted in 1820.", "The elm was planted in 1903.")
    assert unfounded("The oak and the elm are of 1820 and 1903 [2].", apart, numbered=False) == []
    assert miscited("The oak and the elm are of 1820 and 1903 [2].", apart, numbered=False) == [("number", "1903")]
    assert miscited("They are of 1820 and 1903 [1][2].", apart, numbered=False) == []


def test_what_the_question_says_needs_no_source() -> None:
    assert miscited("Yes, Anna must keep it on a lead [2].", SOURCES, "May Anna bring her dog?") == []


def test_citations_are_marks_addresses_and_quotations() -> None:
    assert citations("As “we plant tulips” says [1], and https://a.example/b.") == [
        "[1]",
        "https://a.example/b",
        "we plant tulips",
    ]
    assert citations("He said “yes”.") == []


@given(st.text(max_size=300), st.text(max_size=100))
def test_any_text_can_be_held_against_any_source(answer: str, source: str) -> None:
    unfounded(answer, [source])
    miscited(answer, [source])


@given(st.text(alphabet="ab 12.,:", max_size=80))
def test_a_text_stands_in_itself(text: str) -> None:
    assert unfounded(text, [text]) == []


@pytest.mark.parametrize("hostile", ["1,", "A ", '"', "a@", "[1]", "9:0", "A.-", "  \n", "1'", "www.", "“a", "* "])
def test_a_megabyte_of_anything_takes_no_long_time(hostile: str) -> None:
    text = hostile * (1_000_000 // len(hostile))
    began = time.process_time()
    unfounded(text, SOURCES)
    miscited(text, SOURCES)
    assert time.process_time() - began < 5
