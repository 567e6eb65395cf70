"""The demo's AI service: a support chatbot over HTTP, `python -m safecase.demo.bot --folder SERVICE --model-url URL`.

OpenAI-compatible on loopback: `/v1/chat/completions`, `/v1/models` and `/health`. What it guards is a matter of the
folder's `bot.yaml`; its credentials come from the environment (HALBRAD_API_KEY, HALBRAD_STAFF_CODE).
"""

from __future__ import annotations

import argparse
import hmac
import os
import sys
import urllib.parse
from pathlib import Path
from typing import Any

from safecase.demo import loopback
from safecase.demo.loopback import JsonHandler, RequestError
from safecase.demo.replies import Bot, read_bot
from safecase.errors import CollectError, SafecaseError, UsageError
from safecase.targets.embedded.children import announce, live_with_parent

MODEL_SECONDS = 60.0


class BotHandler(JsonHandler):
    """The bot's routes. `bot` and `key` are set on a subclass made for one server."""

    bot: Bot
    key: str

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Answer a route; with `auth: key`, none but /health without the key, not even one that is not there."""
        if (method, path) == ("GET", "/health"):
            return 200, {"status": "ok"}
        if self.bot.settings.auth == "key" and not self._may():
            raise RequestError(401, "an API key is wanted: Authorization: Bearer KEY")
        match method, path:
            case "GET", "/v1/models":
                return 200, loopback.models(self.bot.settings.name)
            case "POST", "/v1/chat/completions":
                return 200, self._chat(body)
        raise RequestError(404, "there is no such route")

    def _may(self) -> bool:
        given = self.headers.get("Authorization") or ""
        return bool(self.key) and hmac.compare_digest(given.encode(), f"Bearer {self.key}".encode())

    def _chat(self, body: bytes) -> dict[str, Any]:
        messages, request = loopback.messages_of(body)
        if request.get("stream"):
            raise RequestError(400, "replies are not streamed")
        answer = self.bot.answer(messages, request)
        return loopback.completion(answer.model, answer.text)


def model_at(port: int) -> Any:
    """Give the function that asks the model server at a port: a request in, the model's name and its text out."""

    def ask(request: dict[str, Any]) -> tuple[str, str]:
        try:
            status, value = loopback.ask(port, "POST", "/v1/chat/completions", request, seconds=MODEL_SECONDS)
        except CollectError as why:
            raise RequestError(503, "the language model does not answer") from why
        if status != 200:
            # Its own words would tell strangers what runs behind the bot.
            raise RequestError(400 if status < 500 else 503, "the language model refused the request")
        return str(value["model"]), str(value["choices"][0]["message"]["content"] or "")

    return ask


def main() -> None:
    """Serve until told to stop or until the parent is gone."""
    parent = os.getppid()
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--model-url", required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    try:
        bot = _read(arguments.folder, arguments.model_url)
    except SafecaseError as why:
        sys.exit(f"error: {why.message}")
    handler = type("Handler", (BotHandler,), {"bot": bot, "key": os.environ.get("HALBRAD_API_KEY", "")})
    loopback.serve(handler, arguments.port, announce)
    live_with_parent(parent)


def _read(folder: Path, url: str) -> Bot:
    address = urllib.parse.urlsplit(url)
    if address.hostname != loopback.HOST or address.port is None:
        raise UsageError("--model-url is not http://127.0.0.1:PORT")
    bot = read_bot(folder, model_at(address.port), staff_code=os.environ.get("HALBRAD_STAFF_CODE", ""))
    if bot.settings.auth == "key" and not os.environ.get("HALBRAD_API_KEY"):
        raise UsageError("bot.yaml says `auth: key`, but the environment holds no HALBRAD_API_KEY")
    return bot


if __name__ == "__main__":
    main()
