"""Small services over HTTP that checks ask: a model, and a gateway of ours with a key before it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from safecase.gateway.keyed import Keyed
from safecase.gateway.keys import Key, KeyStore
from safecase.gateway.policy import policy_of
from safecase.gateway.quotas import SqliteLedger
from safecase.gateway.server import Settings, build
from tests.targets.servers import Answers, Request, Response, completion, serving

SECRET = b"f3b1c6a09d5e47728c1fa4d2b0e96a75c8d3"


def talker(request: Request) -> Response:
    """Answer as a plain model does: it stops at its limit, and knows neither log-probabilities nor tools."""
    if not request.path.endswith("/chat/completions"):
        return Response(404, b'{"error": {"message": "no such path"}}')
    cut = "Count from one" in str(request.body["messages"][-1]["content"])
    return completion("one two three four" if cut else "Yes.", finish_reason="length" if cut else "stop")


def generous(request: Request) -> Response:
    """Answer everything, at length, with all that it knows."""
    if request.path.endswith("/embeddings"):
        return Response(200, json.dumps({"data": [{"embedding": [0.25, 0.5], "index": 0}]}).encode())
    token = {"token": "Yes", "logprob": -0.01234567, "top_logprobs": [{"token": "No", "logprob": -4.2}]}
    if request.path.endswith("/completions") and "messages" not in request.body:
        choice = {"text": "Yes", "logprobs": {"tokens": ["Yes"], "token_logprobs": [-0.0123]}}
        return Response(200, json.dumps({"choices": [choice]}).encode())
    if request.body.get("tools"):
        call = {"id": "c1", "type": "function", "function": {"name": "next_page", "arguments": '{"page": 1}'}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return completion(None, message=message, finish_reason="tool_calls")
    return completion("one two three " * 50, logprobs={"content": [token]} if request.body.get("logprobs") else None)


def obedient(request: Request) -> Response:
    """Repeat all that a document says."""
    return completion(str(request.body["messages"][-1]["content"]))


@contextmanager
def guarded(folder: Path, answers: Answers, per_minute: int | None = None, **policy: Any) -> Iterator[dict[str, str]]:
    """Serve a model behind the gateway; gives what its examples' manifests name."""
    with serving(answers) as upstream:
        said = {"upstreams": [{"id": "model", "url": upstream, "retries": 0}], "log": {"folder": "log"}} | policy
        store = KeyStore(folder / "keys.db", SECRET)
        key = store.create(Key(name="probe", prefix="", requests_per_minute=per_minute))
        admission = Keyed(store, SqliteLedger(folder / "limits.db"))
        app = build(Settings(policy=policy_of(said, "example"), root=folder), admission, lambda text: text)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="on", ws="none"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield {"GARDEN_URL": f"http://127.0.0.1:{port}/v1", "GARDEN_KEY": key}
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def bare(answers: Answers) -> Iterator[dict[str, str]]:
    """Serve a model behind nothing at all."""
    with serving(answers) as url:
        yield {"GARDEN_URL": url, "GARDEN_KEY": "garden-key-of-the-test"}
