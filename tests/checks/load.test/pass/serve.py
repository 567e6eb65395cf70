"""A guide that answers at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.targets.servers import completion, serving


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with serving(lambda _: completion("The garden is open from nine to five.")) as url:
        yield {"GARDEN_URL": url}
