"""A guide that breaks under many questions: each fourth ends in an error, and most come late."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from tests.targets.servers import Request, Response, completion, serving


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    numbers = itertools.count()

    def answers(_: Request) -> Response:
        number = next(numbers)
        time.sleep(0.7 if number % 2 else 0.0)
        return completion("Nine to five.") if number % 4 else Response(500, b"{}")

    with serving(answers) as url:
        yield {"GARDEN_URL": url}
