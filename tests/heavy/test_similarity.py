"""The encoder tells paraphrases from other texts."""

from __future__ import annotations

import pytest

from safecase.detectors.similarity import available, encoder, ngrams
from safecase.readers.suite_asserts import SIMILAR_ENOUGH

pytestmark = pytest.mark.heavy

PARAPHRASES = (
    ("The museum is closed on public holidays.", "On bank holidays we do not open the museum."),
    ("Children under six travel free of charge.", "Kids younger than six do not need a ticket."),
    ("Please restart the router and wait a minute.", "Switch your router off and on again, then wait for a moment."),
    ("The warranty covers repairs for two years.", "For twenty-four months, mending it is covered by the guarantee."),
    ("Our lawyers will review the agreement.", "The contract is going to be checked by our legal team."),
    ("The flight was delayed because of fog.", "Fog made the plane leave late."),
    ("Add the eggs and stir until smooth.", "Put in the eggs and mix until there are no lumps."),
    ("You must be at least eighteen to apply.", "Applicants have to be eighteen or older."),
)


@pytest.mark.skipif(not available(), reason="needs the extra guard-ml")
def test_paraphrases_are_more_alike_than_other_texts() -> None:
    alike = encoder()
    same = [alike(one, other) for one, other in PARAPHRASES]
    others = [alike(one, other) for one, _ in PARAPHRASES for two, other in PARAPHRASES if two != one]
    above = sum(a > b for a in same for b in others) / (len(same) * len(others))
    assert above > 0.97
    assert sum(score >= SIMILAR_ENOUGH for score in same) >= 6
    assert sum(score >= SIMILAR_ENOUGH for score in others) <= 2
    assert alike("", "") == pytest.approx(1.0)


@pytest.mark.skipif(not available(), reason="needs the extra guard-ml")
def test_a_long_text_is_read_in_parts() -> None:
    alike = encoder()
    one = "The museum is closed on public holidays. "
    other = "Rice is cooked for about twenty minutes. "
    assert alike(one * 400, one * 40) > 0.95
    assert alike(one * 40 + other * 40, other) > alike(one * 80, other) + 0.1


def test_letters_alone_know_nothing_of_sense() -> None:
    assert ngrams("We open at nine.", "we open at NINE.") == pytest.approx(1.0)
    assert ngrams("We open at nine.", "Our doors are unlocked early.") < 0.2
    assert ngrams("a", "") == 0.0
