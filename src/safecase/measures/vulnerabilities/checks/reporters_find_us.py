"""`securitytxt.probe`: strangers can find out where to report flaws."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from safecase.checks import Context, Estimate, check
from safecase.errors import CollectError
from safecase.readers import security_txt
from safecase.readers.security_txt import SecurityTxt
from safecase.readers.text import shown
from safecase.service.schema import Endpoint as EndpointBlock
from safecase.service.schema import Manifest
from safecase.service.subjects import Service
from safecase.targets.connection import Answer, Connection
from safecase.targets.permission import Permission, allowed
from safecase.vocabulary import Digest, Finding, Place

PATH = "/.well-known/security.txt"
LONGEST = timedelta(days=366)
MOST_REDIRECTS = 3
TIMEOUT_S = 15.0


class Refused(NamedTuple):
    """Why strangers do not get it."""

    message: str
    rule: str


class Fetched(NamedTuple):
    """What came from the running service."""

    content: bytes
    url: str
    faults: tuple[tuple[str, str], ...]
    """Rule and message."""


def _cost(_service: Service, _manifest: Manifest) -> Estimate:
    return Estimate(calls=1 + MOST_REDIRECTS, seconds=TIMEOUT_S)


@check(
    "securitytxt.probe",
    control="VH-01",
    severity="medium",
    runs="thread",
    network=True,
    reads=("vulnerabilities.security_txt", "deployment.endpoint"),
    files=("vulnerabilities.security_txt",),
    estimate=_cost,
)
def reporters_find_us(service: Service, ctx: Context) -> Iterator[Finding]:
    """A valid security.txt tells strangers where to report flaws, and is not out of date.

    ## Why it matters
    Who finds a flaw looks for security.txt first. Where there is none, or an address that nobody reads any more, the
    report goes to the press, to somebody who pays for it, or nowhere.

    ## How it is checked
    Where `vulnerabilities.security_txt` names a file, the file is read. Otherwise the running service is asked for
    `/.well-known/security.txt`, at the address given there or at the declared endpoint's host. By RFC 9116 it must
    be UTF-8 text, have a Contact (mailto:, tel: or https:), and one Expires that lies ahead, by a year at most. Of a
    fetched one it is also asked that it comes as text/plain over TLS (loopback excepted), without a credential, not by
    a redirect to another host, and that Canonical, where it is given, names the address it came from. A cleartext
    signature is taken off and noted, and not verified. Nobody is written to: whether somebody answers is not tested.

    ## How to mend it
    Serve such a file, and put the renewal of Expires into your calendar: `Contact: mailto:security@…`,
    `Expires: 2027-06-30T00:00:00Z`, `Canonical: https://…/.well-known/security.txt`, `Policy: https://…`.

    ## References
    RFC 9116; ISO/IEC 29147:2018; NIST AI RMF 1.0 GOVERN 5.1; CWE-1059.
    """
    told = ctx.manifest.vulnerabilities.security_txt
    if told and "://" not in told:
        kept, findings = _judged(service, ctx, _file(ctx, told), told, "")
        yield from findings or [_passed(service, kept, told)]
        return
    url = told or _endpoint_url(ctx)
    if not url:
        mend = "name the file or its address: `vulnerabilities: {security_txt: …}`"
        place = ctx.place("vulnerabilities.security_txt")
        yield reporters_find_us.unknown(service, "neither a file nor an endpoint is declared", place=place, mend=mend)
        return
    try:
        fetched = _fetched(ctx, url, path="" if told else PATH)
    except CollectError as why:
        ctx.again = True
        place = ctx.place("vulnerabilities.security_txt" if told else "deployment.endpoint")
        yield reporters_find_us.unknown(service, why.message, place=place, mend=why.mend, rule="reached")
        return
    if isinstance(fetched, Refused):
        yield _refused(service, ctx, fetched)
        return
    yield from _of_fetched(service, ctx, fetched)


def _of_fetched(service: Service, ctx: Context, fetched: Fetched) -> Iterator[Finding]:
    kept, findings = _judged(service, ctx, fetched.content, "", fetched.url)
    place = ctx.place("deployment.endpoint")
    for rule, message in fetched.faults:
        findings.append(
            reporters_find_us.failed(
                service, message, *kept, rule=rule, key=rule, place=place, mend="serve it as RFC 9116 says"
            )
        )
    yield from findings or [_passed(service, kept, fetched.url)]


def _passed(service: Service, kept: tuple[Digest, ...], where: str) -> Finding:
    return reporters_find_us.passed(service, f"{shown(where, 160)} says where to report flaws", *kept)


def _file(ctx: Context, name: str) -> bytes:
    try:
        with ctx.path(name).open("rb") as file:
            return file.read(security_txt.MOST_BYTES + 1)
    except OSError as why:
        raise CollectError(
            f"{shown(name)} cannot be read: {why.strerror}", mend="correct vulnerabilities.security_txt"
        ) from why


def _endpoint_url(ctx: Context) -> str:
    endpoint = ctx.manifest.deployment.endpoint
    return endpoint.url if isinstance(endpoint, EndpointBlock) else endpoint or ""


def _fetched(ctx: Context, url: str, *, path: str) -> Fetched | Refused:
    """Ask for it as a stranger, following redirects on the same host only."""
    permission = allowed(ctx.secret(url), ctx.owned)
    connection = Connection(permission, timeout_s=TIMEOUT_S, remaining=ctx.remaining)
    path = path or permission.path or PATH
    try:
        for _ in range(MOST_REDIRECTS + 1):
            answer = connection.exchange("GET", path, headers={"Accept": "text/plain"})
            if answer.status not in (301, 302, 303, 307, 308):
                return _answered(permission, path, answer)
            target = urlsplit(urljoin(_url(permission, path), answer.headers.get("location", "")))
            if (target.scheme, target.hostname, target.port or _port(target.scheme)) != (
                permission.scheme,
                permission.host,
                permission.port,
            ):
                return Refused(f"{path} leads to another host ({shown(target.hostname or '?')})", "redirect")
            path = target.path or "/"
    finally:
        connection.close()
    return Refused(f"{path} leads from one address to the next without end", "redirect")


def _answered(permission: Permission, path: str, answer: Answer) -> Fetched | Refused:
    if answer.status >= 500 or answer.status == 429:
        raise CollectError(f"{path} gives HTTP {answer.status}", mend="look into the log of the service")
    if answer.status != 200:
        return Refused(f"{path} gives strangers HTTP {answer.status}", "absent")
    faults = []
    if permission.scheme != "https" and not permission.loopback:
        faults.append(("tls", f"{path} is served without TLS"))
    kind, _, charset = answer.headers.get("content-type", "").lower().partition(";")
    if kind.strip() != "text/plain":
        faults.append(("type", f"{path} comes as {shown(kind.strip() or 'no type', 60)}, not as text/plain"))
    elif "charset" in charset and "utf-8" not in charset:
        faults.append(("type", f"{path} comes with {shown(charset.strip(), 60)}, not as UTF-8"))
    return Fetched(answer.body, _url(permission, path), tuple(faults))


def _refused(service: Service, ctx: Context, why: Refused) -> Finding:
    place = ctx.place("deployment.endpoint")
    mend = f"serve a security.txt at {PATH} itself, to everybody, or name it under vulnerabilities.security_txt"
    return reporters_find_us.failed(service, why.message, rule=why.rule, key=why.rule, place=place, mend=mend)


def _url(permission: Permission, path: str) -> str:
    standard = permission.port == _port(permission.scheme)
    host = f"[{permission.host}]" if ":" in permission.host else permission.host
    return f"{permission.scheme}://{host}{'' if standard else f':{permission.port}'}{path}"


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _judged(
    service: Service, ctx: Context, content: bytes, file: str, url: str
) -> tuple[tuple[Digest, ...], list[Finding]]:
    """Find what is wrong with the content, in a file or as it came from `url`."""
    kept = (ctx.keep(content[: security_txt.MOST_BYTES], name="security.txt"),)
    read = security_txt.read(content)
    found = [(fault.rule, fault.message, fault.line) for fault in read.faults]
    found += _times(ctx, read)
    canonical = read.values("canonical")
    if url and canonical and url not in canonical:
        found.append(("canonical", f"Canonical does not name {shown(url, 160)}, where it came from", 0))
    where = shown(file or url, 160)
    return kept, [
        reporters_find_us.failed(
            service,
            f"{where}: {message}",
            *kept,
            rule=rule,
            key=f"{rule}:{line}" if rule == "line" else rule,
            place=Place(file=file, line=line) if file else ctx.place("deployment.endpoint"),
            mend=_MENDS.get(rule, "correct that line"),
        )
        for rule, message, line in found
    ]


def _times(ctx: Context, read: SecurityTxt) -> list[tuple[str, str, int]]:
    if read.expires is None:
        return []
    line = next(n for name, _, n in read.fields if name == "expires")
    if read.expires <= ctx.now:
        return [("expires", f"it expired on {read.expires.date()}", line)]
    if read.expires > ctx.now + LONGEST:
        return [("expires", f"it expires on {read.expires.date()}, more than a year ahead", line)]
    return []


_MENDS = {
    "contact": "write `Contact: mailto:security@your.domain`, an address that somebody reads",
    "expires": "write one `Expires:` within a year, and renew it before",
    "canonical": "write `Canonical:` with the address where the file is served",
    "encoding": "save it as UTF-8 without a byte order mark",
    "signature": "sign the file anew, with nothing before or behind",
}
