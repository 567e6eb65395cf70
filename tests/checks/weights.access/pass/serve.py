"""Each reading of the weights is logged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.opening_log import logged


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with logged(folder / "models", folder / "logs" / "access.jsonl"):
        yield {}
