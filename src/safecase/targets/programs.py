"""A target that is a program, or a Python function: asked in lines of JSON, in processes of their own."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from safecase.errors import UsageError
from safecase.readers.text import shown
from safecase.targets.dialects.chat import messages
from safecase.targets.dialects.completions import script
from safecase.targets.dialects.dialect import called, count_of, dicts_of, schema_of, text_of
from safecase.targets.processes import Program
from safecase.targets.target import Ask, Reply, Unanswered

_CALLEE: Final = Path(__file__).with_name("callee.py")


def command_of(function: str) -> tuple[str, ...]:
    """Give the command that answers with a Python function, `module:function` or `file.py:function`."""
    where, _, name = function.rpartition(":")
    if not where or not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{shown(function)} names no function", mend="write module:function or file.py:function")
    return (sys.executable, "-P", str(_CALLEE), function)


class ProgramTarget:
    """Asks several processes of one program, each one question at a time: what hangs or crashes is one answer less."""

    def __init__(
        self, command: Sequence[str], folder: Path, *, processes: int, timeout_s: float, first: str = ""
    ) -> None:
        self._programs = [(Program(command, folder), asyncio.Lock()) for _ in range(processes)]
        self._timeout_s, self._first = timeout_s, first
        self._turn = itertools.count()

    async def ask(self, asked: Ask) -> Reply:
        """Answer once; a session is always asked of the same process, which may remember it."""
        place = zlib.crc32(asked.session.encode()) if asked.session else next(self._turn)
        program, lock = self._programs[place % len(self._programs)]
        async with lock:
            started = time.monotonic()
            answered = False
            try:
                async with asyncio.timeout(self._timeout_s):
                    await program.send(msgspec.json.encode(self._question(asked)))
                    line = await program.line()
                answered = True
            except TimeoutError as why:
                raise Unanswered("timeout", f"no answer within {self._timeout_s:g} s") from why
            finally:
                if not answered:  # what it says later would be taken for the next answer
                    await program.stop()
        return _reply(line, time.monotonic() - started)

    async def close(self) -> None:
        """End the processes."""
        for program, _ in self._programs:
            await program.stop()

    def _question(self, asked: Ask) -> dict[str, Any]:
        return {
            "prompt": script(asked.conversation),
            "messages": messages(asked.conversation),
            "session": asked.session,
            "identity": asked.identity or self._first,
            "max_tokens": asked.max_tokens,
            "temperature": asked.temperature,
            "seed": asked.seed,
            "tools": [
                {"name": tool.name, "description": tool.description, "parameters": schema_of(tool.parameters)}
                for tool in asked.tools
            ],
        }


def _reply(line: bytes, seconds: float) -> Reply:
    try:
        told = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as why:
        raise Unanswered("bad_response", "the program's line is no JSON", mend="print nothing but answers") from why
    told = told if isinstance(told, dict) else {}
    if error := text_of(told.get("error")):
        again = told.get("again_s")
        later = float(again) if isinstance(again, int | float) and 0 < again < 3600 else 0.0
        raise Unanswered("rate_limited" if later else "bad_response", shown(error, 200), again_s=later)
    if not isinstance(told.get("text"), str):
        raise Unanswered("bad_response", "the program's line has no text", mend='write {"text": …}, or {"error": …}')
    return Reply(
        text=told["text"],
        finish_reason=shown(text_of(told.get("finish_reason")), 40),
        refused_by_filter=told.get("refused") is True,
        tokens_in=count_of(told.get("tokens_in")),
        tokens_out=count_of(told.get("tokens_out")),
        calls=tuple(
            called(one.get("name") or one.get("tool"), one.get("arguments", {})) for one in dicts_of(told.get("calls"))
        ),
        seconds=seconds,
    )
