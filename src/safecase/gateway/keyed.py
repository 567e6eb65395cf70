"""Admission by virtual keys: each with its limits, leased from a file that all workers share."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

from safecase.gateway.admission import Admission, Caller
from safecase.gateway.keys import Key, KeyStore
from safecase.gateway.quotas import Ledger, LedgerDown, Quota, Share, SqliteLedger
from safecase.gateway.refusals import Refused


class _Taken(NamedTuple):
    share: Share
    window: str
    units: int
    of: str


class Keyed(Admission):
    """Keys of a store, and what each may take."""

    def __init__(self, store: KeyStore, ledger: Ledger, requests_per_minute: int | None = None) -> None:
        self._store, self._ledger, self._requests = store, ledger, requests_per_minute
        self._callers: dict[str, tuple[Key, Caller]] = {}
        self._shares: dict[str, tuple[Quota, Share]] = {}

    def caller(self, presented: str) -> Caller | None:
        """Give whoever a key belongs to."""
        key = self._store.find(presented)
        if key is None:
            return None
        known = self._callers.get(key.prefix)
        if known is None or known[0] is not key:
            caller = Caller(key.name, key.prefix, key.service, key.models, key.scopes, key)
            known = self._callers[key.prefix] = (key, caller)
        return known[1]

    async def reserve(self, caller: Caller, tokens_in: int, tokens_out: int, money: int) -> list[_Taken]:
        """Reserve requests, tokens and money; what was taken before a refusal is given back."""
        taken: list[_Taken] = []
        tokens = tokens_in + tokens_out
        for of, units, quota in _quotas(caller.known, tokens, money, self._requests):
            share = self._share(quota)
            try:
                window, wait = await share.reserve(units)
            except LedgerDown as why:
                _give_back(taken)
                told = "the store of limits cannot be asked, and what is not counted does not pass"
                raise Refused("busy", told, retry_after_s=max(1.0, why.again_in_s)) from why
            if not window:
                _give_back(taken)
                reason = "no_budget" if quota.period != "minute" else "too_many"
                told = f"the key's limit of {of} a {quota.period} is reached"
                raise Refused("no_budget" if reason == "no_budget" else "too_many", told, retry_after_s=max(1.0, wait))
            taken.append(_Taken(share, window, units, of))
        return taken

    def settle(self, reservation: Any, tokens_in: int, tokens_out: int, money: int) -> None:
        """Give back what was not used; a request that went up counts, whatever came of it."""
        used = {"requests": 1, "tokens": tokens_in + tokens_out, "money": money}
        for one in reservation:
            one.share.settle(one.window, one.units, used[one.of])

    def stop(self) -> None:
        """Give all leases back."""
        for _, share in self._shares.values():
            share.stop()

    def _share(self, quota: Quota) -> Share:
        known = self._shares.get(quota.name)
        if known is None or known[0] != quota:
            if known and (left := known[1].leave()):
                asyncio.get_running_loop().run_in_executor(None, self._ledger.give_back, known[0], left)
            known = self._shares[quota.name] = (quota, Share(quota, self._ledger))
        return known[1]


def _give_back(taken: list[_Taken]) -> None:
    for one in taken:
        one.share.settle(one.window, one.units, 0)


def _quotas(key: Key, tokens: int, money: int, most_requests: int | None) -> list[tuple[str, int, Quota]]:
    found: list[tuple[str, int, Quota]] = []
    requests = most_requests if key.requests_per_minute is None else key.requests_per_minute
    if requests is not None:
        found.append(("requests", 1, Quota(f"{key.prefix} requests", requests, "minute")))
    if key.tokens_per_minute is not None:
        found.append(("tokens", tokens, Quota(f"{key.prefix} tokens", key.tokens_per_minute, "minute")))
    if key.tokens_per_day is not None:
        found.append(("tokens", tokens, Quota(f"{key.prefix} tokens a day", key.tokens_per_day, "day")))
    if key.money_per_month is not None and money:
        found.append(("money", money, Quota(f"{key.prefix} money", key.money_per_month, "month")))
    return found


def keyed(
    path: Path, secret: bytes, requests_per_minute: int | None = None, store: str = "", prefix: str = "safecase"
) -> Keyed:
    """Open the keys and limits of a gateway; `requests_per_minute` is for keys that say nothing themselves.

    `store` is the address of a Valkey or Redis server that leases the limits of many machines; keys stay in the file.
    """
    if store:
        from safecase.gateway.quotas_redis import RedisLedger

        return Keyed(KeyStore(path, secret), RedisLedger(store, prefix), requests_per_minute)
    return Keyed(KeyStore(path, secret), SqliteLedger(path.with_suffix(".quotas.db")), requests_per_minute)


def store_doubts(store: str) -> tuple[str, ...]:
    """Say what of a server of limits makes it forget; nothing where there is none."""
    if not store:
        return ()
    from safecase.gateway.quotas_redis import RedisLedger

    return RedisLedger(store).doubts()
