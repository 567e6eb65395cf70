"""Model servers, stores and models in Compose, Kubernetes and Helm files and in Dockerfiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from safecase.errors import ManifestError
from safecase.readers import yaml_places
from safecase.readers.uses import known
from safecase.readers.uses.use import Use
from safecase.readers.yaml_places import Document, Steps

WORTH = re.compile(rb"\b(?:image|repository|environment|env)[\"']?\s*:")
_LINE = re.compile(r"""^\s*(?:-\s+)?["']?(?:image|repository)["']?\s*:\s*["']?([^\s"'#{}]{2,300})""")
_FROM = re.compile(r"^\s*(?:FROM\s+(?:--\S+\s+)?|COPY\s+--from=)(\S{2,300})", re.IGNORECASE)
_SET = re.compile(r"^\s*(?:ENV|ARG)\s+([A-Z][A-Z0-9_]{1,79})", re.IGNORECASE)
_PULL = re.compile(r"\bollama\s+(?:pull|run)\s+([\w.:/-]{2,80})")
_FLAGS = {"--model": "model", "--model-id": "model", "--model-path": "model", "--revision": "revision"}
_ACCELERATOR = re.compile(r"(nvidia|amd|intel|google|aws\.amazon|habana)\.(com|ai)/(gpu|tpu|neuron|gaudi|mig-[\w.]+)")


def is_dockerfile(path: str) -> bool:
    """Say by its name whether a file builds an image."""
    name = path.rpartition("/")[2]
    return name in ("Dockerfile", "Containerfile") or name.startswith("Dockerfile.") or name.endswith(".Dockerfile")


def read_dockerfile(path: str, text: str) -> Iterator[Use]:
    """Give what an image is built from, what it pulls, and the variables that it names."""
    for number, row in enumerate(text.splitlines(), start=1):
        if row.lstrip().startswith("#"):
            continue
        built = _FROM.match(row)
        part = known.image(built[1]) if built else None
        if built and part:
            yield _use(path, number, part, built[1])
        named = _SET.match(row)
        if named and known.variable(named[1]):
            yield Use(kind="env_var", name=named[1], path=path, line=number)
        pulled = _PULL.search(row)
        if pulled:
            yield _pulled(path, number, pulled[1])


def read_yaml(path: str, content: bytes) -> tuple[tuple[Use, ...], str]:
    """Give what runs by the files of an orchestrator, and what is wrong with the file where it is no YAML."""
    try:
        documents = list(yaml_places.read_all(content, path, any_keys=True))
    except ManifestError as why:
        rows = content.decode("utf-8", "replace").splitlines()
        return tuple(_by_line(path, rows)), why.message
    found = [use for document in documents for use in _walk(document, document.value, ())]
    return tuple(dict.fromkeys(found)), ""


def _by_line(path: str, rows: list[str]) -> Iterator[Use]:
    """What can be seen of a template (Helm), line by line."""
    for number, row in enumerate(rows, start=1):
        found = _LINE.match(row)
        part = known.image(found[1]) if found else None
        if found and part:
            yield _use(path, number, part, found[1])


def _walk(document: Document, value: Any, steps: Steps) -> Iterator[Use]:
    if len(steps) > yaml_places.DEEPEST:
        return
    if isinstance(value, dict):
        yield from _container(document, value, steps)
        yield from _reached(document, value, steps)
        yield from _accelerated(document, value, steps)
        for name, inner in value.items():
            yield from _walk(document, inner, (*steps, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(document, inner, (*steps, index))


def _container(document: Document, value: dict[str, Any], steps: Steps) -> Iterator[Use]:
    file = document.file
    named = value.get("image")
    where: Steps = (*steps, "image")
    if isinstance(named, dict):  # the values of a chart
        named, where = named.get("repository"), (*where, "repository")
    part = known.image(named) if isinstance(named, str) else None
    if part is not None and isinstance(named, str):
        yield _use(file, document.place(where).line, part, named)
        words = [*_words(document, value, steps, "command"), *_words(document, value, steps, "args")]
        yield from _served(file, part, words)
    yield from _variables(document, value, steps)
    for text, line in _words(document, value, steps, "command"):
        pulled = _PULL.search(text)
        if pulled:
            yield _pulled(file, line, pulled[1])


def _words(document: Document, value: dict[str, Any], steps: Steps, key: str) -> list[tuple[str, int]]:
    held = value.get(key)
    if isinstance(held, str):
        line = document.place((*steps, key)).line
        return [(word, line) for word in (held.split() if "ollama" not in held else [held])]
    if isinstance(held, list):
        return [(str(w), document.place((*steps, key, i)).line) for i, w in enumerate(held) if isinstance(w, str)]
    return []


def _served(file: str, part: known.Part, words: list[tuple[str, int]]) -> Iterator[Use]:
    """`--model org/name`, `--model=org/name`, `vllm serve org/name`, `--revision …`."""
    said: dict[str, tuple[str, int]] = {}
    for index, (word, line) in enumerate(words):
        flag, sign, inline = word.partition("=")
        following = words[index + 1] if index + 1 < len(words) else ("", line)
        if flag in _FLAGS:
            said.setdefault(_FLAGS[flag], (inline, line) if sign else following)
        elif word == "serve" and not following[0].startswith("-"):
            said.setdefault("model", following)
    if "model" in said and re.fullmatch(r"[\w./@:-]{2,160}", said["model"][0]):
        revision = said.get("revision", ("", 0))[0]
        local = said["model"][0].startswith(("/", "."))
        yield Use(
            kind="model_artifact" if local else "model", name=part.name, model=said["model"][0], path=file,
            line=said["model"][1], makes=part.makes, hosting="self_hosted", origin="own" if local else "hub",
            revision=revision, pinned=None if local else bool(known.DATED_HUB.match(revision)),
        )  # fmt: skip


def _variables(document: Document, value: dict[str, Any], steps: Steps) -> Iterator[Use]:
    for key in ("environment", "env"):
        held = value.get(key)
        if isinstance(held, dict):
            named = [(str(name), (*steps, key, name)) for name in held]
        elif isinstance(held, list):
            named = [
                (str(one.get("name")) if isinstance(one, dict) else str(one).partition("=")[0], (*steps, key, index))
                for index, one in enumerate(held)
            ]
        else:
            continue
        for name, where in named:
            if known.variable(name):
                yield Use(kind="env_var", name=name, path=document.file, line=document.place(where).line)


def _reached(document: Document, value: dict[str, Any], steps: Steps) -> Iterator[Use]:
    """An Ingress, or a Service with an address of its own, is a door to the outside."""
    if steps or "apiVersion" not in value:
        return
    kind = value.get("kind")
    spec = value.get("spec")
    service = kind == "Service" and isinstance(spec, dict) and spec.get("type") == "LoadBalancer"
    if kind in ("Ingress", "HTTPRoute") or service:
        told = f"a {kind} of type LoadBalancer" if service else f"an {kind}"
        yield Use(
            kind="exposure", name="public", path=document.file, line=document.place(("kind",)).line,
            because=f"{told} lets callers in; say authenticated where all of them log in", hosting="self_hosted",
        )  # fmt: skip


def _accelerated(document: Document, value: dict[str, Any], steps: Steps) -> Iterator[Use]:
    """`nvidia.com/gpu: 1` of Kubernetes, and `driver: nvidia` of Compose."""
    for key, inner in value.items():
        if _ACCELERATOR.fullmatch(key) or (key == "driver" and inner == "nvidia"):
            name = key if key != "driver" else "nvidia"
            yield Use(kind="accelerator", name=name, path=document.file, line=document.key_place((*steps, key)).line)


def _use(path: str, line: int, part: known.Part, image: str) -> Use:
    server = part.kind in ("model_server", "vector_store")
    return Use(
        kind=part.kind, name=part.name, path=path, line=line, model="", makes=part.makes, version=image[:200],
        hosting="self_hosted" if server and part.kind == "model_server" else "", pinned="@sha256:" in image,
        origin="public_registry" if part.kind == "mcp_server" else "",
        effect=known.effect_of(part.name)[0] if part.kind == "mcp_server" else "",
    )  # fmt: skip


def _pulled(path: str, line: int, name: str) -> Use:
    return Use(
        kind="model", name="ollama", model=name, path=path, line=line, makes="" if "embed" in name else "llm",
        hosting="self_hosted", origin="hub", pinned=False,
    )  # fmt: skip
