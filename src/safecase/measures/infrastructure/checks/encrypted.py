"""`tls.probe`: the running service is reached by TLS 1.2 or newer, with a certificate that clients can verify."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from safecase.checks import Context, Estimate, check
from safecase.errors import CollectError
from safecase.measures.infrastructure.handshake import Refused, Verified, speaks_old, verified
from safecase.service.schema import Manifest
from safecase.service.subjects import Endpoint
from safecase.targets.permission import Permission, allowed
from safecase.vocabulary import Finding, Metric, Place

LEAST_DAYS = 14
"""A certificate that lapses sooner is not renewed by a machine, or its renewal fails."""

_MENDS = {
    "expired": "renew the certificate, and have a machine renew it from now on",
    "other-host": "get a certificate that names the host of deployment.endpoint.url, or correct the url",
    "chain": "serve the intermediate certificates too; for a CA of your own, name its file in SSL_CERT_FILE",
    "no-tls": "let the server speak TLS 1.2 or newer at this port, or correct the url",
}


def _cost(_endpoint: Endpoint, _manifest: Manifest) -> Estimate:
    return Estimate(calls=2, seconds=3.0)


@check("tls.probe", control="IN-08", severity="high", runs="thread", network=True, estimate=_cost)
def encrypted(endpoint: Endpoint, ctx: Context) -> Iterator[Finding]:
    """The running service is reached by TLS 1.2 or newer, with a certificate that clients can verify.

    ## Why it matters
    Prompts and answers hold what people would not write on a postcard, and the credential of each caller travels with
    them. Without encryption, or with clients that were taught to ignore a wrong certificate, whoever sits between
    reads both, and may change an answer before it is acted upon.

    ## How it is checked
    A real handshake with the host and port of the declared url, as a client that trusts what this machine trusts
    (`SSL_CERT_FILE` or `SSL_CERT_DIR`, else the system's store). The chain must lead to a trusted root, the
    certificate must name the host and stay valid for 14 days at least, and the protocol must be TLS 1.2 or 1.3. Then
    TLS 1.1 is offered, and the server must refuse. A url with `http://` fails, and is not asked. On this machine
    itself it is unknown: nothing travels there, and it is not the way that users come. Only the declared endpoint is
    asked, by the rules for every probe: loopback, or a host that is said to be one's own.

    What it does not prove: connections within the service (to stores, model servers, tools) are not tried, nor whether
    its zones ask each other for certificates. Revocation is not asked for.

    ## How to mend it
    Let a proxy in front of the service end TLS, with certificates that renew themselves (ACME), and TLS 1.2 as the
    least. Redirect http to https there.

    ## References
    AML.M0012 (ATLAS 5.6.0); CWE-295; CWE-319; CWE-326; RFC 8996; RFC 9325; EU AI Act Art. 15(5).
    """
    permission = allowed(ctx.secret(endpoint.declared.url), ctx.owned)
    place = Place(file=ctx.manifest_path, line=endpoint.line)
    if permission.scheme == "http":
        yield _plain(endpoint, permission, place)
        return

    def seconds() -> float:
        return min(endpoint.declared.timeout_s, ctx.remaining())

    try:
        yield from _handshakes(endpoint, permission, seconds, ctx, place)
    except CollectError:
        ctx.again = True
        raise


def _handshakes(
    endpoint: Endpoint, permission: Permission, seconds: Callable[[], float], ctx: Context, place: Place
) -> Iterator[Finding]:
    seen = verified(permission, seconds)
    if isinstance(seen, Refused):
        yield encrypted.failed(
            endpoint,
            f"a client that verifies gets no connection: {seen.why}",
            rule=seen.rule,
            place=place,
            mend=_MENDS[seen.rule],
        )
        return
    yield _certificate(endpoint, seen, ctx, place)
    yield _old(endpoint, permission, seconds, seen, place)


def _plain(endpoint: Endpoint, permission: Permission, place: Place) -> Finding:
    if permission.loopback:
        return encrypted.unknown(
            endpoint,
            "the declared url is plain http on this machine: nothing travels, and it is not the way that users come",
            rule="plain",
            place=place,
            mend="declare the https:// url that users reach, and assess where that may be asked",
        )
    return encrypted.failed(
        endpoint,
        "the declared url is plain http: whoever sits between reads and changes what is said",
        rule="plain",
        place=place,
        mend="serve it by TLS, and declare its https:// url",
    )


def _certificate(endpoint: Endpoint, seen: Verified, ctx: Context, place: Place) -> Finding:
    left = seen.expires - ctx.now
    days = left / timedelta(days=1)
    ctx.measure(Metric(name="certificate_days_left", value=round(days, 2), threshold=float(LEAST_DAYS), unit="d"))
    told = f"the chain is valid for the host, until {seen.expires:%Y-%m-%d}"
    if days < LEAST_DAYS:
        return encrypted.failed(
            endpoint,
            f"its certificate lapses in {max(0, int(days))} days, on {seen.expires:%Y-%m-%d}",
            rule="lapses",
            place=place,
            severity="medium",
            mend="renew it, and see why nothing has renewed it yet",
        )
    return encrypted.passed(endpoint, told, rule="certificate", place=place)


def _old(
    endpoint: Endpoint, permission: Permission, seconds: Callable[[], float], seen: Verified, place: Place
) -> Finding:
    match speaks_old(permission, seconds):
        case "refused":
            message = f"it speaks {seen.protocol} ({seen.cipher}), and refuses TLS 1.1 and older"
            return encrypted.passed(endpoint, message, rule="protocol", place=place)
        case "spoken":
            return encrypted.failed(
                endpoint,
                f"it speaks {seen.protocol}, and TLS 1.1 or older as well to whoever asks for it",
                rule="protocol",
                place=place,
                mend="set TLS 1.2 as the least in the server or the proxy before it",
            )
        case _:
            return encrypted.unknown(
                endpoint,
                "its answer to an offer of TLS 1.1 is no TLS",
                rule="protocol",
                place=place,
                mend="see what stands before the service, and try again",
            )
