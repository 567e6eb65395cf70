"""Digests of files: right after every change, and read once while nothing changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from safecase.errors import CollectError
from safecase.readers.repository import list_files
from safecase.service.digests import Digests, of_parts, of_value

OLD = 1_600_000_000


def digest(folder: Path, memory: Path | None) -> str:
    digests = Digests(folder, memory)
    found = digests.file(list_files(folder).entries[0])
    digests.save()
    return found


def test_a_settled_file_is_remembered_and_a_change_is_seen(tmp_path: Path) -> None:
    folder, memory = tmp_path / "s", tmp_path / "memory.json"
    folder.mkdir()
    file = folder / "a.bin"
    file.write_bytes(b"one")
    os.utime(file, (OLD, OLD))
    assert digest(folder, memory) == hashlib.sha256(b"one").hexdigest()
    assert b"a.bin" in memory.read_bytes()
    file.write_bytes(b"two")
    assert digest(folder, memory) == hashlib.sha256(b"two").hexdigest()


def test_a_file_changed_just_now_is_not_remembered(tmp_path: Path) -> None:
    folder, memory = tmp_path / "s", tmp_path / "memory.json"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"one")
    digest(folder, memory)
    assert not memory.exists()


def test_a_broken_memory_is_as_good_as_none(tmp_path: Path) -> None:
    folder, memory = tmp_path / "s", tmp_path / "memory.json"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"one")
    memory.write_bytes(b"\xff{")
    assert digest(folder, memory) == hashlib.sha256(b"one").hexdigest()


def test_a_file_that_went_away_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"one")
    entry = list_files(tmp_path).entries[0]
    (tmp_path / "a.bin").unlink()
    with pytest.raises(CollectError, match="cannot be read"):
        Digests(tmp_path, None).file(entry)


def test_parts_and_values_have_one_digest_whatever_their_order() -> None:
    assert of_parts({"a": "1", "b": "2"}) == of_parts({"b": "2", "a": "1"}) != of_parts({"a": "2", "b": "1"})
    assert of_value({"a": 1, "b": 2}) == of_value({"b": 2, "a": 1})
