"""The demo's processes: they start, they stop, and nothing of them is left, however their parent ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from safecase.demo import gate, loopback
from safecase.demo.stage import Stage, materialise
from safecase.errors import CollectError
from safecase.targets.embedded import model
from safecase.targets.embedded.children import Child

TODAY = date(2026, 11, 23)
PARENT = """
import sys
from pathlib import Path
from safecase.targets.embedded import model
from safecase.demo.stage import Stage
model.runtime_is_here = lambda: False
with Stage(Path(sys.argv[1])) as stage:
    print(*stage.processes, flush=True)
    if sys.argv[2] == "fork":
        import os, time
        child = os.fork()
        if child == 0:
            time.sleep(60)
        print(child, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hardened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(model, "runtime_is_here", lambda: False)
    return materialise(tmp_path / "hardened", hardened=True, today=TODAY)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(model, "runtime_is_here", lambda: False)
    return materialise(tmp_path / "service", hardened=False, today=TODAY)


def gone(process: int) -> bool:
    """Say whether a process ended; one that nobody has collected yet counts as ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return not Path("/proc/self").exists()


def all_gone_soon(processes: list[int]) -> bool:
    """Wait for the processes to end, 5 s at the most."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if all(map(gone, processes)):
            return True
        time.sleep(0.02)
    return False


def start_parent(service: Path, how: str) -> tuple[subprocess.Popen[str], list[int]]:
    command = [sys.executable, "-c", PARENT, str(service), how]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, [int(word) for word in parent.stdout.readline().split()]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_parent_is_ended(service: Path, how: signal.Signals) -> None:
    parent, processes = start_parent(service, "plain")
    with parent:
        assert len(processes) == 2
        assert not any(map(gone, processes))
        parent.send_signal(how)
        parent.wait(10)
        assert all_gone_soon(processes)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_nothing_is_left_when_a_killed_parent_had_forked_another_process(service: Path) -> None:
    parent, processes = start_parent(service, "fork")
    with parent:
        assert parent.stdout is not None
        other = int(parent.stdout.readline())
        try:
            parent.kill()
            parent.wait(10)
            assert not gone(other)
            assert all_gone_soon(processes)
        finally:
            os.kill(other, signal.SIGKILL)


def test_nothing_is_left_after_the_stage(service: Path) -> None:
    with Stage(service) as stage:
        processes = stage.processes
        assert not any(map(gone, processes))
    assert all(map(gone, processes))


def test_nothing_is_left_when_the_assessment_is_interrupted(service: Path) -> None:
    stage = Stage(service)
    with pytest.raises(KeyboardInterrupt), stage:
        raise KeyboardInterrupt
    assert all(map(gone, stage.processes))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_gateway_ends_with_its_parent_too(hardened: Path, how: signal.Signals) -> None:
    parent, processes = start_parent(hardened, "plain")
    with parent:
        assert len(processes) == 3
        parent.send_signal(how)
        parent.wait(10)
        assert all_gone_soon(processes)


def test_without_a_gateway_the_bot_is_asked_itself_and_the_case_says_so(
    hardened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PROGRAM", "safecase.no_such_program")
    with Stage(hardened) as stage:
        assert len(stage.processes) == 2
        assert stage.notes[-1].startswith("No gateway stands before the bot: no key of the gateway could be made")
        assert not stage.environment["SAFECASE_DEMO_KEY"].startswith("sk-sc-")


def test_two_stages_do_not_meet(service: Path) -> None:
    with Stage(service) as first, Stage(service) as second:
        assert first.environment["SAFECASE_DEMO_URL"] != second.environment["SAFECASE_DEMO_URL"]
        assert first.environment["SAFECASE_DEMO_KEY"] != second.environment["SAFECASE_DEMO_KEY"]


def test_a_service_that_cannot_start_says_why_and_leaves_no_model_behind(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    start = subprocess.Popen.__init__

    def remembered(self: subprocess.Popen[bytes], *args: object, **named: object) -> None:
        start(self, *args, **named)  # type: ignore[arg-type]
        started.append(self.pid)

    monkeypatch.setattr(subprocess.Popen, "__init__", remembered)
    (service / "bot.yaml").write_text("name: [")
    with pytest.raises(CollectError, match=r"the demo's bot ended while it started: error: the bot's folder"):
        Stage(service).__enter__()
    assert len(started) == 2
    assert all(map(gone, started))


def test_a_busy_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind((loopback.HOST, 0))
        taken.listen()
        child = Child("the stand-in", "safecase.demo.stand_in", ["--port", str(taken.getsockname()[1])], environment={})
        try:
            with pytest.raises(CollectError, match=r"port \d+ of 127\.0\.0\.1 cannot be listened on"):
                child.port()
        finally:
            child.close()


def test_a_child_that_says_nothing_is_not_waited_for_without_end() -> None:
    child = Child("a silent child", "http.server", ["--bind", loopback.HOST, "0"], environment={"PYTHONUNBUFFERED": ""})
    try:
        with pytest.raises(CollectError, match=r"did not start within 0\.2 seconds"):
            child.port(seconds=0.2)
        assert gone(child.process.pid)
    finally:
        child.close()


def test_a_file_of_the_users_folder_does_not_become_part_of_the_demo(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    with Stage(service) as stage:
        assert stage.environment


def test_a_bot_that_wants_a_key_does_not_start_without_one(tmp_path: Path) -> None:
    folder = materialise(tmp_path / "h", hardened=True, today=TODAY)
    arguments = ["--folder", str(folder), "--model-url", "http://127.0.0.1:9"]
    child = Child("the bot", "safecase.demo.bot", arguments, environment={"HALBRAD_API_KEY": ""})
    try:
        with pytest.raises(CollectError, match="holds no HALBRAD_API_KEY"):
            child.port()
    finally:
        child.close()
