"""The web side of the firewall: paths of the hub in, headers that its clients know out."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from safecase.firewall import names
from safecase.firewall.answers import Answers, Question
from safecase.firewall.audit import Client, Event, Log
from safecase.firewall.desk import Approved, Desk
from safecase.firewall.names import WantedAnswer, WantedFile
from safecase.firewall.ranges import Opened, Part, part
from safecase.firewall.refusals import Refusal
from safecase.firewall.store import Record, Store

PATIENCE: Final = 8.0
"""Seconds that a request waits before the client is sent round: clients of the hub give up after 10 without a byte."""
MOST_ROUNDS: Final = 18
"""Clients follow 20 redirects."""
ROUND: Final = "safecase-round"
MOST_BODY: Final = 1_000_000

_EVENTS: Final = {
    "refuse": "refused",
    "hide": "hidden",
    "absent": "absent",
    "wait": "waiting",
    "upstream": "upstream_failed",
}


class Front:
    """Answers requests by what the desk decides."""

    def __init__(self, desk: Desk, answers: Answers, store: Store, log: Log, *, patience: float = PATIENCE) -> None:
        self._desk = desk
        self._answers = answers
        self._store = store
        self._log = log
        self._patience = patience

    async def healthz(self, _request: Request) -> Response:
        """Say that it works, and what it has."""
        try:
            counts = self._store.counts()
        except Exception as why:  # noqa: BLE001  whatever is wrong with the store is the answer
            return _json({"ok": False, "why": type(why).__name__}, status=500)
        return _json({"ok": not self._log.lost, "events_lost": self._log.lost, **counts})

    async def whoami(self, request: Request) -> Response:
        """Answer who asks: a client's token is of no use here, and is given to nobody."""
        if "authorization" not in request.headers:
            return self._refused(request, None, Refusal(401, "", "safecase firewall: no token, and none is needed"))
        me = {"type": "user", "name": "safecase-firewall", "fullname": "safecase firewall", "orgs": []}
        return _json({**me, "auth": {"type": "access_token", "accessToken": {"displayName": "none", "role": "read"}}})

    async def hub(self, request: Request) -> Response:
        """Answer whatever the hub would."""
        wanted: names.Wanted | None = None
        try:
            wanted = names.wanted(_raw_path(request))
            if isinstance(wanted, WantedAnswer):
                return await self._answer(request, wanted)
            if request.method == "POST":
                raise Refusal(405, "", "safecase firewall: it is for downloads only")
            return await self._file(request, wanted)
        except Refusal as why:
            return self._refused(request, wanted, why)
        except (sqlite3.Error, OSError) as why:
            reason = f"safecase firewall: its store cannot be used ({type(why).__name__})"
            return self._refused(request, wanted, Refusal(507, "", reason, action="upstream"))

    async def other(self, request: Request) -> Response:
        """Refuse uploads and whatever else there is."""
        return self._refused(request, None, Refusal(405, "", "safecase firewall: it is for downloads only"))

    async def _answer(self, request: Request, wanted: WantedAnswer) -> Response:
        body, asks = b"", request.method == "POST"
        if asks != (wanted.what == "paths-info"):
            raise Refusal(405, "", "safecase firewall: it is for downloads only")
        if asks:
            body = await _body(request)
        question = Question(
            wanted=wanted,
            method="POST" if asks else "GET",
            query=request.url.query,
            body=body,
            content_type=_content_type(request) if asks else "",
        )
        given = await self._answers.give(question, str(request.base_url).rstrip("/"))
        return Response(given.body, headers=dict(given.headers), media_type="application/json")

    async def _file(self, request: Request, wanted: WantedFile) -> Response:
        record = await self._desk.record(wanted)
        headers = _headers(record)
        if request.method == "HEAD":
            # The length without the bytes; on what was not fetched yet there is no verdict, and none is awaited.
            await self._desk.known(record)
            return Response(headers=headers | {"Content-Length": str(record.size)})
        try:
            approved = await self._desk.given(record, patience=self._patience)
        except Refusal as why:
            rounds = request.query_params.get(ROUND, "0")
            if why.action == "wait" and rounds.isascii() and rounds.isdecimal() and int(rounds[:4]) < MOST_ROUNDS:
                return Response(status_code=307, headers={"Location": _again(request, int(rounds[:4]) + 1)})
            raise
        return self._bytes(request, wanted, approved, headers)

    def _bytes(self, request: Request, wanted: WantedFile, approved: Approved, headers: dict[str, str]) -> Response:
        record = approved.record
        if request.headers.get("if-none-match", "") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        asked = request.headers.get("range", "")
        if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
            asked = ""
        try:
            these = part(asked, record.size)
        except Refusal as why:
            answer = self._refused(request, wanted, why)
            answer.headers["Content-Range"] = f"bytes */{record.size}"
            return answer
        try:
            opened = Opened(self._store.path(record.sha256), record.size)
        except OSError as why:
            self._store.drop(record.sha256)
            raise Refusal(503, "", "safecase firewall: its copy is damaged; ask again", action="upstream") from why
        self._log.tell(_served(request, wanted, approved, these))
        if not these.whole:
            headers = headers | {"Content-Range": f"bytes {these.start}-{these.end - 1}/{record.size}"}
        headers = headers | {"Content-Length": str(these.end - these.start)}
        return StreamingResponse(_given(opened, these), status_code=200 if these.whole else 206, headers=headers)

    def _refused(self, request: Request, wanted: names.Wanted | None, why: Refusal) -> Response:
        if why.status not in (304, 404) or why.action != "absent":
            self._log.tell(
                Event(
                    event=_EVENTS.get(why.action, why.action),
                    client=_client(request),
                    repo=str(wanted.repo) if wanted else "",
                    revision=wanted.revision if wanted else "",
                    file=wanted.file if isinstance(wanted, WantedFile) else "",
                    action=why.action,
                    reason=why.reason,
                )
            )
        headers = {"X-Error-Message": why.reason, "Cache-Control": "no-store"}
        if why.code:
            headers["X-Error-Code"] = why.code
        if why.retry_s:
            headers["Retry-After"] = str(why.retry_s)
        return Response(
            msgspec.json.encode({"error": why.reason}),
            status_code=why.status,
            headers=headers,
            media_type="application/json",
        )


def application(front: Front, lifespan: AbstractAsyncContextManager[None] | None = None) -> Starlette:
    """Give the ASGI application."""
    return Starlette(
        routes=[
            Route("/healthz", front.healthz, methods=["GET"]),
            Route("/api/whoami-v2", front.whoami, methods=["GET"]),
            Route("/{path:path}", front.hub, methods=["GET", "HEAD", "POST"]),
            Route("/{path:path}", front.other, methods=["PUT", "DELETE", "PATCH", "OPTIONS"]),
        ],
        lifespan=(lambda _app: lifespan) if lifespan else None,
    )


async def _given(opened: Opened, these: Part) -> AsyncIterator[bytes]:
    try:
        async for piece in opened.read(these):
            yield piece
    finally:
        opened.close()


def _headers(record: Record) -> dict[str, str]:
    return {
        "ETag": f'"{record.digest}"',
        "X-Linked-Etag": f'"{record.digest}"',
        "X-Linked-Size": str(record.size),
        "X-Repo-Commit": record.wanted.revision,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
    }


def _raw_path(request: Request) -> str:
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    try:
        return bytes(raw).partition(b"?")[0].decode("ascii")
    except UnicodeDecodeError as why:
        raise Refusal(400, "", "safecase firewall: the path is not percent-encoded") from why


def _again(request: Request, rounds: int) -> str:
    return f"{_raw_path(request)}?{ROUND}={rounds}"


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    try:
        async with asyncio.timeout(PATIENCE):
            async for piece in request.stream():
                parts.append(piece)
                size += len(piece)
                if size > MOST_BODY:
                    raise Refusal(413, "", "safecase firewall: the question is too long")
    except (TimeoutError, ClientDisconnect) as why:
        raise Refusal(408, "", "safecase firewall: the question did not come to its end") from why
    return b"".join(parts)


def _content_type(request: Request) -> str:
    said = request.headers.get("content-type", "").partition(";")[0].strip()
    return said if said in ("application/json", "application/x-www-form-urlencoded") else "application/json"


def _client(request: Request) -> Client:
    address = request.client.host if request.client else ""
    return Client(address=address, agent=request.headers.get("user-agent", "")[:300])


def _served(request: Request, wanted: WantedFile, approved: Approved, these: Part) -> Event:
    record = approved.record
    return Event(
        event="served",
        client=_client(request),
        repo=str(wanted.repo),
        revision=wanted.revision,
        commit=record.wanted.revision,
        file=wanted.file,
        sha256=record.sha256,
        bytes=these.end - these.start,
        verdict=approved.judged.verdict,
        findings=approved.judged.findings,
        action="serve",
        accepted_by=tuple(a.by for a in approved.decision.accepted),
    )


def _json(value: dict[str, Any], *, status: int = 200) -> Response:  # what JSON can hold
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
