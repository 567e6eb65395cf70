"""A door on loopback for programs that ask by themselves: what they ask goes through our engine.

It speaks OpenAI's chat completions to whoever knows its key, which is new each time. Budgets, waiting when the target
says so, trying again and the journal are the engine's; the same question asked again is another attempt, and after a
kill each is answered from the journal.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, cast

import msgspec

from safecase.measures.testing.speaker import Speaker, UsedUpError
from safecase.readers.conversations import Message, Role
from safecase.targets.target import Ask, Reply, Unanswered

MOST_BYTES: Final = 8_000_000
MODEL: Final = "target"
_STATUS: Final = {"rate_limited": 429, "http_4xx": 400, "timeout": 504}
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})


class Front(NamedTuple):
    """Where it is, and what it wants to hear."""

    url: str
    """Ends in /v1."""
    key: str


@contextmanager
def front(speaker: Speaker, loop: asyncio.AbstractEventLoop) -> Iterator[Front]:
    """Open the door while a program runs; `loop` runs elsewhere, and asks."""
    key, times = secrets.token_urlsafe(24), Counter[bytes]()
    alone = threading.Lock()

    def answer(content: bytes) -> Reply:
        value = msgspec.json.decode(content, type=dict[str, Any])
        with alone:
            times[content] += 1
            session = str(times[content])
        asked = Ask(
            conversation=tuple(_message(one) for one in value["messages"]),
            max_tokens=_number(value, "max_completion_tokens") or _number(value, "max_tokens"),
            seed=_number(value, "seed"),
            temperature=value.get("temperature"),
            session=session,
        )
        line = asyncio.run_coroutine_threadsafe(speaker.ask(asked), loop).result()
        return line.replies[-1]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            size = int(length) if length.isdecimal() else MOST_BYTES + 1
            said = self.headers.get("authorization", "")
            if size > MOST_BYTES or not hmac.compare_digest(said.encode(), f"Bearer {key}".encode()):
                self.close_connection = True
                self._send(413 if size > MOST_BYTES else 401, _error("not for you"))
                return
            content = self.rfile.read(size)
            if not self.path.endswith("/chat/completions"):
                self._send(404, _error("only chat completions are spoken here"))
                return
            try:
                reply = answer(content)
            except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as why:
                self._send(400, _error(f"no request of chat completions: {why}"))
            except Unanswered as why:
                self._send(_STATUS.get(why.fault, 502), _error(why.message))
            except UsedUpError as why:
                self._send(402, _error(str(why)))
            else:
                self._send(200, _completion(reply))

        def _send(self, status: int, body: dict[str, Any]) -> None:
            content = msgspec.json.encode(body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Front(f"http://127.0.0.1:{server.server_port}/v1", key)
    finally:
        server.shutdown()
        server.server_close()


def _message(said: dict[str, Any]) -> Message:
    role, content = said["role"], said.get("content") or ""
    if not isinstance(content, str):
        content = "\n".join(str(part.get("text", "")) for part in content)
    return Message(role=cast("Role", role if role in _ROLES else "system"), text=content)


def _number(value: dict[str, Any], name: str) -> int | None:
    found = value.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _completion(reply: Reply) -> dict[str, Any]:
    finish = "content_filter" if reply.refused_by_filter else reply.finish_reason or "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": reply.text}, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": reply.tokens_in,
            "completion_tokens": reply.tokens_out,
            "total_tokens": reply.tokens_in + reply.tokens_out,
        },
    }


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "code": None, "param": None}}
