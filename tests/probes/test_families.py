"""All families that are shipped: tagged with what they are, repeatable from a seed, and holding no secret."""

from __future__ import annotations

import itertools
import random
import re

import pytest

from safecase.catalogue.read import catalogue
from safecase.catalogue.references import fault_of
from safecase.engines.converters import CONVERTERS
from safecase.engines.decoding import contains_secret
from safecase.errors import SafecaseError
from safecase.measures.testing.attacking import chosen
from safecase.probes.converted import converted
from safecase.probes.probe import Attack, Probe, ProbeFacts
from safecase.readers.conversations import Tool
from safecase.readers.suites import read

CANARY = "WOODRUFF-5521"
FACTS = ProbeFacts(
    canary=CANARY,
    identities=("ada", "bob"),
    owned=(("ADA-7781",), ("BOB-4410",)),
    tools=(Tool(name="send_mail", description="Sends a mail."),),
    golden=read(b'[{"id": "hours", "input": "When are you open?", "expected": "nine"}]', "golden.json"),
    takes_pictures=True,
    most_seconds=2.0,
)
FAMILIES = chosen(())


def attacks(probe: Probe, *, seed: int = 1, many: int = 60) -> list[Attack]:
    return list(itertools.islice(probe.attacks(random.Random(seed), FACTS), many))


def test_there_are_sixty_families_and_each_has_its_own_name() -> None:
    assert len({one.name for one in FAMILIES}) == len(FAMILIES) >= 60


@pytest.mark.parametrize("probe", FAMILIES, ids=lambda probe: probe.name)
def test_a_family_is_tagged_with_threats_and_references_that_exist(probe: Probe) -> None:
    assert probe.threats
    assert set(probe.threats) <= set(catalogue().threats)
    assert {one: fault for one in probe.references if (fault := fault_of(one, catalogue().editions))} == {}
    assert probe.references
    assert probe.mend[0].islower()


@pytest.mark.parametrize("probe", FAMILIES, ids=lambda probe: probe.name)
def test_a_family_fills_its_slots_repeats_itself_from_a_seed_and_never_says_the_secret(probe: Probe) -> None:
    found = attacks(probe)
    assert len(found) == 60
    assert found == attacks(probe)
    for attack in found:
        said = [*(message.text for message in attack.conversation), *(one.text for one in attack.then)]
        assert not [text for text in said if re.search(r"\{(?:[ab]|word|made|named|number|tool|other|most)\}", text)]
        assert not any(contains_secret(text, CANARY) for text in said)
        assert attack.weakness == probe.weakness


@pytest.mark.parametrize("code", sorted({*CONVERTERS, "rot13+base64", "reversed+spaced+hex"}))
def test_every_family_comes_in_every_code(code: str) -> None:
    for probe in FAMILIES:
        (plain, *_), (coded, *_) = attacks(probe, many=1), attacks(converted(probe, code), many=1)
        assert coded.variant.endswith(f"~{code}")
        assert coded.oracle.kind == plain.oracle.kind
        assert coded.weakness == plain.weakness


@pytest.mark.parametrize(("code", "told"), [("rot14", "rot14"), ("hex+hex+hex+hex", "more than 3 codes")])
def test_a_code_that_nobody_knows_or_that_is_too_deep_is_refused(code: str, told: str) -> None:
    with pytest.raises(SafecaseError, match=told):
        converted(FAMILIES[0], code)
