"""What `${env:NAME}` and `${file:path}` in a manifest stand for: secrets and addresses stay out of the file itself."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from safecase.errors import CollectError
from safecase.readers import regular_files

NEVER_GIVEN = frozenset({"SAFECASE_SIGNING_KEY"})
"""A manifest decides where its references are sent: to an endpoint, for one."""

MOST_SECRET = 64 * 1024
"""Bytes of a file that `${file:path}` stands for."""


def resolve(reference: str, root: Path) -> str:
    """Replace each `${env:NAME}` and `${file:path}` in a text of the manifest by what it stands for."""

    def replace(found: re.Match[str]) -> str:
        kind, name = found[1], found[2]
        if kind == "env":
            if name in NEVER_GIVEN:
                raise CollectError(
                    f"{name} is Safecase's own secret, which no manifest may ask for", mend="name another variable"
                )
            if name not in os.environ:
                raise CollectError(f"the environment has no {name}", mend=f"export {name}=… before the assessment")
            return os.environ[name]
        try:
            return _secret_file(root / name)
        except (OSError, ValueError) as why:
            raise CollectError(f"{name} cannot be read: {why}", mend="give the file that holds the value") from why

    return re.sub(r"\$\{(env|file):([^}]+)\}", replace, reference)


def _secret_file(path: Path) -> str:
    # A link is allowed: that is how secrets are mounted into a container.
    return regular_files.read(path, most=MOST_SECRET, follow=True).decode("utf-8").strip()


def address_digest(url: str, root: Path) -> str:
    """Name by a digest where an endpoint's URL leads today: another host behind the same reference is another service.

    Credentials and the query are left out; a reference that leads nowhere yet has a name of its own.
    """
    try:
        parts = urlsplit(resolve(url, root))
        told = f"{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}"
    except (CollectError, ValueError):
        return "unresolved"
    return hashlib.sha256(told.encode()).hexdigest()
