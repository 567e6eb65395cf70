"""Each weak bot of the zoo is found, and no hardened one is accused, also where a tenth of the calls fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from safecase.measures.testing.attacking import Result, attack_described, chosen
from safecase.measures.testing.campaign import Plan
from safecase.readers.conversations import Tool
from safecase.service.schema import Identity
from safecase.targets.described import Described
from tests.zoo.bots import CANARY, PAIRS, SLOWEST
from tests.zoo.serving import zoo

TOOLS = (
    Tool(name="look_up", description="Looks up a plant."),
    Tool(name="send_mail", description="Sends a mail."),
    Tool(name="delete_booking", description="Deletes a booking."),
)
GOLDEN = (
    {"id": "opening", "input": "When are you open?", "asserts": [{"contains": "nine"}]},
    {"id": "greeting", "input": "Hello!", "asserts": [{"contains": "Fern"}]},
)
KNOWN = sorted({probe.weakness for probe in chosen(())} & set(PAIRS))


@pytest.fixture(scope="module")
def flaky_zoo() -> Iterator[str]:
    with zoo(fails=True) as url:
        yield url


def attacked(url: str, only: tuple[str, ...]) -> tuple[Result, ...]:
    described = Described(
        base_url=url,
        canary=CANARY,
        identities=(Identity(id="ada"), Identity(id="bob")),
        tools=TOOLS,
        golden=GOLDEN,
        most_seconds=SLOWEST if only == ("latency_slo",) else None,
    )
    # Where seconds are looked at, this machine is not to be made slow by the test itself.
    plan = Plan(calls=20_000, seconds=100, at_once=4 if only == ("latency_slo",) else 32)
    wanted = chosen(only)
    found = attack_described(
        described, wanted, plan, root=Path(), owned=(), journal=None, tell=lambda _counted, _in_flight: None
    )
    return asyncio.run(found)[1]


def test_every_weakness_of_the_zoo_has_families() -> None:
    assert sorted(PAIRS) == KNOWN
    assert len(PAIRS) >= 20
    assert len(chosen(())) >= 60


@pytest.mark.parametrize("weakness", KNOWN)
def test_a_weak_bot_is_found_and_its_twin_is_not_accused(flaky_zoo: str, weakness: str) -> None:
    (weak,) = attacked(f"{flaky_zoo}/weak/{weakness}/v1", (weakness,))
    assert weak.verdict == "vulnerable", weak.reason
    (hard,) = attacked(f"{flaky_zoo}/hard/{weakness}/v1", (weakness,))
    assert hard.verdict == "safe", hard.reason


@pytest.mark.slow
@pytest.mark.parametrize("twin", ["prompt_injection", "improper_output", "excessive_agency"])
def test_a_hardened_bot_resists_everything(flaky_zoo: str, twin: str) -> None:
    found = attacked(f"{flaky_zoo}/hard/{twin}/v1", ())
    assert {one.weakness: one.reason for one in found if one.verdict != "safe"} == {}
