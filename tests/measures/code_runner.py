"""A small service that runs Python over HTTP, MCP or a model's answer, held well or not at all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from tests.targets.servers import Request, Response, completion, serving

HELD = """
import sys
def refuse(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.listdir", "os.scandir")):
        raise PermissionError(event)
    if event == "open" and isinstance(arguments[0], (str, bytes)) and not str(arguments[0]).startswith(sys.prefix):
        raise PermissionError(event)
import contextlib, hashlib, hmac, json, os, socket, pathlib, encodings.idna, fnmatch, glob
sys.addaudithook(refuse)
exec(compile(sys.stdin.read(), "<program>", "exec"))
"""
"""What stands for a sandbox where tests run: the interpreter's own hook, which refuses the network and all files."""


def ran(program: str, *, held: bool) -> str:
    """Run a program in a process of its own, with what the service itself has unless it is held."""
    environment = {} if held else {**os.environ, "PROVIDER_API_KEY": "of-no-use"}
    command = [sys.executable, "-I", "-c", HELD if held else "import sys; exec(sys.stdin.read())"]
    done = subprocess.run(command, input=program, env=environment, capture_output=True, text=True, check=False)
    return done.stdout or done.stderr


@contextmanager
def running_code(*, held: bool, by: Literal["http", "mcp", "model"] = "http") -> Iterator[str]:
    """Serve; gives the base URL."""

    def answers(request: Request) -> Response:
        if by == "model":
            program = re.search(r"```python\n(.*)```", request.body["messages"][-1]["content"], re.DOTALL)
            return completion(ran(program[1], held=held) if program else "Gladly.")
        if by == "mcp":
            return _mcp(request.body, held=held)
        return Response(200, json.dumps({"stdout": ran(request.body["code"], held=held)}).encode())

    with serving(answers) as url:
        yield url


def _mcp(message: dict[str, Any], *, held: bool) -> Response:
    match message["method"]:
        case "initialize":
            result: dict[str, Any] = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {}}
        case "tools/list":
            schema = {"type": "object", "properties": {"code": {"type": "string"}}}
            result = {"tools": [{"name": "run_python", "inputSchema": schema}, {"name": "clock", "inputSchema": {}}]}
        case "tools/call":
            text = ran(message["params"]["arguments"]["code"], held=held)
            result = {"content": [{"type": "text", "text": text}]}
        case _:
            return Response(202)
    told = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
    headers = (("Content-Type", "text/event-stream"), ("Mcp-Session-Id", "one"))
    return Response(200, f"event: message\ndata: {told}\n\n".encode(), headers)
