"""`tm.fresh`: the threats were gone through after the last change of what they depend on."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from datetime import UTC, date, datetime

from safecase.checks import Context, check
from safecase.readers.repository import ask_git
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding

MOST_DAYS = 365
MOST_PATHS = 200
LITERAL = ":(literal)"
"""Tells git that no sign of a path is a wildcard."""


@check("tm.fresh", control="TM-08", severity="medium", reads=("threat_modelling",))
def model_current(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Somebody went through the threats within a year, and after the last change of what they depend on.

    ## Why it matters
    A new tool, another model or another prompt changes what can go wrong more than a year of small commits. The list
    that was gone through before it says nothing about it.

    ## How it is checked
    `threat_modelling.reviewed` is a day that has come, at most 365 days ago, and not before the last commit that
    touched what the threats depend on: safecase.yaml, the system prompts, the declared model files, tool and deployment
    manifests (`deployment.manifests`). A change of the manifest on the day of the review counts as reviewed. Without
    git, or with changes of these files that are not committed yet, it is unknown. Whether the review was a good one
    is for the reviewer to answer for: `threat_modelling.reviewer` names them.

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
    yield from _changes(repository, ctx, reviewed)


def _changes(repository: Repository, ctx: Context, reviewed: date) -> Iterator[Finding]:
    paths = _paths(ctx)
    log = ask_git(ctx.root, "log", "-1", "--format=%cI", "--", *paths)
    if log is None or not log.strip():
        told = "git has no commit of the files that the threats depend on"
        mend = "keep the service in git, with its history checked out"
        yield model_current.unknown(repository, told, rule="change", mend=mend)
        return
    open_ones = (ask_git(ctx.root, "status", "--porcelain", "--", *paths) or b"").splitlines()
    if open_ones:
        told = f"{len(open_ones)} of the files that the threats depend on changed and are not committed"
        mend = "commit them; the review counts from then on"
        yield model_current.unknown(repository, told, rule="change", mend=mend)
        return
    changed = datetime.fromisoformat(log.decode("ascii").strip()).astimezone(UTC).date()
    if changed <= reviewed:
        yield model_current.passed(repository, f"nothing it depends on changed since {changed}", rule="change")
        return
    for path in paths:
        told_day = ask_git(ctx.root, "log", "-1", "--format=%cI", "--", path)
        when = told_day.decode("ascii").strip() if told_day else ""
        if when and datetime.fromisoformat(when).astimezone(UTC).date() > reviewed:
            name = shown(path.removeprefix(LITERAL))
            told = f"{name} changed on {when[:10]}, after the review of {reviewed}"
            mend = f"see `git log -p --since {reviewed} -- {name}`, then set threat_modelling.reviewed"
            place = ctx.place("threat_modelling.reviewed")
            yield model_current.failed(repository, told, rule="change", key=name, mend=mend, place=place)


def _paths(ctx: Context) -> tuple[str, ...]:
    """What the threats depend on, as paths that git takes literally."""
    manifest = ctx.manifest
    named = [
        ctx.manifest_path,
        *manifest.ai.system_prompts,
        *manifest.deployment.manifests,
        *(model.file for model in manifest.models),
    ]
    inside = [posixpath.normpath(path) for path in named if path and not posixpath.isabs(path)]
    kept = [path for path in inside if not path.startswith("..") and (ctx.root / path).exists()]
    return tuple(dict.fromkeys(LITERAL + path if path != "." else "." for path in kept))[:MOST_PATHS]
