"""The command, its processes and its store."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from safecase.errors import UsageError
from safecase.firewall import workers

pytest.importorskip("starlette", reason="the extra `firewall` is not installed")
pytest.importorskip("uvicorn", reason="the extra `firewall` is not installed")

from .conftest import Wall
from .hub import EVIL, Hub, safetensors

FILES = {"config.json": b'{"a": 1}', "model.safetensors": safetensors(), "model.pkl": EVIL}


def test_a_missing_extra_is_told_with_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safecase.firewall import server

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(UsageError, match="needs uvicorn") as why:
        server.check_installed()
    assert "safecase[firewall]" in why.value.mend


def test_other_machines_reach_it_only_when_that_is_said() -> None:
    from safecase.cli.supply_firewall import firewall

    for listen in ("0.0.0.0:8080", "[::]:8080", "example.org:80"):
        with pytest.raises(UsageError, match="other machines"):
            firewall.main(["--listen", listen], standalone_mode=False)
    for listen in ("127.0.0.1", "127.0.0.1:x", ":80", "127.0.0.1:99999"):
        with pytest.raises(UsageError, match="no address"):
            firewall.main(["--listen", listen], standalone_mode=False)


def test_the_command_serves_and_stops_when_it_is_told(hub: Hub, tmp_path: Path) -> None:
    hub.put("acme/bert", FILES)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "from safecase.cli.supply_firewall import firewall; firewall.main()"
    arguments = ["--listen", f"127.0.0.1:{port}", "--upstream", hub.url, "--store", str(tmp_path / "s")]
    started = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout is not None
        assert '"event":"started"' in started.stdout.readline()
        transport = httpx2.HTTPTransport(retries=5)
        with httpx2.Client(transport=transport) as client:
            found = client.get(f"http://127.0.0.1:{port}/acme/bert/resolve/main/config.json")
        assert found.content == FILES["config.json"]
        started.terminate()
        told, _ = started.communicate(timeout=30)
        assert '"event":"stopped"' in told.splitlines()[-1]
    finally:
        started.kill()


# the scanner


def test_a_scanner_that_dies_or_hangs_is_an_error_and_the_next_file_has_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.safetensors").write_bytes(safetensors())

    async def judge() -> None:
        scanners = workers.Workers(1, seconds=20.0)
        try:
            assert (await scanners.judge(tmp_path, "m.safetensors")).verdict == "clean"
            (idle,) = scanners._idle
            idle.kill()
            assert (await scanners.judge(tmp_path, "m.safetensors")).verdict == "clean"
            monkeypatch.setattr(workers, "START_SECONDS", -20.0)
            late = await scanners.judge(tmp_path, "m.safetensors")
            assert (late.verdict, late.findings[0].rule) == ("error", "scan.time")
            monkeypatch.setattr(workers, "START_SECONDS", 20.0)
            monkeypatch.setattr(workers, "MODULE", "safecase.none")
            died = await scanners.judge(tmp_path, "m.safetensors")
            assert (died.verdict, died.findings[0].rule) == ("error", "scan.died")
        finally:
            await scanners.close()

    asyncio.run(judge())


def test_a_store_belongs_to_one_firewall(tmp_path: Path) -> None:
    from safecase.firewall.store import Store

    first = Store(tmp_path / "s")
    with pytest.raises(UsageError, match="belongs to a firewall"):
        Store(tmp_path / "s")
    first.close()
    Store(tmp_path / "s").close()


def test_a_store_that_others_can_write_into_is_refused(tmp_path: Path) -> None:
    from safecase.firewall.store import Store

    open_to_all = tmp_path / "s"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(UsageError, match="others may write"):
        Store(open_to_all)


def test_a_store_that_fails_is_told_and_is_no_traceback(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    assert httpx2.get(f"{wall.url}/acme/bert/resolve/main/model.safetensors").status_code == 200
    with contextlib.closing(sqlite3.connect(wall.store / "firewall.sqlite")) as database:
        database.execute("DROP TABLE file")
    found = httpx2.get(f"{wall.url}/acme/bert/resolve/main/model.safetensors")
    assert (found.status_code, "its store cannot be used" in found.headers["x-error-message"]) == (507, True)
