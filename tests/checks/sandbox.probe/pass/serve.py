"""Code is run by an interpreter that refuses the network and every file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.code_runner import running_code


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with running_code(held=True) as url:
        yield {"RUNNER_URL": url}
