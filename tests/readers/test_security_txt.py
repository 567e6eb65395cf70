"""security.txt is read by RFC 9116."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.readers.security_txt import read

GOOD = "Contact: mailto:security@garden.example\nExpires: 2027-01-31T12:00:00Z\n"
SIGNED = (
    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n- - a dash\n{}-----BEGIN PGP SIGNATURE-----\n\nabc\n"
    "-----END PGP SIGNATURE-----\n"
)


def rules(text: str | bytes) -> list[str]:
    return [fault.rule for fault in read(text if isinstance(text, bytes) else text.encode()).faults]


def test_a_good_one_has_no_fault() -> None:
    found = read(GOOD.replace("\n", "\r\n").encode())
    assert found.faults == ()
    assert found.values("contact") == ("mailto:security@garden.example",)
    assert found.expires is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["expires", "contact"]),
        (GOOD + "Expires: 2027-01-31T12:00:00Z\n", ["expires"]),
        ("Contact: mailto:a@garden.example\nExpires: tomorrow\n", ["expires"]),
        ("Contact: mailto:a@garden.example\nExpires: 2027-02-31T12:00:00Z\n", ["expires"]),
        ("Contact: mailto:a@garden.example\nExpires: 2027-01-31\n", ["expires"]),
        ("Contact: security@garden.example\nExpires: 2027-01-31T12:00:00Z\n", ["contact"]),
        ("Contact: http://garden.example/report\nExpires: 2027-01-31T12:00:00Z\n", ["contact"]),
        ("Contact:mailto:a@garden.example\nExpires: 2027-01-31T12:00:00Z\n", ["contact", "line"]),
        (GOOD + "Policy: http://garden.example/policy\n", ["policy"]),
        (GOOD + "Preferred-Languages: en\nPreferred-Languages: de\n", ["languages"]),
        (GOOD + "some words\n", ["line"]),
        (GOOD + "# a comment\n\nX-Own: anything\nPolicy: https://garden.example/p\n", []),
        ("\ufeff" + GOOD, ["encoding"]),
        (GOOD.encode("utf-16"), ["encoding"]),
        (b"a" * 200_000, ["size"]),
        (GOOD + "Encryption: dns:5d2d37ab76d47d36._openpgpkey.garden.example?type=OPENPGPKEY\n", []),
        (GOOD.replace("mailto:security@garden.example", "tel:+1-201-555-0123"), []),
    ],
)
def test_each_fault_is_found(text: str | bytes, expected: list[str]) -> None:
    assert rules(text) == expected


def test_a_signed_one_is_read_without_its_frame() -> None:
    found = read(SIGNED.format(GOOD).replace("- - a dash", "# first").encode())
    assert found.signed
    assert found.faults == ()


def test_what_stands_outside_of_the_signature_is_found() -> None:
    assert rules("Contact: mailto:evil@garden.example\n" + SIGNED.format(GOOD)) == ["signature", "line"]
    assert "signature" in rules(SIGNED.format(GOOD) + "Contact: mailto:evil@garden.example\n")
    assert "signature" in rules(SIGNED.format(GOOD).replace("-----END", "-----"))


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(lambda t: t.encode("utf-8", "replace"))))
def test_any_bytes_are_read(content: bytes) -> None:
    read(content)
    read(b"-----BEGIN PGP SIGNED MESSAGE-----\n" + content)
