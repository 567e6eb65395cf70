"""OpenAI's embeddings: `POST /v1/embeddings`. Texts go in, and only numbers come out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from safecase.gateway.apis.api import Family, Shape, Usage, number, plain
from safecase.gateway.apis.texts import Path, Slot, slots
from safecase.gateway.policy import Api, Origin

_NAMES: Final = frozenset({"model", "encoding_format"})


class Embeddings(Shape):
    """Embeddings."""

    family: ClassVar[Family] = "embeddings"
    api: ClassVar[Api] = "openai"
    path: ClassVar[str] = "/embeddings"
    streams: ClassVar[bool] = False

    def fault(self, body: dict[str, Any]) -> tuple[str, str]:
        """A text, or texts. Tokens are refused: nobody could look at what they say."""
        found = plain(body)
        if found[0]:
            return found
        given = body.get("input")
        if isinstance(given, str) or (isinstance(given, list) and given and all(isinstance(one, str) for one in given)):
            return "", ""
        if isinstance(given, list) and given and all(isinstance(one, int | list) for one in given):
            return "input is given as tokens, which no guard can read; give texts", "input"
        return "input is wanted, as a text or a list of texts", "input"

    def request(self, body: dict[str, Any]) -> Iterable[Slot]:
        """What is embedded is taken for the user's; documents can be marked by `x-safecase-origin`."""
        return slots(body, "user", _NAMES, _origin)

    def answer(self, body: dict[str, Any]) -> Iterable[Slot]:
        """Numbers are no texts; in base64 they are numbers, too."""
        return ()

    def usage(self, body: dict[str, Any]) -> Usage | None:
        """Only what went in counts."""
        used = body.get("usage")
        return Usage(number(used.get("prompt_tokens")), 0) if isinstance(used, dict) else None


def _origin(_value: dict[str, Any], _path: Path, by: Origin) -> Origin:
    return by
