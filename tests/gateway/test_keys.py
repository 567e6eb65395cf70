"""Keys and limits: nothing is kept that could be presented, and no limit is ever exceeded."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.errors import UsageError
from safecase.gateway.admission import Caller
from safecase.gateway.keyed import Keyed
from safecase.gateway.keys import Key, KeyStore, check_secret
from safecase.gateway.quotas import Quota, Share, SqliteLedger
from safecase.gateway.refusals import Refused

SECRET = b"Qm7v-Zk2pX9tYw4rLb8nHc3sGd6fJa1uEo5i"


def test_a_key_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.db", SECRET)
    made = store.create(Key(name="ada", prefix="", service="garden"))
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert made.encode() not in kept
    assert made[14:].encode() not in kept
    assert stat.S_IMODE((tmp_path / "keys.db").stat().st_mode) == 0o600
    found = store.find(made)
    assert found is not None
    assert (found.name, found.service, found.prefix) == ("ada", "garden", made[:14])
    assert store.find(made[:-1]) is None
    assert store.find("") is None
    assert KeyStore(tmp_path / "keys.db", SECRET[::-1]).find(made) is None


def test_a_withdrawn_key_works_for_two_seconds_at_the_most(tmp_path: Path) -> None:
    now = [0.0]
    store = KeyStore(tmp_path / "keys.db", SECRET, clock=lambda: now[0])
    made = store.create(Key(name="ada", prefix=""))
    assert store.find(made)
    KeyStore(tmp_path / "keys.db", SECRET).revoke("ada")
    assert store.find(made)
    now[0] = 2.01
    assert store.find(made) is None
    assert [key.revoked for key in store.every()] == [True]


def test_a_key_ends_when_it_says(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.db", SECRET)
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert store.find(store.create(Key(name="old", prefix="", expires=past))) is None


def test_names_are_unique_and_scopes_are_known(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.db", SECRET)
    store.create(Key(name="ada", prefix=""))
    with pytest.raises(UsageError, match="already"):
        store.create(Key(name="ada", prefix=""))
    with pytest.raises(UsageError, match="scope"):
        store.create(Key(name="eve", prefix="", scopes=("everything",)))
    with pytest.raises(UsageError):
        store.revoke("nobody")


@pytest.mark.parametrize("weak", [b"", b"short", b"a" * 64, b"sk-1234" * 8, b"changeme-changeme-changeme-changeme-42"])
def test_a_secret_that_can_be_guessed_is_refused(weak: bytes) -> None:
    with pytest.raises(UsageError) as why:
        check_secret(weak)
    assert "token_urlsafe" in why.value.mend


def _spend(path: Path, quota: Quota, tries: int, done: multiprocessing.Queue[int], *, die: bool = False) -> None:
    async def run() -> int:
        share = Share(quota, SqliteLedger(path))
        got = 0
        for _ in range(tries):
            window, _ = await share.reserve(1)
            got += bool(window)
            if die and got == 20:
                done.put(got)
                done.close()
                done.join_thread()
                os.kill(os.getpid(), signal.SIGKILL)
        share.stop()
        return got

    done.put(asyncio.run(run()))


def test_workers_together_never_exceed_a_limit_and_use_nearly_all_of_it(tmp_path: Path) -> None:
    path, quota = tmp_path / "quotas.db", Quota("ada requests", 1000, "day")
    SqliteLedger(path)
    spawn = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[int] = spawn.Queue()
    workers = [spawn.Process(target=_spend, args=(path, quota, 400, done)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    total = sum(done.get(timeout=5) for _ in workers)
    assert 900 <= total <= 1000


def test_a_worker_that_dies_takes_its_lease_with_it_and_no_more(tmp_path: Path) -> None:
    path, quota = tmp_path / "quotas.db", Quota("ada requests", 1000, "day")
    spawn = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[int] = spawn.Queue()
    SqliteLedger(path)
    dying = spawn.Process(target=_spend, args=(path, quota, 400, done), kwargs={"die": True})
    dying.start()
    dying.join(30)
    assert done.get(timeout=5) == 20
    share = Share(quota, SqliteLedger(path))

    async def rest() -> int:
        return sum([bool((await share.reserve(1))[0]) for _ in range(1200)])

    got = asyncio.run(rest())
    assert 20 + got <= 1000
    assert got >= 900


@settings(deadline=None)  # it opens a database: a slow disk is no fault
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), max_size=60), st.integers(1, 300))
def test_no_row_of_calls_exceeds_a_limit(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[int, int]], limit: int
) -> None:
    ledger = SqliteLedger(tmp_path_factory.mktemp("quota") / "q.db")
    shares = [Share(Quota("x", limit, "day"), ledger) for _ in range(2)]

    async def run() -> int:
        spent = 0
        for number, (reserved, used) in enumerate(calls):
            share = shares[number % 2]
            window, _ = await share.reserve(reserved)
            if window:
                share.settle(window, reserved, min(used, reserved))
                spent += min(used, reserved)
        return spent

    assert asyncio.run(run()) <= limit


def test_clocks_that_are_set_grant_nothing(tmp_path: Path) -> None:
    now, day = [100.0], [datetime(2026, 11, 23, tzinfo=UTC)]
    ledger = SqliteLedger(tmp_path / "q.db", monotonic=lambda: now[0], today=lambda: day[0])
    minute, daily = Quota("m", 10, "minute"), Quota("d", 10, "day")
    assert ledger.lease(minute, 10).units == 10
    assert ledger.lease(daily, 10).units == 10
    day[0] += timedelta(hours=1)
    assert ledger.lease(daily, 1).units == 0
    day[0] -= timedelta(days=3)
    assert ledger.lease(daily, 1).units == 0
    assert ledger.lease(minute, 1).units == 0
    day[0] += timedelta(days=4)
    assert ledger.lease(daily, 10).units == 10
    now[0] += 61
    assert ledger.lease(minute, 10).units == 10


def test_a_refused_call_gives_back_what_it_took_already(tmp_path: Path) -> None:
    keyed = Keyed(KeyStore(tmp_path / "keys.db", SECRET), SqliteLedger(tmp_path / "q.db"))
    key = Key(name="ada", prefix="sk-sc-ada", requests_per_minute=2, tokens_per_minute=100)
    caller = Caller("ada", key.prefix, "", (), (), key)

    async def run() -> None:
        with pytest.raises(Refused) as why:
            await keyed.reserve(caller, 60, 60, 0)
        assert why.value.reason == "too_many"
        assert why.value.retry_after_s >= 1
        for _ in range(2):
            taken = await keyed.reserve(caller, 20, 20, 0)
            keyed.settle(taken, 5, 5, 0)
        with pytest.raises(Refused):
            await keyed.reserve(caller, 1, 1, 0)

    asyncio.run(run())


def test_money_is_counted_in_whole_millionths(tmp_path: Path) -> None:
    keyed = Keyed(KeyStore(tmp_path / "keys.db", SECRET), SqliteLedger(tmp_path / "q.db"))
    key = Key(name="ada", prefix="sk-sc-ada", money_per_month=1000)
    caller = Caller("ada", key.prefix, "", (), (), key)

    async def run() -> int:
        calls, reason = 0, ""
        while not reason:
            try:
                taken = await keyed.reserve(caller, 1, 1, 7)
                keyed.settle(taken, 1, 1, 7)
                calls += 1
            except Refused as why:
                reason = why.reason
        assert reason == "no_budget"
        return calls

    began = time.monotonic()
    assert asyncio.run(run()) * 7 <= 1000
    assert time.monotonic() - began < 60
