"""A streamed answer on its way to the client: the same guards, and in the end the same text, as without a stream."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from safecase.gateway import sse
from safecase.gateway.apis.api import Channel, Event, Piece, Shape, ToolCall, Usage
from safecase.gateway.bodies import written
from safecase.gateway.guards.guard import PASS, Call, Filter, Guard, Outcome
from safecase.gateway.guards.pipeline import Ledger, Pipeline
from safecase.gateway.refusals import Refused

MOST_HELD: Final = 1_000_000
"""Characters of tool calls that wait for their end."""
MOST_CHANNELS: Final = 2_000


class _Text:
    """One text that comes in pieces, and the filters that it passes."""

    def __init__(self, filters: list[tuple[Guard, Filter]]) -> None:
        self.filters = filters
        self.last: tuple[dict[str, Any], Piece, str] | None = None


class _Held(NamedTuple):
    name: str
    body: dict[str, Any]
    event: Event


class Streamer:
    """Takes what the upstream sends, gives what the client gets."""

    def __init__(self, shape: Shape, pipeline: Pipeline, call: Call, ledger: Ledger) -> None:
        self.usage: Usage | None = None
        self.characters = 0
        """Of the answer, as the upstream sent it: where it tells no usage, they are counted."""
        self._shape, self._pipeline, self._call, self._ledger = shape, pipeline, call, ledger
        self._frames = sse.Frames()
        self._texts: dict[Channel, _Text] = {}
        self._held: list[_Held] = []
        self._held_size = 0

    def feed(self, content: bytes) -> bytes:
        """Take bytes, give those that may go on. Raises `Refused`: `Shape.broken` then tells the client."""
        if not self._pipeline.looks_out:
            for frame in self._frames.feed(content):
                if b'"usage"' in frame.data:
                    self._count(self._read(frame.data))
                self.characters += len(frame.data) // 8
            return content
        out: list[bytes] = []
        for frame in self._frames.feed(content):
            self._frame(frame, out)
        return b"".join(out)

    def end(self) -> bytes:
        """Give what is left once the upstream has ended, also where it ended too soon."""
        self._frames.rest()
        if not self._pipeline.looks_out:
            return b""
        out: list[bytes] = []
        self._close((), out)
        return b"".join(out)

    def _frame(self, frame: sse.Frame, out: list[bytes]) -> None:
        if not frame.data:
            # Comments keep connections alive; what they say is nobody's business.
            out.append(b":\n\n" if not frame.name else sse.written(frame.name, b""))
            return
        if frame.data.strip() == b"[DONE]":
            self._close((), out)
            out.append(b"data: [DONE]\n\n")
            return
        body = self._read(frame.data)
        event = self._shape.event(body)
        if event.usage:
            self._count(body, event.usage)
        self._pieces(body, event)
        if event.whole or (event.tool_calls and not event.tools):
            calls = () if event.tools else event.tool_calls
            self._pipeline.answer(self._call, event.whole, calls, self._ledger)
        if event.tools:
            self._hold(frame.name, body, event)
        mine = {piece.channel: piece for piece in event.pieces}
        for prefix in event.ends:
            self._close(prefix, out, mine)
        if event.tools or self._says_nothing(event):
            return
        # What was looked at goes on, and not what another reader finds in a key that stands twice.
        out.append(sse.written(frame.name, written(body)))

    @staticmethod
    def _says_nothing(event: Event) -> bool:
        """A piece that is held back as a whole needs no event."""
        if not event.pieces or event.ends or event.whole or event.usage:
            return False
        return not any(piece.slot.text for piece in event.pieces)

    def _pieces(self, body: dict[str, Any], event: Event) -> None:
        for piece in event.pieces:
            said = piece.slot.text
            self.characters += len(said)
            text = self._texts.get(piece.channel)
            if text is None:
                if len(self._texts) >= MOST_CHANNELS:
                    raise Refused("upstream", "the upstream sent more texts at once than can be followed")
                text = self._texts[piece.channel] = _Text(self._pipeline.filters(self._call))
            passed = self._filtered(text, said, ended=False)
            text.last = (body, piece, str(piece.slot.key))
            if passed != said and not self._pipeline.shadow:
                piece.slot.text = passed

    def _filtered(self, text: _Text, said: str, *, ended: bool) -> str:
        """Let a piece pass all filters; at the end, what each held back passes those behind it."""
        for index, (guard, one) in enumerate(text.filters):
            try:
                passed = one.feed(said) if said else ""
                passed += one.end() if ended else ""
                outcome = one.outcome
            except Exception as why:  # noqa: BLE001  as in the pipeline: told, and decided on by the fail mode
                outcome, passed = Outcome("error", type(why).__name__), said
                text.filters[index] = (guard, _Nothing())
            if ended or outcome.result in ("block", "error"):
                self._ledger.note(guard, "out", outcome)
            self._pipeline.held(guard, outcome)
            said = passed
        return said

    def _close(self, prefix: Channel, out: list[bytes], mine: dict[Channel, Piece] | None = None) -> None:
        """End the channels that begin so: what is held back of them goes out now."""
        for channel in [one for one in self._texts if one[: len(prefix)] == prefix]:
            text = self._texts.pop(channel)
            rest = self._filtered(text, "", ended=True)
            if not rest or self._pipeline.shadow:
                continue
            if mine and channel in mine:
                mine[channel].slot.text += rest
            elif text.last:
                body, piece, _ = text.last
                out.append(sse.written(str(body.get("type", "")), written(self._shape.another(body, piece, rest))))
        self._release(prefix, out)

    def _hold(self, name: str, body: dict[str, Any], event: Event) -> None:
        self._held.append(_Held(name, body, event))
        self._held_size += sum(len(piece.slot.text) for piece in event.tools if piece.slot) + 100
        if self._held_size > MOST_HELD:
            raise Refused("upstream", "the upstream sent a tool call that is too long to be judged")

    def _release(self, prefix: Channel, out: list[bytes]) -> None:
        """Judge the tool calls that begin so; only then does the client hear of them."""
        ready = [h for h in self._held if any(p.channel[: len(prefix)] == prefix for p in h.event.tools)]
        if not ready:
            return
        self._held = [held for held in self._held if held not in ready]
        for channel in dict.fromkeys(piece.channel for held in ready for piece in held.event.tools):
            self._judge(channel, ready)
        for held in ready:
            out.append(sse.written(held.name, written(held.body)))
            self._held_size -= 100

    def _judge(self, channel: Channel, ready: list[_Held]) -> None:
        pieces = [piece for held in ready for piece in held.event.tools if piece.channel == channel]
        grown = [piece.slot for piece in pieces if piece.slot and not piece.complete]
        complete = [piece.slot for piece in pieces if piece.slot and piece.complete]
        copies = [call for held in ready if held.event.tools[0].channel == channel for call in held.event.tool_calls]
        said = "".join(slot.text for slot in grown)
        arguments = said or next((slot.text for slot in complete), "") or next((c.arguments for c in copies), "")
        name = next((piece.name for piece in pieces if piece.name), "")
        self._held_size -= len(said)

        def put(text: str) -> None:
            for number, slot in enumerate(grown):
                slot.text = "" if number else text
            for slot in complete:
                slot.text = text
            for call in copies:
                call.put(text)

        self._pipeline.tool(self._call, ToolCall(name, arguments or "{}", put), self._ledger)

    def _count(self, body: dict[str, Any], used: Usage | None = None) -> None:
        """Counts of one stream only grow: what is told last, or most, counts."""
        used = used or self._shape.event(body).usage
        if used:
            known = self.usage or Usage(0, 0)
            self.usage = Usage(max(known.tokens_in, used.tokens_in), max(known.tokens_out, used.tokens_out))

    @staticmethod
    def _read(data: bytes) -> dict[str, Any]:
        try:
            body = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
            raise Refused("upstream", "the upstream sent an event that is no JSON") from why
        if not isinstance(body, dict):
            raise Refused("upstream", "the upstream sent an event that is no object")
        return body


class _Nothing(Filter):
    """Stands for a guard that broke and lets pass: its outcome was told when it broke."""

    def feed(self, piece: str) -> str:
        return piece

    def end(self) -> str:
        return ""

    @property
    def outcome(self) -> Outcome:
        return PASS
