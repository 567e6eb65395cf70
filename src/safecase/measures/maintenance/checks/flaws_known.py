"""`vuln.scan`: no locked package has a flaw that is publicly known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from safecase.checks import Context, check
from safecase.readers.known_flaws import Flaw, Installed, Package, Unjudged, flaws_of, installed, name_of
from safecase.readers.locks import UNNAMED, Entry, PackageFile, normalised, read_file
from safecase.readers.osv import Bundle, read_bundle
from safecase.readers.text import shown
from safecase.service.subjects import Packages
from safecase.vocabulary import SEVERITIES, Digest, Finding, Metric, Place

OLDEST = timedelta(days=7)
CLOCKS_DIFFER = timedelta(days=1)
MOST_FINDINGS = 500
MOST_NAMED = 10


@check("vuln.scan", control="UM-01", severity="high", version=2, files=("maintenance.advisories",))
def flaws_known(packages: Packages, ctx: Context) -> Iterator[Finding]:
    """No package is locked to a version with a publicly known flaw, and every package was judged.

    ## Why it matters
    Flaws of libraries are found every day, published with the versions that have them, and tried on everybody within
    days. A scan that skips what it does not understand and then says "nothing found" is worse than none.

    ## How it is checked
    Nothing is asked over a network. `maintenance.advisories` names a folder or zip of advisories in the OSV format
    (records, or zips of records such as `osv/PyPI/all.zip`), with a `manifest.json` that says when it was `created` and
    gives each file's `sha256` and `size`. Every locked package of PyPI and npm is matched with it in its exact version:
    by the listed versions and by ranges (introduced, fixed, last_affected, limit), in the order of PEP 440 or of
    semantic versions. A local label does not get out of a range: 2.5.1+cu121 is 2.5.1. Withdrawn records do not count,
    several records of one flaw (CVE, GHSA, PYSEC) are one finding. Severity is the worst that its records say, by CVSS
    vector or word; one that says nothing counts as high, and malicious packages (MAL-) as critical.

    Whatever was not judged is named and leaves the result unknown: packages without one exact version, from git or a
    URL, of conda, declared and in no lock; records that cannot be read, or whose bounds are no versions; a file that is
    not what the manifest says. A bundle older than seven days leaves it unknown as well: without a manifest its newest
    record tells the date. What lies in the repository itself is yours, and in no advisory. Not seen are the packages of
    a container image, and npm packages that are installed under another name. CVSS 4 vectors are read cautiously,
    without their table of scores.

    ## How to mend it
    Update to the version that the finding names and lock anew. For a malicious package also replace every secret that
    the machine could read. Import a fresh bundle daily: `maintenance: {advisories: advisories}`.

    ## References
    CWE-1395; LLM04:2026; AML.M0016 (ATLAS 5.6.0); OSV schema 1.7; PEP 440; EU AI Act Art. 15(5).
    """
    read = [read_file(ctx.root, path) for path in packages.files]
    found = installed(read)
    locked, findings = found.packages, _not_judged(packages, read, found)
    path = ctx.manifest.maintenance.advisories
    if not path:
        yield _no_bundle(packages, ctx, "no advisories were imported (maintenance.advisories)")
        return
    # Only a path is asked for: an address would be a network.
    if "://" in path:
        yield _no_bundle(packages, ctx, "maintenance.advisories is an address, and nothing is fetched")
        return
    names = {name_of(package.name) for package in locked}
    bundle = read_bundle(ctx.path(path), names, normalised=name_of)
    flaws, unjudged = flaws_of(locked, bundle.advisories)
    kept = ctx.keep(_listing(bundle, locked, flaws, unjudged), name="advisories.json", media_type="application/json")
    ctx.measure(Metric(name="known_flaws", value=len(flaws), n=len(locked), threshold=0))
    findings += _about_bundle(packages, ctx, bundle, kept)
    findings += _without_records(packages, ctx, locked, bundle, kept)
    findings += [_finding(packages, flaw, kept) for flaw in sorted(flaws, key=_worst_first)[:MOST_FINDINGS]]
    if len(flaws) > MOST_FINDINGS:
        more = f"{len(flaws) - MOST_FINDINGS} more flaws are known, and are in the listing"
        findings.append(flaws_known.failed(packages, more, kept, rule="vuln.more", mend="update what is listed first"))
    findings += [_unjudged(packages, one, kept) for one in unjudged[:MOST_FINDINGS]]
    yield from findings
    if not findings:
        dated = bundle.created.date() if bundle.created else "?"
        told = f"none of {len(locked)} locked packages has a known flaw, by {bundle.records} advisories of {dated}"
        yield flaws_known.passed(packages, told, kept)


def _not_judged(packages: Packages, files: Sequence[PackageFile], found: Installed) -> list[Finding]:
    """Tell what of the files could not be judged."""
    findings: list[Finding] = []
    for file in files:
        if file.problem:
            findings.append(
                flaws_known.unknown(
                    packages,
                    f"{shown(file.path)} was not read: {shown(file.problem, 160)}",
                    rule="vuln.unread",
                    place=Place(file=file.path),
                    mend="make the lock anew with the tool that wrote it",
                )
            )
        if odd := found.odd.get(file.path):
            findings.append(_odd(packages, file, odd))
        findings += _beyond(packages, file, files)
    return findings + list(_unlocked(packages, files))


def _odd(packages: Packages, file: PackageFile, odd: Sequence[Entry]) -> Finding:
    told = _named(f"{e.name} ({_why(file, e)})" for e in odd)
    return flaws_known.unknown(
        packages,
        f"{len(odd)} packages of {shown(file.path)} were not judged: {told}",
        rule="vuln.inexact",
        place=odd[0].place,
        mend="lock each package to one version of its registry; judge others by hand and attest it",
    )


def _why(file: PackageFile, entry: Entry) -> str:
    if file.ecosystem == "conda":
        return "conda"
    return {"vcs": "from version control", "url": "from a URL"}.get(entry.source, "no exact version")


def _beyond(packages: Packages, file: PackageFile, files: Sequence[PackageFile]) -> Iterator[Finding]:
    """Included files that are not among those of this folder would go unjudged."""
    known = {f.path.rpartition("/")[2] for f in files}
    lost = [option for option in file.includes if option.value.rpartition("/")[2] not in known]
    if lost:
        yield flaws_known.unknown(
            packages,
            f"{shown(file.path)} includes {_named(o.value for o in lost)}, which was not judged",
            rule="vuln.included",
            place=Place(file=file.path, line=lost[0].line),
            mend="name included files requirements-….txt and keep them in the same folder",
        )


def _unlocked(packages: Packages, files: Sequence[PackageFile]) -> Iterator[Finding]:
    for ecosystem in ("python", "javascript", "conda"):
        ours = [f for f in files if f.ecosystem == ecosystem and not f.problem]
        known = {normalised(e.name) for f in ours for e in f.entries}
        # What setup.py wants is covered as soon as there is any lock at all.
        wanted = {n for f in ours for n in f.declared if not (n == UNNAMED and known)}
        missing = sorted(name for name in wanted if normalised(name) not in known)
        if missing:
            yield flaws_known.unknown(
                packages,
                f"{len(missing)} declared packages are in no lock and were not judged: {_named(missing)}",
                rule="vuln.unlocked",
                key=ecosystem,
                place=Place(file=next(f.path for f in ours if set(missing) & set(f.declared))),
                mend="lock them (uv lock, npm install …): a flaw is known by an exact version",
            )


def _no_bundle(packages: Packages, ctx: Context, why: str) -> Finding:
    return flaws_known.unknown(
        packages,
        why,
        rule="vuln.bundle",
        place=ctx.place("maintenance.advisories"),
        mend="import a bundle of OSV records and name its folder or zip: `maintenance: {advisories: advisories}`",
    )


def _about_bundle(packages: Packages, ctx: Context, bundle: Bundle, kept: Digest) -> list[Finding]:
    place, mend = ctx.place("maintenance.advisories"), "import the advisories anew, with their manifest.json"
    faults = [f"the advisories are incomplete: {_named(bundle.problems)}"] if bundle.problems else []
    if not bundle.records:
        faults.append("there is no advisory in the bundle")
    elif bundle.created is None:
        faults.append("nothing tells how old the advisories are")
    elif bundle.created < ctx.now - OLDEST:
        days = (ctx.now - bundle.created).days
        faults.append(f"the advisories are {days} days old by {bundle.dated}; what came since was not judged")
    elif bundle.created > ctx.now + CLOCKS_DIFFER:
        faults.append(f"the advisories are of {bundle.created.date()}, which has not come yet")
    return [
        flaws_known.unknown(packages, fault, kept, rule="vuln.bundle", key=str(n), place=place, mend=mend)
        for n, fault in enumerate(faults)
    ]


def _without_records(
    packages: Packages, ctx: Context, locked: Sequence[Package], bundle: Bundle, kept: Digest
) -> Iterator[Finding]:
    """A bundle that has no record of a registry says nothing of its packages."""
    if not bundle.records:
        return
    for registry in sorted({package.registry for package in locked}):
        count = sum(package.registry == registry for package in locked)
        if registry.lower() not in bundle.ecosystems:
            yield flaws_known.unknown(
                packages,
                f"{count} packages of {registry} were not judged: the bundle has no advisory of {registry}",
                kept,
                rule="vuln.bundle",
                key=registry,
                place=ctx.place("maintenance.advisories"),
                mend=f"import the advisories of {registry}, too",
            )


def _finding(packages: Packages, flaw: Flaw, kept: Digest) -> Finding:
    package = flaw.package
    name = f"{shown(package.name)} {shown(package.version)}"
    others = f" ({_named(flaw.others)})" if flaw.others else ""
    what = shown(flaw.summary.strip().partition("\n")[0], 160)
    if flaw.malicious:
        mend = f"remove {name}, go back to a version before it, and replace every secret that it could read"
    elif flaw.fixed:
        mend = f"update {shown(package.name)} to {shown(flaw.fixed)} or later, and lock anew"
    else:
        mend = f"no version of {shown(package.name)} mends it: replace it, or switch off what is flawed and accept it"
    return flaws_known.failed(
        packages,
        f"{name} has {shown(flaw.id)}{others}" + (f": {what}" if what else ""),
        kept,
        rule="vuln.malicious" if flaw.malicious else "vuln.known",
        key=f"{package.registry}:{package.name}:{flaw.id}",
        place=package.place,
        severity=flaw.severity,
        mend=mend,
    )


def _unjudged(packages: Packages, one: Unjudged, kept: Digest) -> Finding:
    name = f"{shown(one.package.name)} {shown(one.package.version)}"
    return flaws_known.unknown(
        packages,
        f"{name} could not be judged by {shown(one.advisory)}: {shown(one.why)}",
        kept,
        rule="vuln.unjudged",
        key=f"{one.package.name}:{one.advisory}",
        place=one.package.place,
        mend=f"read {shown(one.advisory)} and decide by hand",
    )


def _worst_first(flaw: Flaw) -> tuple[int, str, str]:
    return (-SEVERITIES.index(flaw.severity), flaw.package.name, flaw.id)


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(shown(name, 160) for name in listed[:MOST_NAMED]) + more


def _listing(bundle: Bundle, locked: Sequence[Package], flaws: Sequence[Flaw], unjudged: Sequence[Unjudged]) -> bytes:
    told = {
        "created": bundle.created.isoformat() if bundle.created else None,
        "dated_by": bundle.dated,
        "records": bundle.records,
        "problems": list(bundle.problems),
        "judged": sorted(f"{p.registry}:{p.name}@{p.version}" for p in locked),
        "flaws": [
            {"package": f"{f.package.name}@{f.package.version}", "ids": [f.id, *f.others], "severity": f.severity}
            for f in flaws
        ],
        "unjudged": [{"package": u.package.name, "advisory": u.advisory, "why": u.why} for u in unjudged],
    }
    return json.dumps(told, indent=1).encode()
