"""Answers that are given again: to the same key, for the very same bytes, under the same policy, and not for long."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from typing import Final

from safecase.gateway.admission import Caller
from safecase.gateway.apis.api import Shape
from safecase.gateway.policy import CachePolicy

MOST_BYTES: Final = 32_000_000


class Cache:
    """An exact-match cache in the memory of one worker. What was asked is kept as a digest only."""

    def __init__(self, policy: CachePolicy) -> None:
        self._policy = policy
        self._known: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._size = 0

    def key(self, caller: Caller, shape: Shape, content: bytes) -> bytes | None:
        """Give the key of a request; None where nothing is cached."""
        if not self._policy.on:
            return None
        told = f"{caller.prefix}\0{caller.name}\0{shape.family}\0".encode()
        return hashlib.sha256(told + content).digest()

    def get(self, key: bytes) -> bytes | None:
        """Give the answer that is known, and still fresh."""
        found = self._known.get(key)
        if found is None:
            return None
        if found[0] < time.monotonic():
            self._forget(key)
            return None
        self._known.move_to_end(key)
        return found[1]

    def put(self, key: bytes, content: bytes) -> None:
        """Keep an answer as the client got it; the oldest go when there are too many."""
        if len(content) > MOST_BYTES // 10:
            return
        self._forget(key)
        self._known[key] = (time.monotonic() + self._policy.seconds, content)
        self._size += len(content)
        while len(self._known) > self._policy.entries or self._size > MOST_BYTES:
            self._forget(next(iter(self._known)))

    def _forget(self, key: bytes) -> None:
        found = self._known.pop(key, None)
        if found:
            self._size -= len(found[1])
