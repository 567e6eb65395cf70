from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.errors import ManifestError, SafecaseError, UsageError
from safecase.service import keys, read, sense, shapes, wrong
from safecase.service.schema import Endpoint, Manifest, schema
from tests.service.manifests import FULL

HEAD = "safecase: 1\nservice: {id: x}\n"
SCHEMA = jsonschema_rs.Draft202012Validator(schema())
PATH = Path("safecase.yaml")


def described(text: str) -> read.ServiceDescription:
    return read.from_bytes(text.encode(), PATH)


def refused(text: str) -> tuple[SafecaseError, ...]:
    with pytest.raises(ManifestError) as caught:
        described(text)
    return caught.value.faults


def told(text: str) -> list[tuple[str, str, str]]:
    """Give place, message and hint of each fault."""
    return [(str(f.place), f.message, getattr(f, "hint", "")) for f in refused(text)]


# what is read


def test_a_full_manifest_is_read() -> None:
    service = described(FULL)
    assert service.manifest.service.id == "loan-desk"
    assert service.manifest.flows[0].source == "web"
    assert service.manifest.models[1].base_origin == "hub"
    assert service.file == "safecase.yaml"
    assert service.sha256.startswith("sha256:")


def test_the_example_is_about_ten_lines_and_right() -> None:
    assert 9 <= len(keys.example().splitlines()) <= 13
    assert described(keys.example()).manifest.ai.kind == ("llm",)


def test_a_scalar_is_taken_for_a_list_of_one() -> None:
    service = described(HEAD + "ai: {kind: llm, system_prompts: p.md}\ndeployment: {regions: eu}\n")
    assert service.manifest.ai.kind == ("llm",)
    assert service.manifest.ai.system_prompts == ("p.md",)
    assert service.manifest.deployment.regions == ("eu",)


def test_an_empty_key_says_nothing() -> None:
    service = described(HEAD + "zones:\nai:\n  kind:\ndeployment:\n  exposure:\n  regions:\n")
    assert service.manifest == Manifest(safecase=1, service=service.manifest.service)
    assert [fact.key for fact in service.facts] == ["safecase", "service.id"]


def test_every_declared_value_is_a_fact_with_its_place() -> None:
    facts = {fact.key: fact for fact in described(FULL).facts}
    assert facts["deployment.exposure"].value == "internal"
    assert str(facts["deployment.exposure"].place) == "safecase.yaml:25:13"
    assert facts["ai.kind"].value == ("llm", "tabular")
    assert facts["service.users.who"].value == ("staff",)
    assert facts["models.1.origin"].value == "hub"
    assert str(facts["models.1.origin"].place) == "safecase.yaml:54:13"
    assert facts["law.evaluates_persons"].value is True
    assert facts["deployment.endpoint.key"].value == "${env:DESK_KEY}"
    assert "law.significant_design_change" not in facts


def test_an_empty_list_is_a_fact() -> None:
    assert {f.key: f.value for f in described(HEAD + "zones: []\n").facts}["zones"] == ()


def test_an_endpoint_may_be_only_its_url() -> None:
    service = described(HEAD + "deployment: {endpoint: 'http://127.0.0.1:8080/v1'}\n")
    assert read.endpoint_of(service.manifest) == Endpoint(url="http://127.0.0.1:8080/v1")
    assert read.endpoint_of(described(HEAD).manifest) is None
    declared = read.endpoint_of(described(FULL).manifest)
    assert declared is not None
    assert declared.model == "desk-1"


# where it is found


def test_the_manifest_is_found_here_or_above_up_to_the_repository(tmp_path: Path) -> None:
    inner = tmp_path / "repo" / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "safecase.yaml").write_text(HEAD)
    (tmp_path / "repo" / ".git").mkdir()
    with pytest.raises(UsageError, match=r"no safecase\.yaml") as caught:
        read.find(inner)
    assert "safecase schema --example" in caught.value.mend
    (tmp_path / "repo" / "safecase.yml").write_text(HEAD)
    assert read.find(inner).resolve() == tmp_path / "repo" / "safecase.yml"
    (inner / "safecase.yaml").write_text(HEAD)
    assert read.find(inner) == inner / "safecase.yaml"


def test_the_manifest_is_found_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "safecase.yaml").write_text(HEAD)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    found = read.find(Path())
    assert str(found) == "../safecase.yaml"
    assert read.read(found).root == tmp_path
    monkeypatch.chdir(tmp_path)
    assert str(read.find(Path())) == "safecase.yaml"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.mkdir(), "this is a folder or a device; a file is wanted"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(b"a" * 1_000_001), "1,000,001 bytes are more than the 1,000,000 that are read"),
    ],
)
def test_what_is_no_readable_file_is_refused(make: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    make(tmp_path / "safecase.yaml")
    with pytest.raises(ManifestError, match=message) as caught:
        read.read(tmp_path / "safecase.yaml")
    assert caught.value.mend
    assert str(caught.value.place) == str(tmp_path / "safecase.yaml")


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "safecase.yaml")
    with pytest.raises(ManifestError, match="a file is wanted"):
        read.read(tmp_path / "safecase.yaml")


# what the schema refuses


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("safecase: 2\nservice: {id: x}\n", "1:11", "`safecase` is 2; 1 is wanted", ""),
        ("service: {id: x}\n", "1:1", "`safecase` is missing; 1 is wanted", ""),
        ("safecase: 1\n", "1:1", "`service` is missing; a block of keys is wanted", ""),
        ("safecase: 1\nservice:\n", "2:9", "`service` is empty; a block of keys is wanted", ""),
        ("- a\n", "1:1", "the file is a list; a block of keys is wanted", ""),
        (
            "safecase: 1\nservice:\n  name: x\n",
            "2:1",
            "`service.id` is missing; a short name (letters, digits, `.`, `_`, `-`; at most 64) is wanted",
            "",
        ),
        (
            "safecase: 1\nservice: {id: a b}\n",
            "2:15",
            '`id` is "a b"; a short name (letters, digits, `.`, `_`, `-`; at most 64) is wanted',
            "",
        ),
        (
            HEAD + "deployment:\n  hosting: on-prem\n",
            "4:12",
            '`hosting` is "on-prem"; one of saas_api, managed_cloud, self_hosted, edge is wanted',
            'did you mean "self_hosted"?',
        ),
        (HEAD + "deployment:\n  hostng: edge\n", "4:3", "no key `hostng` in `deployment`", 'did you mean "hosting"?'),
        (
            HEAD + "hosting: edge\n",
            "3:1",
            "no key `hosting` at the top",
            "`deployment.hosting` is a key; look at the indentation",
        ),
        (HEAD + "ai:\n  zones: []\n", "4:3", "no key `zones` in `ai`", "`zones` stands at the top"),
        (
            HEAD + "memory: {zzzzzz: 1}\n",
            "3:10",
            "no key `zzzzzz` in `memory`; there are kind, scope, writable_by, ttl_days",
            "",
        ),
        (
            HEAD + "deployment:\n  physical: yes\n",
            "4:13",
            '`physical` is "yes"; true or false is wanted',
            "did you mean true?",
        ),
        (
            HEAD + "ai: {agents: '3'}\n",
            "3:14",
            '`agents` is "3"; a whole number of 0 or more is wanted',
            "write it without quotes",
        ),
        (HEAD + "ai: {autonomy: 5}\n", "3:16", "`autonomy` is 5; a whole number from 0 to 4 is wanted", ""),
        (HEAD + "ai: {autonomy: 1.5}\n", "3:16", "`autonomy` is 1.5; a whole number from 0 to 4 is wanted", ""),
        (HEAD + "ai: {autonomy: true}\n", "3:16", "`autonomy` is true; a whole number from 0 to 4 is wanted", ""),
        (
            HEAD + "models:\n  - id: m\n    revision: 1.10\n",
            "5:15",
            "`revision` is 1.1; a text is wanted",
            "put it in quotes, so that it is a text",
        ),
        (
            HEAD + "models:\n  - origin: huggingface\n    id: m\n",
            "4:13",
            '`origin` is "huggingface"; one of provider, hub, vendor, own, users is wanted',
            'did you mean "hub"?',
        ),
        (
            HEAD + "models:\n  - origin: hub\n",
            "4:5",
            "`models[0].id` is missing; a short name (letters, digits, `.`, `_`, `-`; at most 64) is wanted",
            "",
        ),
        (HEAD + "models: gpt\n", "3:9", '`models` is "gpt"; a list of blocks is wanted', ""),
        (HEAD + "models: [gpt]\n", "3:10", 'an entry of `models` is "gpt"; a block of keys is wanted', ""),
        (
            HEAD + "models: {id: m}\n",
            "3:9",
            "`models` is a block of keys; a list of blocks is wanted",
            "begin each block with `- `",
        ),
        (HEAD + "ai: llm\n", "3:5", '`ai` is "llm"; a block of keys is wanted', ""),
        (
            HEAD + "service_name: x\n",
            "3:1",
            "no key `service_name` at the top",
            'did you mean "service"?',
        ),
        (
            HEAD + "maintenance: {sla_days: {critcal: 7}}\n",
            "3:26",
            "no key `critcal` in `sla_days`",
            'did you mean "critical"?',
        ),
        (HEAD + "maintenance: {sla_days: {high: x}}\n", "3:32", '`high` is "x"; a whole number is wanted', ""),
        (
            HEAD + "maintenance: {support_ends: soon}\n",
            "3:29",
            '`support_ends` is "soon"; a day, YYYY-MM-DD is wanted',
            "",
        ),
        (
            HEAD + "exceptions: [{control: A, owner: b, reason: no, expires: 2027-01-01}]\n",
            "3:45",
            '`reason` is "no"; a text of at least 10 and at most 2,000 characters is wanted',
            "",
        ),
        (HEAD + "deployment: {endpoint: 3}\n", "3:24", "`endpoint` is 3; a text or a block of keys is wanted", ""),
        (
            HEAD + "deployment: {endpoint: {url: 'ftp://x'}}\n",
            "3:30",
            '`url` is "ftp://x"; a URL that begins with https:// or http://, or `${env:NAME}` is wanted',
            "",
        ),
        (
            HEAD + "deployment: {endpoint: here}\n",
            "3:24",
            '`endpoint` is "here"; a URL that begins with https:// or http://, or `${env:NAME}`, or a block is wanted',
            "",
        ),
    ],
)
def test_what_the_schema_refuses_is_told_with_its_place_and_the_nearest_word(
    text: str, place: str, message: str, hint: str
) -> None:
    assert (f"safecase.yaml:{place}", message, hint) in told(text)


# what no schema can say


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("models: [{id: m}, {id: n}, {id: m}]\n", "3:33", 'another of `models` is called "m", at line 3'),
        ("rag: {sources: [{id: s}, {id: s}]}\n", "3:31", 'another of `rag.sources` is called "s", at line 3'),
        (
            "zones: [{id: z}]\ncomponents: [{id: c, type: app, zone: y}]\n",
            "4:39",
            '`zone` is "y", which is the id of none of zones (z)',
        ),
        (
            "components: [{id: c, type: app}]\nflows: [{from: c, to: d}]\n",
            "4:23",
            '`to` is "d", which is the id of none of components or zones (c)',
        ),
        (
            "data: [{id: a}]\nflows: [{from: c, to: d, data: [a, b]}]\n",
            "4:36",
            '`data` is "b", which is the id of none of data (a)',
        ),
        ("ai: {kind: [llm, none]}\n", "3:18", "`kind` says none (no AI in it) and llm as well"),
        (
            "gate: {baseline: /etc/passwd}\n",
            "3:18",
            '`baseline` is "/etc/passwd", which leads out of the service\'s folder',
        ),
        (
            "models: [{id: m, file: a/../../b}]\n",
            "3:24",
            '`file` is "a/../../b", which leads out of the service\'s folder',
        ),
        (
            "ai: {system_prompts: ['~/p']}\n",
            "3:23",
            '`system_prompts` is "~/p", which leads out of the service\'s folder',
        ),
        ("settings: {ledger: 'C:\\x'}\n", "3:20", '`ledger` is "C:\\x", which leads out of the service\'s folder'),
        (
            "maintenance: {support_ends: 2027-02-29}\n",
            "3:29",
            '`support_ends` is "2027-02-29", which is no day of the calendar',
        ),
        ("models:\n  - id: |\n      m\n", "4:9", "`id` ends with a line break"),
        ("law: {org: {revenue_usd: .inf}}\n", "3:26", "inf is no number to reckon with"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(text: str, place: str, message: str) -> None:
    faults = told(HEAD + text)
    assert [(p, m) for p, m, _ in faults] == [(f"safecase.yaml:{place}", message)]


def test_names_are_only_looked_up_once_something_is_declared() -> None:
    described(HEAD + "components: [{id: c, type: app, zone: y}]\nflows: [{from: c, to: c, data: b}]\n")
    described(HEAD + "flows: [{from: a, to: b}]\n")


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        "safecase: 1\nservice:\n  id: x\n  stag: build\nai: {kind: [none, llm]}\ndeployment:\n  hosting: on-prem\n"
        "  endpoint: {url: 'https://x.example', key: abc}\nmodels: [{id: m}, {id: m}]\nexceptions: []\nzoned: 1\n"
    )
    places = [p for p, _, _ in told(text)]
    assert places == [f"safecase.yaml:{p}" for p in ("4:3", "5:13", "7:12", "8:45", "9:24", "11:1")]


# secrets


@pytest.mark.parametrize(
    ("text", "secret", "message"),
    [
        ("deployment:\n  endpoint: {url: 'https://x.example', key: hunter22}\n", "hunter22", "`key` is written out"),
        ("law: {api_key: hunter22, x: 1}\n", "hunter22", "`api_key` is written out"),
        ("protection:\n  gateway:\n    upstream-token: hunter22\n", "hunter22", "`upstream-token` is written out"),
        ("risk:\n  db: postgres://me:hunter22@db/x\n", "hunter22", "the URL holds a password"),
        ("law:\n  password: |\n    hunter22\n    second\n", "hunter22", "`password` is written out"),
    ],
)
def test_a_secret_is_refused_and_shown_nowhere(text: str, secret: str, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        described(HEAD + text + "oops: 1\n")
    faults = caught.value.faults
    assert f"{message}; a manifest holds references only" in [f.message for f in faults]
    assert any("${env:NAME}" in f.mend for f in faults)
    assert secret not in repr([(f.message, f.mend) for f in faults])
    assert secret not in "\n".join(caught.value.lines)


def test_an_unknown_key_that_holds_a_secret_is_told_as_both() -> None:
    assert [m for _, m, _ in told(HEAD + "password: hunter22\n")] == [
        "no key `password` at the top; there are " + ", ".join(shapes.keys_of(Manifest)),
        "`password` is written out; a manifest holds references only",
    ]


def test_a_secret_on_a_line_that_is_broken_is_not_shown_either() -> None:
    with pytest.raises(ManifestError) as caught:
        described(HEAD + "law:\n\tpassword: hunter22\n")
    assert "hunter22" not in "\n".join(caught.value.lines)


@pytest.mark.parametrize("key", ["${env:KEY}", "${file:secrets/key}", "Bearer ${env:KEY}", "''"])
def test_a_reference_is_no_secret(key: str) -> None:
    described(HEAD + f"law: {{api_key: '{key.strip(chr(39))}'}}\n")
    described(HEAD + "risk: {db: 'postgres://me:${env:PW}@db/x', token_count: 5}\n")


# what holds for all manifests


def test_every_pattern_of_the_schema_has_words() -> None:
    def patterns(node: object) -> set[str]:
        if isinstance(node, dict):
            here = {node["pattern"]} if isinstance(node.get("pattern"), str) else set()
            return here.union(*(patterns(inner) for inner in node.values()))
        return set().union(*map(patterns, node)) if isinstance(node, list) else set()

    assert patterns(schema()) == set(shapes.PATTERNS)


def test_every_day_and_every_id_of_the_schema_is_looked_at() -> None:
    plain = {name.replace("[]", ""): page for name in keys.all_keys() if (page := keys.key_page(name))}
    assert {name for name, page in plain.items() if "YYYY-MM-DD" in page.type} == set(sense.DAYS)
    ids = {name.removesuffix(".id") for name in plain if name.endswith(".id") and name != "service.id"}
    assert ids == set(sense.NAMED)


def converts(value: object) -> bool:
    try:
        msgspec.convert(value, Manifest)
    except msgspec.ValidationError:
        return False
    return True


def agreed(value: object) -> None:
    """Hold our walk over the schema against msgspec and against the JSON Schema."""
    document = read.yaml_places.read(b"x: 1", "safecase.yaml")
    meant = wrong.as_meant(value)
    found = list(wrong.faults(meant, document))
    assert converts(meant) == (not found), [f.message for _, f in found]
    # The JSON Schema says nothing of the keys of a map, so it may allow what the walk refuses.
    assert found or SCHEMA.is_valid(meant)


VALUES = [
    "x",
    "",
    "on-prem",
    "llm",
    0,
    1,
    -1,
    99,
    2.0,
    1.5,
    True,
    None,
    [],
    ["x"],
    {},
    {"id": "x"},
    [{}],
    "2026-02-30",
    "a b",
]


def mutated(value: object, random: random.Random) -> object:
    """Break a manifest at one spot: delete, rename, retype or swap."""
    spots: list[tuple[dict[str, object] | list[object], str | int]] = []

    def walk(node: object) -> None:
        if isinstance(node, dict | list):
            for step in node if isinstance(node, dict) else range(len(node)):
                spots.append((node, step))
                walk(node[step])

    walk(value)
    holder, step = random.choice(spots)
    match random.choice(["delete", "rename", "retype", "swap", "wrap"]):
        case "delete":
            del holder[step]  # type: ignore[arg-type]
        case "rename" if isinstance(holder, dict):
            letters = list(str(step))
            letters[random.randrange(len(letters))] = "z"
            holder["".join(letters)] = holder.pop(str(step))
        case "swap":
            other, elsewhere = random.choice(spots)
            holder[step] = msgspec.convert(other[elsewhere], object) if random.random() < 0.5 else str(other[elsewhere])  # type: ignore[index,call-overload]
        case "wrap":
            holder[step] = random.choice([[holder[step]], {"a": holder[step]}])  # type: ignore[index,call-overload]
        case _:
            holder[step] = random.choice(VALUES)  # type: ignore[index,call-overload]
    return value


@pytest.mark.parametrize("seed", range(0, 200, 20))
def test_a_broken_manifest_is_refused_as_msgspec_and_the_json_schema_refuse_it(seed: int) -> None:
    for one in range(seed, seed + 20):
        chance = random.Random(one)
        value = read.yaml_places.read(FULL.encode(), "f").value
        for _ in range(chance.randint(1, 3)):
            value = mutated(value, chance)
        agreed(value)


def broken(text: str, chance: random.Random) -> str:
    lines = text.splitlines()
    at = chance.randrange(len(lines))
    match chance.choice(["delete", "duplicate", "indent", "outdent", "tab", "cut", "swap", "letter", "value"]):
        case "delete":
            del lines[at]
        case "duplicate":
            lines.insert(at, lines[at])
        case "indent":
            lines[at] = "  " + lines[at]
        case "outdent":
            lines[at] = lines[at].removeprefix("  ")
        case "tab":
            lines[at] = "\t" + lines[at].lstrip()
        case "cut":
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
        case "swap":
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case "letter":
            spot = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:spot] + chance.choice("{}[]:,#&*!|>'\"%@`- \\é\x85") + lines[at][spot + 1 :]
        case "value":
            lines[at] = (
                lines[at].partition(":")[0] + ": " + chance.choice(["x", "3", "[a]", "{b: c}", "null", "*a", "!x y"])
            )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(0, 200, 20))
def test_a_mutilated_file_is_read_or_refused_with_places(seed: int) -> None:
    for one in range(seed, seed + 20):
        chance = random.Random(one)
        text = FULL
        for _ in range(chance.randint(1, 4)):
            text = broken(text, chance)
        try:
            described(text)
        except ManifestError as why:
            for fault in why.faults:
                assert fault.place is not None
                assert fault.place.line >= 1
                assert fault.place.column >= 1
                assert fault.mend
                assert fault.message


@given(st.binary(max_size=400))
@settings(max_examples=100)
def test_any_bytes_after_a_good_head_are_read_or_refused(tail: bytes) -> None:
    with contextlib.suppress(ManifestError):
        read.from_bytes(HEAD.encode() + tail, PATH)


def test_a_megabyte_of_faults_is_refused_in_seconds() -> None:
    start = time.perf_counter()
    models = "  - {id: m, origin: hbu, filee: x, key: '/'}\n" * 20_000
    assert len(refused(HEAD + "models:\n" + models)) <= 150
    assert time.perf_counter() - start < 10


def test_reading_is_quick() -> None:
    long = FULL + "# " + "\n# ".join(map(str, range(300)))
    long = long.replace(
        "zones:\n", "zones:\n" + "".join(f"  - {{id: z{i}, owner: us, trust: 5}}\n" for i in range(100))
    )
    assert _best(keys.example()) < 0.01
    assert _best(long) < 0.1


def _best(text: str) -> float:
    def seconds() -> float:
        start = time.perf_counter()
        described(text)
        return time.perf_counter() - start

    return min(seconds() for _ in range(5))
