"""Configuration that belongs to one environment (development, test, production): its settings and where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from safecase.errors import ManifestError
from safecase.readers import yaml_places
from safecase.readers.yaml_places import Document
from safecase.vocabulary import Noun, Place

Environment: TypeAlias = Literal["development", "test", "production"]

MOST_BYTES = 1_000_000
MOST_SETTINGS = 5_000
LONGEST = 2_000

WORDS: dict[str, Environment] = {
    "dev": "development",
    "devel": "development",
    "development": "development",
    "local": "development",
    "sandbox": "development",
    "test": "test",
    "testing": "test",
    "tests": "test",
    "qa": "test",
    "uat": "test",
    "ci": "test",
    "e2e": "test",
    "stage": "test",
    "staging": "test",
    "stg": "test",
    "preprod": "test",
    "preview": "test",
    "prod": "production",
    "prd": "production",
    "production": "production",
    "live": "production",
}
"""Words by which files, hosts and namespaces say which environment they belong to."""
_FOLDERS = frozenset(
    {"overlays", "overlay", "environments", "environment", "envs", "env", "stages", "config", "configs", "deploy"}
)
"""Folders below which a folder or a file is named for its environment."""
_SUFFIXES = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf", ".properties", ".tfvars", ".env", ".py")
_YAML = (".yaml", ".yml", ".json")
_SAMPLE = re.compile(r"(^|[._-])(example|sample|template|dist|default|schema)([._-]|$)", re.IGNORECASE)
_SPLIT = re.compile(r"[^a-z0-9]+")
_LINE = re.compile(
    r"""[ \t]{0,40}(?:export[ \t]+)?["']?([A-Za-z_][\w.-]{0,200})["']?[ \t]{0,40}(?:=|:)[ \t]{0,40}(.*)"""
)


class Setting(Noun, frozen=True):
    """One value of a file, under the name that it has there."""

    name: str
    value: str
    place: Place
    path: tuple[str, ...] = ()
    """The keys above it, where the file nests."""


class NotRead(Exception):  # noqa: N818  an answer of this reader, not a crash
    """A file of settings is not what its name says."""


def environment_of(path: str) -> Environment | None:
    """Say to which environment a file's path says that it belongs; None for a file of none, or of several.

    `.env.production`, `values-prod.yaml`, `docker-compose.dev.yml`, `overlays/prod/…`, `config/production.toml`.
    """
    folders, _, name = path.rpartition("/")
    if _SAMPLE.search(name):
        return None
    dotenv = name == ".env" or name.startswith(".env.") or name.endswith(".env")
    if not dotenv and not name.endswith(_SUFFIXES):
        return None
    steps = folders.lower().split("/") if folders else []
    found: set[Environment] = set()
    if not name.endswith(".py") or steps[-1:] in (["settings"], ["config"]):
        found = {WORDS[word] for word in _SPLIT.split(name.lower()) if word in WORDS}
    for above, step in zip(["", *steps], steps, strict=False):
        if above in _FOLDERS and step in WORDS:
            found.add(WORDS[step])
    return found.pop() if len(found) == 1 else None


def word_of(text: str) -> Environment | None:
    """Say which environment a host, a bucket or a namespace is named for; None for none, or for several."""
    found = {WORDS[word] for word in _SPLIT.split(text.lower()) if word in WORDS and word not in ("local", "tests")}
    return found.pop() if len(found) == 1 else None


def settings_in(content: bytes, file: str) -> tuple[Setting, ...]:
    """Give the settings of a file, in its order; raises NotRead."""
    if len(content) > MOST_BYTES:
        raise NotRead(f"is larger than {MOST_BYTES // 1_000_000} MB")
    found = _of_yaml(content, file) if file.endswith(_YAML) else _of_lines(content, file)
    settings = []
    for setting in found:
        settings.append(setting)
        if len(settings) > MOST_SETTINGS:
            raise NotRead(f"holds more than {MOST_SETTINGS} settings")
    return tuple(settings)


def _of_lines(content: bytes, file: str) -> Iterator[Setting]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        raise NotRead("is not UTF-8") from why
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LINE.fullmatch(line[:LONGEST])
        if found is not None and not line.lstrip().startswith(("#", ";", "//")):
            yield Setting(name=found[1], value=_bare(found[2]), place=Place(file=file, line=number))


def _bare(value: str) -> str:
    value = value.strip().rstrip(",")
    if len(value) > 1 and value[0] in "\"'" and value[0] in value[1:]:
        return value[1 : value.index(value[0], 1)]
    return re.split(r"[ \t]#", value, maxsplit=1)[0].rstrip()


def _of_yaml(content: bytes, file: str) -> Iterator[Setting]:
    try:
        documents = yaml_places.read_all(content, file, most_bytes=MOST_BYTES, any_keys=True)
    except ManifestError as why:
        told = "is a template; render it first" if b"{{" in content else f"cannot be read: {why.message}"
        raise NotRead(told) from why
    for document in documents:
        yield from _below(document, document.value, ())


def _below(document: Document, value: Any, steps: tuple[str | int, ...]) -> Iterator[Setting]:
    """Every scalar with its name; a list of `{name, value}` and of `NAME=value` (containers) names what it holds."""
    if isinstance(value, dict):
        name, held = value.get("name"), value.get("value")
        if isinstance(name, str) and isinstance(held, str | int | float) and steps and isinstance(steps[-1], int):
            yield _setting(document, name, held, (*steps, "value"))
            return
        for key, inner in value.items():
            yield from _below(document, inner, (*steps, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _below(document, inner, (*steps, index))
    elif isinstance(value, str | int | float):
        name, sign, held = value.partition("=") if isinstance(value, str) else ("", "", "")
        if steps and isinstance(steps[-1], int) and sign and name.isidentifier():
            yield _setting(document, name, held, steps)
        else:
            word = next((step for step in reversed(steps) if isinstance(step, str)), "")
            yield _setting(document, word, value, steps)


def _setting(document: Document, name: str, value: Any, steps: tuple[str | int, ...]) -> Setting:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)[:LONGEST]
    return Setting(
        name=name,
        value=text,
        place=document.place(steps),
        path=tuple(step for step in steps[:-1] if isinstance(step, str)),
    )
