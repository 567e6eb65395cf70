"""The log of events: one canonical JSON object a line, each naming the one before it, in segments of a bounded size.

Callers never wait: a thread of its own writes. When the disk does not take more, events wait in a bounded memory, and
when that is full the gateway lets nothing more through (`admits`): what is not logged does not happen.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import threading
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from safecase.errors import EvidenceError
from safecase.readers.chained_logs import FIRST
from safecase.readers.text import shown

MOST_WAITING: Final = 20_000
MOST_WORKERS: Final = 256
BATCH: Final = 2_000
SYNC_S: Final = 1.0
"""At most so much is lost when the machine loses its power; when only the program dies, what was written stays."""
RETRY_S: Final = 0.2
LOOK_S: Final = 0.05
SEGMENT: Final = "events-{:06d}.jsonl"


def open_log(folder: Path, segment_bytes: int) -> EventLog:
    """Open the first log below a folder that no other process writes: `worker-0`, `worker-1` …

    Raises `EvidenceError` where none can be written.
    """
    for number in range(MOST_WORKERS):
        try:
            return EventLog(folder / f"worker-{number}", segment_bytes)
        except BlockingIOError:
            continue
    raise EvidenceError(
        f"{MOST_WORKERS} processes write logs below {shown(str(folder))} already",
        mend="give each gateway a folder of its own: log.folder",
        exit_code=3,
    )


class EventLog:
    """One log in one folder, written by one process: raises `BlockingIOError` where another one writes it."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self._folder = folder
        self._lock = self._locked()
        self._most = segment_bytes
        self._waiting: deque[dict[str, Any]] = deque()
        self._refused = 0
        self._stopping = threading.Event()
        self._file: Any = None
        self._path = folder
        self._size = 0
        self._number, self._seq, self._before = self._continued()
        self.failing = ""
        """Why the disk does not take events at the moment; empty where it does."""
        self.written = 0
        self._thread = threading.Thread(target=self._run, name="gateway-events", daemon=True)
        self._thread.start()

    def _locked(self) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as why:
            raise self._unusable(why) from why
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
        return lock

    def _unusable(self, why: OSError) -> EvidenceError:
        return EvidenceError(
            f"{shown(str(self._folder))} cannot be used for the log: {why.strerror}",
            mend="give a folder that can be written: log.folder",
            exit_code=3,
        )

    def admits(self) -> bool:
        """Say whether something may happen that is to be logged.

        What is refused for this is not logged by itself, but counted, and told once the log is written again. What was
        let through before still finds room, however full it is.
        """
        if len(self._waiting) < MOST_WAITING:
            return True
        self._refused += 1
        return False

    @property
    def waiting(self) -> int:
        """How many events are not on disk yet."""
        return len(self._waiting)

    def add(self, event: dict[str, Any]) -> None:
        """Take an event; it gets its number and link when it is written."""
        if len(self._waiting) < MOST_WAITING:
            self._tell_refused()
        self._stamp(event)

    def _tell_refused(self) -> None:
        if self._refused:
            refused, self._refused = self._refused, 0
            self._stamp({"event": "refused_unlogged", "calls": refused})

    def _stamp(self, event: dict[str, Any]) -> None:
        event["time"] = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self._waiting.append(event)

    def stop(self) -> None:
        """Write what waits, and close."""
        self._tell_refused()
        self._stopping.set()
        self._thread.join(timeout=10)
        os.close(self._lock)

    def _continued(self) -> tuple[int, int, str]:
        """Go on after the last whole line of the last segment; a torn one at its end stays where it is, in its file."""
        try:
            names = sorted(path for path in self._folder.glob("events-*.jsonl") if path.is_file())
            for path in reversed(names):
                lines = [line for line in path.read_bytes().split(b"\n") if line]
                for line in reversed(lines):
                    try:
                        seq = int(msgspec.json.decode(line)["seq"])
                    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
                        continue
                    return int(path.stem.rpartition("-")[2]) + 1, seq + 1, hashlib.sha256(line).hexdigest()
            return (int(names[-1].stem.rpartition("-")[2]) + 1 if names else 1), 1, FIRST
        except OSError as why:
            raise self._unusable(why) from why

    def _run(self) -> None:
        left: list[dict[str, Any]] = []
        synced = time.monotonic()
        while True:
            ended = self._gather(left)
            if left:
                try:
                    self._write(left)
                    left.clear()
                    self.failing = ""
                except OSError as why:
                    self.failing = why.strerror or type(why).__name__
                    self._close()
                    if ended:
                        return
                    time.sleep(RETRY_S)
            if self._file is not None and time.monotonic() - synced > SYNC_S:
                synced = time.monotonic()
                os.fsync(self._file.fileno())
            if ended and not left:
                self._close()
                return

    def _gather(self, left: list[dict[str, Any]]) -> bool:
        """Take what waits, up to a batch; True once the log is to be closed and nothing waits any more.

        It looks every moment and is not woken: to be woken for each event would cost the server more than the event.
        """
        if left:
            return False
        ended = self._stopping.wait(0.0 if self._waiting else LOOK_S)
        while self._waiting and len(left) < BATCH:
            left.append(self._waiting.popleft())
        if not ended and len(left) < BATCH:
            self._stopping.wait(LOOK_S)
        return ended and not self._waiting

    def _write(self, events: list[dict[str, Any]]) -> None:
        """Write a batch in one go: after a failure all of it is written again, into a new segment."""
        if self._file is None or self._size > self._most:
            self._close()
            self._path = self._folder / SEGMENT.format(self._number)
            self._file = self._path.open("xb", buffering=0)
            os.fchmod(self._file.fileno(), 0o600)
            self._number += 1
            self._size = 0
        lines: list[bytes] = []
        seq, before = self._seq, self._before
        for event in events:
            line = _line({**event, "seq": seq, "prev": before})
            before = hashlib.sha256(line).hexdigest()
            seq += 1
            lines.append(line)
        content = b"\n".join(lines) + b"\n"
        try:
            if self._file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)  # half a batch would break the chain
            raise
        self._seq, self._before = seq, before
        self._size += len(content)
        self.written += len(events)

    def _close(self) -> None:
        if self._file is not None:
            try:
                os.fsync(self._file.fileno())
                self._file.close()
                if not self._size:  # nothing could be written into it: the next attempt has its number
                    self._path.unlink()
                    self._number -= 1
            except OSError:
                pass  # the next segment begins anew
            self._file = None


def _line(event: dict[str, Any]) -> bytes:
    """Write an event; one that JSON cannot say as it is must not end the thread that writes.

    Halves of signs, which JSON of strangers can spell, become question marks; whatever is no JSON becomes its kind.
    """
    try:
        return msgspec.json.encode(event, order="sorted")
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError, msgspec.MsgspecError):
        told = json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_kind)
        return told.encode("utf-8", "replace")


def _kind(value: object) -> str:
    return type(value).__name__
