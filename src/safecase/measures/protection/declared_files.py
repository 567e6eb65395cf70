"""The files of `deployment.manifests`, bounded, and how lists in them are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from safecase.checks import Context
from safecase.errors import CollectError
from safecase.readers.text import shown

MOST_FILES: Final = 500
MOST_BYTES: Final = 2_000_000


def declared_files(ctx: Context) -> Iterator[tuple[str, bytes]]:
    """Give path and beginning of each declared file; of a folder, of all that is in it."""
    root = ctx.root.resolve()
    for name in ctx.manifest.deployment.manifests:
        path = ctx.path(name)
        for one in sorted(path.rglob("*"))[:MOST_FILES] if path.is_dir() else [path]:
            try:
                if one.is_file() and one.resolve().is_relative_to(root):
                    with one.open("rb") as file:
                        yield str(one.relative_to(root)), file.read(MOST_BYTES)
            except OSError as why:
                raise CollectError(f"{shown(name)} cannot be read: {why.strerror}", mend="correct it") from why


def dicts(value: Any) -> list[dict[str, Any]]:  # as YAML has it
    """Give the mappings of a list; anything else has none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
