"""A model behind the gateway, for a key with a limit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.asked_services import guarded, talker


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with guarded(folder, talker, per_minute=20) as names:
        yield names
