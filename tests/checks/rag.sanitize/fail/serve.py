"""A model behind a gateway that looks at no documents."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.asked_services import guarded, obedient


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with guarded(folder, obedient, guards={"injection": {"on": False}}) as names:
        yield names
