"""Leases of many machines, in Valkey or Redis: one script hands them out, by the server's clock and nobody else's.

What was handed out is known to the server alone: it needs `appendonly yes` (and `appendfsync always` where the machine
may lose its power) and `maxmemory-policy noeviction`, or what it forgets is granted again.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from safecase.errors import UsageError
from safecase.gateway.quotas import PART, Lease, Ledger, LedgerDown, Quota

EXTRA: Final = "redis"
SCHEMES: Final = ("redis://", "rediss://")
ANSWER_S: Final = 1.0
"""So long the server may take to connect, and to answer."""
FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 5.0

# A key holds w, the number of its window; e, when that ends (ms); h, what of it is handed out. Minutes begin with the
# first lease, as in SQLite. A window that is later than the clock's stays: a clock that was set back begins none again.
_LEASE: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local limit, period, least, part = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local days = math.floor(now / 86400000)
local window, ends = 0, now + 60000
if period == 'minute' then
  window = now
elseif period == 'day' then
  window, ends = days, (days + 1) * 86400000
elseif period == 'month' then
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local first = days - (doy - math.floor((153 * mp + 2) / 5))
  local lengths = {31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28}
  local length = lengths[mp + 1]
  local year = yoe + era * 400 + 1
  if mp == 11 and year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) then length = 29 end
  window, ends = first, (first + length) * 86400000
end
local known = redis.call('HMGET', KEYS[1], 'w', 'e', 'h')
local handed = 0
if known[1] and (tonumber(known[1]) >= window or (period == 'minute' and now < tonumber(known[2]))) then
  window, ends, handed = tonumber(known[1]), tonumber(known[2]), tonumber(known[3])
end
if period == 'total' then ends = now + 60000 end
local left = limit - handed
local units = 0
if left >= least then units = math.max(least, math.min(left, least + math.floor(left / part))) end
redis.call('HSET', KEYS[1], 'w', string.format('%.0f', window), 'e', string.format('%.0f', ends),
  'h', string.format('%.0f', handed + units))
if period ~= 'total' then redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', ends + 60000)) end
return {string.format('%.0f', window), string.format('%.0f', units),
  string.format('%.0f', math.max(0, math.min(60000, ends - now)))}
"""
_GIVE_BACK: Final = """
local known = redis.call('HMGET', KEYS[1], 'w', 'h')
if known[1] == ARGV[1] then
  redis.call('HSET', KEYS[1], 'h', string.format('%.0f', math.max(0, tonumber(known[2]) - tonumber(ARGV[2]))))
end
return 0
"""


class RedisLedger(Ledger):
    """Leases of all machines that know one server; calls wait for it two seconds at the most, in a thread."""

    def __init__(self, url: str, prefix: str = "safecase", monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take the server's address, with its password if need be; nothing is asked before the first lease."""
        if not url.startswith(SCHEMES):
            raise UsageError("limits.store is no address of a server", mend="give it as redis://HOST:6379/0")
        try:
            redis: Any = importlib.import_module("redis")  # an extra: it need not be there for mypy
            retries: Any = importlib.import_module("redis.retry")
            waits: Any = importlib.import_module("redis.backoff")
        except ImportError as why:
            message = "limits.store needs redis, which is not installed"
            raise UsageError(message, mend=f'pip install "safecase[{EXTRA}]"') from why
        try:
            # Nothing is asked twice: units that were given back twice would be granted twice.
            client = redis.Redis.from_url(
                url,
                socket_timeout=ANSWER_S,
                socket_connect_timeout=ANSWER_S,
                retry=retries.Retry(waits.NoBackoff(), 0),
                decode_responses=True,
            )
        except ValueError:  # its text may hold the password
            raise UsageError("limits.store is no address of a server", mend="give it as redis://HOST:6379/0") from None
        self._errors: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        self._lease, self._give_back = client.register_script(_LEASE), client.register_script(_GIVE_BACK)
        self._client, self._prefix, self._monotonic = client, prefix, monotonic
        self._lock = threading.Lock()
        self._wait, self._again = 0.0, 0.0

    def doubts(self) -> tuple[str, ...]:
        """Say what of the server's settings makes it forget what was spent, or that it does not answer now."""
        try:
            told = {**self._client.info("persistence"), **self._client.info("memory")}
        except self._errors as why:
            return (f"limits.store does not answer now ({type(why).__name__}): calls are refused until it does",)
        doubts = []
        if not int(told.get("aof_enabled", 0)):
            doubts.append("limits.store keeps nothing over a restart (appendonly no): what was spent is granted again")
        policy = str(told.get("maxmemory_policy", "noeviction"))
        if policy != "noeviction":
            doubts.append(f"limits.store forgets limits when its memory is full (maxmemory-policy {policy})")
        return tuple(doubts)

    def lease(self, quota: Quota, least: int) -> Lease:
        """Lease a part of what is left, at least `least`; raises `LedgerDown`."""
        window, units, ends = self._ask(self._lease, quota, quota.limit, quota.period, least, PART)
        return Lease(window, int(units), int(ends) / 1000)

    def give_back(self, quota: Quota, lease: Lease) -> None:
        """Take back what was not spent; where the server is away it stays spent."""
        try:
            self._ask(self._give_back, quota, lease.window, lease.units)
        except LedgerDown:
            return

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, script: Any, quota: Quota, *told: str | int) -> Any:  # both are redis's, which has no types here
        with self._lock:
            now = self._monotonic()
            if now < self._again:
                raise LedgerDown(self._again - now)
            if self._wait:
                # While the server is away, one asks for all of them.
                self._again = now + self._wait
        try:
            answer = script(keys=[f"{self._prefix}:quota:{quota.name}"], args=told)
        except self._errors:  # not told on: what they say may name the server's user
            with self._lock:
                self._wait = min(LONGEST_WAIT_S, 2 * self._wait or FIRST_WAIT_S)
                self._again = self._monotonic() + self._wait
            raise LedgerDown(self._wait) from None
        with self._lock:
            self._wait = self._again = 0.0
        return answer
