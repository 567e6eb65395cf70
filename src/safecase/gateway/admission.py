"""Who may call, and how much: what the web side asks before a call goes upstream, and tells once it came back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple


class Caller(NamedTuple):
    """Whoever a key belongs to."""

    name: str
    prefix: str
    """The beginning of the key, by which people know it."""
    service: str
    models: tuple[str, ...]
    """Names and globs; empty for all."""
    scopes: tuple[str, ...]
    """APIs, and `metrics`; empty for all."""
    known: Any = None
    """What the store of keys knows of it."""


class Admission(ABC):
    """Keys and limits. Nothing here waits: what has to ask a disk or a network is done by `refill`, in a thread."""

    @abstractmethod
    def caller(self, presented: str) -> Caller | None:
        """Give whoever a key belongs to; None where it is no key, or one that was withdrawn."""

    @abstractmethod
    async def reserve(self, caller: Caller, tokens_in: int, tokens_out: int, money: int) -> Any:
        """Reserve what a call may take, at the worst; raises `Refused` where that is more than is left."""

    @abstractmethod
    def settle(self, reservation: Any, tokens_in: int, tokens_out: int, money: int) -> None:
        """Tell what it took."""

    def stop(self) -> None:  # noqa: B027  most have nothing to give back
        """Give back what is leased."""
