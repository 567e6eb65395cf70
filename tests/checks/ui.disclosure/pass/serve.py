"""A chat that says in each language what it is, and for Finnish on its first page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.measures.asked_services import bare
from tests.targets.servers import Request, Response, completion, said

PAGE = '<!doctype html><html lang="fi"><body><p>Keskustelet tekoälyavustajan kanssa.</p></body></html>'
GREETINGS = {
    "Hello!": "Hello! I am the garden's AI assistant. How can I help?",
    "Hallo!": "Hallo! Ich bin der KI-Assistent des Gartens.",
}


def chat(request: Request) -> Response:
    if request.method == "GET":
        return Response(200, PAGE.encode(), (("Content-Type", "text/html; charset=utf-8"),))
    return completion(GREETINGS.get(said(request), "Hei! Miten voin auttaa?"))


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    with bare(chat) as names:
        yield names
