"""Media that a service makes: samples that lie here, and what its endpoint makes when it is asked."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from safecase.checks import Context
from safecase.errors import CollectError
from safecase.readers.media.credentials import MOST_BYTES, is_media
from safecase.readers.text import shown
from safecase.service.schema import Endpoint
from safecase.targets.connection import Answer, Connection
from safecase.targets.permission import allowed
from safecase.vocabulary import Place

MOST_SAMPLES: Final = 200
_UNREAD: Final = (".gif", ".tif", ".tiff", ".mp3", ".flac", ".ogg", ".opus", ".webm", ".mkv", ".svg", ".pdf", ".jxl")
_WISHES: Final = ("response_format", "size", "voice")


class Sample(NamedTuple):
    """One picture, sound or film."""

    name: str
    content: bytes
    place: Place


def samples(ctx: Context, names: Sequence[str]) -> Iterator[Sample | CollectError]:
    """Give the media in files and folders, or why they cannot be read."""
    for name in names:
        if not ctx.path(name).exists():
            yield CollectError(f"{shown(name)} is not there", mend="correct `media`, or make the samples first")
    files = [file for name in names for file in _files(ctx, name)]
    if len(files) > MOST_SAMPLES:
        yield CollectError(f"only the first {MOST_SAMPLES} of {len(files)} samples were read", mend="declare fewer")
    for file in files[:MOST_SAMPLES]:
        name = str(file.relative_to(ctx.root.resolve()))
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            yield CollectError(f"{shown(name)} has more than {MOST_BYTES // 1024**2} MiB", mend="take a smaller one")
        elif is_media(content) or file.suffix.lower() in _UNREAD:
            yield Sample(name, content, Place(file=name))


def _files(ctx: Context, name: str) -> list[Path]:
    path = ctx.path(name)
    found = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file for file in found if file.is_file() and file.resolve().is_relative_to(ctx.root.resolve())]


def asked(endpoint: Endpoint, ctx: Context) -> Iterator[Sample]:
    """Have the endpoint make a picture or a sentence of speech, as `ai.kind` says; raises CollectError."""
    wanted: dict[str, tuple[str, dict[str, Any]]] = {
        "image_gen": (
            "/images/generations",
            {"prompt": "A red tulip on plain ground.", "n": 1, "size": "256x256", "response_format": "b64_json"},
        ),
        "speech_gen": ("/audio/speech", {"input": "Good morning.", "voice": "alloy", "response_format": "wav"}),
    }
    permission = allowed(ctx.secret(endpoint.url), ctx.owned)
    key = ctx.secret(endpoint.key)
    connection = Connection(permission, timeout_s=endpoint.timeout_s, remaining=ctx.remaining)
    try:
        for kind in ctx.manifest.ai.kind:
            if kind in wanted:
                path, body = wanted[kind]
                headers = {"authorization": f"Bearer {key}"} if key else {}
                body = body | ({"model": endpoint.model} if endpoint.model else {})
                answer = _made(connection, permission.path + path, headers, body)
                content = answer.body if kind == "speech_gen" else _picture(answer)
                yield Sample(f"what {path} made", content, ctx.place("deployment.endpoint"))
    finally:
        connection.close()


def _made(connection: Connection, path: str, headers: dict[str, str], body: dict[str, Any]) -> Answer:
    """Ask once for each wish that it may not know."""
    for _ in _WISHES:
        answer = connection.exchange("POST", path, headers=headers, body=body)
        param = _error(answer) if answer.status == 400 else ""
        if param not in _WISHES or param not in body:
            break
        body = {name: value for name, value in body.items() if name != param}
    if answer.status >= 300:
        raise CollectError(f"{path} answers HTTP {answer.status}", mend="declare samples of what it makes instead")
    return answer


def _error(answer: Answer) -> str:
    try:
        return str(msgspec.json.decode(answer.body)["error"]["param"])
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        return ""


def _picture(answer: Answer) -> bytes:
    try:
        return base64.b64decode(msgspec.json.decode(answer.body)["data"][0]["b64_json"], validate=True)
    except (msgspec.DecodeError, RecursionError, LookupError, TypeError, binascii.Error, ValueError) as why:
        raise CollectError(
            "the endpoint's answer holds no picture as b64_json", mend="let it, or declare samples of what it makes"
        ) from why
