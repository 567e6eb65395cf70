"""From what is typed, or declared, to a target that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from safecase.errors import CollectError, SafecaseError, UsageError
from safecase.readers.text import shown
from safecase.service import read
from safecase.service.references import resolve
from safecase.service.schema import Endpoint, Manifest
from safecase.targets.cached import Cached
from safecase.targets.described import Described, open_described, read_target
from safecase.targets.dialects import DIALECTS
from safecase.targets.embedded import tiny
from safecase.targets.permission import allowed
from safecase.targets.remote import RemoteTarget
from safecase.targets.target import AsyncTarget
from safecase.targets.wire import Wire

MOST_PROMPT: Final = 256 * 1024
_MOST_SERVICES: Final = 500
_URLS: Final = ("http://", "https://", "ws://", "wss://")


def describe(text: str) -> tuple[Described, Path]:
    """Say what a user means, and the folder below which its references lie; raises a SafecaseError where nothing is.

    A URL, `local:tiny`, `python:module:function` or `file.py:function`, a transcript (`.jsonl`), a service (its folder
    or its safecase.yaml, with `#ID` one of several), and else a target file.
    """
    here = Path()
    if text.startswith(_URLS):
        return Described(base_url=text.rstrip("/")), here
    if text == tiny.NAME:
        return Described(base_url=text, canary=tiny.CANARY, system_prompt=tiny.PROMPT, timeout_s=120.0), here
    if text.startswith("python:") or ".py:" in text:
        return Described(python=text.removeprefix("python:")), here
    name, _, which = text.partition("#")
    path = Path(name)
    if path.suffix == ".jsonl":
        return Described(transcript=path.name), path.parent
    if which or path.is_dir() or path.name in read.NAMES:
        return _of_service(path, which)
    return read_target(path), path.parent


def open_target(
    text: str, *, owned: Sequence[str] = (), at_once: int = 8, cache: bool = False
) -> tuple[Described, AsyncTarget]:
    """Open what a user means; raises a SafecaseError where it may not, or cannot, be asked."""
    found, root = describe(text)
    target = open_described(found, root, owned=owned, at_once=at_once)
    return found, Cached(target, repr(found)) if cache else target


def open_endpoint(
    endpoint: Endpoint, *, secret: Callable[[str], str], owned: Sequence[str], at_once: int
) -> AsyncTarget:
    """Open the declared endpoint; raises CollectError where it may not, or cannot, be asked.

    `secret` resolves references, `owned` are the hosts of `--i-own-this-target`.
    """
    _check_api(endpoint)
    key = secret(endpoint.key)
    if key and not (key.isascii() and key.isprintable()):
        raise CollectError("the endpoint's key has signs that no header can carry", mend="correct the key")
    wire = Wire(allowed(secret(endpoint.url), owned), most=at_once, timeout_s=endpoint.timeout_s)
    identities = {"": {"authorization": f"Bearer {key}"}} if key else None
    return RemoteTarget(wire, DIALECTS["chat"], model=endpoint.model, identities=identities)


def _check_api(endpoint: Endpoint) -> None:
    if endpoint.api != "openai":
        raise CollectError(
            f"nobody said how an endpoint of kind {endpoint.api} is asked",
            mend="put an OpenAI-compatible route in front of it, or describe its requests in a target file",
        )


def _of_service(path: Path, which: str) -> tuple[Described, Path]:
    """Describe the endpoint that a manifest declares, with what is known of it there."""
    service = read.read(_manifest(path, which))
    manifest = service.manifest
    endpoint = read.endpoint_of(manifest)
    if endpoint is None:
        raise UsageError(
            f"{shown(str(service.path))} declares no endpoint", mend="add deployment.endpoint, with url and model"
        )
    _check_api(endpoint)
    described = Described(
        base_url=endpoint.url,
        model=endpoint.model,
        key=endpoint.key,
        timeout_s=endpoint.timeout_s,
        canary=_canary(manifest, service.root),
        system_prompt="\n\n".join(_prompts(manifest, service.root)),
    )
    return described, service.root


def _canary(manifest: Manifest, root: Path) -> str:
    return resolve(manifest.testing.attacks.canary, root).strip()


def _prompts(manifest: Manifest, root: Path) -> Iterator[str]:
    for name in manifest.ai.system_prompts:
        try:
            with (root / name).open("rb") as file:
                yield file.read(MOST_PROMPT).decode("utf-8", "replace")
        except OSError as why:
            raise CollectError(
                f"{shown(name)} cannot be read: {why.strerror}", mend="correct ai.system_prompts in safecase.yaml"
            ) from why


def _manifest(path: Path, which: str) -> Path:
    """Find a service's manifest: the one that is named, or that of the service `which` in a folder or just below."""
    start = path if path.is_dir() else path.parent
    if not which:
        return read.find(path) if path.is_dir() else path
    found = [path] if path.is_file() else sorted(file for name in read.NAMES for file in _below(start, name))
    known: list[str] = []
    for one in found[:_MOST_SERVICES]:
        try:
            known.append(read.read(one).manifest.service.id)
        except SafecaseError:
            continue  # another service's fault
        if known[-1] == which:
            return one
    raise UsageError(
        f"{shown(str(path))} has no service {shown(which)}",
        mend=f"there are {', '.join(known[:20])}" if known else "give the folder of a safecase.yaml",
    )


def _below(start: Path, name: str) -> Iterator[Path]:
    yield from start.glob(name)
    yield from start.glob(f"*/{name}")
