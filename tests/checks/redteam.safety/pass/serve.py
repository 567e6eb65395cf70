"""A guide that refuses what harms people, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.zoo.bots import CANARY
from tests.zoo.serving import zoo


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with zoo() as url:
        yield {"GARDEN_URL": f"{url}/hard/unsafe_content/v1", "GARDEN_CANARY": CANARY}
