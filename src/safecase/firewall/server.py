"""The firewall put together and run until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safecase.errors import UsageError
from safecase.firewall.addresses import Guard, hub
from safecase.firewall.answers import Answers
from safecase.firewall.audit import Event, Log
from safecase.firewall.bringing import Bringer
from safecase.firewall.desk import PIN_SECONDS, Desk
from safecase.firewall.policy import Policy
from safecase.firewall.repositories import Repositories
from safecase.firewall.store import Store
from safecase.firewall.together import Together
from safecase.firewall.upstream import Upstream
from safecase.firewall.workers import Workers
from safecase.vocabulary import Noun

if TYPE_CHECKING:
    from starlette.applications import Starlette

HUB: Final = "https://huggingface.co"
STOP_SECONDS: Final = 20
MOST_HEADERS: Final = 64 * 1024
MOST_CLIENTS: Final = 1_000
EXTRA: Final = "firewall"


class Settings(Noun, frozen=True):
    """How one firewall runs."""

    store: Path
    host: str = "127.0.0.1"
    port: int = 8080
    upstream: str = HUB
    token: str = ""
    policy: Policy = Policy()
    log: Path | None = None
    """Events go to stdout where none is said."""
    quota: int | None = None
    """Bytes of the store."""
    workers: int = 2
    scan_seconds: float = 300.0
    patience: float = 8.0
    pin_seconds: float = PIN_SECONDS


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; raises `UsageError`."""
    check_installed()
    import uvicorn

    log = Log(settings.log)
    try:
        app = build(settings, log)
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MOST_HEADERS,
            limit_concurrency=MOST_CLIENTS,
            timeout_graceful_shutdown=STOP_SECONDS,
            lifespan="on",
            http="h11",
        )
        try:
            uvicorn.Server(config).run()
        except SystemExit as why:  # it could not listen, and said so
            raise UsageError(
                f"{settings.host}:{settings.port} cannot be listened on", mend="give another --listen HOST:PORT"
            ) from why
    finally:
        log.close()


def build(settings: Settings, log: Log) -> Starlette:
    """Put a firewall together: an ASGI application that holds its store while it runs."""
    check_installed()
    from safecase.firewall.app import Front, application
    from safecase.measures.supply_chain.scan_cache import rules_version

    origin = hub(settings.upstream)
    policy = settings.policy
    store = Store(settings.store, quota=settings.quota)
    upstream = Upstream(Guard(hub=origin, hosts=policy.hosts), token=settings.token, moved=policy.permits)
    workers = Workers(settings.workers, seconds=settings.scan_seconds)
    rules = rules_version()
    bringer = Bringer(store, upstream, workers, policy, log, hub=str(origin), rules=rules)
    repositories = Repositories(store, upstream)
    together = Together(store, workers, repositories, log, rules)
    desk = Desk(store, upstream, bringer, repositories, together, policy, log, pin_seconds=settings.pin_seconds)
    answers = Answers(desk, store, upstream, str(origin))
    front = Front(desk, answers, store, log, patience=settings.patience)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        log.tell(Event(event="started", reason=f"for {origin}"))
        rescan = asyncio.create_task(bringer.rescan())
        try:
            yield
        finally:
            rescan.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await rescan
            await desk.close()
            await workers.close()
            await upstream.close()
            store.close()
            log.tell(Event(event="stopped"))

    return application(front, running())


def processors() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_installed() -> None:
    """Raise `UsageError` where the extra is not installed."""
    for name in ("starlette", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            message = f"the firewall needs {name}, which is not installed"
            raise UsageError(message, mend=f'pip install "safecase[{EXTRA}]"')
