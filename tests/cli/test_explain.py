"""`safecase explain` has a page for every rule of the scanner, and none for what is no name."""

from __future__ import annotations

import pytest

from safecase.cli import pages
from safecase.errors import UsageError


def test_a_rule_of_the_scanner_has_a_page() -> None:
    page = pages.page("pickle.call")
    assert page.kind == "rule"
    assert "CWE-502" in page.text


@pytest.mark.parametrize("wanted", ["pickle.nothing", "../../etc/passwd.x", "a/b.c", "__init__.py"])
def test_what_is_no_rule_has_none(wanted: str) -> None:
    with pytest.raises(UsageError):
        pages.page(wanted)
