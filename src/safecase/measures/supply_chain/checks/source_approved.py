"""`model.source`: each model comes from an approved source and is pinned, and the code fetches no other."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.supply_chain.provenance import first_seen, owner_mistaken_for
from safecase.measures.supply_chain.sources import COMMIT, Source, approval, normalised, pinned, source_of
from safecase.readers.model_loads import MOST_BYTES, Load, NotPython, loads_in
from safecase.readers.text import shown
from safecase.service.digests import hash_file
from safecase.service.schema import ModelBlock
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place

MOST_TOLD = 100


@check(
    "model.source",
    control="SC-02",
    severity="high",
    version=3,
    reads=("models", "supply_chain"),
    files=("models.file", "supply_chain.model_lock"),
)
def source_approved(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Each model comes from an approved source and is pinned, and the code fetches no other.

    ## Why it matters
    A name on a hub is a promise of nobody: its owner can put other files behind it tonight, an account can be taken
    over, and a name that was given up can be registered by the next person. Who loads a model by name alone loads what
    lies there on that day.

    ## How it is checked
    Each entry of `models:` must say where it comes from (`source`, or `origin: own`), and `supply_chain.sources` must
    cover that source (`hf:org`, `hf:org/name`, the beginning of an address, a vendor's id), or a vendor whose
    `approved_until` is not past. It must be pinned: by a whole commit (40 hexadecimal digits) under `revision` or
    behind `@`, or by `sha256`. Where it is one file that lies here, its bytes must have that digest. For a model
    behind an API, a version that the provider keeps (a day or a number in its name) is what can be had. What was made
    here and lies in the repository is pinned by its commit.

    An owner whose name is a slip of the finger, or a few letters that look alike, away from an approved or a well-known
    one fails, unless it is approved itself.

    With `supply_chain.model_lock`, owners and revisions that are not in the lock fail until somebody looked at them and
    wrote them down (`safecase supply provenance --write-lock`), and so do files that differ from what was seen then;
    `supply_chain.model_age_days` says how long ago a revision must have been seen first, and how long it may stay.

    Then the Python files and notebooks of the repository are parsed, not run: `from_pretrained`, `hf_hub_download`,
    `snapshot_download`, `pipeline` and their like. A repository that is written there must be approved in the same
    way, or be a declared model's, and must have a `revision` that is a whole commit. What the code decides while it
    runs is unknown. Names that are folders of the repository, paths and `local_files_only=True` fetch nothing. Other
    languages, shell commands, `pipeline` without a model and calls that are made by name (`getattr`) are not seen.

    ## How to mend it
    Look up the commit that you tested, and write it down in both places:

        models: [{id: guide, origin: hub, source: "hf:org/name", revision: 0123456789abcdef0123456789abcdef01234567}]
        supply_chain: {sources: ["hf:org"]}

    ## References
    AML.M0014 and AML.T0010 (ATLAS 5.6.0); CWE-494; CWE-829; LLM04:2026; ISO/IEC 42001 A.10.3; EU AI Act Art. 25(4).
    """
    count = 0
    for index, model in enumerate(ctx.manifest.models):
        count += 1
        yield from _of_model(repository, ctx, model, index)
    fine: list[Load] = []
    told = 0
    for load, reason in _loads(repository, ctx):
        finding = _of_load(repository, ctx, load) if load is not None else _unread(repository, *reason)
        if finding is None and load is not None:
            fine.append(load)
        elif finding is not None and told < MOST_TOLD:
            told += 1
            yield finding
    if fine:
        named = ", ".join(dict.fromkeys(shown(load.repository) for load in fine[:5]))
        yield source_approved.passed(
            repository, f"{len(fine)} calls fetch approved models at a commit: {named}", rule="code"
        )
    if not count and not fine and not told:
        yield source_approved.unknown(
            repository,
            "no model is declared, and no code was found that fetches one",
            place=ctx.place("models"),
            mend="list the models that the service uses under models:",
        )


def _of_model(subject: Repository, ctx: Context, model: ModelBlock, index: int) -> Iterator[Finding]:
    place = ctx.place(f"models.{index}")
    source = source_of(model)
    if not source.name and model.origin == "own" and model.base_origin in (None, "own"):
        pass  # made here: there is no other source to approve of
    elif not source.name:
        what = "where the model comes from that it is made of" if model.origin == "own" else "where it comes from"
        message = f"{model.id} does not say {what}"
        yield source_approved.unknown(
            subject, message, rule="source", key=model.id, place=place, mend="give models[].source"
        )
    else:
        found = approval(source, model, ctx.manifest, ctx.now.date())
        message = f"{model.id} comes from {shown(source.name)}: {found.why}"
        if found.holds:
            yield source_approved.passed(subject, message, rule="source", key=model.id, place=place)
        else:
            mend = "examine the source, then list it under supply_chain.sources, or its vendor with approved_until"
            yield source_approved.failed(subject, message, rule="source", key=model.id, place=place, mend=mend)
    if other := owner_mistaken_for(source, ctx.manifest):
        message = f"{model.id} comes from {shown(source.name)}, whose owner looks like {shown(other)} and is another"
        mend = "if it is the one you mean, list it under supply_chain.sources; else correct the name"
        yield source_approved.failed(subject, message, rule="lookalike", key=model.id, place=place, mend=mend)
    yield _pinned(subject, ctx, model, source, place)
    for point in first_seen(model, ctx.manifest, ctx.root, ctx.now):
        message = f"{model.id}: {point.message}"
        if point.verdict == "pass":
            yield source_approved.passed(subject, message, rule=point.rule, key=model.id, place=place)
        else:
            yield source_approved.failed(subject, message, rule=point.rule, key=model.id, place=place, mend=point.mend)


def _pinned(subject: Repository, ctx: Context, model: ModelBlock, source: Source, place: Place) -> Finding:
    by = pinned(source, model)
    if not by and model.origin == "own" and _is_committed(subject, model.file):
        message = f"{model.id} was made here, and lies in the repository"
        return source_approved.passed(subject, message, rule="pinned", key=model.id, place=place)
    if not by:
        said = f" (revision: {shown(source.revision)})" if source.revision else ""
        return source_approved.failed(
            subject,
            f"{model.id} is not pinned{said}: what is behind its name may change",
            rule="pinned",
            key=model.id,
            place=place,
            mend="give its whole commit under revision, its sha256, or the provider's dated name",
        )
    if model.sha256 and model.file:
        wrong = _other_bytes(ctx, model)
        if wrong is not None:
            return _wrong_bytes(subject, model, wrong)
    return source_approved.passed(
        subject, f"{model.id} is pinned by {shown(by)}", rule="pinned", key=model.id, place=place
    )


def _is_committed(repository: Repository, file: str) -> bool:
    """A file, or a folder with files, of the repository: a commit pins it."""
    folder = posixpath.normpath(file) if file else ""
    return bool(folder) and any(path == folder or path.startswith(f"{folder}/") for path in repository.files)


def _other_bytes(ctx: Context, model: ModelBlock) -> str | None:
    """Give what its file hashes to where that is not what was declared; a folder has no digest of its own."""
    path = ctx.path(model.file)
    if not path.is_file():
        return None
    found = hash_file(path)
    return None if found == model.sha256 else found


def _wrong_bytes(subject: Repository, model: ModelBlock, found: str) -> Finding:
    return source_approved.failed(
        subject,
        f"{shown(model.file)} has the digest {found[:12]}…, and {(model.sha256 or '')[:12]}… is declared",
        rule="bytes",
        key=model.id,
        place=Place(file=model.file),
        severity="critical",
        mend="do not load it; fetch it anew, and find out which of the two was changed",
    )


def _loads(repository: Repository, ctx: Context) -> Iterator[tuple[Load | None, tuple[str, str]]]:
    """Every call of the code that fetches a model, and the files that could not be read, with the reason."""
    for file in repository.files:
        if not file.endswith((".py", ".ipynb")):
            continue
        if ctx.remaining() <= 0:
            raise CollectError("no time is left to read all code", mend="raise settings.check_seconds")
        try:
            with ctx.path(file).open("rb") as opened:
                content = opened.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                yield None, (file, f"is larger than {MOST_BYTES // 1_000_000} MB")
                continue
            for load in loads_in(content, file):
                yield load, ("", "")
        except OSError as why:
            yield None, (file, f"cannot be read: {why.strerror}")
        except CollectError:
            yield None, (file, "leads out of the service's folder")
        except NotPython as why:
            yield None, (file, f"is not Python that can be read ({why})")


def _unread(subject: Repository, file: str, why: str) -> Finding:
    return source_approved.unknown(
        subject,
        f"{shown(file)} {why}",
        rule="unread",
        key=file,
        place=Place(file=file),
        mend="mend it, or name it under settings.exclude if it is no part of the service",
    )


def _of_load(subject: Repository, ctx: Context, load: Load) -> Finding | None:
    """Say what is wrong with a call; None where nothing is."""
    key = f"{load.place.file}#{load.call}#{load.repository}"
    if not load.repository:
        return source_approved.unknown(
            subject,
            f"{load.call} fetches what the code decides while it runs",
            rule="dynamic",
            key=f"{key}{load.place.line}",
            place=load.place,
            mend="write the repository and its commit as text, or say local_files_only=True where it is on disk",
        )
    with contextlib.suppress(OSError, ValueError):  # a name that is no path is no folder
        if (ctx.root / load.repository).is_dir():
            return None
    name = shown(load.repository)
    declared = [m for m in ctx.manifest.models if source_of(m).name.lower() == f"hf:{load.repository}".lower()]
    found = approval(normalised(f"hf:{load.repository}"), None, ctx.manifest, ctx.now.date())
    if not declared and not found.holds:
        mend = "declare the model under models:, and list its source under supply_chain.sources once it was examined"
        message = f"{load.call} fetches {name}: {found.why}, and no declared model comes from it"
        return source_approved.failed(subject, message, rule="undeclared", key=key, place=load.place, mend=mend)
    if load.revision == "":
        return source_approved.unknown(
            subject,
            f"{load.call} fetches {name} at a revision that the code decides while it runs",
            rule="dynamic",
            key=key,
            place=load.place,
            mend="write the whole commit as text",
        )
    if load.revision is None or not COMMIT.fullmatch(load.revision.lower()):
        at = f"at {shown(load.revision)}, which moves" if load.revision else "as it is on the day"
        mend = 'say revision="<whole commit>", the one that was tested'
        return source_approved.failed(
            subject, f"{load.call} fetches {name} {at}", rule="revision", key=key, place=load.place, mend=mend
        )
    other = [m for m in declared if (at := source_of(m).revision.lower()) and at != load.revision.lower()]
    if declared and len(other) == len(declared):
        message = (
            f"{load.call} fetches {name} at {load.revision[:12]}, and {other[0].id} is declared at another revision"
        )
        mend = "agree on one commit in both places"
        return source_approved.failed(subject, message, rule="other-revision", key=key, place=load.place, mend=mend)
    return None
