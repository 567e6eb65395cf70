"""The zoo over HTTP: `/weak/<weakness>/v1` and `/hard/<weakness>/v1` speak OpenAI chat completions."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.targets.servers import Request, Response, serving
from tests.zoo.bots import PAIRS, Heard, Said, flaky


@contextmanager
def zoo(*, fails: bool = False) -> Iterator[str]:
    """Serve all bots; gives the URL before `/weak`, without a slash."""
    numbers = itertools.count()
    memories: dict[str, dict[str, list[str]]] = {}

    def answers(request: Request) -> Response:
        status = flaky(next(numbers)) if fails else 0
        if status:
            return Response(status, b'{"error": {"message": "not now"}}')
        _, kind, weakness, *_ = request.path.split("/")
        bot = PAIRS[weakness][kind == "hard"]
        memory = memories.setdefault(f"{kind}/{weakness}", {})
        user = request.headers.get("authorization", "") or str(request.body.get("user", ""))
        tools = tuple(tool["function"]["name"] for tool in request.body.get("tools", ()))
        heard = Heard(request.body["messages"], user, tools, request.body.get("max_tokens"), memory)
        memory.setdefault(user, []).append(heard.last)
        said = bot(heard)
        time.sleep(said.seconds)
        return Response(200, json.dumps(_completion(said)).encode())

    with serving(answers) as url:
        yield url.removesuffix("/v1")


def _completion(said: Said) -> dict[str, object]:
    calls = [
        {"id": str(number), "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for number, (name, arguments) in enumerate(said.calls)
    ]
    message: dict[str, object] = {"role": "assistant", "content": said.text}
    if calls:
        message["tool_calls"] = calls
    usage = {"prompt_tokens": 9, "completion_tokens": len(said.text) // 4}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
