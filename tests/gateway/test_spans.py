"""Spans, as a collector gets them over the wire."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.calling import gateway
from tests.gateway.upstream import Provider

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra `otel` is not installed")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ASKED = {"model": "m-1", "messages": [{"role": "user", "content": "A question about tulips"}]}
ANSWER = {
    "model": "m-1-2026",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Plant them"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
}


class Collector:
    """An OTLP receiver over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.raw = b""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    content = gzip.decompress(content)
                outer.raw += content
                for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
                    for scope in resource.scope_spans:
                        outer.spans += scope.spans
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _plain(attributes: Any) -> dict[str, Any]:
    found = {}
    for one in attributes:
        kind = one.value.WhichOneof("value")
        value = getattr(one.value, kind)
        found[one.key] = [part.string_value for part in value.values] if kind == "array_value" else value
    return found


def test_a_call_is_a_span_with_its_guards_and_no_text(tmp_path: Path, provider: Provider, collector: Collector) -> None:
    provider.answer = lambda _path, _body: ANSWER
    with gateway(tmp_path, provider.url, telemetry={"otlp": collector.url}) as client:
        assert client.post("/v1/chat/completions", ASKED, traceparent=PARENT).status == 200
    (span,) = collector.spans
    assert span.name == "chat m-1"
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == tuple(PARENT.split("-")[1:3])
    told = _plain(span.attributes)
    assert told.pop("safecase.call")
    assert told.pop("server.port") == int(provider.url.rpartition(":")[2].partition("/")[0])
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m-1",
        "gen_ai.response.model": "m-1-2026",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
    }
    guards = [_plain(event.attributes) for event in span.events]
    assert {event.name for event in span.events} == {"safecase.guard"}
    assert {"redaction", "injection", "egress", "tools"} <= {guard["safecase.guard.id"] for guard in guards}
    assert all(guard["safecase.guard.result"] for guard in guards)
    assert b"tulips" not in collector.raw
    assert b"Plant" not in collector.raw
    assert "traceparent" not in provider.asked[0][2]


def test_texts_and_the_trace_go_on_where_the_policy_says_so(
    tmp_path: Path, provider: Provider, collector: Collector
) -> None:
    provider.answer = lambda _path, _body: ANSWER
    telemetry = {"otlp": collector.url, "pass_on": True}
    with gateway(tmp_path, provider.url, telemetry=telemetry, log={"folder": "log", "texts": True}) as client:
        client.post("/v1/chat/completions", ASKED, traceparent=PARENT)
    (span,) = collector.spans
    assert b"tulips" in collector.raw
    passed = provider.asked[0][2]["traceparent"].split("-")
    assert passed[1:3] == [span.trace_id.hex(), span.span_id.hex()]


def test_a_stream_tells_its_model_and_why_it_ended(tmp_path: Path, provider: Provider, collector: Collector) -> None:
    chunk = {"model": "m-1-2026", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}
    last = {"model": "m-1-2026", "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
    provider.pieces = [f"data: {json.dumps(one)}\n\n".encode() for one in (chunk, last)] + [b"data: [DONE]\n\n"]
    with gateway(tmp_path, provider.url, telemetry={"otlp": collector.url}) as client:
        client.post("/v1/chat/completions", ASKED | {"stream": True})
    told = _plain(collector.spans[0].attributes)
    assert told["gen_ai.response.model"] == "m-1-2026"
    assert told["gen_ai.response.finish_reasons"] == ["length"]


def test_a_refused_call_says_why(tmp_path: Path, provider: Provider, collector: Collector) -> None:
    provider.status = 500
    with gateway(tmp_path, provider.url, telemetry={"otlp": collector.url}) as client:
        client.post("/v1/chat/completions", ASKED)
    (span,) = collector.spans
    told = _plain(span.attributes)
    assert (told["error.type"], told["http.response.status_code"]) == ("upstream", 502)
    assert span.status.code == 2


def test_a_collector_that_is_away_costs_nothing_but_spans(tmp_path: Path, provider: Provider) -> None:
    provider.answer = lambda _path, _body: ANSWER
    with gateway(tmp_path, provider.url, telemetry={"otlp": "http://127.0.0.1:9"}) as client:
        assert [client.post("/v1/chat/completions", ASKED).status for _ in range(5)] == [200] * 5


def test_nothing_of_opentelemetry_or_redis_is_imported_unless_it_is_wanted() -> None:
    told = "import sys, safecase.gateway.app, safecase.gateway.server, safecase.gateway.keyed, safecase.gateway.spans;"
    told += "sys.exit(any(name.split('.')[0] in ('opentelemetry', 'redis') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
