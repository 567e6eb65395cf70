"""The gateway put together and run until it is told to stop."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safecase.errors import UsageError
from safecase.gateway.admission import Admission
from safecase.gateway.events import open_log
from safecase.gateway.guards import guards_of
from safecase.gateway.guards.pipeline import Coverage, Pipeline
from safecase.gateway.metrics import Metrics
from safecase.gateway.policy import GatewayPolicy
from safecase.vocabulary import Noun

if TYPE_CHECKING:
    from safecase.gateway.app import Gateway
    from safecase.gateway.spans import Spans

EXTRA: Final = "gateway"
STOP_S: Final = 20


class Settings(Noun, frozen=True):
    """How one gateway runs."""

    policy: GatewayPolicy
    root: Path
    """What relative paths of the policy are relative to."""
    host: str = "127.0.0.1"
    port: int = 4000


def build(settings: Settings, admission: Admission, secret: Callable[[str], str]) -> Gateway:
    """Put a gateway together: an ASGI application. `secret` resolves references such as `${env:NAME}`."""
    check_installed()
    from safecase.gateway.app import Gateway
    from safecase.gateway.upstream import Upstreams

    policy = settings.policy
    if not policy.upstreams:
        raise UsageError("the policy names no upstream", mend="give at least one under `upstreams:`, with its url")
    log = open_log(settings.root / policy.log.folder, policy.log.segment_bytes)
    pipeline = Pipeline(guards_of(policy, settings.root, secret), shadow=policy.shadow)
    log.add(
        {
            "event": "started",
            "service": policy.service,
            "shadow": policy.shadow,
            "matrix": matrix(pipeline),
            "controls": {guard.id: list(guard.controls) for guard in pipeline.guards},
        }
    )
    return Gateway(
        policy,
        upstreams=Upstreams(policy, secret),
        pipeline=pipeline,
        log=log,
        admission=admission,
        metrics=Metrics(),
        spans=_spans(policy),
    )


def _spans(policy: GatewayPolicy) -> Spans | None:
    if not policy.telemetry.otlp:
        return None
    from safecase.gateway.spans import Spans

    return Spans(policy)


def matrix(pipeline: Pipeline) -> dict[str, dict[str, str]]:
    """Say, by API and mode, in which directions each guard runs."""
    from safecase.gateway.apis import SHAPES

    found: dict[str, dict[str, list[Coverage]]] = {}
    for one in pipeline.matrix(SHAPES):
        found.setdefault(f"{one.family} {one.mode}", {}).setdefault(one.guard, []).append(one)
    return {
        where: {guard: " ".join(c.direction for c in rows if c.runs) or "-" for guard, rows in guards.items()}
        for where, guards in found.items()
    }


def serve(settings: Settings, opening: Callable[[], Admission], secret: Callable[[str], str], workers: int = 1) -> None:
    """Serve until SIGINT or SIGTERM; raises `UsageError`.

    Several workers are processes of their own that share one socket: `opening` is called in each of them, since what
    it opens (the file of keys and limits) must not be shared by a fork.
    """
    check_installed()
    build(settings, opening(), secret).close()  # what is wrong is told here, once
    import uvicorn

    from safecase.gateway.connections import Connection

    config = uvicorn.Config(
        partial(_worker, settings, opening, secret),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_S,
        lifespan="on",
        http=Connection,
        ws="none",
        loop="uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
    )
    server = uvicorn.Server(config)
    try:
        if workers == 1:
            server.run()
        else:
            from uvicorn.supervisors import Multiprocess

            Multiprocess(config, sockets=[config.bind_socket()]).run()
    except SystemExit as why:  # it could not listen, and said so
        raise UsageError(
            f"{settings.host}:{settings.port} cannot be listened on", mend="give another --listen HOST:PORT"
        ) from why


def _worker(settings: Settings, opening: Callable[[], Admission], secret: Callable[[str], str]) -> Gateway:
    return build(settings, opening(), secret)


def check_installed() -> None:
    """Raise `UsageError` where the extra is not installed."""
    for name in ("aiohttp", "httptools", "jsonschema_rs", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            message = f"the gateway needs {name}, which is not installed"
            raise UsageError(message, mend=f'pip install "safecase[{EXTRA}]"')
