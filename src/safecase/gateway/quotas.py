"""Limits that are never exceeded, whatever the number of workers: each leases blocks of what is left, and spends those.

A call reserves the most that it can take before it goes, and settles what it took. Whoever dies with a lease has spent
it: what was handed out together never is more than the limit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

Period: TypeAlias = Literal["minute", "day", "month", "total"]

MINUTE_S: Final = 60.0
PART: Final = 16
"""A lease is this part of what is left: nearly all of a limit can be used, and a lease is rarely asked for."""
REFILLS: Final = 3
"""So often a call asks for a lease while others take it away."""


class Quota(NamedTuple):
    """So many units in a period."""

    name: str
    limit: int
    period: Period


class Lease(NamedTuple):
    """A block of units of one window."""

    window: str
    units: int
    ends_in_s: float
    """How long the window still lasts."""


class LedgerDown(Exception):  # noqa: N818  an answer, not a crash
    """Whoever hands out leases cannot be asked now."""

    def __init__(self, again_in_s: float) -> None:
        super().__init__("leases cannot be asked for now")
        self.again_in_s = again_in_s


class Ledger(ABC):
    """Hands out leases; calls may wait for a disk or a network."""

    @abstractmethod
    def lease(self, quota: Quota, least: int) -> Lease:
        """Lease `least` units and some more; none at all where so many are not left. Raises `LedgerDown`."""

    @abstractmethod
    def give_back(self, quota: Quota, lease: Lease) -> None:
        """Take back what was not spent, if its window still lasts. Negative units are spent beyond a lease."""


class SqliteLedger(Ledger):
    """Leases of one machine. Minutes are counted by its monotonic clock, which nobody sets."""

    def __init__(
        self,
        path: Path,
        monotonic: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path, self._monotonic, self._today = path, monotonic, today
        database = self._open()
        database.execute(
            "CREATE TABLE IF NOT EXISTS quotas (name TEXT PRIMARY KEY, window TEXT, began REAL, handed INTEGER)"
        )
        database.close()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        return database

    def lease(self, quota: Quota, least: int) -> Lease:
        """Lease a part of what is left, at least `least`."""
        database = self._open()
        try:
            database.execute("BEGIN IMMEDIATE")
            window, handed, ends = self._window(database, quota)
            left = quota.limit - handed
            units = 0 if left < least else max(least, min(left, least + left // PART))
            if units:
                database.execute("UPDATE quotas SET handed = handed + ? WHERE name = ?", (units, quota.name))
            database.execute("COMMIT")
            return Lease(window, units, ends)
        finally:
            database.close()

    def give_back(self, quota: Quota, lease: Lease) -> None:
        """Take back what was not spent."""
        database = self._open()
        try:
            database.execute(
                "UPDATE quotas SET handed = max(0, handed - ?) WHERE name = ? AND window = ?",
                (lease.units, quota.name, lease.window),
            )
        finally:
            database.close()

    def _window(self, database: sqlite3.Connection, quota: Quota) -> tuple[str, int, float]:
        """Give the window of now, what of it is handed out, and how long it lasts; begins a new one when it must."""
        row = database.execute("SELECT window, began, handed FROM quotas WHERE name = ?", (quota.name,)).fetchone()
        now = self._monotonic()
        if quota.period == "minute":
            if row and row[1] <= now < row[1] + MINUTE_S:
                return row[0], row[2], row[1] + MINUTE_S - now
            name, ends = f"{now:.6f}", MINUTE_S
        else:
            day = self._today()
            name = {"day": f"{day:%Y-%m-%d}", "month": f"{day:%Y-%m}", "total": "total"}[quota.period]
            ends = MINUTE_S
            # A clock that was set back begins no period a second time.
            if row and row[0] >= name:
                return row[0], row[2], ends
        database.execute(
            "INSERT INTO quotas VALUES (?, ?, ?, 0) ON CONFLICT (name) "
            "DO UPDATE SET window = excluded.window, began = excluded.began, handed = 0",
            (quota.name, name, now),
        )
        return name, 0, ends


class Share:
    """What one worker has leased of one quota."""

    def __init__(self, quota: Quota, ledger: Ledger, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.quota = quota
        self._ledger, self._monotonic = ledger, monotonic
        self._window, self._left, self._until = "", 0, 0.0
        self._lock = asyncio.Lock()

    def take(self, units: int) -> str | None:
        """Take units of the lease; gives its window, or None where a lease has to be asked for."""
        if self._left >= units and self._monotonic() < self._until:
            self._left -= units
            return self._window
        return None

    async def reserve(self, units: int) -> tuple[str, float]:
        """Take units, from a new lease if need be; gives the window (empty: refused) and when to come again."""
        window = self.take(units)
        if window is not None:
            return window, 0.0
        if units > self.quota.limit:
            return "", self._until - self._monotonic() if self._until else MINUTE_S
        async with self._lock:
            window = self.take(units)
            if window is not None:
                return window, 0.0
            for _ in range(REFILLS):
                lease = await asyncio.to_thread(self._refill, units)
                # Others may have taken of it before this task came on again.
                window = self.take(units)
                if window is not None:
                    return window, 0.0
                if lease.units < units:
                    break
            return "", lease.ends_in_s

    def _refill(self, units: int) -> Lease:
        now = self._monotonic()
        kept = self._left if now < self._until else 0
        lease = self._ledger.lease(self.quota, max(1, units - kept))
        if lease.window != self._window:
            # The old window is over, and what was left of it with it.
            self._window, self._left = lease.window, 0
            if lease.units < units and lease.units:
                more = self._ledger.lease(self.quota, units - lease.units)
                if more.window == lease.window:
                    lease = Lease(lease.window, lease.units + more.units, lease.ends_in_s)
        self._left += lease.units
        self._until = now + lease.ends_in_s
        return Lease(lease.window, self._left, lease.ends_in_s)

    def settle(self, window: str, reserved: int, used: int) -> None:
        """Give back what was reserved and not used; what was used beyond it is taken from the lease."""
        if window == self._window:
            self._left += reserved - used

    def leave(self) -> Lease | None:
        """Spend no more of the lease; gives what is left of it."""
        left, self._left = self._left, 0
        return Lease(self._window, left, 0.0) if left and self._monotonic() < self._until else None

    def stop(self) -> None:
        """Give back what is left of the lease."""
        left = self.leave()
        if left:
            self._ledger.give_back(self.quota, left)
