"""`slsa.verify`: each model that lies here bears a signed statement of how it was built, by a trusted builder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.build_provenance import Built, read_provenance
from safecase.readers.model_signatures import NotRead, read_key
from safecase.readers.text import shown
from safecase.service.digests import hash_file
from safecase.service.subjects import Model
from safecase.vocabulary import Finding, Place


@check(
    "slsa.verify",
    control="SC-14",
    severity="medium",
    version=2,
    reads=("supply_chain.builders", "supply_chain.signers", "supply_chain.identities"),
    files=("models.provenance", "supply_chain.signers", "supply_chain.sigstore_root"),
)
def builds_stated(model: Model, ctx: Context) -> Iterator[Finding]:
    """Each model that lies here bears a signed statement of how it was built, by a builder that is trusted.

    ## Why it matters
    A digest says that a file is the same as before, not where it came from. A statement of the build, signed by the
    builder and not by the person, ties the weights to the source and the data that they were made of.

    ## How it is checked
    `models[].provenance` names a file with in-toto statements in DSSE envelopes (one, a Sigstore bundle, or one a
    line), in SLSA's form 0.2 or 1. A statement counts if one of `supply_chain.signers` made its signature, its builder
    is one of `supply_chain.builders` (its id, or the beginning of it up to a `/` or `@`), and every weight file of the
    model has its SHA-256 among the statement's subjects. The level of a builder is what its maker proves of it: list
    only builders whose level is enough. A model without any statement is unknown: nobody said anything of it. Keyless
    bundles count with `supply_chain.sigstore_root` and one of `supply_chain.identities`, by the extra `sigstore`.

    ## How to mend it
    Build in a pipeline that signs provenance, hand the statement out beside the model, and name the builder.

    ## References
    SLSA 1.1 (Build track); in-toto attestation 1.0; AML.M0013; CWE-345; ISO/IEC 42001 A.6.2.3; EU AI Act Art. 15(5).
    """
    place = Place(file=ctx.manifest_path, line=model.line) if model.declared and ctx.manifest_path else None
    if model.declared is None or not model.declared.provenance:
        message = f"{shown(model.path)} bears no statement of how it was built"
        mend = "name the file with SLSA provenance under models[].provenance"
        yield builds_stated.unknown(model, message, rule="slsa.missing", place=place, mend=mend)
        return
    named = model.declared.provenance
    try:
        keys = [read_key(ctx.path(name), name) for name in ctx.manifest.supply_chain.signers]
        statements = read_provenance(ctx.path(named), keys, _keyless(ctx))
    except NotRead as why:
        message = f"{shown(named)} does not count: {why.why}"
        mend = "find out who made it; if the builder is yours, list its key under supply_chain.signers"
        yield builds_stated.failed(model, message, rule="slsa.signature", place=Place(file=named), mend=mend)
        return
    except CollectError as why:
        yield builds_stated.unknown(model, why.message, rule="slsa.unread", place=place, mend=why.mend)
        return
    yield from _judged(model, ctx, named, statements)


def _keyless(ctx: Context) -> Callable[[bytes], str] | None:
    policy = ctx.manifest.supply_chain
    if not policy.sigstore_root:
        return None
    from safecase.measures.supply_chain.signing.keyless import keyless

    return keyless(ctx.path(policy.sigstore_root), policy.identities)


def _judged(model: Model, ctx: Context, named: str, statements: tuple[Built, ...]) -> Iterator[Finding]:
    place = Place(file=named)
    trusted = [s for s in statements if _is_trusted(s.builder, ctx.manifest.supply_chain.builders)]
    if not trusted:
        told = ", ".join(shown(s.builder, 120) or "nobody" for s in statements[:3])
        mend = "list the builder under supply_chain.builders once its level is known, or build by one that is listed"
        message = f"it was built by {told}, which is not listed"
        yield builds_stated.failed(model, message, rule="slsa.builder", place=place, mend=mend)
        return
    covered = frozenset[str]().union(*(s.digests for s in trusted))
    missing = [file for file in model.files if hash_file(ctx.path(file)) not in covered]
    for file in missing[:20]:
        message = f"{shown(file)} is not what {shown(trusted[0].builder, 120)} built"
        mend = "fetch it anew from where it was built"
        yield builds_stated.failed(model, message, rule="slsa.digest", key=file, place=Place(file=file), mend=mend)
    if not model.files:
        message = f"{shown(model.path)} holds no weight file that could be compared"
        yield builds_stated.unknown(model, message, rule="slsa.nothing", place=place, mend="correct models[].file")
    elif not missing:
        message = f"{len(model.files)} files were built by {shown(trusted[0].builder, 120)}, as it states"
        yield builds_stated.passed(model, message, place=place)


def _is_trusted(builder: str, listed: tuple[str, ...]) -> bool:
    return bool(builder) and any(
        builder == one or (builder.startswith(one) and (one.endswith(("/", "@")) or builder[len(one)] in "/@"))
        for one in listed
    )
