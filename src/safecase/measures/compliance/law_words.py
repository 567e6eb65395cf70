"""The words under `law:`: which keys are known, which were meant by others, and what was written for true and false."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from safecase.engines.nearest import nearest

MOST_LEAVES = 2_000
STEM = 5
"""Letters by which words of one root are told to be one: `manipulates`, `manipulation`."""

KNOWN = frozenset(
    """
    biometric social_scoring predicts_crime manipulates scrapes_faces safeguards_ncii_csam
    established offered_in output_used_in activities develops brands_own uses imports distributes rebrands
    substantially_modifies repurposes manufactures_product inference technique free_open_source domain function context
    evaluates_persons decision effect_on_person art_6_3 safety_component product_law third_party_assessment is_product
    product_with_digital_elements interacts_with_people obviously_ai generates deep_fake public_interest_text
    editorial_responsibility capable_of_sexual_imagery intended_sexual_imagery_without_consent
    public_opinion_attributes personal_data special_categories gpai provides_model training_flop original_flop
    modification_flop weights_public released placed_on_market significant_design_change org public_body public_service
    size financial_entity nis2 revenue_usd exclusions sole_military sole_research pre_market_lab_only
    real_world_testing personal_non_professional system
    """.split()  # noqa: SIM905 - a table that is read, not a list that is edited
)
"""Facts that the law asks for, by the names that they have under `law:`."""

YES = frozenset(["true", "yes", "on", "y", "t"])
NO = frozenset(["false", "no", "off", "n", "f"])


def meant(keys: Iterable[str], wanted: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each key that is none, and the one of the wanted ones that it stands for by a slip."""
    words = tuple(wanted)
    for key in keys:
        if key not in KNOWN:
            near = nearest(key, words) or next((word for word in words if _stems(word) <= _stems(key)), None)
            if near is not None:
                yield key, near


def quoted(law: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the key (`law.org.nis2`) and text of each value that is a word for true or false, and a text."""
    for key, value in itertools.islice(_leaves(law, "law"), MOST_LEAVES):
        if isinstance(value, str) and value.strip().lower() in YES | NO:
            yield key, value


def is_denial(text: str) -> bool:
    """Say whether a text is a word for false, which YAML takes for a text (`"false"`, `no`)."""
    return text.strip().lower() in NO


def _leaves(value: object, key: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}")
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, key)
    else:
        yield key, value


def _stems(key: str) -> frozenset[str]:
    return frozenset(word[:STEM] for word in key.lower().replace("-", "_").split("_") if word)
