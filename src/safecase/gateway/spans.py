"""Spans of OpenTelemetry: one for each call, by the conventions for generative AI, sent off beside the calls.

Whatever waits for the collector does so in a thread of its own, in a bounded queue: one that is away loses spans only.
"""

from __future__ import annotations

import importlib
import logging
import re
import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from safecase.errors import UsageError
from safecase.gateway.policy import GatewayPolicy
from safecase.gateway.turn import Turn

EXTRA: Final = "otel"
MOST_WAITING: Final = 2048
BATCH: Final = 512
EVERY_MS: Final = 1000
ANSWER_S: Final = 5
STOP_S: Final = 3.0
MOST_TEXT: Final = 100_000
TRACE: Final = ("traceparent", "tracestate")
_FINISHED: Final = re.compile(rb'(?<!\\)"(?:finish_reason|stop_reason)"\s*:\s*"([^"\\]{1,100})"')
_MODEL: Final = re.compile(rb'(?<!\\)"model"\s*:\s*"([^"\\]{1,300})"')


class Spans:
    """The tracer of one gateway. What it needs of OpenTelemetry is imported here, when a policy wants it."""

    def __init__(self, policy: GatewayPolicy) -> None:
        try:
            exporter: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
            export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
            resources: Any = importlib.import_module("opentelemetry.sdk.resources")
            context: Any = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
            self._trace: Any = importlib.import_module("opentelemetry.trace")
        except ImportError as why:
            message = "telemetry.otlp needs OpenTelemetry, which is not installed"
            raise UsageError(message, mend=f'pip install "safecase[{EXTRA}]"') from why
        # It tells of each batch that a collector did not take.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._servers = {upstream.id: (upstream.api, urlsplit(upstream.url)) for upstream in policy.upstreams}
        resource = resources.Resource.create({"service.name": policy.service or "safecase-gateway"})
        self._provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=False)
        sender = exporter.OTLPSpanExporter(endpoint=policy.telemetry.otlp.rstrip("/") + "/v1/traces", timeout=ANSWER_S)
        self._provider.add_span_processor(
            export.BatchSpanProcessor(
                sender,
                max_queue_size=MOST_WAITING,
                max_export_batch_size=BATCH,
                schedule_delay_millis=EVERY_MS,
            )
        )
        self._tracer = self._provider.get_tracer("safecase.gateway")
        self._context = context.TraceContextTextMapPropagator()

    def begin(self, turn: Turn, headers: Mapping[str, str]) -> Any:
        """Begin a call's span, within the client's trace where it has one."""
        parent = self._context.extract({name: headers[name] for name in TRACE if name in headers})
        return self._tracer.start_span(_operation(turn), context=parent, kind=self._trace.SpanKind.CLIENT)

    def passed_on(self, turn: Turn) -> dict[str, str]:
        """Give the headers by which an upstream goes on with the trace."""
        carrier: dict[str, str] = {}
        self._context.inject(carrier, self._trace.set_span_in_context(turn.span))
        return carrier

    def end(self, turn: Turn) -> None:
        """Say what came of a call, and end its span; texts are in it only where the turn kept them for the log."""
        span = turn.span
        if not span.is_recording():
            return
        span.update_name(f"{_operation(turn)} {turn.model[:300]}".rstrip())
        span.set_attributes(self._told(turn))
        if turn.reason or turn.status >= 400:
            span.set_status(self._trace.StatusCode.ERROR)
        for (guard, direction), outcome in turn.ledger.entries.items() if turn.ledger else ():
            told: dict[str, str | int] = {"safecase.guard.id": guard, "safecase.guard.direction": direction}
            told |= {"safecase.guard.result": outcome.result}
            told |= {"safecase.guard.found": outcome.found} if outcome.found else {}
            span.add_event("safecase.guard", told)
        span.end()

    def stop(self) -> None:
        """Send what waits, unless the collector takes too long."""
        stopping = threading.Thread(target=self._provider.shutdown, name="gateway-spans", daemon=True)
        stopping.start()
        stopping.join(STOP_S)

    def _told(self, turn: Turn) -> dict[str, Any]:
        told: dict[str, Any] = {
            "gen_ai.operation.name": _operation(turn),
            "gen_ai.provider.name": turn.api,
            "http.response.status_code": turn.status,
            "safecase.call": turn.id,
        }
        if turn.model:
            told["gen_ai.request.model"] = turn.model[:300]
        if turn.upstream in self._servers:
            api, url = self._servers[turn.upstream]
            told |= {"gen_ai.provider.name": api, "server.address": url.hostname or ""}
            told |= {"server.port": url.port or (443 if url.scheme == "https" else 80)}
        if turn.answered:
            told["gen_ai.response.model"] = turn.answered
        if turn.finished:
            told["gen_ai.response.finish_reasons"] = turn.finished
        if turn.usage and turn.status == 200:
            told["gen_ai.usage.input_tokens"] = turn.usage.tokens_in
            told["gen_ai.usage.output_tokens"] = turn.usage.tokens_out
        if turn.reason or turn.status >= 400:
            told["error.type"] = turn.reason or str(turn.status)
        for name, text in turn.texts.items():
            told[f"safecase.{name}"] = msgspec.json.encode(text).decode()[:MOST_TEXT]
        return told


def note_answer(turn: Turn, body: Mapping[str, Any]) -> None:
    """Keep which model answered, and why it ended, of a whole answer."""
    model = body.get("model")
    turn.answered = model[:300] if isinstance(model, str) else ""
    choices = body.get("choices")
    found = [one.get("finish_reason") for one in choices if isinstance(one, dict)] if isinstance(choices, list) else []
    found.append(body.get("stop_reason"))
    turn.finished = tuple(reason[:100] for reason in found if isinstance(reason, str))


def note_part(turn: Turn, part: bytes) -> None:
    """Keep the same of a piece of a stream, as far as it stands whole in one: quotes within texts are escaped there."""
    if not turn.answered and (model := _MODEL.search(part)):
        turn.answered = model[1].decode("utf-8", "replace")
    if reasons := _FINISHED.findall(part):
        turn.finished = tuple(reason.decode("utf-8", "replace") for reason in reasons[:16])


def _operation(turn: Turn) -> str:
    return "embeddings" if turn.family == "embeddings" else "chat"
