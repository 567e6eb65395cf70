"""Plug-ins that do not import, clash or lie: each is said to be broken, and everything else goes on."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.checks import Check
from safecase.plugins.entries import held, load, value_of
from tests.plugins.distributions import CHECK, lay, safecase

CHECKS = "safecase.checks"


def _of(id: str, control: str = "RC-22") -> str:
    return CHECK.format(id=id, control=control)


BROKEN = {
    "raises": (_of("raises.a") + "import a_module_that_nobody_has\n", "ModuleNotFoundError"),
    "leaves": ("raise SystemExit(0)\n", "SystemExit"),
    "escapes": ("raise ValueError('\\x1b[2J and\\nmore')\n", "\\x1b[2J"),
    "steals": (_of("model.format"), "two checks are called model.format"),
    "lies": (_of("other.thing"), "its ids begin with `lies.`"),
    "shouts": (_of("shouts.A B"), "is no id"),
    "invents": (_of("invents.a", control="RC-2"), "no control of the catalogue"),
    "empty": ("import json\n", "brings no check"),
    "mute": (_of("mute.a").replace('"""Everything is well."""', ""), "has no docstring"),
    "deaf": (_of("deaf.a").replace("repository: Repository", "repository: int"), "looks at nothing"),
    "rough": (_of("rough.a").replace('severity="low"', 'severity="awful"'), "no such words"),
    "swaps": (
        "from safecase.checks import REGISTRY\n" + _of("swaps.a") + "REGISTRY['model.format'] = found\n",
        "in the place of a built-in check",
    ),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for name, (text, _) in BROKEN.items():
        lay(folder, f"acme-{name}", {CHECKS: {name: f"acme_{name}"}}, {f"acme_{name}.py": text})
    good = _of("good.a") + "print('hello from a plug-in')\n"
    lay(folder, "acme-good", {CHECKS: {"good": "acme_good"}}, {"acme_good.py": good})
    package = {"acme_many/__init__.py": "", "acme_many/one.py": _of("many.one"), "acme_many/two.py": _of("many.two")}
    lay(folder, "acme-many", {CHECKS: {"many": "acme_many"}}, package)
    lay(folder, "acme-thing", {CHECKS: {"thing": "acme_thing:FOUND"}}, {"acme_thing.py": "FOUND = 42\n"})
    lay(
        folder, "acme-gives", {CHECKS: {"gives": "acme_gives:make"}}, {"acme_gives.py": "def make():\n    return [1]\n"}
    )
    inner = "def make():\n" + "".join(f"    {line}\n" for line in _of("inner.a").splitlines()) + "    return found\n"
    lay(folder, "acme-inner", {CHECKS: {"inner": "acme_inner:make"}}, {"acme_inner.py": inner})
    lay(folder, "acme-gone", {CHECKS: {"gone": "acme_gone"}}, {})
    lay(folder, "acme-model", {CHECKS: {"model": "acme_model"}}, {"acme_model.py": _of("model.good")})
    lay(folder, "acme-loud", {CHECKS: {"LOUD": "acme_loud"}}, {"acme_loud.py": _of("LOUD.a")})
    for which in ("one", "two"):
        lay(folder, f"twin-{which}", {CHECKS: {"twin": f"twin_{which}"}}, {f"twin_{which}.py": _of("twin.a")})
    lay(folder, "acme-csv", {"safecase.exporters": {"csv": "json:dumps", "acme.x": "json:JSONDecoder"}}, {})
    lay(folder, "acme-probe", {"safecase.probes": {"prompt": "acme_probe"}}, {"acme_probe.py": _PROBE})
    lay(folder, "acme-garbled", {}, {"acme_garbled-1.2.dist-info/entry_points.txt": "[safecase.checks]\nno equals\n"})
    lay(folder, "acme-nameless", {CHECKS: {"nameless": "acme_good"}}, {"acme_nameless-1.2.dist-info/METADATA": "\n"})
    lay(folder, "acme-detects", {"safecase.detectors": {"secrets": "json"}}, {})
    return folder


_PROBE = """
from safecase.probes.prompt_injection import PROMPT_INJECTION
import msgspec
MINE = msgspec.structs.replace(PROMPT_INJECTION, weakness="prompt.mine", title="")
"""


@pytest.fixture(scope="module")
def listed(site: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, dict[str, Any]], str]:
    ran = safecase("plugins", "--format", "json", site=site, folder=tmp_path_factory.mktemp("here"))
    plugins = json.loads(ran.stdout)["plugins"]
    return ran.returncode, {f"{p['distribution']}:{p['name']}": p for p in plugins}, ran.stderr


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_plug_in_that_lies_is_refused_with_the_reason(name: str, listed: tuple[int, dict[str, Any], str]) -> None:
    plugin = listed[1][f"acme-{name}:{name}"]
    assert BROKEN[name][1] in plugin["broken"]
    assert plugin["brings"] == []
    assert plugin["version"] == "1.2"


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        ("acme-thing:thing", "names a int, which is no Check"),
        ("acme-gives:gives", "gives 1, which is no Check"),
        ("acme-inner:inner", "cannot be found again as acme_inner:make.<locals>.found"),
        ("acme-gone:gone", "No module named 'acme_gone'"),
        ("acme-model:model", "ids of our own begin with `model.`"),
        ("acme-loud:LOUD", "in small letters"),
        ("twin-one:twin", "more than one plug-in is called twin: twin-one 1.2, twin-two 1.2"),
        ("twin-two:twin", "more than one plug-in is called twin"),
        ("acme-garbled:", "its entry points cannot be read"),
        (":nameless", "it brings good.a, and its ids begin with `nameless.`"),
        ("acme-csv:csv", "two words with a point"),
        ("acme-csv:acme.x", "no function from a case to bytes"),
        ("acme-probe:prompt", "prompt.mine has no title"),
        ("acme-detects:secrets", "ids of our own begin with `secrets.`"),
    ],
)
def test_a_clash_or_a_wrong_thing_is_refused_with_the_reason(
    plugin: str, reason: str, listed: tuple[int, dict[str, Any], str]
) -> None:
    assert reason in listed[1][plugin]["broken"]


def test_sound_plug_ins_go_on_beside_broken_ones(listed: tuple[int, dict[str, Any], str]) -> None:
    assert listed[1]["acme-good:good"]["brings"] == ["good.a"]
    assert listed[1]["acme-many:many"]["brings"] == ["many.one", "many.two"]
    assert not listed[1]["acme-many:many"]["broken"]


def test_broken_plug_ins_leave_by_exit_three(listed: tuple[int, dict[str, Any], str]) -> None:
    assert listed[0] == 3


def test_what_a_plug_in_prints_does_not_get_into_the_result(listed: tuple[int, dict[str, Any], str]) -> None:
    assert "hello from a plug-in" in listed[2]


def test_an_assessment_goes_on_with_built_in_and_sound_checks(site: Path, tmp_path: Path) -> None:
    (tmp_path / "safecase.yaml").write_text("safecase: 1\nservice: {id: shop, owner: ada@shop.example}\n")
    ran = safecase("assess", "--format", "json", site=site, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    case = json.loads(ran.stdout)
    owners = next(claim for claim in case["claims"] if claim["control"] == "RC-22")
    checks = {finding["check"] for finding in owners["findings"]}
    assert checks == {"owner.resolve", "good.a", "many.one", "many.two"}


def test_without_plug_ins_the_list_is_empty_and_says_so(tmp_path: Path) -> None:
    ran = safecase("plugins", site=tmp_path, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("No plug-in is installed.")


NAMES = st.one_of(st.text(max_size=40), st.sampled_from(["acme", "model", "acme.csv", "a" * 33, ""]))
VALUES = st.one_of(
    st.text(max_size=40).filter(lambda text: "." not in text and not text.isidentifier()),
    st.sampled_from(
        ["json", "json:dumps", "json:nothing", "json.decoder:JSONDecoder", "no_module_of_that_name", ":", ""]
    ),
)


@given(name=NAMES, value=VALUES)
def test_whatever_an_entry_point_says_it_is_refused_and_nothing_is_raised(name: str, value: str) -> None:
    def take(entry: EntryPoint) -> dict[str, Check]:
        return {check.id: check for check in held(value_of(entry), Check)}

    for kind in ("check", "exporter"):
        loaded = load(kind, take, reserved={"model"}, entries=[EntryPoint(name, value, f"safecase.{kind}s")])
        (plugin,) = loaded.plugins
        assert plugin.broken
        assert plugin.broken.isprintable()
        assert not loaded.things
