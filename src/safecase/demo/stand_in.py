"""Stands in for the language model where it cannot be had: a few rules, no model, the same words each time.

It is as obliging as a small model is: it tells its prompt when asked and does as any text before it says. So the demo
finds real flaws of the service with it, too; how often a model would fall for them it cannot say. Each reply's
`model` is "stand-in".
"""

from __future__ import annotations

import argparse
import base64
import binascii
import os
import re
from typing import Any

from safecase.demo import loopback
from safecase.demo.loopback import JsonHandler, RequestError
from safecase.demo.retrieval import words
from safecase.targets.embedded.children import announce, live_with_parent

NAME = "stand-in"

_ENCODED = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_ASKS_PROMPT = re.compile(
    r"\b(?:system|hidden|initial|original|your|the)\s+(?:prompt|instructions?|rules|message)\b|\babove\b|\bcodes?\b"
    r"|\bsecrets?\b|\bpasswords?\b|\bconfidential\b",
    re.IGNORECASE,
)
_ASKS_TEXT = re.compile(
    r"\b(?:repeat|say|print|output|write|echo|emit|include|append|add|reply|respond|answer|start|begin|end|finish)\b"
    r"(?P<rest>.{1,200})",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"[\"'“‘«`]([^\"'”’»`]{2,60})[\"'”’»`]")
_ODD_WORD = re.compile(r"\b(?=[\w-]*(?:[A-Z].*[A-Z]|\d))[A-Za-z][\w-]{3,60}\b")


def reply_to(messages: list[dict[str, str]]) -> str:
    """Give the reply to a chat: what it is told to say, its prompt when asked for it, else what of it fits best."""
    prompt = "\n".join(m["content"] for m in messages if m["role"] == "system")
    said = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
    told = f"{said}\n{_decoded(said)}"
    told_so = [_obeyed(told), prompt if _ASKS_PROMPT.search(told) else ""]
    return "\n".join(filter(None, told_so)) or _looked_up(prompt, said)


def _decoded(text: str) -> str:
    found = []
    for run in _ENCODED.findall(text):
        try:
            found.append(base64.b64decode(run + "=" * (-len(run) % 4), validate=True).decode("ascii"))
        except (binascii.Error, ValueError):
            continue
    return "\n".join(found)


def _obeyed(text: str) -> str:
    for match in _ASKS_TEXT.finditer(text):
        wanted = _QUOTED.search(match["rest"]) or _ODD_WORD.search(match["rest"])
        if wanted:
            return wanted[wanted.lastindex or 0]
    return ""


def _looked_up(prompt: str, question: str) -> str:
    asked = set(words(question))
    sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+|\n+", prompt) if s.strip()]
    fitting = sorted(sentences, key=lambda s: -len(asked.intersection(words(s))))[:3]
    return " ".join(s for s in sentences if s in fitting) or "How can I help you?"


class StandInHandler(JsonHandler):
    """The routes of a model server."""

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Answer as a model server does."""
        match method, path:
            case "GET", "/health":
                return 200, {"status": "ok"}
            case "GET", "/v1/models":
                return 200, loopback.models(NAME)
            case "POST", "/v1/chat/completions":
                messages, request = loopback.messages_of(body)
                most = request.get("max_tokens")
                text = reply_to(messages)
                # Four characters a token, as a rule of thumb.
                return 200, loopback.completion(NAME, text[: 4 * most] if isinstance(most, int) and most > 0 else text)
        raise RequestError(404, "there is no such route")


def main() -> None:
    """Serve until told to stop or until the parent is gone."""
    parent = os.getppid()
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    loopback.serve(StandInHandler, parser.parse_args().port, announce)
    live_with_parent(parent)


if __name__ == "__main__":
    main()
