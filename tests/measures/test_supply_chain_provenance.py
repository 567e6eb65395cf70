"""Where models come from: names that are taken for others, licences, and the whole policy of a manifest."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from safecase.cli import app
from safecase.engines.licences import standing
from safecase.engines.lookalikes import distance, mistaken_for, skeleton
from safecase.measures.supply_chain.provenance import judge, known_owners
from safecase.service.read import from_bytes

COMMIT = "8f3ac2d19e0b47c56d1e2f3a4b5c6d7e8f901234"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
names = st.text("abcdef01l-", max_size=12)


@given(names, names)
def test_a_distance_is_the_same_both_ways_and_none_from_oneself(first: str, second: str) -> None:
    assert distance(first, second) == distance(second, first)
    assert distance(first, first) == 0
    assert (distance(first, second) == 0) == (first == second)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("meta-llama", ""),
        ("Meta-Llama", ""),
        ("meta-IIama", "meta-llama"),
        ("metallama", "meta-llama"),
        ("meta-lllama", "meta-llama"),
        ("mcirosoft", "microsoft"),
        ("rnistralai", "mistralai"),
        ("nvidla", "nvidia"),
        ("g00gle", "google"),
        ("fаcebook", "facebook"),
        ("garden-lab", ""),
        ("timn", ""),
        ("tulip-models", ""),
        ("appleseed", ""),
    ],
)
def test_a_name_that_is_taken_for_a_known_one_is_told(name: str, wanted: str) -> None:
    assert mistaken_for(name, known_owners()) == wanted


def test_well_known_owners_are_not_taken_for_one_another() -> None:
    owners = known_owners()
    assert len({skeleton(owner) for owner in owners}) == len(owners)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("Apache-2.0", "allowed"),
        ("apache-2.0", "allowed"),
        ("Apache License 2.0", "allowed"),
        ("MIT OR GPL-3.0-only", "allowed"),
        ("MIT AND GPL-3.0-only", "refused"),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", "refused"),
        ("(MIT OR Apache-2.0)", "allowed"),
        ("llama3.1", "refused"),
        ("other", "unsaid"),
        ("", "unsaid"),
        ("NOASSERTION", "unsaid"),
    ],
)
def test_a_licence_is_held_against_those_that_may_be_used(told: str, wanted: str) -> None:
    assert standing(told, ("Apache-2.0", "MIT")) == wanted


def judged(folder: Path, model: str, policy: str) -> dict[str, str]:
    (folder / "safecase.yaml").write_text(
        f"safecase: 1\nservice: {{id: guide}}\nai: {{kind: llm}}\nmodels: [{{{model}}}]\nsupply_chain: {{{policy}}}\n"
    )
    described = from_bytes((folder / "safecase.yaml").read_bytes(), folder / "safecase.yaml")
    found = judge(described.manifest.models[0], described.manifest, folder, NOW)
    return {point.rule: point.verdict for point in found.points}


def test_a_model_that_meets_its_policy_passes(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    digest = hashlib.sha256((tmp_path / "m.safetensors").read_bytes()).hexdigest()
    model = f'id: m, origin: hub, source: "hf:garden-lab/m", revision: {COMMIT}, license: MIT'
    model += f", file: m.safetensors, sha256: {digest}"
    found = judged(tmp_path, model, 'sources: ["hf:garden-lab"], licences: [MIT], formats: [safetensors]')
    assert found == dict.fromkeys(("source", "pinned", "bytes", "format", "licence"), "pass")


@pytest.mark.parametrize(
    ("model", "policy", "rule"),
    [
        ("id: m, origin: hub", "", "source"),
        ('id: m, origin: hub, source: "hf:garden-lab/m"', "", "source"),
        ('id: m, origin: hub, source: "hf:garden-lab/m", revision: main', 'sources: ["hf:garden-lab"]', "pinned"),
        ('id: m, origin: hub, source: "hf:meta-IIama/m"', "", "lookalike"),
        ('id: m, origin: hub, source: "hf:a/m", license: other', "", "licence"),
        ('id: m, origin: hub, source: "hf:a/m", license: GPL-3.0', "licences: [MIT]", "licence"),
        ('id: m, origin: hub, source: "hf:a/m", file: m.pkl', "formats: [safetensors]", "format"),
        (f'id: m, origin: hub, source: "hf:a/m", file: m.pkl, sha256: {"a" * 64}', "", "bytes"),
        ('id: m, origin: hub, source: "hf:a/m", file: m.pkl', "signers: [key.pem]", "signature"),
    ],
)
def test_what_breaks_the_policy_fails(tmp_path: Path, model: str, policy: str, rule: str) -> None:
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04]q\x00.")
    assert judged(tmp_path, model, policy)[rule] == "fail"


def test_a_listed_owner_is_nobody_elses_lookalike(tmp_path: Path) -> None:
    found = judged(tmp_path, 'id: m, origin: hub, source: "hf:meta-IIama/m"', 'sources: ["hf:meta-IIama"]')
    assert "lookalike" not in found


def test_the_command_answers_by_its_exit_code(tmp_path: Path) -> None:
    judged(tmp_path, 'id: m, origin: hub, source: "hf:garden-lab/m"', "")
    done = CliRunner().invoke(app, ["supply", "provenance", str(tmp_path)], standalone_mode=False)
    assert (done.return_value, "pinned" in done.stdout) == (1, True)
    form = CliRunner().invoke(app, ["supply", "provenance", str(tmp_path), "--format", "json"], standalone_mode=False)
    assert json.loads(form.stdout)["models"][0]["verdict"] == "fail"
