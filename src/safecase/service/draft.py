"""From what was found in a repository, and a person's answers, to the text of a `safecase.yaml`. Pure: no files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from safecase.errors import ManifestError
from safecase.readers.text import shown
from safecase.readers.uses.projects import Project
from safecase.readers.uses.use import Use
from safecase.service.draft_models import datasets, models
from safecase.service.draft_parts import deployment, endpoint, hints, kinds, memory, outputs, rag, tools
from safecase.service.drafted import Drafted, Said, block, slug
from safecase.service.read import ServiceDescription, from_bytes
from safecase.vocabulary import Noun

Answers: TypeAlias = Mapping[str, Any]  # by key of the manifest: what YAML can hold

SCHEMA = ".safecase/schema.json"
ORDER = ("service", "ai", "deployment", "models", "datasets", "rag", "tools", "memory", "data", "outputs", "settings")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@+-]*\Z")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"})


class Draft(Noun, frozen=True):
    """A manifest that loads, and what is to be told of it."""

    text: str
    service: ServiceDescription
    notes: tuple[str, ...]


class Source(Noun, frozen=True):
    """What a draft is made of."""

    project: Project
    folder: str
    """The name of the folder: the service's own where nothing else names it."""
    uses: tuple[Use, ...]
    """With paths relative to the service's folder."""
    deployments: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    looked: int = 0


def draft(source: Source, answers: Answers | None = None) -> Draft:
    """Give the manifest; a value that our own reader would refuse is left out, and told."""
    drafted = _drafted(source)
    for key, value in (answers or {}).items():
        _answer(drafted, key, value)
    notes = list(drafted.notes)
    for _ in range(30):
        text, keys = rendered(drafted, source.looked)
        try:
            return Draft(text=text, service=from_bytes(text.encode(), Path("safecase.yaml")), notes=tuple(notes))
        except ManifestError as why:
            at = sorted({f.place.line for f in why.faults if f.place}, reverse=True)
            for line in at:
                key = next((keys[n] for n in range(line, 0, -1) if n in keys), "")
                if key and drafted.drop(key):
                    notes.append(f"{key} was left out: {shown(why.faults[0].message, 120)}")
    minimal = Drafted()
    minimal.say("service.id", "service")
    text, _ = rendered(minimal, source.looked)
    return Draft(
        text=text, service=from_bytes(text.encode(), Path("safecase.yaml")), notes=(*notes, "all was left out")
    )


def _drafted(source: Source) -> Drafted:
    made = Drafted()
    project = source.project
    made.say("service.id", slug(project.name or source.folder) or "service", place=project.name_place)
    if project.name and project.name != made.values["service.id"].value:
        made.say("service.name", project.name, place=project.name_place)
    if project.purpose:
        made.say("service.purpose", project.purpose, place=project.purpose_place)
    uses = [use for use in source.uses if use.confidence != "low"]
    kinds(made, uses, project)
    deployment(made, uses, source.deployments)
    made.blocks["models"] = models(uses, made.notes)
    endpoint(made, uses)
    made.blocks["datasets"] = datasets(uses, made.notes)
    rag(made, uses)
    made.blocks["tools"] = tools(uses, made.notes)
    made.hints.update(hints(made, uses))
    memory(made, uses)
    made.blocks["outputs"] = outputs(uses)
    if source.exclude:
        made.say("settings.exclude", tuple(source.exclude), guess="a service of its own, with its own safecase.yaml")
    return made


def _answer(made: Drafted, key: str, value: Any) -> None:
    """Put an answer where it belongs; one about every block of a list goes into each that does not say it."""
    parent, _, last = key.rpartition(".")
    if key in ("models", "datasets", "tools", "data"):
        if value == () and not made.blocks.get(key):
            made.empty.add(key)
        return
    if parent in ("models", "datasets", "tools") and made.blocks.get(parent):
        given = value[0] if isinstance(value, tuple) and last != "classes" else value
        for one in made.blocks[parent]:
            one.setdefault(last, Said(value=given))
    elif parent == "models":
        given = value[0] if isinstance(value, tuple) else value
        made.blocks["models"] = [{"id": Said(value="model"), last: Said(value=given)}]
    elif key == "outputs.to":
        made.blocks["outputs"] = [block(to=Said(value=to)) for to in value]
    elif key == "data.classes":
        made.blocks["data"] = [block(id=Said(value="data"), classes=Said(value=tuple(value)))]
    elif key == "rag.sources" and value:
        if not made.blocks.get("rag.sources"):
            made.blocks["rag.sources"] = [block(id=Said(value=str(v)), trust=Said(value=v)) for v in value]
    elif parent not in ("models", "datasets", "tools", "rag.sources"):
        made.values[key] = Said(value=value)


# text


def rendered(made: Drafted, looked: int = 0) -> tuple[str, Mapping[int, str]]:
    """Give the text, and the key that stands in each line of it."""
    lines = [
        f"# yaml-language-server: $schema=./{SCHEMA}",
        f"# Drafted by `safecase init` from {looked} files. What was found names its file and line; a guess says so.",
        "# Correct it, and commit it: `safecase explain KEY` tells what a key means.",
        "safecase: 1",
    ]
    keys: dict[int, str] = {}
    for top in ORDER:
        values = {k.partition(".")[2]: v for k, v in made.values.items() if k.partition(".")[0] == top}
        held = made.blocks.get(top)
        if top in made.empty and not held:
            lines.append(f"{top}: []")
            keys[len(lines)] = top
        elif held:
            lines.append(f"{top}:")
            for index, one in enumerate(held):
                lines.append(f"  - {_flow(one)}{_told(*one.values())}")
                keys[len(lines)] = f"{top}.{index}"
        elif values or made.blocks.get(f"{top}.sources"):
            lines.append(f"{top}:")
            _mapping(lines, keys, top, values, made)
        if top in made.hints and not (held or top in made.empty or (top == "ai" and "ai.kind" in made.values)):
            lines.append(made.hints[top])
        if top == "service" and "service.owner" not in made.values:
            lines.append("  # owner: you@example.org  # who answers for it")
    return "\n".join([*lines, ""]), keys


def _mapping(lines: list[str], keys: dict[int, str], top: str, values: Mapping[str, Said], made: Drafted) -> None:
    nested: dict[str, dict[str, Said]] = {}
    for key, said in values.items():
        outer, dot, inner = key.partition(".")
        if dot:
            nested.setdefault(outer, {})[inner] = said
            continue
        if isinstance(said.value, tuple) and said.places:
            lines.append(f"  {key}:")
            keys[len(lines)] = f"{top}.{key}"
            for value, place in zip(said.value, said.places, strict=True):
                lines.append(f"    - {_scalar(value)}{_comment(place)}")
                keys[len(lines)] = f"{top}.{key}"
        else:
            lines.append(f"  {key}: {_value(said.value)}{_told(said)}")
            keys[len(lines)] = f"{top}.{key}"
    for outer, inner_values in nested.items():
        lines.append(f"  {outer}: {_flow(inner_values)}{_told(*inner_values.values())}")
        keys[len(lines)] = f"{top}.{outer}"
    for index, one in enumerate(made.blocks.get(f"{top}.sources", ())):
        if index == 0:
            lines.append("  sources:")
        lines.append(f"    - {_flow(one)}{_told(*one.values())}")
        keys[len(lines)] = f"{top}.sources.{index}"


def _flow(values: Mapping[str, Said]) -> str:
    return "{" + ", ".join(f"{key}: {_value(said.value)}" for key, said in values.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_scalar(one) for one in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = shown(str(value), 1000)
    if _PLAIN.match(text) and text.lower() not in _RESERVED:
        return text
    return json.dumps(text, ensure_ascii=False)


def _told(*said: Said) -> str:
    """Give the comment of a line: where its values were found, each place once, then what is guessed."""
    places = list(dict.fromkeys(place for one in said for place in (one.place, *one.more) if place))
    guesses = list(dict.fromkeys(one.guess for one in said if one.guess))
    parts = [", ".join(places)] if places else []
    parts += [f"guess: {'; '.join(guesses)}"] if guesses else []
    return _comment("; ".join(parts))


def _comment(text: str) -> str:
    return f"  # {shown(text, 300)}" if text else ""


def paths_below(folder: str, uses: Iterable[Use]) -> tuple[Use, ...]:
    """Give the uses below a folder, with paths relative to it."""
    if not folder:
        return tuple(uses)
    start = folder + "/"
    return tuple(_relative(use, start) for use in uses if use.path.startswith(start))


def _relative(use: Use, start: str) -> Use:
    model = use.model.removeprefix(start) if use.kind in ("model_artifact", "dataset") else use.model
    return msgspec.structs.replace(use, path=use.path.removeprefix(start), model=model)
