"""`licence.policy`: the licence of every model, data set and package is one that may be used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from safecase.checks import Context, check
from safecase.engines.licences import standing
from safecase.readers import locks
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding

MOST_BYTES = 50_000_000
MOST_TOLD = 50


@check(
    "licence.policy",
    control="SC-07",
    severity="medium",
    reads=("models", "datasets", "supply_chain"),
    files=("supply_chain.bom",),
)
def licences_fit(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """The licence of every model, data set and package is one that may be used.

    ## Why it matters
    Models come under licences that forbid commerce, size or fields of use, and data sets under some that forbid to
    train. Who finds that out after the launch starts again.

    ## How it is checked
    `supply_chain.licences` lists what may be used, as SPDX ids. Each entry of `models:` and `datasets:` that comes from
    others must say its `license`, and it must be on the list; `other` and nothing are no licence. Of an expression one
    side of OR is enough, and every side of AND is needed. Licences of packages stand in no lock: they are taken from
    the bill of materials under `supply_chain.bom` (CycloneDX); packages of locks that it does not tell of are unknown.
    What a licence means for the way in which the service is used is for people to decide: the list is their decision.

    ## How to mend it
    Read the licence, write it down, and list it if it fits; or use something else.

    ## References
    EU AI Act Art. 53; NIST AI RMF 1.0 GOVERN 6.1; ISO/IEC 42001 A.10.3; SPDX 3.0.
    """
    allowed = ctx.manifest.supply_chain.licences
    if not allowed:
        yield licences_fit.failed(
            repository,
            "nobody said which licences may be used",
            rule="licence.list",
            place=ctx.place("supply_chain"),
            mend="list them: `supply_chain: {licences: [Apache-2.0, MIT]}`",
        )
        return
    wrong = [*_declared(repository, ctx, allowed), *_packages(repository, ctx, allowed)]
    yield from wrong[:MOST_TOLD]
    if len(wrong) > MOST_TOLD:
        more = f"{len(wrong) - MOST_TOLD} more are not listed"
        yield licences_fit.failed(repository, more, rule="more", mend="mend those that are listed first")
    if not wrong:
        yield licences_fit.passed(repository, "every licence that is told is one that may be used")


def _declared(repository: Repository, ctx: Context, allowed: tuple[str, ...]) -> Iterator[Finding]:
    entries = [
        *((m.id, m.origin == "own", m.license, f"models.{n}") for n, m in enumerate(ctx.manifest.models)),
        *((d.id, d.origin == "own", d.license, f"datasets.{n}") for n, d in enumerate(ctx.manifest.datasets)),
    ]
    for name, own, licence, key in entries:
        if own and not licence:
            continue
        found = standing(licence, allowed)
        if found == "allowed":
            continue
        told = "has no licence that is said" if found == "unsaid" else f"is under {shown(licence)}, which is not listed"
        mend = "read its licence, and write it down; list it if it fits, or use something else"
        yield licences_fit.failed(
            repository, f"{name} {told}", rule=f"licence.{found}", key=name, place=ctx.place(key), mend=mend
        )


def _packages(repository: Repository, ctx: Context, allowed: tuple[str, ...]) -> Iterator[Finding]:
    wanted = {
        locks.normalised(entry.name)
        for file in repository.files
        if locks.is_dependency_file(file)
        for entry in locks.read_file(ctx.root, file).entries
        if entry.source != "path"
    }
    told = _told(ctx)
    for name in sorted(wanted & told.keys()):
        found = standing(told[name], allowed)
        if found == "refused":
            message = f"the package {shown(name)} is under {shown(told[name])}, which is not listed"
            mend = "use another package, or have the licence read and listed"
            yield licences_fit.failed(repository, message, rule="licence.refused", key=f"package:{name}", mend=mend)
    silent = sorted(name for name in wanted if name not in told or standing(told[name], allowed) == "unsaid")
    if silent:
        named = ", ".join(shown(name, 40) for name in silent[:5])
        yield licences_fit.unknown(
            repository,
            f"the licences of {len(silent)} packages are not told: {named}",
            rule="licence.packages",
            place=ctx.place("supply_chain.bom"),
            mend="name a bill of materials that has them (CycloneDX JSON) under supply_chain.bom",
        )


def _told(ctx: Context) -> dict[str, str]:
    """Give the licences that the bill tells, by the normalised name of the package."""
    if not ctx.manifest.supply_chain.bom:
        return {}
    try:
        with ctx.path(ctx.manifest.supply_chain.bom).open("rb") as file:
            said: Any = json.loads(file.read(MOST_BYTES))
        components = said.get("components")
    except (OSError, ValueError, RecursionError, AttributeError):
        return {}
    found = {}
    for one in components if isinstance(components, list) else ():
        name, licences = (one.get("name"), one.get("licenses")) if isinstance(one, dict) else (None, None)
        if isinstance(name, str) and isinstance(licences, list):
            found[locks.normalised(name)] = " AND ".join(filter(None, map(_licence, licences)))
    return found


def _licence(entry: Any) -> str:  # as JSON has it
    if not isinstance(entry, dict):
        return ""
    inner = entry.get("license")
    told = entry.get("expression") or (inner.get("id") or inner.get("name") if isinstance(inner, dict) else "")
    return told if isinstance(told, str) else ""
