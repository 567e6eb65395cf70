"""Severities follow from CVSS vectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.cvss import rating, severity_of


@pytest.mark.parametrize(
    ("vector", "severity"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "critical"),  # 9.8
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "medium"),  # 6.1
        ("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "high"),  # 7.8
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:L/A:N", "low"),  # 3.7
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "info"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "critical"),
        ("CVSS:4.0/AV:L/AC:L/AT:N/PR:L/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", "high"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:L/SC:N/SI:N/SA:N", "medium"),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", None),
        ("CVSS:3.1/AV:N", None),
        ("CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
        ("", None),
    ],
)
def test_a_vector_gives_its_severity(vector: str, severity: str | None) -> None:
    assert severity_of(vector) == severity


@given(st.text(max_size=500))
def test_any_text_gives_a_severity_or_none(text: str) -> None:
    assert severity_of(text) in (None, "info", "low", "medium", "high", "critical")
    assert severity_of(f"CVSS:3.1/{text}") in (None, "info", "low", "medium", "high", "critical")


def test_the_bounds_of_the_words_are_those_of_the_standard() -> None:
    assert [rating(x) for x in (0, 0.1, 3.9, 4, 6.9, 7, 8.9, 9, 10)] == [
        "info", "low", "low", "medium", "medium", "high", "high", "critical", "critical",
    ]  # fmt: skip
