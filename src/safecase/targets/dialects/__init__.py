"""The APIs that models are asked by: how a conversation becomes a request, and an answer a reply. Nothing here asks."""

from __future__ import annotations

from typing import Final

from safecase.targets.dialects import chat, completions, messages, responses
from safecase.targets.dialects.dialect import Dialect

DIALECTS: Final[dict[str, Dialect]] = {
    one.name: one for one in (chat.DIALECT, completions.DIALECT, responses.DIALECT, messages.DIALECT)
}

__all__ = ["DIALECTS", "Dialect"]
