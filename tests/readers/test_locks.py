"""Locks and declarations of packages: exact versions and hashes are seen in every format, and no file breaks it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.checks import Context
from safecase.measures.supply_chain.checks.locked import locked
from safecase.readers.locks import READERS, PackageFile, is_dependency_file, normalised, read_file
from safecase.readers.requirements_txt import Option, Requirement, parse
from safecase.service.schema import Manifest, ServiceBlock
from safecase.service.subjects import Packages

SHA = "sha256:" + "a" * 64
COMMIT = "1" * 40


def file(tmp_path: Path, name: str, text: str) -> PackageFile:
    (tmp_path / name).write_text(text)
    return read_file(tmp_path, name)


def told(found: PackageFile) -> list[tuple[str, str, bool]]:
    return [(e.name, e.version, e.hashed) for e in found.entries]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"click==8.1.7 --hash={SHA}", ("click", "8.1.7", True)),
        (f"click==8.1.7 \\\n    --hash={SHA} \\\n    --hash={SHA}", ("click", "8.1.7", True)),
        ("click==8.1.7", ("click", "8.1.7", False)),
        ("click===8.1.7 ; python_version > '3'", ("click", "8.1.7", False)),
        ("click[extra] == 8.1.7  # why", ("click", "8.1.7", False)),
        ("click", ("click", "", False)),
        ("click>=8,<9", ("click", "", False)),
        ("click==8.*", ("click", "", False)),
        ("click~=8.1", ("click", "", False)),
        (f"bot @ git+https://git.shop.example/bot@{COMMIT}", ("bot", "", True)),
        ("bot @ git+https://git.shop.example/bot@main", ("bot", "", False)),
        (f"https://shop.example/bot-1.whl#{SHA.replace(':', '=')}", ("bot-1.whl", "", True)),
        ("https://shop.example/bot-1.whl", ("bot-1.whl", "", False)),
        ("-e .", (".", "", True)),
        (f"-e git+https://git.shop.example/bot@{COMMIT}#egg=bot", ("bot", "", True)),
    ],
)
def test_a_requirement_is_read_with_its_version_and_hash(line: str, expected: tuple[str, str, bool]) -> None:
    found = next(iter(parse(line + "\n")))
    assert isinstance(found, Requirement)
    assert (found.name, found.version, found.hashed) == expected


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("--extra-index-url https://shop.example/simple", "--extra-index-url", "https://shop.example/simple"),
        ("--index-url=http://shop.example/simple", "--index-url", "http://shop.example/simple"),
        ("-r base.txt", "-r", "base.txt"),
        ("-rbase.txt", "-r", "base.txt"),
    ],
)
def test_an_option_is_read(line: str, name: str, value: str) -> None:
    assert list(parse(line)) == [Option(name, value, 1)]


def test_an_entry_knows_its_line_across_continuations() -> None:
    found = list(parse(f"# head\nclick==8 \\\n  --hash={SHA}\n\nrich==13\n"))
    assert [(r.name, r.line) for r in found if isinstance(r, Requirement)] == [("click", 2), ("rich", 5)]


def test_a_uv_lock_is_read_with_hashes_sources_and_lines(tmp_path: Path) -> None:
    text = f"""version = 1
[[package]]
name = "own"
version = "1"
source = {{ editable = "." }}
[[package]]
name = "good"
version = "2"
wheels = [{{ url = "u", hash = "{SHA}" }}]
[[package]]
name = "bare"
version = "3"
[[package]]
name = "forked"
version = "4"
source = {{ git = "https://git.shop.example/f?rev=x#{COMMIT}" }}
"""
    found = file(tmp_path, "uv.lock", text)
    assert told(found) == [("own", "1", True), ("good", "2", True), ("bare", "3", False), ("forked", "4", True)]
    assert [e.place.line for e in found.entries] == [3, 7, 11, 14]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("poetry.lock", f'[[package]]\nname = "a"\nversion = "1"\nfiles = [{{file = "a.whl", hash = "{SHA}"}}]\n'),
        (
            "poetry.lock",
            f'[[package]]\nname = "a"\nversion = "1"\n[metadata.files]\na = [{{file = "f", hash = "{SHA}"}}]\n',
        ),
        (
            "pylock.toml",
            f'[[packages]]\nname = "a"\nversion = "1"\nwheels = [{{hashes = {{sha256 = "{"a" * 64}"}}}}]\n',
        ),
        ("Pipfile.lock", json.dumps({"default": {"a": {"version": "==1", "hashes": [SHA]}}})),
        (
            "package-lock.json",
            json.dumps({"packages": {"": {}, "node_modules/a": {"version": "1", "integrity": "sha512-x"}}}),
        ),
        ("package-lock.json", json.dumps({"dependencies": {"a": {"version": "1", "integrity": "sha512-x"}}})),
        ("yarn.lock", 'a@^1:\n  version "1"\n  resolved "u"\n  integrity sha512-x\n'),
    ],
)
def test_every_lock_format_gives_the_same_entry(name: str, text: str, tmp_path: Path) -> None:
    assert told(file(tmp_path, name, text)) == [("a", "1", True)]


def test_a_pnpm_lock_has_integrity_by_package(tmp_path: Path) -> None:
    text = "packages:\n  a@1.0.0:\n    resolution: {integrity: sha512-x}\n  b@2:\n    resolution: {tarball: u}\n"
    assert [(e.name, e.hashed) for e in file(tmp_path, "pnpm-lock.yaml", text).entries] == [
        ("a", True),
        ("b", False),
    ]


def test_declarations_are_read_from_every_part_of_pyproject(tmp_path: Path) -> None:
    text = """[project]
dependencies = ["Click>=8", "py_yaml ; python_version > '3'"]
[project.optional-dependencies]
x = ["Rich"]
[dependency-groups]
dev = ["pytest", {include-group = "x"}]
[tool.poetry.dependencies]
python = "^3.11"
httpx = "*"
"""
    assert file(tmp_path, "pyproject.toml", text).declared == ("click", "httpx", "py-yaml", "pytest", "rich")


def test_a_risky_index_is_told(tmp_path: Path) -> None:
    found = file(
        tmp_path, "requirements.txt", "--extra-index-url https://a\n--index-url http://b\n--index-url https://c\n"
    )
    assert [o.value for o in found.indexes] == ["https://a", "http://b"]


@pytest.mark.parametrize("name", ["uv.lock", "pyproject.toml", "package.json", "Pipfile.lock", "pnpm-lock.yaml"])
@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[[[", b"{", b"[" * 100_000])
def test_a_broken_file_is_a_problem_and_no_exception(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_file(tmp_path, name).problem


def test_a_file_that_is_gone_is_a_problem(tmp_path: Path) -> None:
    assert "No such file" in read_file(tmp_path, "uv.lock").problem


def test_dependency_files_are_told_by_name() -> None:
    assert all(map(is_dependency_file, ["requirements-dev.txt", "requirements.txt", "uv.lock", "pylock.api.toml"]))
    assert not any(map(is_dependency_file, ["readme.txt", "lock.toml", "packages.json"]))


def test_names_have_one_form() -> None:
    assert normalised("Py_YAML.x--y") == "py-yaml-x-y"


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["packages", "dependencies", "node_modules/a", "version", "default", "hashes"]), inner
        )
    ),
    max_leaves=10,
)


@given(JSONS, st.sampled_from(["package.json", "package-lock.json", "Pipfile.lock"]))
def test_json_of_any_shape_is_read(tmp_path_factory: pytest.TempPathFactory, value: object, name: str) -> None:
    assert isinstance(file(tmp_path_factory.mktemp("l"), name, json.dumps(value)), PackageFile)


@given(st.text(max_size=300), st.sampled_from(sorted(READERS)))
def test_text_of_any_kind_is_read_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, text: str, pattern: str
) -> None:
    name = pattern.replace("*", "x")
    folder = tmp_path_factory.mktemp("l")
    (folder / name).write_text(text, encoding="utf-8", errors="replace")
    assert isinstance(read_file(folder, name), PackageFile)


def test_where_an_entry_comes_from_is_told(tmp_path: Path) -> None:
    text = f"a==1\n./b\nc @ https://x/c.whl\nd @ git+https://x/d@main\ne @ http://x/e.whl#sha256={'a' * 64}\n-e ./f\n"
    found = file(tmp_path, "requirements.txt", text).entries
    assert [(e.source, e.insecure) for e in found] == [
        ("index", False),
        ("path", False),
        ("url", False),
        ("vcs", False),
        ("url", True),
        ("path", False),
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "setup.cfg",
            "[options]\ninstall_requires =\n  Click>=8\n[options.extras_require]\nx = rich\n",
            ("click", "rich"),
        ),
        ("setup.py", "setup(install_requires=['click'])", ("install_requires",)),
        ("setup.py", "setup(install_requires=[])", ()),
        ("requirements.in", "Click>=8\n-c requirements.txt\n", ("click",)),
        ("Pipfile", "[packages]\nClick = '*'\n[dev-packages]\npytest = '*'\n", ("click", "pytest")),
        (
            "environment.yml",
            "dependencies:\n- python=3\n- conda-forge::numpy=1\n- pip:\n  - Flask>2\n",
            ("flask", "numpy"),
        ),
        ("package.json", '{"dependencies": {"a": "^1", "b": "workspace:*", "c": "file:../c"}}', ("a",)),
        (
            "pyproject.toml",
            "[project]\nname='bot'\ndependencies=['click']\n[project.optional-dependencies]\nall=['bot[x]']\n",
            ("click",),
        ),
        (
            "pyproject.toml",
            "[tool.poetry.group.dev.dependencies]\npytest='*'\n[tool.uv]\ndev-dependencies=['ruff']\n",
            ("pytest", "ruff"),
        ),
    ],
)
def test_what_a_file_declares_is_read(name: str, text: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    assert file(tmp_path, name, text).declared == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("conda-lock.yml", "package:\n- {name: numpy, version: '1', hash: {sha256: x}}\n", [("numpy", "1", True)]),
        (
            "conda-linux-64.lock",
            f"@EXPLICIT\nhttps://x/linux-64/py-numpy-1.2-py311_0.conda#{'a' * 32}\n",
            [("py-numpy", "1.2", True)],
        ),
        (
            "yarn.lock",
            '"a@npm:^1":\n  version: 1.0\n  checksum: 10/x\n\n"own@workspace:.":\n  version: 0\n  linkType: soft\n',
            [("a", "1.0", True)],
        ),
        (
            "pnpm-lock.yaml",
            "packages:\n  /@s/b/2.0.0:\n    resolution: {integrity: x}\n  c@1(d@2):\n    resolution: {integrity: x}\n",
            [("@s/b", "2.0.0", True), ("c", "1", True)],
        ),
        (
            "poetry.lock",
            '[[package]]\nname = "a"\nversion = "1"\n[package.source]\ntype = "directory"\nurl = "../a"\n',
            [("a", "1", True)],
        ),
        (
            "uv.lock",
            '[[package]]\nname = "a"\nversion = "1"\nsource = { git = "https://x/a?rev=main#abc" }\n',
            [("a", "1", False)],
        ),
    ],
)
def test_an_entry_has_a_name_a_version_and_a_hash(
    name: str, text: str, expected: list[tuple[str, str, bool]], tmp_path: Path
) -> None:
    assert told(file(tmp_path, name, text)) == expected


def test_utf_16_as_powershell_writes_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("click==8\r\n".encode("utf-16"))
    assert told(read_file(tmp_path, "requirements.txt")) == [("click", "8", False)]


def rules(folder: Path, **files: str) -> list[str]:
    """Run the check on files by name, `_` for a dot; only those that discovery knows are the subject's."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    known = tuple(sorted(n for name in files if is_dependency_file(n := name.replace("__", "."))))
    manifest = Manifest(safecase=1, service=ServiceBlock(id="bot"))
    context = Context(root=folder, manifest=manifest, now=datetime(2026, 1, 1, tzinfo=UTC), seconds=60)
    return [f.rule or f.verdict for f in locked.run(Packages(name="packages:.", folder=".", files=known), context)]


GOOD = f"click==8 --hash={SHA}\n"


def test_an_included_file_is_judged_whatever_its_name(tmp_path: Path) -> None:
    assert rules(tmp_path, requirements__txt="-r base.txt\n", base__txt="click\n") == ["lock.floating"]


def test_an_included_file_that_discovery_does_not_know_leaves_it_unproven(tmp_path: Path) -> None:
    assert rules(tmp_path, requirements__txt="-r base.txt\n", base__txt=GOOD) == ["lock.included"]


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    found = rules(
        tmp_path, requirements__txt="-r requirements-b.txt\n" + GOOD, **{"requirements-b__txt": "-r requirements.txt\n"}
    )
    assert found == ["pass"]


@pytest.mark.parametrize(
    "name", ["../outside.txt", "/etc/hostname", "gone.txt", "https://x/r.txt", "${HOME}/r.txt", "\0"]
)
def test_what_cannot_be_included_leaves_it_unproven(name: str, tmp_path: Path) -> None:
    assert rules(tmp_path, requirements__txt=f"-r {name}\n" + GOOD) == ["lock.included"]


def test_constraints_pin_what_floats_and_need_no_hash_of_their_own(tmp_path: Path) -> None:
    text = f"click --hash={SHA}\n-c constraints.txt\n"
    assert rules(tmp_path, requirements__txt=text, constraints__txt="click==8\nurllib3<2\n") == ["pass"]


def test_a_requirements_file_that_another_takes_versions_from_is_judged_all_the_same(tmp_path: Path) -> None:
    found = rules(tmp_path, requirements__txt="click\n", **{"requirements-dev__txt": "-c requirements.txt\n" + GOOD})
    assert found == ["lock.floating"]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("click", "lock.floating"),
        ("click==8", "lock.unhashed"),
        ("click @ https://x/c.whl", "lock.unpinned-source"),
        ("click @ git+https://x/c@main", "lock.unpinned-source"),
        (f"click @ http://x/c.whl#sha256={'a' * 64}", "lock.insecure-source"),
        ("--extra-index-url https://x/simple", "lock.index-confusion"),
        ("--index-url http://x/simple", "lock.insecure-source"),
    ],
)
def test_each_fault_of_a_line_has_its_own_rule(line: str, rule: str, tmp_path: Path) -> None:
    assert rules(tmp_path, requirements__txt=line + "\n") == [rule]


def test_a_declared_name_that_its_lock_lacks_makes_the_lock_stale(tmp_path: Path) -> None:
    text = "[project]\nname='bot'\ndependencies=['click', 'rich']\n"
    assert rules(tmp_path, pyproject__toml=text, requirements__txt=GOOD) == ["lock.stale"]


def test_a_declaration_without_a_lock_is_found(tmp_path: Path) -> None:
    assert rules(tmp_path, package__json='{"dependencies": {"a": "1"}}') == ["lock.missing"]


@pytest.mark.parametrize("unit", ["install_requires= ", "a==1 \\\n", "-r x ", "[[package]]\n", '"a@', "a-b-"])
def test_a_long_file_of_one_thing_is_read_in_time(unit: str, tmp_path: Path) -> None:
    """Steps are not counted by a clock: what grows with the square would not end within the test's own bound."""
    for name in ("requirements.txt", "setup.py", "yarn.lock", "conda-a.lock", "setup.cfg"):
        assert isinstance(file(tmp_path, name, unit * (400_000 // len(unit))), PackageFile)


@given(st.binary(max_size=200), st.sampled_from(sorted(READERS)))
def test_bytes_of_any_kind_are_read_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, pattern: str
) -> None:
    folder, name = tmp_path_factory.mktemp("l"), pattern.replace("*", "x")
    (folder / name).write_bytes(content)
    assert isinstance(read_file(folder, name), PackageFile)


TOML = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "git", "directory"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["source", "type", "name", "git", "wheels", "vcs"]), inner)
    ),
    max_leaves=6,
)


def in_toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {in_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_toml, value)) + "]"
    return json.dumps(value)


@given(TOML, st.sampled_from(["package", "packages", "project", "tool", "metadata"]))
def test_toml_of_any_shape_is_read(tmp_path_factory: pytest.TempPathFactory, value: object, key: str) -> None:
    folder = tmp_path_factory.mktemp("l")
    for name in ("uv.lock", "pyproject.toml", "Pipfile"):
        assert isinstance(file(folder, name, f"{key} = {in_toml(value)}\n{key}s = [{in_toml(value)}]\n"), PackageFile)
