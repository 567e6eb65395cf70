"""Artefacts by their digest: what a check kept of what it saw."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from safecase.errors import EvidenceError, UsageError
from safecase.evidence import durable
from safecase.evidence.record import bare
from safecase.readers import regular_files
from safecase.readers.text import shown
from safecase.vocabulary import digest_of

MOST_BYTES = 256 * 1024 * 1024
"""Of one artefact: checks keep at most 32 MiB, other programs may keep more."""

_HEX = re.compile(r"[0-9a-f]{64}")


def keep(folder: Path, objects: Mapping[str, bytes]) -> None:
    """Keep artefacts so that they outlast a power cut; one that is there already, whole, is left alone."""
    fresh = set()
    for digest, content in objects.items():
        if digest_of(content) != f"sha256:{bare(digest)}":
            raise UsageError(f"the artefact {shown(digest)} has another digest", mend="name it with digest_of(content)")
        file = _file(folder, digest)
        if file.parent.is_symlink():
            message = f"the artefact {shown(digest)} would be written through the link {shown(str(file.parent), 200)}"
            raise EvidenceError(message, mend="remove the link", exit_code=3)
        if _holds(file, content):
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        durable.write(file, content)
        fresh.add(file.parent)
    for parent in fresh:
        durable.sync_folder(parent)
    if fresh:
        durable.sync_folder(folder)


def load(folder: Path, digest: str) -> bytes:
    """Give an artefact, checked against its digest."""
    file = _file(folder, digest)
    try:
        content = regular_files.read(file, most=MOST_BYTES)
    except FileNotFoundError:
        raise UsageError(
            f"the ledger keeps no artefact {digest}", mend="safecase evidence show names those it keeps"
        ) from None
    except OSError as why:
        raise EvidenceError(f"the artefact {digest} cannot be read: {why.strerror}", exit_code=3) from why
    if digest_of(content) != f"sha256:{bare(digest)}":
        raise EvidenceError(
            f"the artefact {digest} was changed", mend="restore the ledger, or assess again into a new one"
        )
    return content


def clear_remnants(folder: Path) -> None:
    """Delete what a process that was killed left half written."""
    for file in folder.glob(f"*/{durable.PREFIX}*"):
        with contextlib.suppress(OSError):
            file.unlink()


def _holds(file: Path, content: bytes) -> bool:
    try:
        return regular_files.read(file, most=len(content)) == content
    except OSError:
        return False


def is_digest(text: str) -> bool:
    """Say whether a text names an artefact by its SHA-256."""
    return _HEX.fullmatch(bare(text)) is not None


def _file(folder: Path, digest: str) -> Path:
    if not is_digest(digest):
        raise UsageError(f"`{shown(digest)}` is no SHA-256 digest", mend="give sha256: and 64 hexadecimal digits")
    plain = bare(digest)
    return folder / plain[:2] / plain[2:]
