"""Versions compare as their standards say."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from safecase.engines.versions import has_local, pep440, public, semver

NUMBER = st.integers(0, 30).map(str)
TAIL = st.sampled_from(
    ["", "a1", "b2", ".rc1", "-alpha", "c3", ".post1", "-2", ".rev4", ".dev1", "a1.dev2", ".post1.dev3"]
)
LOCAL = st.sampled_from(["", "+cu121", "+1", "+1.a", "+a.1", "+ABC-2"])
PYTHON = st.builds(
    lambda v, e, parts, tail, local: v + e + ".".join(parts) + tail + local,
    st.sampled_from(["", "v"]),
    st.sampled_from(["", "0!", "1!"]),
    st.lists(NUMBER, min_size=1, max_size=5),
    TAIL,
    LOCAL,
)


@given(PYTHON, PYTHON)
def test_python_versions_compare_as_packaging_compares_them(one: str, other: str) -> None:
    ours, theirs = (pep440(one), pep440(other)), (Version(one), Version(other))
    assert ours[0] is not None
    assert ours[1] is not None
    assert (ours[0] < ours[1], ours[0] == ours[1]) == (theirs[0] < theirs[1], theirs[0] == theirs[1])


@given(st.one_of(st.text(max_size=30), st.text("0123456789.abdevrcpost+!-_ v", max_size=20)))
def test_what_packaging_takes_for_a_version_is_one_and_nothing_else(text: str) -> None:
    try:
        Version(text)
        valid = True
    except InvalidVersion:
        valid = False
    assert (pep440(text) is not None) == valid


@pytest.mark.parametrize(
    "text", ["0000000000000000000", "1" * 150, "1." * 60 + "1", "2!" + "0" * 30 + "1.0rc" + "9" * 40]
)
def test_a_version_of_many_digits_is_one(text: str) -> None:
    assert (pep440(text) is not None) == bool(Version(text))


def test_semantic_versions_come_in_the_order_of_the_standard() -> None:
    order = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "2.1.0",
    ]
    keys = [semver(text) for text in order]
    assert all(a is not None and b is not None and a < b for a, b in pairwise(keys))


def test_build_metadata_and_a_v_change_nothing() -> None:
    assert semver("v1.2.3+build.5") == semver("1.2.3")


@pytest.mark.parametrize("text", ["", "latest", "^1.2.3", "1.2.3.4", "1.x", "9" * 300, "1.2.3-", "1.2.3-a..b"])
def test_what_is_no_semantic_version_gives_none(text: str) -> None:
    assert semver(text) is None


def test_a_local_label_can_be_taken_off() -> None:
    labelled = pep440("2.5.1+cu121")
    assert labelled is not None
    assert has_local(labelled)
    assert public(labelled) == pep440("2.5.1")
