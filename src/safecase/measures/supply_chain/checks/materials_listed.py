"""`bom.build`: what the service is made of can be listed to the version and the digest, and is."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from safecase import __version__
from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.supply_chain.materials import MOST_BYTES, Listed, Material, bill, read_bill
from safecase.measures.supply_chain.sources import source_of
from safecase.readers import locks
from safecase.readers.artifacts import formats
from safecase.readers.repository import list_files
from safecase.readers.text import shown
from safecase.service.digests import hash_file
from safecase.service.subjects import Repository
from safecase.vocabulary import Digest, Finding, Place

MOST_NAMED = 8
MOST_TOLD = 100
_FOR_DEVELOPERS = re.compile(
    r"(^|/)(dev|tests?|testing|docs?|lint|bench|ci)/|(^|[-_./])(dev|tests?|testing|docs?|lint|bench|ci)([-_.][^/]*)?$",
    re.IGNORECASE,
)


@check(
    "bom.build",
    control="SC-01",
    severity="medium",
    version=2,
    reads=("models", "datasets", "ai.system_prompts", "supply_chain.bom", "service.id"),
    files=("supply_chain.bom", "models.file", "datasets.file", "ai.system_prompts"),
)
def materials_listed(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """What the service is made of is listed to the version and the digest.

    ## Why it matters
    On the day that a library or a model turns out to be malicious, the question is whether it is in the service.
    Whoever has to search for the answer loses that day. A list that was written by hand is wrong by the next release.

    ## How it is checked
    A CycloneDX 1.6 bill is made anew and kept as evidence: every package of every lock with its version and package
    URL, every declared model and data set with the SHA-256 of its files and its licence, weight files that nobody
    declared, and the system prompts. It is complete where each package has one version and each model that lies here
    has a digest; a model behind an API is listed by its name. Packages that are declared and not locked, locks that
    cannot be read, and models that are not there leave it unproven.

    Where `supply_chain.bom` names the bill that is handed out, the two are compared: a package or a model that it does
    not list fails, and so does one with another version or digest. What only developers install may be missing, and
    what it lists beyond (system packages of an image) is not objected to.

    Whether licences allow the use is `licence.policy`'s question.

    ## How to mend it
    Lock all packages (`uv lock`, `npm install --package-lock-only`), declare models with `file` or `sha256`, and hand
    out the bill that this check keeps: `safecase evidence` lists it.

    ## References
    AML.M0023 (ATLAS 5.6.0); LLM04:2026; CWE-1104; ISO/IEC 42001 A.4.2; EU AI Act Art. 11 and 53.
    """
    gaps: list[tuple[str, str, Place | None]] = []
    materials = [
        *_packages(repository, ctx, gaps),
        *_models(ctx, gaps),
        *_undeclared(repository, ctx),
        *_others(ctx, gaps),
    ]
    made = bill(ctx.manifest.service.id, materials, ctx.now, __version__)
    kept = ctx.keep(made, name="bom.cdx.json", media_type="application/vnd.cyclonedx+json")
    for key, message, place in gaps[:MOST_TOLD]:
        mend = "lock packages to one version, and declare models and data sets with their files or their sha256"
        yield materials_listed.unknown(repository, message, kept, rule="gap", key=key, place=place, mend=mend)
    if not materials and not gaps:
        yield materials_listed.unknown(
            repository,
            "no package, model or data set was found that could be listed",
            kept,
            mend="declare the models, and lock the packages, that the service uses",
        )
        return
    handed_out = ctx.manifest.supply_chain.bom
    wrong = list(_compared(repository, ctx, handed_out, materials, kept)) if handed_out else []
    yield from wrong[:MOST_TOLD]
    if not gaps and not wrong:
        counts = ", ".join(f"{n} {what}" for what, n in _counts(materials) if n)
        agrees = f", as {shown(handed_out)} has them" if handed_out else ""
        yield materials_listed.passed(repository, f"the bill lists {counts}{agrees}", kept)


def _packages(repository: Repository, ctx: Context, gaps: list[tuple[str, str, Place | None]]) -> Iterator[Material]:
    read = [locks.read_file(ctx.root, path) for path in repository.files if locks.is_dependency_file(path)]
    locked = {locks.normalised(e.name) for file in read if file.locks for e in file.entries}
    for file in read:
        place = Place(file=file.path, line=1)
        if file.problem:
            gaps.append((file.path, f"{shown(file.path)}: {file.problem}", place))
        if file.constrains:
            continue
        for entry in file.entries:
            if entry.source == "path":
                continue  # the service's own code: its files are the repository's
            if not entry.version:
                message = f"{shown(entry.name)} has no exact version in {shown(file.path)}"
                gaps.append((f"{file.path}#{entry.name}", message, entry.place))
            yield Material(
                kind="library",
                name=entry.name,
                version="" if entry.version == "fixed" else entry.version,
                ecosystem=file.ecosystem,
                place=Place(file=file.path),
                for_developers=bool(_FOR_DEVELOPERS.search(file.path)),
            )
        missing = [name for name in file.declared if locks.normalised(name) not in locked]
        if missing:
            named = ", ".join(shown(name, 40) for name in missing[:MOST_NAMED])
            gaps.append((file.path, f"{len(missing)} packages of {shown(file.path)} are in no lock: {named}", place))


def _models(ctx: Context, gaps: list[tuple[str, str, Place | None]]) -> Iterator[Material]:
    for index, model in enumerate(ctx.manifest.models):
        source = source_of(model)
        digests = _digests(ctx, model.file) if model.file else {"": model.sha256} if model.sha256 else {}
        if not digests and (model.file or model.origin not in ("provider", "vendor")):
            why = f"{shown(model.file)} is not there" if model.file else "neither a file nor a sha256 is declared"
            gaps.append((model.id, f"model {model.id} has no digest: {why}", ctx.place(f"models.{index}")))
        yield Material(
            kind="machine-learning-model",
            name=model.id,
            version=source.revision,
            digests=digests,
            licence=model.license,
            source=source.name,
        )


def _undeclared(repository: Repository, ctx: Context) -> Iterator[Material]:
    folders = [posixpath.normpath(model.file) for model in ctx.manifest.models if model.file]
    for path in repository.files:
        if any(path == folder or path.startswith(f"{folder}/") for folder in folders):
            continue
        if formats.is_weight_file(ctx.root / path):
            yield Material(
                kind="machine-learning-model",
                name=path,
                digests=_digests(ctx, path),
                for_developers=bool(_FOR_DEVELOPERS.search(path)),
            )


def _others(ctx: Context, gaps: list[tuple[str, str, Place | None]]) -> Iterator[Material]:
    for index, data in enumerate(ctx.manifest.datasets):
        digests = _digests(ctx, data.file) if data.file else {"": data.sha256} if data.sha256 else {}
        if not digests:
            place = ctx.place(f"datasets.{index}")
            gaps.append((data.id, f"data set {data.id} has no digest: neither its file nor a sha256 is there", place))
        yield Material(kind="data", name=data.id, digests=digests, licence=data.license)
    for prompt in ctx.manifest.ai.system_prompts:
        digests = _digests(ctx, prompt)
        if not digests:
            gaps.append((prompt, f"{shown(prompt)} is not there", ctx.place("ai.system_prompts")))
        yield Material(kind="file", name=prompt, digests=digests)


def _digests(ctx: Context, relative: str) -> Mapping[str, str]:
    """Give the SHA-256 of a file, or of each file of a folder."""
    path = ctx.path(relative)
    if path.is_file():
        return {"": hash_file(path)}
    if not path.is_dir():
        return {}
    found: dict[str, str] = {}
    for entry in list_files(path).entries:
        if ctx.remaining() <= 0:
            raise CollectError("no time is left to hash all files", mend="raise settings.check_seconds")
        found[entry.path] = hash_file(path / entry.path)
    return found


def _compared(
    repository: Repository, ctx: Context, handed_out: str, materials: list[Material], kept: Digest
) -> Iterator[Finding]:
    place = Place(file=handed_out)
    try:
        with ctx.path(handed_out).open("rb") as file:
            theirs = read_bill(file.read(MOST_BYTES + 1), handed_out)
    except OSError as why:
        message = f"{shown(handed_out)} cannot be read: {why.strerror}"
        mend = "correct supply_chain.bom, or put the bill there"
        yield materials_listed.unknown(
            repository, message, kept, rule="bom", place=ctx.place("supply_chain.bom"), mend=mend
        )
        return
    except CollectError as why:
        yield materials_listed.unknown(repository, why.message, kept, rule="bom", place=place, mend=why.mend)
        return
    told: set[str] = set()
    for material in materials:
        if material.kind not in ("library", "machine-learning-model"):
            continue
        wrong = _differs(material, theirs.get(material.identity))
        key = f"{material.identity[0]}/{material.identity[1]}@{material.version}"
        if wrong and key not in told:
            told.add(key)
            yield materials_listed.failed(
                repository,
                f"{shown(handed_out)} {wrong}",
                kept,
                rule="bom",
                key=key,
                place=place,
                mend="hand out the bill that this check keeps, and make it anew with each release",
            )


def _differs(material: Material, listed: Listed | None) -> str:
    """Say how a bill is wrong about a material; empty where it is not."""
    name = f"{shown(material.name)} {shown(material.version, 40)}".strip()
    if listed is None:
        return "" if material.for_developers else f"does not list {name}"
    if material.digests and not set(material.digests.values()) <= listed.digests:
        return (
            f"lists {name} without the digest of each of its files"
            if not listed.digests
            else (f"lists {name} with other files than those that are here")
        )
    if material.kind == "library" and material.version and material.version not in listed.versions:
        theirs = ", ".join(sorted(shown(v, 40) for v in listed.versions)) or "no version"
        return f"lists {shown(material.name)} as {theirs}, and {shown(material.version, 40)} is locked"
    return ""


def _counts(materials: list[Material]) -> Iterator[tuple[str, int]]:
    for kind, what in (
        ("library", "packages"),
        ("machine-learning-model", "models"),
        ("data", "data sets"),
        ("file", "prompts"),
    ):
        yield what, len({(m.name, m.version) for m in materials if m.kind == kind})
