"""`attest`: a person's word becomes a file, counts in the case, and lapses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

Call = Callable[..., Ran]
WORDS = ("--owner", "ada@shop.example", "--reason", 'The board said: "yes", on 3 November.')


def state(safecase: Call) -> str:
    claims = json.loads(safecase("show", "case", "--format", "json").out)["claims"]
    return str(next(c["state"] for c in claims if c["control"] == "RC-21"))


def test_an_attestation_supports_its_control(service: Path, safecase: Call) -> None:
    assert state(safecase) == "unsupported"
    assert safecase("attest", "RC-21", *WORDS).code == 0
    assert state(safecase) == "supported"


def test_a_file_that_is_there_is_not_overwritten(service: Path, safecase: Call) -> None:
    safecase("attest", "RC-21", *WORDS)
    before = (service / "attestations/RC-21.yaml").read_bytes()
    ran = safecase("attest", "RC-21", "--owner", "eve", "--reason", "because I say so")
    assert ran.code == 2
    assert (service / "attestations/RC-21.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("RC-99", *WORDS), "no control"),
        (("SC-04", *WORDS), "does not replace that"),
        (("RC-21", *WORDS, "--expires", "2020-01-01"), "expires"),
        (("RC-21", *WORDS, "--expires", "2099-01-01"), "365"),
        (("RC-21", *WORDS, "--expires", "soon"), "expires"),
    ],
)
def test_a_wrong_attestation_is_refused_and_leaves_no_file(
    arguments: tuple[str, ...], said: str, service: Path, safecase: Call
) -> None:
    ran = safecase("attest", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert not (service / "attestations/RC-21.yaml").exists()


def test_an_attestation_of_somebody_elses_hand_is_read_with_its_faults(service: Path, safecase: Call) -> None:
    (service / "attestations").mkdir()
    (service / "attestations/RC-21.yaml").write_text("attestation: 1\ncontrol: RC-21\nowner: ada\n")
    ran = safecase("assess")
    assert ran.code == 2
    assert "attestations/RC-21.yaml" in ran.err
