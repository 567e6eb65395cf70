"""`data.provenance`: origin, licence, day, legal ground, digest and lineage of each data set are known."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.service.digests import hash_file, of_parts
from safecase.service.schema import DatasetBlock
from safecase.service.subjects import Dataset
from safecase.vocabulary import Finding, Place

PERSONAL = frozenset({"personal", "special", "biometric"})
OF_OTHERS = frozenset({"third_party", "public"})


@check("data.provenance", control="SC-15", severity="high", reads=("datasets",))
def data_origin_known(dataset: Dataset, ctx: Context) -> Iterator[Finding]:
    """Origin, licence, day, legal ground, digest and lineage of each data set are known.

    ## Why it matters
    A model is what it was fed. Who cannot say where a data set came from cannot say whether it was poisoned, whether it
    may be used, or which models to make anew when a person asks to be taken out of it.

    ## How it is checked
    Each entry of `datasets:` must say its `origin`, its `source` (an address, a commit of a hub, or who collected it
    and how), the day (`collected`), and, where it comes from others or from the public, its `license`. Where its
    classes are personal, `legal_basis` must be said. `derived_from` may name only data sets that are declared, and no
    circle. Where it lies here, `sha256` must be that of its file; for a folder, that of the sorted list of its files
    with their digests, as the message gives it. What is written is believed; only digests and names are verified.

    ## How to mend it
    Write the missing keys in safecase.yaml; the message of a missing digest gives it.

    ## References
    AML.M0025; EU AI Act Art. 10(2); ISO/IEC 42001 A.7.3 and A.7.5; GDPR Art. 5(2); LLM05:2026.
    """
    block = dataset.declared
    place = Place(file=ctx.manifest_path, line=dataset.line) if ctx.manifest_path else None
    faults = [*_unsaid(block), *_lineage(block, ctx)]
    for key, message, mend in faults:
        told = f"{block.id}: {message}"
        yield data_origin_known.failed(dataset, told, rule=f"data.{key}", key=block.id, place=place, mend=mend)
    digest = _digest(dataset, ctx)
    if digest and block.sha256 is None:
        told = f"{block.id}: its digest is not written down, so that it can change unseen"
        mend = f"add `sha256: {digest}` once somebody has looked at it"
        yield data_origin_known.failed(dataset, told, rule="data.digest", key=block.id, place=place, mend=mend)
    elif digest and digest != block.sha256:
        told = f"{block.id} has changed: its digest is {digest[:12]}…, and {(block.sha256 or '')[:12]}… is declared"
        mend = "find out what changed it; then examine it, and write the new digest"
        yield data_origin_known.failed(
            dataset, told, rule="data.changed", key=block.id, place=place, mend=mend, severity="critical"
        )
    elif not faults:
        yield data_origin_known.passed(dataset, f"{block.id}: where it comes from is known", key=block.id, place=place)


def _unsaid(block: DatasetBlock) -> Iterator[tuple[str, str, str]]:
    if block.origin is None:
        yield "origin", "nobody says where it comes from", "give datasets[].origin"
    if not block.source.strip():
        yield "source", "its exact source is not said", "give datasets[].source: an address, a commit, or who and how"
    if block.collected is None:
        yield "day", "the day is not said", "give datasets[].collected"
    if block.origin in OF_OTHERS and not block.license.strip():
        yield (
            "licence",
            "it is of others, and its licence is not said",
            "give datasets[].license, an SPDX id if it has one",
        )
    if PERSONAL & set(block.classes) and not block.legal_basis.strip():
        yield "legal", "there are people in it, and no legal ground is said", "give datasets[].legal_basis"


def _lineage(block: DatasetBlock, ctx: Context) -> Iterator[tuple[str, str, str]]:
    parents = {other.id: other.derived_from for other in ctx.manifest.datasets}
    for name in block.derived_from:
        if name not in parents:
            yield "lineage", f"it is made of {shown(name)}, which is not declared", "declare it under datasets:"
    seen: set[str] = set()
    waiting = list(block.derived_from)
    while waiting:
        name = waiting.pop()
        if name == block.id:
            yield "lineage", "it is made of itself", "correct datasets[].derived_from"
            return
        if name not in seen:
            seen.add(name)
            waiting.extend(parents.get(name, ()))


def _digest(dataset: Dataset, ctx: Context) -> str:
    """Give the digest of what lies here; empty where nothing does."""
    if not dataset.files:
        return ""
    parts = {}
    for file in dataset.files:
        if ctx.remaining() <= 0:
            raise CollectError("no time is left to hash the data", mend="raise settings.check_seconds")
        parts[file] = hash_file(ctx.path(file))
    return parts[dataset.files[0]] if dataset.files == (dataset.declared.file,) else of_parts(parts)
