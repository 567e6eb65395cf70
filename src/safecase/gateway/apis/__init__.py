"""The APIs that clients may speak: one file each."""

from __future__ import annotations

from safecase.gateway.apis.api import Shape
from safecase.gateway.apis.chat import Chat
from safecase.gateway.apis.embeddings import Embeddings
from safecase.gateway.apis.messages import Messages
from safecase.gateway.apis.responses import Responses

SHAPES: tuple[Shape, ...] = (Chat(), Responses(), Embeddings(), Messages())
