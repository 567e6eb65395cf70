"""Locks and declarations of packages: exact versions and hashes are seen in every format, and no file breaks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.readers.locks import READERS, PackageFile, is_dependency_file, normalised, read_file
from safecase.readers.requirements_txt import Option, Requirement, parse

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
    text = "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: sha512-x}\n  b@2:\n    resolution: {tarball: u}\n"
    assert [(e.name, e.hashed) for e in file(tmp_path, "pnpm-lock.yaml", text).entries] == [
        ("a@1.0.0", True),
        ("b@2", False),
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
