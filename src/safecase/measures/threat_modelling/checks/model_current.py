"""`tm.fresh`: the threats were gone through after the last change of what they depend on."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from datetime import date

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.threat_modelling.changes import later_changes, tracked, uncommitted_in
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding

MOST_DAYS = 365
MOST_NAMED = 50
"""Paths that get a finding of their own."""


@check("tm.fresh", control="TM-08", severity="medium", version=2, reads=("threat_modelling",))
def model_current(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Somebody went through the threats within a year, and after the last change of what they depend on.

    ## Why it matters
    A new tool, another model or another prompt changes what can go wrong more than a year of small commits. The list
    that was gone through before it says nothing about it.

    ## How it is checked
    `threat_modelling.reviewed` is a day that has come, at most 365 days ago, and not before the last commit that
    touched what the threats depend on: safecase.yaml, the system prompts, the declared model files, tool and deployment
    manifests (`deployment.manifests`), all of them, however many, and also those that were taken away since. A change
    of the manifest on the day of the review counts as reviewed. Without git, in a shallow clone, with changes of these
    files that are not committed yet, or where time runs out before all are looked at, it is unknown. Whether the
    review was a good one is for the reviewer to answer for: `threat_modelling.reviewer` names them.

    ## How to mend it
    Go through what changed since (`git log -p` of the file that is named), then set `reviewed` to that day.

    ## References
    NIST AI RMF 1.0 MANAGE 2.2 and 4.1; ISO/IEC 42001:2023 A.6.2.6; EU AI Act Art. 9(2).
    """
    block, place = ctx.manifest.threat_modelling, ctx.place("threat_modelling.reviewed")
    if block.reviewed is None:
        mend = (
            f"go through the threats, then say `threat_modelling: {{reviewed: …, reviewer: …}}` in {ctx.manifest_path}"
        )
        yield model_current.unknown(repository, "no review is recorded", rule="review", mend=mend, place=place)
        return
    reviewed, today = date.fromisoformat(block.reviewed), ctx.now.date()
    days = (today - reviewed).days
    if days < -1:
        mend = "write the day on which it was done"
        told = f"the review is dated {reviewed}, which has not come yet"
        yield model_current.failed(repository, told, rule="review", mend=mend, place=place)
        return
    if days > MOST_DAYS:
        told = f"the last review was {days} days ago; {MOST_DAYS} are allowed"
        yield model_current.failed(repository, told, rule="review", mend="go through the threats again", place=place)
    else:
        yield model_current.passed(repository, f"gone through {days} days ago", rule="review", place=place)
    try:
        yield from _changes(repository, ctx, reviewed)
    except CollectError as why:
        yield model_current.unknown(repository, why.message, rule="change", mend=why.mend)


def _changes(repository: Repository, ctx: Context, reviewed: date) -> Iterator[Finding]:
    paths = _paths(ctx)
    known = tracked(ctx, paths)
    yield from _unknown(repository, [path for path in paths if path not in known and _is_there(ctx, path)])
    open_ones = uncommitted_in(ctx, paths)
    if open_ones:
        told = f"{open_ones} of the files that the threats depend on changed and are not committed"
        mend = "commit them; the review counts from then on"
        yield model_current.unknown(repository, told, rule="change", mend=mend)
        return
    later = later_changes(ctx, paths, known, reviewed)
    place = ctx.place("threat_modelling.reviewed")
    for path, day in later[:MOST_NAMED]:
        told = f"{shown(path)} changed on {day}, after the review of {reviewed}"
        mend = f"see `git log -p --since {reviewed} -- {shown(path)}`, then set threat_modelling.reviewed"
        yield model_current.failed(repository, told, rule="change", key=shown(path), mend=mend, place=place)
    if len(later) > MOST_NAMED:
        told = f"{len(later) - MOST_NAMED} more paths changed after the review of {reviewed}"
        mend = f"see `git log --since {reviewed}`, then set threat_modelling.reviewed"
        yield model_current.failed(repository, told, rule="change", key="more", mend=mend, place=place)
    if not later and known:
        yield model_current.passed(repository, f"nothing it depends on changed after {reviewed}", rule="change")


def _unknown(repository: Repository, paths: Sequence[str]) -> Iterator[Finding]:
    mend = "commit it, or keep it out of what the manifest names"
    for path in paths[:MOST_NAMED]:
        told = f"git does not know {shown(path)}, so nobody can say when it last changed"
        yield model_current.unknown(repository, told, rule="change", key=path, mend=mend)
    if len(paths) > MOST_NAMED:
        told = f"git does not know {len(paths) - MOST_NAMED} more paths"
        yield model_current.unknown(repository, told, rule="change", key="more", mend=mend)


def _paths(ctx: Context) -> tuple[str, ...]:
    """What the threats depend on."""
    manifest = ctx.manifest
    named = [
        ctx.manifest_path,
        *manifest.ai.system_prompts,
        *manifest.deployment.manifests,
        *(model.file for model in manifest.models),
    ]
    inside = [posixpath.normpath(path) for path in named if path and "\0" not in path and not posixpath.isabs(path)]
    return tuple(dict.fromkeys(path for path in inside if path != ".." and not path.startswith("../")))


def _is_there(ctx: Context, path: str) -> bool:
    try:
        return ctx.path(path).exists()
    except (CollectError, OSError):
        return False
