"""`sig.verify`: every file of a model is signed by a key that counts, and is as it was when it was signed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.supply_chain.signing.listing import differences
from safecase.measures.supply_chain.signing.verify import signed_by
from safecase.readers.model_signatures import (
    WHOLE,
    NotRead,
    Statement,
    read_bundle,
    read_key,
)
from safecase.readers.text import shown
from safecase.service.subjects import Model
from safecase.vocabulary import Finding, Place

MOST_TOLD = 20


@check(
    "sig.verify",
    control="SC-05",
    severity="high",
    version=3,
    reads=("supply_chain.signers", "supply_chain.roots", "supply_chain.identities"),
    files=(
        "models.signature",
        "supply_chain.signers",
        "supply_chain.roots",
        "supply_chain.sigstore_root",
        "models.file",
    ),
)
def signature_verified(model: Model, ctx: Context) -> Iterator[Finding]:
    """Every file of the model is signed by a key that counts, and is as it was when it was signed.

    ## Why it matters
    Between whoever trained a model and the machine that loads it lie hubs, mirrors, buckets and caches. A signature is
    the only thing that travels with the files and shows that none of them was exchanged, added or taken away on the
    way, whoever runs the places between.

    ## How it is checked
    `models[].signature` names a Sigstore bundle as OpenSSF model signing 1.0 writes it (`model.sig`): an in-toto
    statement in a DSSE envelope with the digest of each file. The signature is verified with the public keys of
    `supply_chain.signers` (ECDSA on P-256, P-384 and P-521, or Ed25519) before anything in it is believed. Then the
    digest over all files, each file's digest (SHA-256 or BLAKE2b) and the list itself are compared with the folder: a
    file that differs, is missing, was added or is a link fails. Only the signature, git's own files, and prose that
    the signer left out may be there without being signed. A model without a signature fails.

    Signatures by a certificate count where the chain leads to one of `supply_chain.roots` today and the identity is one
    of `supply_chain.identities`. Keyless ones, by a certificate that lived for minutes, count with
    `supply_chain.sigstore_root` (`trusted_root.json`) and the extra `sigstore`: the bundle brings the proof that the
    transparency log saw the signature in time, and nothing is fetched. Digests by BLAKE3 and lists of parts of files
    are not verified in this release, and are unknown. Nobody is asked whether a key was withdrawn: take it out of
    `supply_chain.signers`.

    ## How to mend it
    Sign the folder where the model is made, keep the private key in a key store, and hand out the public one:

        model_signing sign key --private_key KEY.pem --signature models/guide/model.sig models/guide

    Do not load a model whose files differ from what was signed: fetch it anew and look again.

    ## References
    AML.M0013 and AML.M0014 (ATLAS 5.6.0); AML.T0010; CWE-345; CWE-347; LLM04:2026; EU AI Act Art. 15(5).
    """
    declared = model.declared
    place = Place(file=ctx.manifest_path, line=model.line) if declared else Place(file=model.path)
    if declared is None or not declared.signature:
        yield signature_verified.failed(
            model,
            f"{shown(model.path)} has no signature that safecase.yaml names",
            rule="unsigned",
            place=place,
            mend="sign it where it is made, and name the bundle under models[].signature",
        )
        return
    try:
        bundle_path = ctx.path(declared.signature)
        statement, signer = _statement(bundle_path, ctx)
        step = partial(_in_time, ctx)
        told = list(differences(ctx.path(model.path), bundle_path, statement, step=step))
    except NotRead as why:
        yield _not_read(model, declared.signature, why)
        return
    except CollectError as why:
        yield signature_verified.unknown(model, why.message, rule="unread", place=place, mend=why.mend)
        return
    except OSError as why:
        message = f"{shown(model.path)} cannot be read: {why.strerror}"
        yield signature_verified.unknown(model, message, rule="unread", place=place, mend="correct its path")
        return
    for one in told[:MOST_TOLD]:
        yield signature_verified.failed(
            model, one.told, rule=one.rule, key=one.name, place=Place(file=_inside(model.path, one.name)), mend=one.mend
        )
    if len(told) > MOST_TOLD:
        message = f"{len(told) - MOST_TOLD} more files differ, and are not listed"
        yield signature_verified.failed(model, message, rule="more", place=place, mend="fetch the model anew")
    if not told:
        message = f"{len(statement.files)} files are as {shown(signer)} signed them, and no other is there"
        yield signature_verified.passed(model, message, place=Place(file=declared.signature))


def _in_time(ctx: Context, _: str) -> None:
    if ctx.remaining() <= 0:
        raise CollectError("no time is left to hash all files", mend="raise settings.check_seconds")


def _statement(bundle_path: Path, ctx: Context) -> tuple[Statement, str]:
    """Give what was signed and by whom, or say why not: NotRead, or CollectError."""
    policy = ctx.manifest.supply_chain
    bundle = read_bundle(bundle_path)
    if not bundle.keyless and not policy.signers:
        raise CollectError(
            "supply_chain.signers names no key, so that no signature counts",
            mend="put the public key of who signs into a PEM file, and name it under supply_chain.signers",
        )
    roots: list[Any] = []
    if bundle.keyless and policy.roots:
        from safecase.measures.supply_chain.signing.certificates import read_roots

        roots = [one for name in policy.roots for one in read_roots(ctx.path(name), name)]
    keys = [read_key(ctx.path(name), name) for name in policy.signers]
    sigstore = ctx.path(policy.sigstore_root) if policy.sigstore_root else None
    statement, name, _ = signed_by(bundle_path, keys, roots, policy.identities, ctx.now, sigstore)
    return statement, name


def _not_read(model: Model, signature: str, why: NotRead) -> Finding:
    place = Place(file=signature)
    message = f"{shown(signature)} does not count: {why.why}"
    if why.known_form:
        mend = "sign with a key (model_signing sign key), digests by sha256, until a later release verifies this form"
        return signature_verified.unknown(model, message, rule="form", place=place, mend=mend)
    mend = "do not load the model before it is clear who signed it; if the signer is yours, name the key"
    return signature_verified.failed(model, message, rule="signature", place=place, mend=mend)


def _inside(folder: str, name: str) -> str:
    return folder if name == WHOLE else f"{folder.rstrip('/')}/{name}"
