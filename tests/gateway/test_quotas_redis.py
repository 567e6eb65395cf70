"""Limits of many machines, before a real server: never more than the limit, whoever dies and whoever restarts."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import runpy
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from safecase.errors import UsageError
from safecase.gateway.admission import Caller
from safecase.gateway.keyed import Keyed
from safecase.gateway.keys import Key, KeyStore
from safecase.gateway.quotas import LedgerDown, Quota, Share
from safecase.gateway.refusals import Refused

redis = pytest.importorskip("redis", reason="the extra `redis` is not installed")

from safecase.gateway.quotas_redis import RedisLedger  # noqa: E402  after the skip

BINARY = shutil.which("valkey-server") or shutil.which("redis-server")
pytestmark = pytest.mark.skipif(BINARY is None, reason="no valkey-server or redis-server is installed")
PASSWORD = "the-password-of-the-test"
SECRET = b"Qm7v-Zk2pX9tYw4rLb8nHc3sGd6fJa1uEo5i"
CERTIFICATES = Path(__file__).parents[1] / "checks" / "tls.probe" / "pass" / "serve.py"
DAILY = Quota("ada requests", 1000, "day")


class Server:
    """A server with an append-only file, which can be killed and started again."""

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.bare = f"{'rediss' if tls else 'redis'}://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self.url = self.bare
        self._ports = ["--port", str(self.port)]
        if tls:
            authority, own = runpy.run_path(str(CERTIFICATES))["certificates"](folder, 30)
            self.url += f"?ssl_ca_certs={authority}"
            self._ports = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            self._ports += [
                "--tls-cert-file",
                str(own),
                "--tls-key-file",
                str(own),
                "--tls-ca-cert-file",
                str(authority),
            ]
        self.start()

    def start(self) -> None:
        assert BINARY is not None
        said = f"--bind 127.0.0.1 --requirepass {PASSWORD} --save --appendonly yes"
        command = [BINARY, *self._ports, *said.split(" "), "--dir", str(self.folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                time.sleep(0.02)
        raise AssertionError("the server did not start")

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    yield running
    running.kill()


@pytest.fixture
def ledger(server: Server) -> Iterator[RedisLedger]:
    opened = RedisLedger(server.url)
    yield opened
    opened.close()


def test_a_server_is_reached_by_tls_and_one_of_an_unknown_authority_is_not(tmp_path: Path) -> None:
    server = Server(tmp_path, tls=True)
    try:
        ledger, stranger = RedisLedger(server.url), RedisLedger(server.bare)
        assert ledger.lease(DAILY, 1).units >= 1
        assert ledger.doubts() == ()
        with pytest.raises(LedgerDown):
            stranger.lease(DAILY, 1)
        ledger.close()
        stranger.close()
    finally:
        server.kill()


def _spend(url: str, quota: Quota, tries: int, done: multiprocessing.Queue[int], *, die: bool = False) -> None:
    async def run() -> int:
        ledger = RedisLedger(url)
        share = Share(quota, ledger)
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
        ledger.close()
        return got

    done.put(asyncio.run(run()))


def test_machines_together_never_exceed_a_limit_and_use_nearly_all_of_it(server: Server) -> None:
    spawn = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[int] = spawn.Queue()
    workers = [spawn.Process(target=_spend, args=(server.url, DAILY, 400, done)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert 900 <= sum(done.get(timeout=5) for _ in workers) <= 1000


def test_a_worker_that_dies_takes_its_lease_with_it_and_no_more(server: Server, ledger: RedisLedger) -> None:
    spawn = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[int] = spawn.Queue()
    dying = spawn.Process(target=_spend, args=(server.url, DAILY, 400, done), kwargs={"die": True})
    dying.start()
    dying.join(30)
    assert done.get(timeout=5) == 20
    share = Share(DAILY, ledger)

    async def rest() -> int:
        return sum([bool((await share.reserve(1))[0]) for _ in range(1200)])

    assert 900 <= asyncio.run(rest()) <= 980


def test_tasks_that_take_from_one_lease_at_once_never_exceed_a_limit(ledger: RedisLedger) -> None:
    share = Share(Quota("x", 200, "day"), ledger)

    async def run() -> int:
        found = await asyncio.gather(*(share.reserve(1 + number % 3) for number in range(400)))
        return sum(1 + number % 3 for number, (window, _) in enumerate(found) if window)

    assert asyncio.run(run()) <= 200


def test_a_server_that_is_killed_and_comes_back_has_forgotten_nothing(server: Server) -> None:
    now = [0.0]
    ledger = RedisLedger(server.url, monotonic=lambda: now[0])
    first = ledger.lease(DAILY, 600).units
    server.kill()
    with pytest.raises(LedgerDown):
        ledger.lease(DAILY, 1)
    server.start()
    now[0] += 10
    second = ledger.lease(DAILY, 300).units
    assert second >= 300
    assert first + second <= 1000
    assert ledger.lease(DAILY, 1000 - first - second + 1).units == 0
    ledger.close()


def test_while_the_server_is_away_a_held_lease_is_spent_and_then_calls_are_refused(
    server: Server, tmp_path: Path
) -> None:
    now = [0.0]
    ledger = RedisLedger(server.url, monotonic=lambda: now[0])
    keyed = Keyed(KeyStore(tmp_path / "keys.db", SECRET), ledger)
    key = Key(name="ada", prefix="sk-sc-ada", requests_per_minute=160)
    caller = Caller("ada", key.prefix, "", (), (), key)

    async def run() -> None:
        await keyed.reserve(caller, 1, 1, 0)
        server.kill()
        passed = 0
        with pytest.raises(Refused) as why:  # noqa: PT012  which of them is refused is the point
            while True:
                await keyed.reserve(caller, 1, 1, 0)
                passed += 1
        assert 5 <= passed <= 10  # the lease, and no more
        assert why.value.status == 503
        assert "store of limits" in why.value.message
        assert PASSWORD not in f"{why.value.message}{why.value!r}{why.value.__cause__!r}"
        server.start()
        now[0] += 10
        await keyed.reserve(caller, 1, 1, 0)

    asyncio.run(run())
    keyed.stop()
    ledger.close()


def test_a_server_that_stays_away_is_asked_ever_less_often(server: Server) -> None:
    now = [0.0]
    ledger = RedisLedger(server.url, monotonic=lambda: now[0])
    server.kill()
    waits = []
    for _ in range(8):
        with pytest.raises(LedgerDown) as why:
            ledger.lease(DAILY, 1)
        waits.append(why.value.again_in_s)
        with mock.patch.object(ledger, "_lease") as asked, pytest.raises(LedgerDown):
            ledger.lease(DAILY, 1)
        asked.assert_not_called()
        now[0] += why.value.again_in_s
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    ledger.close()


def test_clocks_of_clients_change_nothing(ledger: RedisLedger) -> None:
    minute = Quota("m", 10, "minute")
    assert ledger.lease(minute, 10).units == 10
    assert ledger.lease(Quota("d", 10, "day"), 10).units == 10
    with mock.patch("time.time", return_value=4e9), mock.patch("time.monotonic", return_value=4e9):
        assert ledger.lease(minute, 1).units == 0
        assert ledger.lease(Quota("d", 10, "day"), 1).units == 0


def test_windows_are_of_the_servers_calendar_and_nothing_stays_for_ever(server: Server, ledger: RedisLedger) -> None:
    with server.client() as client:
        for period, most in (("minute", 60), ("day", 86_400), ("month", 31 * 86_400)):
            lease = ledger.lease(Quota(f"ada {period}", 10, period), 1)  # type: ignore[arg-type]
            seconds = int(client.time()[0])
            kept = client.hgetall(f"safecase:quota:ada {period}")
            ends = int(kept["e"]) // 1000
            assert seconds <= ends <= seconds + most
            assert 0 < client.ttl(f"safecase:quota:ada {period}") <= most + 61
            assert 0 < lease.ends_in_s <= 60
            if period == "month":
                told = time.gmtime(ends)
                assert (told.tm_mday, told.tm_hour, told.tm_min) == (1, 0, 0)
                assert time.gmtime(int(kept["w"]) * 86_400).tm_mday == 1
        assert {name.partition(":")[0] for name in client.scan_iter()} == {"safecase"}


def test_what_is_given_back_counts_for_its_own_window_only(ledger: RedisLedger) -> None:
    lease = ledger.lease(DAILY, 1000)
    ledger.give_back(DAILY, lease._replace(window="0"))
    assert ledger.lease(DAILY, 1).units == 0
    ledger.give_back(DAILY, lease._replace(units=100))
    assert ledger.lease(DAILY, 100).units == 100


@pytest.mark.parametrize("url", [f"http://:{PASSWORD}@x/", f"redis://:{PASSWORD}@x:port/0"])
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as why:
        RedisLedger(url)
    assert PASSWORD not in f"{why.value}{why.value.mend}"


def test_a_server_that_forgets_is_told(server: Server, ledger: RedisLedger) -> None:
    assert ledger.doubts() == ()
    with server.client() as client:
        client.config_set("appendonly", "no")
        client.config_set("maxmemory-policy", "allkeys-lru")
    assert [word in told for told, word in zip(ledger.doubts(), ("restart", "allkeys-lru"), strict=True)] == [
        True,
        True,
    ]
    server.kill()
    (down,) = ledger.doubts()
    assert "does not answer" in down
