"""An agent that goes on as long as it is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.asked_services import bare, generous


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with bare(generous) as names:
        yield names
