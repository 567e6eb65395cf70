from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.nearest import distance, nearest
from safecase.service import keys


@pytest.mark.parametrize("name", ["models[].origin", "models.origin", "models.0.origin", "models[3].origin"])
def test_a_key_has_one_page_however_its_list_is_written(name: str) -> None:
    page = keys.key_page(name)
    assert page is not None
    assert page.name == "models[].origin"
    assert page.allowed == ("provider", "hub", "vendor", "own", "users")


def test_allowed_values_stand_in_the_order_of_the_schema() -> None:
    page = keys.key_page("deployment.hosting")
    assert page is not None
    assert page.type == "one of saas_api, managed_cloud, self_hosted, edge"
    assert page.allowed == ("saas_api", "managed_cloud", "self_hosted", "edge")


def test_a_page_tells_the_key_its_bounds_its_default_and_its_children() -> None:
    assert keys.key_page("testing.suites.repeats") == keys.KeyPage(
        name="testing.suites[].repeats", type="a whole number from 1 to 100", default="1"
    )
    block = keys.key_page("gate")
    assert block is not None
    assert block.children == ("gate.profile", "gate.baseline")
    assert block.title == "The rule that turns the case into go or no-go."
    assert "gate.baseline  File of the gaps known today; only new ones block." in block.text
    needed = keys.key_page("service.id")
    assert needed is not None
    assert needed.required
    assert "required  yes" in needed.text


def test_every_key_has_a_page_with_a_title() -> None:
    assert len(keys.all_keys()) > 180
    assert len(set(keys.all_keys())) == len(keys.all_keys())
    for name in keys.all_keys():
        page = keys.key_page(name)
        assert page is not None
        assert page.name == name
        assert page.title
        assert page.text.startswith(name)
        assert all(keys.key_page(child) for child in page.children)


def test_what_is_no_key_has_no_page() -> None:
    assert keys.key_page("deployment.nothing") is None
    assert keys.key_page("") is None


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("deployment.hostng", "deployment.hosting"),
        ("hosting", "deployment.hosting"),
        ("model.origin", "models[].origin"),
        ("suites", "testing.suites"),
        ("zzzzzzzz", None),
        ("", None),
    ],
)
def test_the_nearest_key_is_found(wanted: str, meant: str | None) -> None:
    assert keys.nearest(wanted) == meant


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("on-prem", ("saas_api", "managed_cloud", "self_hosted", "edge"), "self_hosted"),
        ("Self Hosted", ("saas_api", "self_hosted"), "self_hosted"),
        ("prod", ("build", "production"), "production"),
        ("auhtenticated", ("public", "authenticated"), "authenticated"),
        ("auth", ("public", "authenticated"), "authenticated"),
        ("pubic", ("public", "private"), "public"),
        ("x" * 1000, ("public",), None),
        ("", ("public",), None),
        ("quux", ("public",), None),
        ("a", (), None),
    ],
)
def test_the_nearest_word_is_the_one_that_is_meant(word: str, known: tuple[str, ...], meant: str | None) -> None:
    assert nearest(word, known) == meant


WORD = st.text("abc", max_size=8)


@given(WORD, WORD)
def test_distance_is_the_same_both_ways_and_zero_only_for_the_same(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


def test_swapped_neighbours_are_one_slip() -> None:
    assert distance("hosting", "hsoting") == 1


def test_pages_of_keys_load_nothing_heavy() -> None:
    code = (
        "import sys; from safecase.service import keys; keys.key_page('ai.kind');"
        "print([m for m in ('yaml', 'jsonschema_rs', 'cryptography', 'jinja2', 'click', 'httpx2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
