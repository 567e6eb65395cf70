"""Names of AI variables in .env files. A value is never read: it may be a key."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safecase.readers.uses import known
from safecase.readers.uses.use import Use

_NAME = re.compile(rb"^[ \t]*(?:export[ \t]+)?([A-Z][A-Z0-9_]{1,79})[ \t]*=", re.MULTILINE)


def is_environment(path: str) -> bool:
    """Say by its name whether a file sets variables (`.env`, `.env.example`, `prod.env`)."""
    name = path.rpartition("/")[2]
    return name == ".env" or name.startswith((".env.", "env.")) or name.endswith((".env", ".env.example"))


def read(path: str, content: bytes) -> Iterator[Use]:
    """Give the names; nothing of what stands behind the sign."""
    for found in _NAME.finditer(content):
        name = found[1].decode("ascii")
        if known.variable(name):
            yield Use(kind="env_var", name=name, path=path, line=content.count(b"\n", 0, found.start(1)) + 1)
