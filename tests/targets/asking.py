"""Asks what a target file describes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safecase.readers.conversations import said
from safecase.targets.described import open_described, read_target
from safecase.targets.target import Ask, Reply, Unanswered


def replies(file: dict[str, Any] | Path, asks: Sequence[Ask | str], folder: Path = Path()) -> list[Reply | Unanswered]:
    """Ask one thing after another, and give what came of each."""
    if isinstance(file, dict):
        (folder / "target.json").write_bytes(msgspec.json.encode(file))
        file = folder / "target.json"
    found = read_target(file)

    async def whole() -> list[Reply | Unanswered]:
        target = open_described(found, folder, owned=(), at_once=4)
        came: list[Reply | Unanswered] = []
        try:
            for one in asks:
                try:
                    came.append(await target.ask(Ask(conversation=said(one)) if isinstance(one, str) else one))
                except Unanswered as why:
                    came.append(why)
        finally:
            await target.close()
        return came

    return asyncio.run(whole())


def reply(file: dict[str, Any] | Path, one: Ask | str = "x", folder: Path = Path()) -> Reply:
    (found,) = replies(file, [one], folder)
    assert isinstance(found, Reply), found
    return found


def fault(file: dict[str, Any] | Path, one: Ask | str = "x", folder: Path = Path()) -> Unanswered:
    (found,) = replies(file, [one], folder)
    if isinstance(found, Reply):
        pytest.fail(f"it answered: {found.text}")
    return found
