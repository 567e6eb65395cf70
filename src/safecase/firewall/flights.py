"""Single flight: what many ask for at once is done once, and goes on when one of those who asked goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Flights(Generic[Result]):
    """Tasks under way, by what they are for."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Result]] = {}

    async def join(
        self, key: Hashable, start: Callable[[], Coroutine[Any, Any, Result]], *, patience: float | None = None
    ) -> Result:
        """Wait for the one task of `key`, started where there is none; raises `TimeoutError` when patience ends."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(start())
            task.add_done_callback(lambda done: self._landed(key, done))
        done, _ = await asyncio.wait({task}, timeout=patience)
        if not done:
            raise TimeoutError
        return task.result()

    async def close(self) -> None:
        """End all of them."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: Hashable, task: asyncio.Task[Result]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # it was told to whoever waited; where nobody did, nobody asks for it any more
