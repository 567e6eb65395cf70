"""`endpoint.authprobe`: the running service refuses whoever has no valid credential, on every route."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from safecase.checks import Context, Estimate, check
from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.service.schema import Endpoint as EndpointBlock
from safecase.service.schema import Manifest
from safecase.service.subjects import Endpoint
from safecase.targets.connection import Answer, Connection
from safecase.targets.permission import allowed
from safecase.vocabulary import Finding, Place

Stand: TypeAlias = Literal["refuses", "answers", "absent", "unclear"]
MOST_ROUTES = 50


class Route(NamedTuple):
    """A way into the service."""

    method: str
    path: str
    """From the root of the host."""
    body: object
    declared: bool
    """By the manifest, not by us."""


class Seen(NamedTuple):
    """What a route says to somebody."""

    stand: Stand
    why: str


def _cost(endpoint: Endpoint, _manifest: Manifest) -> Estimate:
    return Estimate(calls=3 * (4 + len(endpoint.declared.routes)), seconds=5.0)


@check("endpoint.authprobe", control="IN-04", severity="critical", runs="thread", network=True, estimate=_cost)
def strangers_refused(endpoint: Endpoint, ctx: Context) -> Iterator[Finding]:
    """The running service refuses whoever has no valid credential, on every route.

    ## Why it matters
    Model servers listen without any credential unless told otherwise, and those that the internet can reach are found
    within hours: their owners pay for strangers' questions, and what the service knows is open to anybody.

    ## How it is checked
    Each route of the declared endpoint is asked twice: without a credential, and with one that was just made up. For
    `api: openai` these are `/models`, `/chat/completions`, `/completions` and `/embeddings` below the url; the paths
    under `routes:` come on top, from the root of the host. 401 and 403 refuse. A success is a failure of the service.
    404 and 405 say that there is no such route: that counts for nothing, unless our own credential gets an answer
    there. Anything else is unclear and stays unknown, 400 among it: the request was read before anybody asked for a
    credential. Where a credential is declared and is refused as well, the refusals prove nothing. Redirects are not
    followed.

    ## How to mend it
    Ask for a credential in front of all routes, not in each: in the gateway, or with the server's own option
    (`--api-key` and its like), and compare it in constant time. Then list the routes that are yours under
    `deployment.endpoint.routes`.

    ## References
    LLM06:2026; AML.M0019 (ATLAS 5.6.0); CWE-306; OWASP API2:2023; EU AI Act Art. 15(5).
    """
    block = endpoint.declared
    permission = allowed(ctx.secret(block.url), ctx.owned)
    key = ctx.secret(block.key)
    place = Place(file=ctx.manifest_path, line=endpoint.line)
    connection = Connection(permission, timeout_s=block.timeout_s, remaining=ctx.remaining)
    counted = 0
    try:
        for route in _routes(block, permission.path):
            try:
                found = _route(connection, route, key)
            except CollectError as why:
                # What cannot be reached on one route is not tried on the others: each could wait for its timeout.
                ctx.again = True
                name = f"{route.method} {shown(route.path)}"
                yield strangers_refused.unknown(
                    endpoint, f"{name}: {why.message}", rule="route", key=name, place=place, mend=why.mend
                )
                return
            if found is not None:
                counted += 1
                yield _finding(endpoint, route, found, place)
    finally:
        connection.close()
    if not counted:
        message = "none of the routes is there, so that nothing shows whether strangers are refused"
        mend = "correct deployment.endpoint.url, or list its routes under deployment.endpoint.routes"
        yield strangers_refused.unknown(endpoint, message, place=place, mend=mend, rule="routes")


def _finding(endpoint: Endpoint, route: Route, seen: Seen, place: Place) -> Finding:
    name = f"{route.method} {shown(route.path)}"
    match seen.stand:
        case "refuses":
            return strangers_refused.passed(endpoint, f"{name} {seen.why}", rule="route", key=name, place=place)
        case "answers":
            mend = "ask for a credential in front of every route"
            message = f"{name} {seen.why}"
            return strangers_refused.failed(endpoint, message, rule="route", key=name, place=place, mend=mend)
        case _:
            mend = "refuse with 401 before the request is looked at, then try again"
            message = f"{name} {seen.why}"
            return strangers_refused.unknown(endpoint, message, rule="route", key=name, place=place, mend=mend)


def _routes(block: EndpointBlock, base: str) -> Iterator[Route]:
    if block.api == "openai":
        chat = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
        model = {"model": block.model} if block.model else {}
        yield Route("GET", f"{base}/models", None, False)
        yield Route("POST", f"{base}/chat/completions", model | chat, False)
        yield Route("POST", f"{base}/completions", model | {"prompt": "Hello", "max_tokens": 1}, False)
        yield Route("POST", f"{base}/embeddings", model | {"input": "Hello"}, False)
    else:
        yield Route("GET", base or "/", None, True)
    for path in block.routes[:MOST_ROUTES]:
        yield Route("GET", "/" + path.lstrip("/"), None, True)


def _route(connection: Connection, route: Route, key: str) -> Seen | None:
    """Look at one route as two strangers and, where we can, as ourselves; None where it is not there."""
    bare = _seen(connection, route, "")
    wrong = _seen(connection, route, secrets.token_urlsafe(24))
    for seen, who in ((bare, "somebody without a credential"), (wrong, "a credential that was made up")):
        if seen.stand == "answers":
            return Seen("answers", f"answers {who} ({seen.why})")
    ours = _seen(connection, route, key) if key else None
    if bare.stand == wrong.stand == "absent":
        return _absent(route, ours)
    for seen, who in ((bare, "somebody without a credential"), (wrong, "a credential that was made up")):
        if seen.stand == "unclear":
            return Seen("unclear", f"says to {who}: {seen.why}")
    if bare.stand != wrong.stand:
        return Seen("unclear", f"says {bare.why} without a credential and {wrong.why} to one that was made up")
    if ours is not None and ours.stand == "refuses":
        return Seen("unclear", f"refuses our own credential too ({ours.why}), which proves nothing of strangers")
    return Seen("refuses", f"refuses strangers ({bare.why}, {wrong.why})")


def _absent(route: Route, ours: Seen | None) -> Seen | None:
    if ours is not None and ours.stand == "answers":
        return Seen("refuses", "hides from strangers (HTTP 404) and answers us")
    return Seen("unclear", "is declared and is not there (HTTP 404 or 405)") if route.declared else None


def _seen(connection: Connection, route: Route, key: str) -> Seen:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return _stand(connection.exchange(route.method, route.path, headers=headers, body=route.body), route)


def _stand(answer: Answer, route: Route) -> Seen:
    told = f"HTTP {answer.status}"
    if answer.status in (401, 403):
        return Seen("refuses", told)
    if answer.status in (404, 405):
        return Seen("absent", told)
    if 200 <= answer.status < 300:
        if not route.declared and answer.headers.get("content-type", "").startswith("text/html"):
            return Seen("unclear", f"{told} with a web page, which is not this API's answer")
        return Seen("answers", told)
    reason = {
        400: "the request was read before a credential was asked for",
        415: "the request was read before a credential was asked for",
        422: "the request was read before a credential was asked for",
        429: "too many requests: the credential was not looked at",
    }.get(answer.status, "a redirect" if answer.status < 400 else "")
    return Seen("unclear", told + (f", {reason}" if reason else ""))
