"""A recorded transcript as a target: it answers what was answered then, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from safecase.errors import UsageError
from safecase.readers import regular_files
from safecase.readers.text import shown
from safecase.targets.dialects.dialect import called, count_of, text_of
from safecase.targets.target import Ask, Reply, Unanswered

MOST_BYTES: Final = 64 * 1024 * 1024
_MEND: Final = '{"messages": [{"role": "user", "content": "…"}], "reply": "…"} in each line; `prompt` for one message'
_Key = tuple[str, tuple[tuple[str, str], ...]]


class RecordedTarget:
    """Gives the replies of a conversation in the order in which they were recorded, and then from the first again."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError where the file is no transcript."""
        self._replies: dict[_Key, list[Reply | str]] = {}
        self._given: dict[_Key, int] = {}
        try:
            content = regular_files.read(path, most=MOST_BYTES, follow=True)
        except OSError as why:
            raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
        for number, line in enumerate(content.splitlines(), 1):
            try:
                row = msgspec.json.decode(line) if line.strip() else {}
                for key, reply in _told(row):
                    self._replies.setdefault(key, []).append(reply)
            except (msgspec.DecodeError, RecursionError, TypeError, AttributeError, KeyError) as why:
                raise UsageError(f"{shown(str(path))}:{number} is no line of a transcript", mend=_MEND) from why
        if not self._replies:
            raise UsageError(f"{shown(str(path))} holds no replies", mend=_MEND)

    async def ask(self, asked: Ask) -> Reply:
        """Answer as it was answered; what was recorded for no user in particular is for all."""
        said = tuple((message.role, message.text) for message in asked.conversation)
        key = next((key for key in ((asked.identity, said), ("", said)) if key in self._replies), None)
        if key is None:
            raise Unanswered(
                "bad_response", "the transcript has no such conversation", mend="record it, or ask the service"
            )
        given = self._given.get(key, 0)
        self._given[key] = given + 1
        found = self._replies[key][given % len(self._replies[key])]
        if isinstance(found, str):
            raise Unanswered("bad_response", f"then, no answer came: {shown(found)}")
        return found

    async def close(self) -> None:
        """It holds nothing open."""


def _told(row: Mapping[str, Any]) -> Iterator[tuple[_Key, Reply | str]]:
    """Read a line, one of `safecase testing attack` or a simpler one; what else stands there is left."""
    messages = row.get("messages", [{"role": "user", "content": row["prompt"]}] if "prompt" in row else [])
    said = [(one["role"], text_of(one["content"])) for one in messages]
    who = text_of(row.get("identity"))
    if not said:
        return
    for earlier, then in zip(row.get("earlier", []), row.get("then", []), strict=False):
        yield (who, tuple(said)), _reply(earlier)
        said += [("assistant", text_of(earlier.get("reply"))), ("user", text_of(then))]
    if "reply" in row or "error" in row:
        yield (who, tuple(said)), text_of(row["error"]) if "error" in row else _reply(row)


def _reply(told: Mapping[str, Any]) -> Reply:
    calls = [
        called(one[0], one[1]) if isinstance(one, list) else called(one.get("name"), one.get("arguments"))
        for one in told.get("calls", [])
    ]
    return Reply(
        text=text_of(told["reply"]),
        finish_reason=shown(text_of(told.get("finish_reason")), 40),
        refused_by_filter=told.get("refused_by_filter") is True,
        tokens_in=count_of(told.get("tokens_in")),
        tokens_out=count_of(told.get("tokens_out")),
        calls=tuple(calls),
    )
