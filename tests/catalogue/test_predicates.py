"""Predicates: Kleene's logic over facts, with what decided."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.catalogue.predicates import Facts, Truth, compiled, names
from safecase.catalogue.read import catalogue
from safecase.errors import SafecaseError
from safecase.vocabulary import Fact

TRUTHS: tuple[Truth, ...] = (True, False, None)


def facts(**values: object) -> Facts:
    known = {k.replace("__", "."): Fact(key=k.replace("__", "."), value=v) for k, v in values.items() if v is not None}
    return Facts(known, catalogue().derived)


@pytest.mark.parametrize(("a", "b"), list(product(TRUTHS, TRUTHS)))
def test_and_or_follow_kleene(a: Truth, b: Truth) -> None:
    both = facts(a=a, b=b)
    conjunction = False if False in (a, b) else None if None in (a, b) else True
    disjunction = True if True in (a, b) else None if None in (a, b) else False
    assert compiled("a and b")(both).value is conjunction
    assert compiled("a or b")(both).value is disjunction


@pytest.mark.parametrize("a", TRUTHS)
def test_not_of_unknown_is_unknown(a: Truth) -> None:
    assert compiled("not a")(facts(a=a)).value is (None if a is None else not a)


def test_a_decided_answer_names_only_what_decided_it() -> None:
    outcome = compiled("a and b")(facts(a=False))
    assert outcome == (False, ("a",), ())


def test_an_open_answer_names_the_facts_that_would_decide_it() -> None:
    assert compiled("a and (b or c)")(facts(a=True)).missing == ("b", "c")


def test_a_list_fact_compares_as_any_of_them() -> None:
    kinds = facts(ai__kind=("tabular", "llm"))
    assert compiled("ai.kind in (llm, vlm)")(kinds).value is True
    assert compiled("ai.kind == vision")(kinds).value is False


def test_a_list_with_an_unsaid_value_stays_open_until_one_fits() -> None:
    assert compiled("models.origin == hub")(facts(models__origin=("own", None))).value is None
    assert compiled("models.origin == own")(facts(models__origin=("own", None))).value is True


def test_of_an_empty_list_nothing_holds() -> None:
    assert compiled("models.file")(facts(models=())).value is False


def test_a_word_held_against_a_number_does_not_hold() -> None:
    assert compiled("service.users.count >= 10")(facts(service__users__count="many")).value is False


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "a()",
        "a[0]",
        "lambda: a",
        "a if b else c",
        "a + b",
        "f'{a}'",
        "(a := b)",
        "a < b < c",
        "",
        "a and",
    ],
)
def test_what_is_not_a_predicate_is_refused(text: str) -> None:
    with pytest.raises(SafecaseError, match="cannot be read"):
        compiled(text)


def test_a_predicate_that_nests_without_end_is_refused() -> None:
    with pytest.raises(SafecaseError):
        compiled("(" * 900 + "a" + ")" * 900)


@given(st.text(max_size=60))
def test_no_text_does_anything_but_compile_or_be_refused(text: str) -> None:
    try:
        outcome = compiled(text)(facts(a=True))
    except SafecaseError:
        return
    assert outcome.value in TRUTHS


def test_the_catalogue_names_only_facts_that_exist() -> None:
    from safecase.service.keys import all_keys

    rows = catalogue()
    sayable = {key.replace("[]", "") for key in all_keys()} | set(rows.facts)
    asked = {n for c in rows.controls.values() for n in names(c.when)} | {
        n for f in rows.facts.values() for n in names(f.when)
    }
    assert {n for n in asked if not n.startswith(("discovered.", "law."))} <= sayable
