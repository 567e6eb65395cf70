"""Attacks on many services at once: in processes here, and on a real Ray cluster of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safecase.measures.testing.campaign import Plan
from safecase.measures.testing.many import Done, Job, here, on_ray
from safecase.targets.described import Described
from tests.cli.conftest import Ran
from tests.zoo.bots import CANARY
from tests.zoo.serving import zoo


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with zoo() as found:
        yield found


def jobs(url: str) -> list[Job]:
    named = {kind: f"{url}/{kind}/system_prompt_leak/v1" for kind in ("weak", "hard")}
    named["gone"] = "http://127.0.0.1:9/v1"
    return [
        Job(
            name=name,
            target=Described(base_url=where, canary=CANARY),
            root=".",
            plan=Plan(calls=400, seconds=60, at_once=16),
            only=("system_prompt_leak",),
        )
        for name, where in named.items()
    ]


def held(done: dict[str, Done]) -> None:
    assert done["weak"].results[0].verdict == "vulnerable"
    assert done["hard"].results[0].verdict == "safe"
    assert done["hard"].calls > 20
    assert "127.0.0.1:9" in done["gone"].error


def test_each_service_gets_a_result_of_its_own_and_one_that_is_gone_ends_no_other(url: str) -> None:
    held({one.name: one for one in here(jobs(url), 2)})


def test_the_command_puts_them_side_by_side_and_goes_on_from_its_journals(
    url: str, tmp_path: Path, safecase: Callable[..., Ran]
) -> None:
    for kind in ("weak", "hard"):
        text = f"base_url: {url}/{kind}/prompt_injection/v1\ncanary: {CANARY}\n"
        (tmp_path / f"{kind}.yaml").write_text(text)
    targets = [str(tmp_path / "weak.yaml"), str(tmp_path / "hard.yaml")]
    more = ["--only", "prompt_injection", "--calls", "600", "--workers", "2", "--journals", str(tmp_path / "journals")]
    first = safecase("testing", "campaign", *targets, *more, "--format", "json")
    assert first.code == 1, first.err
    told = json.loads(first.out)["services"]
    assert [one["results"][0]["verdict"] for one in told] == ["vulnerable", "safe"]
    again = safecase("testing", "campaign", *targets, *more, "--format", "json")
    found = [one["results"] for one in json.loads(again.out)["services"]]
    assert found == [one["results"] for one in told]
    assert "2 services attacked: 1 vulnerable" in safecase("testing", "campaign", *targets, *more).out


@pytest.mark.heavy
def test_the_same_on_a_ray_cluster(url: str) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    held({one.name: one for one in on_ray(jobs(url), "")})
