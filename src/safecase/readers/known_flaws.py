"""Which known flaws an exact version of a package has: OSV's algorithm, total, with what could not be judged named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from safecase.engines.cvss import severity_of
from safecase.engines.versions import Key, has_local, pep440, public, semver
from safecase.readers.locks import Entry, PackageFile, normalised
from safecase.readers.osv import Advisory, Affected, Event, Range
from safecase.vocabulary import SEVERITIES, Noun, Place, Severity

Registry: TypeAlias = Literal["PyPI", "npm"]

_WORDS: Mapping[str, Severity] = {
    "LOW": "low",
    "MODERATE": "medium",
    "MEDIUM": "medium",
    "HIGH": "high",
    "IMPORTANT": "high",
    "CRITICAL": "critical",
}
_REGISTRIES: Mapping[str, Registry] = {"python": "PyPI", "javascript": "npm"}
_ORDER = ("MAL-", "CVE-", "GHSA-", "PYSEC-")


class Package(Noun, frozen=True):
    """One package in one exact version, as a lock has it."""

    registry: Registry
    name: str
    version: str
    place: Place


class Flaw(Noun, frozen=True):
    """One known flaw of one package: all records that are about it, merged."""

    package: Package
    id: str
    """The best-known of its ids."""
    others: tuple[str, ...]
    severity: Severity
    fixed: str
    """The version that mends it; empty where none is known."""
    summary: str
    malicious: bool


class Unjudged(Noun, frozen=True):
    """A package and a record that may be about it, and why that could not be told."""

    package: Package
    advisory: str
    why: str


def name_of(name: str) -> str:
    """Give the form of a name by which records are found; the same for both registries, since it only narrows."""
    return normalised(name)


def flaws_of(packages: Sequence[Package], advisories: Iterable[Advisory]) -> tuple[list[Flaw], list[Unjudged]]:
    """Match packages with advisories; several records of one flaw become one, withdrawn ones do not count."""
    by_name: dict[tuple[str, str], list[tuple[Advisory, Affected]]] = {}
    for advisory in advisories:
        if not advisory.withdrawn:
            for affected in advisory.affected:
                key = (affected.ecosystem.lower(), _exact_name(affected.ecosystem, affected.name))
                by_name.setdefault(key, []).append((advisory, affected))
    flaws: list[Flaw] = []
    unjudged: list[Unjudged] = []
    for package in packages:
        hits: dict[str, tuple[Advisory, list[str]]] = {}
        about = by_name.get((package.registry.lower(), _exact_name(package.registry, package.name)), [])
        for advisory, affected in about:
            hit, fixed, why = _judge(package, affected)
            if hit:
                hits.setdefault(advisory.id, (advisory, []))[1].append(fixed)
            elif why:
                unjudged.append(Unjudged(package=package, advisory=advisory.id, why=why))
        flaws += _merged(package, list(hits.values()))
    # A record that hits by one of its ranges needs no judgement by the others.
    hit_by = {(flaw.package, id) for flaw in flaws for id in (flaw.id, *flaw.others)}
    return flaws, [one for one in unjudged if (one.package, one.advisory) not in hit_by]


def _exact_name(ecosystem: str, name: str) -> str:
    return normalised(name) if ecosystem.lower() == "pypi" else name


def _judge(package: Package, affected: Affected) -> tuple[bool, str, str]:
    """Say whether a version has the flaw, which version mends it, and why that could not be told."""
    parse: Callable[[str], Key | None] = pep440 if package.registry == "PyPI" else semver
    ours = parse(package.version)
    if ours is None:
        return package.version in affected.versions, "", "its version cannot be compared"
    listed = any(_same(package.version, ours, text, parse) for text in affected.versions)
    hit, fixed, why = listed, "", ""
    judged = bool(affected.versions)
    for part in affected.ranges:
        if part.kind == "GIT":
            continue
        events = _ordered(part, parse)
        if events is None:
            why = f"a bound of {affected.name} is no version"
            continue
        judged = True
        inside, mends = _sweep(ours, events)
        hit = hit or inside
        if inside or listed:
            fixed = fixed or mends
    if hit:
        return True, fixed, ""
    return False, "", why or ("" if judged else "it tells commits, not versions")


def _same(version: str, ours: Key, listed: str, parse: Callable[[str], Key | None]) -> bool:
    theirs = parse(listed)
    if theirs is None:
        return version == listed
    return ours == theirs or (parse is pep440 and not has_local(theirs) and public(ours) == theirs)


def _ordered(part: Range, parse: Callable[[str], Key | None]) -> list[tuple[Key | None, Event]] | None:
    """Give the events by their versions, `introduced: 0` (None) first; None where a bound is no version."""
    found: list[tuple[Key | None, Event]] = []
    for event in part.events:
        if event.kind == "introduced" and event.version == "0":
            found.append((None, event))
        elif event.kind == "limit" and event.version == "*":
            continue
        else:
            key = parse(event.version)
            if key is None:
                return None
            found.append((key, event))
    if not any(event.kind == "introduced" for _, event in found):
        return None
    rank = {"introduced": 0, "last_affected": 1, "fixed": 2, "limit": 3}
    return sorted(found, key=lambda pair: (pair[0] is not None, pair[0] or (), rank[pair[1].kind]))


def _sweep(ours: Key, events: Sequence[tuple[Key | None, Event]]) -> tuple[bool, str]:
    """Go through a history: whether the version lies inside of the flaw, and the next version that mends it."""
    inside, fixed = False, ""
    limits = [key for key, event in events if event.kind == "limit" and key is not None]
    for key, event in events:
        compared = ours if key is None or _counts_local(key, ours) else public(ours)
        reached = key is None or compared >= key
        if event.kind == "introduced":
            inside = inside or reached
        elif event.kind == "fixed":
            if reached:
                inside = False
            elif not fixed:
                fixed = event.version
        elif event.kind == "last_affected" and key is not None and compared > key:
            inside = False
    if limits and all(ours >= limit for limit in limits):
        inside = False
    return inside, fixed


def _counts_local(bound: Key, ours: Key) -> bool:
    """A local label counts only against a bound that has one; semantic versions have none."""
    return len(ours) != 6 or has_local(bound)


def _merged(package: Package, hits: Sequence[tuple[Advisory, Sequence[str]]]) -> Iterator[Flaw]:
    """Make one flaw of all records that share an id or an alias."""
    groups: list[tuple[set[str], list[tuple[Advisory, Sequence[str]]]]] = []
    for hit in hits:
        ids = {hit[0].id, *hit[0].aliases}
        touching = [group for group in groups if group[0] & ids]
        groups = [group for group in groups if not group[0] & ids]
        groups.append((ids.union(*(g[0] for g in touching)), [h for g in touching for h in g[1]] + [hit]))
    for ids, members in groups:
        yield _flaw(package, ids, members)


def _flaw(package: Package, ids: set[str], members: Sequence[tuple[Advisory, Sequence[str]]]) -> Flaw:
    named = sorted(ids, key=lambda id: (next((n for n, p in enumerate(_ORDER) if id.startswith(p)), 9), id))
    malicious = any(id.startswith("MAL-") for id in ids)
    parse: Callable[[str], Key | None] = pep440 if package.registry == "PyPI" else semver
    fixes = {fixed: key for _, told in members for fixed in told if fixed and (key := parse(fixed)) is not None}
    # Sources disagree: what mends it by all of them is the latest of what each says.
    best = max(fixes, key=lambda fixed: fixes[fixed], default="")
    return Flaw(
        package=package,
        id=named[0],
        others=tuple(named[1:]),
        severity="critical" if malicious else max(map(_severity, (a for a, _ in members)), key=SEVERITIES.index),
        fixed=best,
        summary=next((a.summary for a, _ in members if a.summary), ""),
        malicious=malicious,
    )


def _severity(advisory: Advisory) -> Severity:
    """The worst that a record says of itself; one that says nothing counts as high."""
    said = [s for vector in advisory.vectors if (s := severity_of(vector))]
    said += [_WORDS[word.upper()] for word in advisory.words if word.upper() in _WORDS]
    return max(said, key=SEVERITIES.index, default="high")


class Installed(Noun, frozen=True):
    """What the package files of a folder install, as far as a registry knows it."""

    packages: tuple[Package, ...]
    """Each once: of a registry and in one exact version."""
    odd: Mapping[str, tuple[Entry, ...]]
    """By file, what has no exact version there or comes from elsewhere; paths inside of the repository are left out."""


def installed(files: Sequence[PackageFile]) -> Installed:
    """Give the packages of some files that can be judged by name and version, and those that cannot."""
    packages: dict[tuple[str, str, str], Package] = {}
    odd: dict[str, tuple[Entry, ...]] = {}
    held = {normalised(e.name): e for f in files if f.constrains for e in f.entries if is_exact(e.version)}
    for file in files:
        registry = _REGISTRIES.get(file.ecosystem)
        left: list[Entry] = []
        for entry in () if file.constrains else file.entries:
            if file.ecosystem == "python" and entry.source == "index" and not entry.version:
                entry = held.get(normalised(entry.name), entry)
            if registry and entry.source == "index" and is_exact(entry.version):
                name = _exact_name(registry, entry.name)
                package = Package(registry=registry, name=name, version=entry.version, place=entry.place)
                packages.setdefault((registry, name, entry.version), package)
            elif entry.source != "path":
                left.append(entry)
        if left:
            odd[file.path] = tuple(left)
    return Installed(packages=tuple(packages.values()), odd=odd)


def is_exact(version: str) -> bool:
    """Say whether a lock's version names one release: `fixed` and ranges do not."""
    return bool(re.match(r"v?\d", version))
