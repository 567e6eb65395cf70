"""A chat with a name, whose page hides what it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.asked_services import bare
from tests.targets.servers import Request, Response, completion

PAGE = """<!doctype html><html lang="en"><head><style>.small { display: none }</style></head>
<body><h1>Talk to Fern</h1><p class="small">Fern is an AI assistant.</p></body></html>"""


def chat(request: Request) -> Response:
    if request.method == "GET":
        return Response(200, PAGE.encode(), (("Content-Type", "text/html; charset=utf-8"),))
    return completion("Hi, I'm Fern. How can I help you today?")


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with bare(chat) as names:
        yield names
