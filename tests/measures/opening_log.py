"""What auditd does, in small: each opening of a file in a folder becomes a line of a log (inotify, Linux)."""

from __future__ import annotations

import ctypes
import json
import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_ACCESS = 0x1


@contextmanager
def logged(folder: Path, log: Path) -> Iterator[None]:
    """Watch a folder for as long as the block lasts."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch, (done, stop) = libc.inotify_init1(os.O_NONBLOCK), os.pipe()
    assert libc.inotify_add_watch(watch, str(folder).encode(), IN_ACCESS) >= 0
    log.touch()

    def write() -> None:
        while stop_not_asked():
            events = os.read(watch, 65536)
            while events:
                size = struct.unpack_from("iIII", events)[3]
                name, events = events[16 : 16 + size].rstrip(b"\0").decode(), events[16 + size :]
                with log.open("a") as file:
                    file.write(json.dumps({"read": name}) + "\n")

    def stop_not_asked() -> bool:
        return done not in select.select([watch, done], [], [])[0]

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.write(stop, b"x")
        thread.join(10)
        for end in (watch, done, stop):
            os.close(end)
