"""Code is run as the service itself, with its environment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.code_runner import running_code


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with running_code(held=False) as url:
        yield {"RUNNER_URL": url}
