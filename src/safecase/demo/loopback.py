"""JSON over HTTP on 127.0.0.1, for the demo's own servers: bounded bodies, quiet, one thread a connection."""

from __future__ import annotations

import http.client
import json
import socketserver
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from safecase.errors import CollectError

HOST = "127.0.0.1"
MOST_BODY = 256 * 1024
MOST_ANSWER = 4 * 1024 * 1024


class RequestError(Exception):
    """A request that is answered with an error of its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Server(ThreadingHTTPServer):
    """An HTTP server whose connections never keep the process alive."""

    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Bind without asking the name service who 127.0.0.1 is, which takes seconds on some machines."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])


class JsonHandler(BaseHTTPRequestHandler):
    """Reads and writes JSON; a subclass says what each route answers."""

    protocol_version = "HTTP/1.1"
    server_version = "demo"
    sys_version = ""
    timeout = 30

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Give the status and the JSON value for a request; raises RequestError."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer any request."""
        try:
            body = self._body()
            status, value = self.respond(self.command, self.path.partition("?")[0], body)
        except RequestError as why:
            status, value = why.status, error(why.message)
        self._send(status, value)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = do_GET  # noqa: N815  # the names that http.server calls

    def _body(self) -> bytes:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if length < 0 or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise RequestError(411, "the length of the body is wanted")
        if length > MOST_BODY:
            self.close_connection = True
            raise RequestError(413, f"a body has at most {MOST_BODY} bytes")
        try:
            return self.rfile.read(length)
        except OSError:
            self.close_connection = True
            raise RequestError(408, "the body did not come") from None

    def _send(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if status == 401:
                self.send_header("WWW-Authenticate", "Bearer")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
        except OSError:
            self.close_connection = True  # the client has gone

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: stderr is for what goes wrong."""


def serve(handler: type[JsonHandler], port: int, announce: Callable[[int], None]) -> None:
    """Serve from a thread of its own, and announce the port; a port that is taken ends the process with a sentence."""
    try:
        server = Server((HOST, port), handler)
    except (OSError, OverflowError) as why:
        sys.exit(f"error: port {port} of {HOST} cannot be listened on: {getattr(why, 'strerror', None) or why}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce(server.server_port)


def error(message: str) -> dict[str, Any]:
    """Give an error as OpenAI-compatible servers tell it."""
    return {"error": {"message": message, "type": "invalid_request_error"}}


def completion(model: str, text: str, *, finish: str = "stop") -> dict[str, Any]:
    """Give a chat completion as OpenAI-compatible servers tell it."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-demo",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }


def models(*names: str) -> dict[str, Any]:
    """Give the list of models as OpenAI-compatible servers tell it."""
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "demo"} for name in names]}


def messages_of(body: bytes) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Read a chat request: its messages with a text each, and the request as it came. Raises RequestError."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, "the body is not JSON") from None
    messages = request.get("messages") if isinstance(request, dict) else None
    if not isinstance(messages, list) or not messages:
        raise RequestError(400, "a list of messages is wanted")
    return [_message(message) for message in messages], request


def _message(message: Any) -> dict[str, str]:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ("system", "user", "assistant") or not isinstance(message.get("content"), str):
        raise RequestError(400, "a message is {role: system|user|assistant, content: text}")
    return {"role": role, "content": message["content"]}


def ask(port: int, method: str, path: str, value: Any = None, *, seconds: float) -> tuple[int, Any]:
    """Ask a server on loopback; gives the status and the JSON value. Proxies are not looked at."""
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        body = None if value is None else json.dumps(value)
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read(MOST_ANSWER))
    except (OSError, http.client.HTTPException, ValueError) as why:
        raise CollectError(f"127.0.0.1:{port}{path} does not answer: {type(why).__name__}") from why
    finally:
        connection.close()
