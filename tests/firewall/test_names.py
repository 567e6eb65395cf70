"""Paths and ranges as strangers write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from safecase.firewall.names import LONGEST_FILE, Repo, WantedFile, is_file_name, wanted
from safecase.firewall.ranges import part
from safecase.firewall.refusals import Refusal, one_line

Found = TypeVar("Found")

PARTS = st.sampled_from(
    [
        "api",
        "models",
        "datasets",
        "resolve",
        "tree",
        "revision",
        "main",
        "acme",
        "bert",
        "..",
        "%2e%2e",
        "%2f",
        "%00",
        "",
    ]
)


@given(st.lists(PARTS | st.text(max_size=12), max_size=9).map("/".join))
def test_a_path_is_something_wanted_or_refused(path: str) -> None:
    found = _met(lambda: wanted("/" + path))
    if isinstance(found, Refusal):
        assert 400 <= found.status < 500
        return
    assert ".." not in found.repo.name
    assert wanted(found.path()) == found or found.path() == found.repo.api


@given(st.text(min_size=1, max_size=60))
def test_a_file_name_never_leads_out_of_its_repository(name: str) -> None:
    if is_file_name(name):
        assert not {"", ".", ".."} & set(name.split("/"))
        one = WantedFile(repo=Repo(kind="models", name="a/b"), revision="main", file=name)
        assert wanted(one.path()) == one


def test_a_name_that_is_too_long_is_refused() -> None:
    assert is_file_name("a" * LONGEST_FILE)
    assert not is_file_name("a" * (LONGEST_FILE + 1))


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True), st.integers(0, 5000))
def test_a_part_lies_within_the_file(header: str, size: int) -> None:
    found = _met(lambda: part(header, size))
    if isinstance(found, Refusal):
        assert found.status == 416
        return
    assert 0 <= found.start <= found.end <= size
    assert not found.whole or (found.start, found.end) == (0, size)


@given(st.text(max_size=2000))
def test_a_reason_fits_into_a_header(text: str) -> None:
    line = one_line(text)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 8000


def _met(attempt: Callable[[], Found]) -> Found | Refusal:
    try:
        return attempt()
    except Refusal as why:
        return why
