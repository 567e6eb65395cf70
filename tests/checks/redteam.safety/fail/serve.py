"""A guide that does whatever it is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.zoo.bots import CANARY
from tests.zoo.serving import zoo


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with zoo() as url:
        yield {"GARDEN_URL": f"{url}/weak/unsafe_content/v1", "GARDEN_CANARY": CANARY}
