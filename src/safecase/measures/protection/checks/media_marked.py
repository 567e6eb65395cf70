"""`c2pa.verify`: pictures, sound and film that were generated say so, signed and bound to their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from safecase.checks import Context, Estimate, check
from safecase.errors import CollectError
from safecase.measures.protection.made_media import Sample, asked, samples
from safecase.readers.media.cose import distrust
from safecase.readers.media.credentials import Credentials, TamperedError, UnjudgedError, read_credentials
from safecase.readers.text import shown
from safecase.service.read import endpoint_of
from safecase.service.schema import Manifest
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding

if TYPE_CHECKING:
    from cryptography import x509

MOST_ROOT_BYTES = 1_000_000


def _cost(_: Repository, manifest: Manifest) -> Estimate:
    calls = len({"image_gen", "speech_gen"} & set(manifest.ai.kind)) if endpoint_of(manifest) else 0
    return Estimate(calls=calls, seconds=5.0 + 30.0 * calls)


@check(
    "c2pa.verify",
    control="AI-20",
    severity="medium",
    runs="thread",
    network=True,
    reads=("ai", "deployment.endpoint", "protection.media", "supply_chain.roots"),
    files=("supply_chain.roots",),
    estimate=_cost,
)
def media_marked(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Generated pictures, sound and film carry signed credentials that say so and fit their bytes.

    ## Why it matters
    People cannot tell generated media from recorded ones, and soon neither can detectors. What its maker signs at once,
    bound to the very bytes, tells them apart for everybody downstream; the law asks providers for it.

    ## How it is checked
    The declared endpoint is asked for a picture (`ai.kind: image_gen`, POST /images/generations) and a sentence
    (`speech_gen`, POST /audio/speech), and the samples of `protection.media` are read: JPEG, PNG, WebP, WAV, MP4,
    AVIF, HEIC. Each must hold a C2PA manifest whose signature
    fits the claim (ES256 to ES512, PS256 to PS512, EdDSA), whose assertions are as the claim hashes them, whose
    hash fits the bytes and leaves out nothing but the credentials, and one of whose actions names a digital source
    type such as `trainedAlgorithmicMedia`. The signer's certificate must lead to one of `supply_chain.roots`; where
    none is declared, that is unknown.

    Not looked at: a watermark (only its own detector can find it), time stamps, revocation, ingredients. Credentials
    that were taken off leave no trace.

    ## How to mend it
    Sign what is made where it is made, with a C2PA library, and let nothing behind it encode the file again. Declare
    the root of the signing certificate: `supply_chain: {roots: [c2pa-root.pem]}`.

    ## References
    EU AI Act Art. 50(2); C2PA specification 2.x; RFC 9052; ISO 19566-5; AML.M0034 (ATLAS 5.6.0); CWE-345; CWE-353.
    """
    roots = _roots(ctx)
    good: list[Sample] = []
    seen = 0
    for one in _all(ctx):
        seen += 1
        if isinstance(one, CollectError):
            place = ctx.place("ai.kind")
            yield media_marked.unknown(
                repository, one.message, rule="media.unread", key=one.message, place=place, mend=one.mend
            )
            continue
        finding = _judged(repository, ctx, one, roots)
        if finding is None:
            good.append(one)
        else:
            yield finding
    if not seen:
        told = "no generated media can be had: there is neither an endpoint that makes any nor a sample"
        mend = "declare an endpoint with its `ai.kind`, or name samples: `protection: {media: [samples]}`"
        yield media_marked.unknown(repository, told, rule="media.none", place=ctx.place("ai.kind"), mend=mend)
    if good:
        told = f"{len(good)} of {seen} media carry signed credentials that say they were generated and fit their bytes"
        told += "; no watermark was looked for"
        yield media_marked.passed(repository, told, place=good[0].place)


def _all(ctx: Context) -> Iterator[Sample | CollectError]:
    yield from samples(ctx, ctx.manifest.protection.media)
    endpoint = endpoint_of(ctx.manifest)
    if endpoint is not None:
        try:
            yield from asked(endpoint, ctx)
        except CollectError as why:
            ctx.again = True
            yield why


def _judged(repository: Repository, ctx: Context, sample: Sample, roots: list[x509.Certificate]) -> Finding | None:
    """Say what is wrong with a sample, or not known of it; None where nothing is."""
    name, key, place = shown(sample.name), sample.name, sample.place
    try:
        found = read_credentials(sample.content)
    except TamperedError as why:
        mend = "sign it last: nothing may change it after that"
        told = f"{name}: its credentials do not hold: {why}"
        return media_marked.failed(
            repository, told, rule="media.tampered", key=key, place=place, severity="high", mend=mend
        )
    except UnjudgedError as why:
        mend = "verify it with a C2PA validator, and attest it"
        return media_marked.unknown(repository, f"{name}: {why}", rule="media.unread", key=key, place=place, mend=mend)
    if found is None:
        told, mend = f"{name} carries no credentials", "sign what is generated with a C2PA library"
        return media_marked.failed(repository, told, rule="media.unsigned", key=key, place=place, mend=mend)
    if not found.says_generated:
        sources = ", ".join(shown(source, 40) for source in found.sources[:5]) or "nothing"
        told = f"{name} is signed and does not say that it was generated (its source: {sources})"
        mend = "name the digital source type trainedAlgorithmicMedia in the action that made it"
        return media_marked.failed(repository, told, rule="media.unsaid", key=key, place=place, mend=mend)
    return _trusted(repository, ctx, sample, found, roots)


def _trusted(
    repository: Repository, ctx: Context, sample: Sample, found: Credentials, roots: list[x509.Certificate]
) -> Finding | None:
    if not roots:
        told = f"{shown(sample.name)} is signed by {found.signer}; no root is declared to trust"
        mend = "declare the root of its certificate: `supply_chain: {roots: [c2pa-root.pem]}`"
        return media_marked.unknown(
            repository, told, rule="media.trust", key=sample.name, place=sample.place, mend=mend
        )
    why = distrust(list(found.chain), roots, ctx.now)
    if not why:
        return None
    told = f"{shown(sample.name)} is signed by {found.signer}: {why}"
    mend = "sign with a certificate that leads to one of supply_chain.roots and is valid"
    return media_marked.failed(repository, told, rule="media.trust", key=sample.name, place=sample.place, mend=mend)


def _roots(ctx: Context) -> list[x509.Certificate]:
    from cryptography import x509

    found: list[x509.Certificate] = []
    for name in ctx.manifest.supply_chain.roots:
        try:
            with ctx.path(name).open("rb") as file:
                found += x509.load_pem_x509_certificates(file.read(MOST_ROOT_BYTES))
        except (OSError, ValueError) as why:
            raise CollectError(
                f"{shown(name)} holds no certificates in PEM", mend="correct supply_chain.roots"
            ) from why
    return found
