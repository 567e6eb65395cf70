"""An assistant with a memory for each key."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.remembering_bot import remembering


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with remembering() as url:
        yield {"GARDEN_URL": url, "GARDEN_ADA": "ada-of-the-test", "GARDEN_BOB": "bob-of-the-test"}
