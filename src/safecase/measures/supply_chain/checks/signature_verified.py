"""`sig.verify`: every file of a model is signed by a key that counts, and is as it was when it was signed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.model_signatures import (
    WHOLE,
    Key,
    NotRead,
    Statement,
    digest_of_file,
    read_bundle,
    read_key,
    read_statement,
    signer,
)
from safecase.readers.text import shown
from safecase.service.subjects import Model
from safecase.vocabulary import Finding, Place

MOST_FILES = 50_000
MOST_TOLD = 20
OF_GIT = frozenset({".git", ".gitattributes", ".github", ".gitignore"})
PROSE = (".md", ".rst")
PROSE_NAMES = frozenset({"LICENSE", "LICENCE", "NOTICE"})


class Difference(NamedTuple):
    """A file that is not as the signature has it."""

    rule: str
    name: str
    told: str
    mend: str


@check(
    "sig.verify",
    control="SC-05",
    severity="high",
    reads=("supply_chain.signers",),
    files=("models.signature", "supply_chain.signers", "models.file"),
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

    Signatures by a certificate (keyless, by Fulcio), digests by BLAKE3 and lists of parts of files are not verified in
    this release, and are unknown. Nobody is asked whether a key was withdrawn: take it out of `supply_chain.signers`.

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
        statement, key = _statement(bundle_path, ctx)
        differences = list(_differences(ctx.path(model.path), bundle_path, statement, ctx))
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
    for one in differences[:MOST_TOLD]:
        yield signature_verified.failed(
            model, one.told, rule=one.rule, key=one.name, place=Place(file=_inside(model.path, one.name)), mend=one.mend
        )
    if len(differences) > MOST_TOLD:
        message = f"{len(differences) - MOST_TOLD} more files differ, and are not listed"
        yield signature_verified.failed(model, message, rule="more", place=place, mend="fetch the model anew")
    if not differences:
        message = f"{len(statement.files)} files are as {shown(key.name)} signed them, and no other is there"
        yield signature_verified.passed(model, message, place=Place(file=declared.signature))


def _statement(bundle_path: Path, ctx: Context) -> tuple[Statement, Key]:
    """Give what was signed and by which key, or say why not: NotRead, or CollectError."""
    bundle = read_bundle(bundle_path)
    if bundle.keyless:
        raise NotRead("it was made with a certificate (keyless)", known_form=True)
    names = ctx.manifest.supply_chain.signers
    if not names:
        raise CollectError(
            "supply_chain.signers names no key, so that no signature counts",
            mend="put the public key of who signs into a PEM file, and name it under supply_chain.signers",
        )
    keys = [read_key(ctx.path(name), name) for name in names]
    key = signer(bundle, keys)
    if key is None:
        raise NotRead("none of the keys in supply_chain.signers has made it")
    return read_statement(bundle), key


def _not_read(model: Model, signature: str, why: NotRead) -> Finding:
    place = Place(file=signature)
    message = f"{shown(signature)} does not count: {why.why}"
    if why.known_form:
        mend = "sign with a key (model_signing sign key), digests by sha256, until a later release verifies this form"
        return signature_verified.unknown(model, message, rule="form", place=place, mend=mend)
    mend = "do not load the model before it is clear who signed it; if the signer is yours, name the key"
    return signature_verified.failed(model, message, rule="signature", place=place, mend=mend)


def _differences(model: Path, bundle: Path, statement: Statement, ctx: Context) -> Iterator[Difference]:
    """Compare the folder (or the file) with the list, in the order of names."""
    here = _files(model, bundle)
    signed = {file.name: file for file in statement.files}
    for name in sorted(here | signed.keys()):
        file = signed.get(name)
        path = model if name == WHOLE else model / name
        if ctx.remaining() <= 0:
            raise CollectError("no time is left to hash all files", mend="raise settings.check_seconds")
        if file is None:
            if not _may_be_unsigned(name, statement):
                yield Difference("added", name, f"{shown(name)} is not signed, and lies in the model", _ADDED)
        elif name not in here:
            yield Difference("missing", name, f"{shown(name)} was signed, and is not there", _FETCH)
        elif path.is_symlink() or not path.is_file():
            yield Difference("link", name, f"{shown(name)} is a link, and may be another file tomorrow", _LINK)
        elif digest_of_file(path, file.algorithm) != file.digest:
            yield Difference("changed", name, f"{shown(name)} is not what was signed", _FETCH)


def _files(model: Path, bundle: Path) -> set[str]:
    """Name all files of a model but its signature, links and hidden ones too."""
    if not model.is_dir():
        return {WHOLE} if model.exists() else set()
    found: set[str] = set()
    for folder, folders, names in os.walk(model, onerror=_raise):
        here = Path(folder)
        if here == model and ".git" in folders:
            folders.remove(".git")
        linked = [name for name in folders if (here / name).is_symlink()]
        for name in (*names, *linked):
            path = here / name
            if not (path.name == bundle.name and path.resolve() == bundle):
                found.add(path.relative_to(model).as_posix())
        if len(found) > MOST_FILES:
            raise CollectError(f"more than {MOST_FILES} files in {shown(model.name)}", mend="name a smaller folder")
    return found


def _raise(why: OSError) -> None:
    raise why


def _may_be_unsigned(name: str, statement: Statement) -> bool:
    """Git's own files, and what people read if its signer left it out; never what a program might load."""
    first = name.partition("/")[0]
    if first in OF_GIT:
        return True
    left_out = any(name == path or name.startswith(path.rstrip("/") + "/") for path in statement.ignored)
    return left_out and (name.lower().endswith(PROSE) or name.rpartition("/")[2] in PROSE_NAMES)


def _inside(folder: str, name: str) -> str:
    return folder if name == WHOLE else f"{folder.rstrip('/')}/{name}"


_FETCH = "do not load the model: fetch it anew from where it was signed, and find out who changed it here"
_ADDED = "take it out of the folder, or have the whole folder signed again by who answers for it"
_LINK = "put the file itself there"
