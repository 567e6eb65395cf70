"""One request, from the client's bytes to the client's bytes (ASGI)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from safecase.gateway.admission import Admission, Caller
from safecase.gateway.apis import SHAPES
from safecase.gateway.apis.api import Shape, Usage
from safecase.gateway.apis.texts import MOST_SLOTS, Slot, is_content, is_media
from safecase.gateway.bodies import read_body, written
from safecase.gateway.cache import Cache
from safecase.gateway.events import EventLog
from safecase.gateway.guards.guard import Call
from safecase.gateway.guards.pipeline import Pipeline
from safecase.gateway.metrics import Metrics
from safecase.gateway.policy import GatewayPolicy, UpstreamPolicy
from safecase.gateway.prices import price
from safecase.gateway.refusals import Refused
from safecase.gateway.requests import Receive, Scope, Watch, approved_by, headers_of, mark, received
from safecase.gateway.spans import TRACE, Spans, note_answer, note_part
from safecase.gateway.streaming import Streamer
from safecase.gateway.turn import Turn
from safecase.gateway.upstream import Reply, Upstreams, fits, passed_on, retry_after

Send = Callable[[Mapping[str, Any]], Awaitable[None]]

LIKELY_TOKENS: Final = 1024
"""What an answer is taken for where nobody says how long it may get."""
CHARACTERS_A_TOKEN: Final = 4
LONG: Final = 50_000
"""Characters from which on looking at them is not done between two turns of the loop."""
JSON: Final = (b"content-type", b"application/json")
EVENTS: Final = (b"content-type", b"text/event-stream; charset=utf-8")


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        policy: GatewayPolicy,
        *,
        upstreams: Upstreams,
        pipeline: Pipeline,
        log: EventLog,
        admission: Admission,
        metrics: Metrics,
        spans: Spans | None = None,
    ) -> None:
        self._policy = policy
        self._upstreams = upstreams
        self._pipeline = pipeline
        self._log = log
        self._admission = admission
        self._metrics = metrics
        self._spans = spans
        self._cache = Cache(policy.cache)
        self._shapes = {f"/v1{shape.path}": shape for shape in SHAPES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._upstreams.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._upstreams.stop()
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def close(self) -> None:
        """Give leases back, and write what waits for the log."""
        self._admission.stop()
        self._log.stop()
        if self._spans:
            self._spans.stop()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/") or "/"
        shape = self._shapes.get(path)
        if shape is None:
            await self._other(path, scope, send)
            return
        turn = Turn(shape.family, shape.api)
        turn.shadow = self._policy.shadow
        self._metrics.running += 1
        try:
            await self._serve(shape, turn, scope, receive, send)
        except Refused as why:
            await self._refuse(shape, turn, why, send)
        except asyncio.CancelledError:
            turn.reason, turn.status = "client_gone", 499
        except Exception as why:  # noqa: BLE001  a defect of ours: told as such, never with its text
            turn.told = type(why).__name__
            await self._refuse(shape, turn, Refused("upstream", "the gateway failed; its log says where"), send)
        finally:
            self._metrics.running -= 1
            self._record(turn)

    async def _serve(self, shape: Shape, turn: Turn, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self._begun(turn, scope)
        if not self._log.admits():
            turn.logged = False
            raise Refused("busy", "the log cannot be written, and what is not logged does not happen", retry_after_s=5)
        if self._metrics.running > self._policy.limits.at_once:
            raise Refused("busy", "too many calls at once", retry_after_s=1)
        caller = turn.caller = self._authorised(headers, shape)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise Refused("wrong_type", "the body must be application/json")
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Refused("wrong_type", "the body must not be compressed")
        content = await received(headers, receive, self._policy.limits.body_bytes)
        body = read_body(content, self._policy.limits.depth)
        told, param = shape.fault(body)
        if told:
            raise Refused("invalid", told, param=param)
        turn.model, turn.stream = body["model"], bool(body.get("stream"))
        if self._policy.log.texts:
            turn.texts["request"] = read_body(content, self._policy.limits.depth)  # guards change the other
        if caller.models and not fits(turn.model, caller.models):
            raise Refused("not_allowed", "this key may not use that model", param="model")
        chain = self._upstreams.route(shape, turn.model)
        changed = self._capped(shape, body)
        turn.ledger = ledger = self._pipeline.ledger()
        call = Call(
            self._slots(shape, turn, body, headers),
            self._policy.service or caller.service,
            approved_by(headers, caller),
        )
        size = sum(len(slot.text) for slot in call.slots)
        if size > LONG:
            changed = await asyncio.to_thread(self._pipeline.request, call, ledger) or changed
        else:
            changed = self._pipeline.request(call, ledger) or changed
        if turn.stream:
            changed = shape.prepare(body) or changed
        self._pipeline.begin_beside(call, ledger)
        key = self._cache.key(caller, shape, content) if not turn.stream else None
        if key and (known := self._cache.get(key)):
            await call.settled()
            turn.cached, turn.status = True, 200
            await _send(send, 200, known, [turn.header])
            return
        tokens_in = size // CHARACTERS_A_TOKEN + 1
        tokens_out = shape.most_tokens(body) or (LIKELY_TOKENS if shape.family != "embeddings" else 0)
        money = price(chain[0], turn.model, tokens_in, tokens_out)
        reservation = await self._admission.reserve(caller, tokens_in, tokens_out, money)
        try:
            sent = _Sent(content, body, changed=changed)
            await self._pass(shape, turn, call, chain, sent, headers, receive, send, key)
        finally:
            used = turn.usage
            if used is None:
                turn.estimated = True
                # Nobody told: what was asked is taken for used, unless no answer came at all.
                used = Usage(tokens_in, 0 if turn.status >= 400 or not turn.status else tokens_out)
                turn.usage = used
            spent = price(chain[0], turn.model, used.tokens_in, used.tokens_out)
            self._admission.settle(reservation, used.tokens_in, used.tokens_out, spent)

    async def _pass(
        self,
        shape: Shape,
        turn: Turn,
        call: Call,
        chain: list[UpstreamPolicy],
        sent: _Sent,
        headers: Mapping[str, str],
        receive: Receive,
        send: Send,
        key: bytes | None,
    ) -> None:
        # Whoever waits for nobody any more makes the upstream stop, too. Most answers come before anybody could leave.
        watch = Watch(receive)
        try:
            asked = time.perf_counter()
            reply = await _unless_refused(
                call, self._upstreams.ask(chain, shape, sent.to, self._passed_on(turn, headers))
            )
            turn.waited += time.perf_counter() - asked
            turn.upstream = reply.upstream.id
            try:
                if reply.status != 200:
                    await self._failed(shape, turn, call, reply)
                elif turn.stream and reply.kind == "text/event-stream":
                    await self._streamed(shape, turn, call, reply, send)
                else:
                    await self._whole(shape, turn, call, reply, send, key)
            finally:
                reply.done()
        finally:
            watch.stop()

    def _begun(self, turn: Turn, scope: Scope) -> dict[str, str]:
        headers = headers_of(scope)
        if self._spans:
            turn.span = self._spans.begin(turn, headers)
        if scope["method"] != "POST":
            raise Refused("wrong_method", f"{scope['method']} is not allowed here; POST is")
        return headers

    def _passed_on(self, turn: Turn, headers: Mapping[str, str]) -> dict[str, str]:
        """A client's trace goes on to the upstream where the policy says so, from our span where there is one."""
        passed = passed_on(headers)
        if not self._policy.telemetry.pass_on:
            return {name: value for name, value in passed.items() if name not in TRACE} if passed else passed
        return passed | self._spans.passed_on(turn) if self._spans else passed

    async def _whole(self, shape: Shape, turn: Turn, call: Call, reply: Reply, send: Send, key: bytes | None) -> None:
        asked = time.perf_counter()
        content = await reply.whole(self._policy.limits.answer_bytes)
        turn.waited += time.perf_counter() - asked
        try:
            body = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
            raise Refused("upstream", "the upstream's answer is no JSON") from why
        if not isinstance(body, dict):
            raise Refused("upstream", "the upstream's answer is no JSON object")
        turn.usage = shape.usage(body)
        if turn.span is not None:
            note_answer(turn, body)
        assert turn.ledger is not None
        if self._pipeline.looks_out and shape.family != "embeddings":
            slots = list(shape.answer(body))
            calls = shape.tool_calls(body)
            if sum(len(slot.text) for slot in slots) > LONG:
                await asyncio.to_thread(self._pipeline.answer, call, slots, calls, turn.ledger)
            else:
                self._pipeline.answer(call, slots, calls, turn.ledger)
            content = written(body)  # what was looked at, and not what another reader finds in a key that stands twice
        await call.settled()
        turn.status = 200
        if self._policy.log.texts:
            turn.texts["answer"] = body
        if key:
            self._cache.put(key, content)
        await _send(send, 200, content, [turn.header])

    async def _streamed(self, shape: Shape, turn: Turn, call: Call, reply: Reply, send: Send) -> None:
        assert turn.ledger is not None
        streamer = Streamer(shape, self._pipeline, call, turn.ledger)
        size, most = 0, self._policy.limits.answer_bytes
        head = [EVENTS, (b"cache-control", b"no-cache"), turn.header]
        try:
            asked = time.perf_counter()
            async for part in reply.parts():
                turn.waited += time.perf_counter() - asked
                size += len(part)
                if size > most:
                    raise Refused("upstream", f"the upstream's answer is larger than {most} bytes")
                if turn.span is not None:
                    note_part(turn, part)
                ready = streamer.feed(part)
                if ready:
                    if not turn.begun:
                        await call.settled()
                        turn.begun, turn.status = True, 200
                        await send({"type": "http.response.start", "status": 200, "headers": head})
                    await send({"type": "http.response.body", "body": ready, "more_body": True})
                asked = time.perf_counter()
            last = streamer.end()
        except Refused as why:
            if not turn.begun:
                raise
            turn.reason, turn.told = why.reason, why.message
            last = shape.broken(why)
        finally:
            turn.usage = streamer.usage
            if turn.usage is None and turn.begun:
                turn.estimated = True
                asked_in = sum(len(text) for _, text in call.before) // CHARACTERS_A_TOKEN + 1
                turn.usage = Usage(asked_in, streamer.characters // CHARACTERS_A_TOKEN + 1)
        if not turn.begun:
            await call.settled()
            turn.begun, turn.status = True, 200
            await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _failed(self, shape: Shape, turn: Turn, call: Call, reply: Reply) -> None:
        """Tell what an upstream refused, without what is between us and it: its keys are no business of clients."""
        ours = reply.status < 400 or reply.status in (401, 403, 404, 405) or reply.status >= 500
        if ours or reply.kind != "application/json":
            raise Refused("upstream", f"the upstream answered {reply.status}")
        said = await reply.whole(100_000)
        if reply.status == 429:
            raise Refused("too_many", "the upstream has no room now", retry_after_s=retry_after(reply.retry_after) or 1)
        try:
            error = msgspec.json.decode(said)["error"]
            told = {"message": str(error["message"])[:1000]}
        except (ValueError, RecursionError, KeyError, TypeError):
            told = {"message": f"the upstream answered {reply.status}"}
        assert turn.ledger is not None
        self._pipeline.answer(call, [Slot(told, "message", "assistant", ("message",))], (), turn.ledger)
        message = told["message"]
        raise Refused("too_large" if reply.status == 413 else "unreadable", message)

    def _authorised(self, headers: Mapping[str, str], shape: Shape | None) -> Caller:
        presented = headers.get("x-api-key", "")
        bearer = headers.get("authorization", "")
        if bearer[:7].lower() == "bearer ":
            if presented and presented != bearer[7:].strip():
                raise Refused("no_key", "two keys are given, and they differ")
            presented = bearer[7:].strip()
        caller = self._admission.caller(presented) if presented else None
        if caller is None:
            raise Refused("no_key", "no key, or none that is known here, is given")
        family = shape.family if shape else "models"
        if caller.scopes and family not in caller.scopes:
            raise Refused("not_allowed", f"this key may not use {family}")
        return caller

    def _capped(self, shape: Shape, body: dict[str, Any]) -> bool:
        most = self._policy.limits.output_tokens
        if most is None:
            return False
        asked = shape.most_tokens(body)
        if asked is not None and asked > most:
            raise Refused("invalid", f"at most {most} tokens may be asked for", param=shape.tokens_key or "max_tokens")
        return shape.cap(body, most)

    def _slots(self, shape: Shape, turn: Turn, body: dict[str, Any], headers: Mapping[str, str]) -> list[Slot]:
        slots: list[Slot] = []
        for slot in shape.request(body):
            if is_media(slot):
                turn.unseen += 1  # no guard here reads it, and the log says so
                if self._policy.limits.media == "block":
                    raise Refused("policy", "pictures, sounds and files may not pass: no guard reads them")
                if is_content(slot):
                    continue
            slots.append(slot)
            if len(slots) > MOST_SLOTS:
                raise Refused("too_large", f"the body holds more than {MOST_SLOTS} texts")
        told = headers.get("x-safecase-origin")
        if told:
            mark(slots, told)
        return slots

    async def _refuse(self, shape: Shape, turn: Turn, why: Refused, send: Send) -> None:
        turn.reason, turn.told = why.reason, turn.told or why.message
        if turn.begun:
            await send({"type": "http.response.body", "body": shape.broken(why), "more_body": False})
            return
        turn.status = why.status
        extra = [turn.header]
        if why.retry_after_s:
            extra.append((b"retry-after", str(max(1, round(why.retry_after_s))).encode()))
        if why.reason == "no_key":
            extra.append((b"www-authenticate", b"Bearer"))
        await _send(send, why.status, why.body(shape.api), extra)

    async def _other(self, path: str, scope: Scope, send: Send) -> None:
        """Everything that is no call of a model."""
        try:
            if path == "/healthz":
                ok = not self._log.failing
                said = {"ok": ok, "log": self._log.failing or "written", "upstreams": self._upstreams.states()}
                await _send(send, 200 if ok else 503, msgspec.json.encode(said))
            elif scope["method"] != "GET":
                raise Refused("no_path", "there is no such path")
            elif path == "/v1/models":
                caller = self._authorised(headers_of(scope), None)
                models = [(m, by) for m, by in self._upstreams.models() if _may(caller, m)]
                data = [{"id": model, "object": "model", "created": 0, "owned_by": by} for model, by in models]
                await _send(send, 200, msgspec.json.encode({"object": "list", "data": data}))
            elif path == "/openapi.json":
                self._authorised(headers_of(scope), None)
                await _send(send, 200, _description())
            elif path == "/metrics":
                self._scraper(scope)
                text = self._metrics.text(
                    waiting=self._log.waiting,
                    written=self._log.written,
                    failing=bool(self._log.failing),
                    upstreams=self._upstreams.states(),
                )
                await _send(send, 200, text.encode(), kind=(b"content-type", b"text/plain; version=0.0.4"))
            else:
                raise Refused("no_path", "there is no such path")
        except Refused as why:
            await _send(send, why.status, why.body("openai"))

    def _scraper(self, scope: Scope) -> None:
        client = scope.get("client") or ("", 0)
        if client[0] in ("127.0.0.1", "::1"):
            return
        caller = self._authorised(headers_of(scope), None)
        if "metrics" not in caller.scopes:
            raise Refused("not_allowed", "this key may not read metrics")

    def _record(self, turn: Turn) -> None:
        total, own = turn.seconds()
        self._metrics.request(turn.family, turn.status, total, own)
        if turn.usage and turn.status == 200:
            self._metrics.tokens(turn.usage.tokens_in, turn.usage.tokens_out)
        for (guard, _), outcome in turn.ledger.entries.items() if turn.ledger else ():
            self._metrics.guard(guard, outcome.result)
        if turn.logged:
            self._log.add(turn.event())
        if self._spans and turn.span is not None:
            self._spans.end(turn)


class _Sent:
    """A request's body as each upstream gets it: the client's own bytes where nothing changed."""

    def __init__(self, content: bytes, body: dict[str, Any], *, changed: bool) -> None:
        self._content, self._body = content, body
        self._changed = changed

    def to(self, upstream: UpstreamPolicy) -> bytes:
        model = self._body["model"]
        name = upstream.rename.get(model, model)
        if name != model:
            return written({**self._body, "model": name})
        if self._changed:
            self._content, self._changed = written(self._body), False
        return self._content


async def _unless_refused(call: Call, asking: Coroutine[Any, Any, Reply]) -> Reply:
    """Wait for an upstream, but no longer than until a guard beside it refuses the call: then it stops working."""
    if call.beside is None:
        return await asking
    asked = asyncio.ensure_future(asking)
    try:
        either: set[asyncio.Future[Any]] = {asked, call.beside}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            await call.settled()
        return await asked
    except BaseException:
        if asked.done() and not asked.cancelled() and asked.exception() is None:
            asked.result().done()
        asked.cancel()
        raise


@cache
def _description() -> bytes:
    """Give what the gateway speaks, as OpenAPI says it."""
    import yaml

    return msgspec.json.encode(yaml.safe_load(files("safecase.gateway").joinpath("openapi.yaml").read_text("utf-8")))


def _may(caller: Caller, model: str) -> bool:
    return not caller.models or fits(model, caller.models)


async def _send(
    send: Send,
    status: int,
    content: bytes,
    extra: list[tuple[bytes, bytes]] | None = None,
    kind: tuple[bytes, bytes] = JSON,
) -> None:
    headers = [kind, (b"content-length", str(len(content)).encode()), *(extra or ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})
