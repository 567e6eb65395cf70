"""A guide that reads pictures out, and does nothing that they say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.seeing_bot import seeing


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with seeing(obeys=False) as url:
        yield {"GARDEN_URL": url}
