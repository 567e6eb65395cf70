"""A Safecase of today: its catalogue is a feed too, and the one that is tested grows old."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from msgspec.structs import replace

from safecase.catalogue.read import catalogue


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    module = importlib.import_module("safecase.measures.maintenance.checks.feeds_fresh")
    today = datetime.now(UTC).date().isoformat()
    with patch.object(module, "catalogue", lambda: replace(catalogue(), released=today)):
        yield {}
