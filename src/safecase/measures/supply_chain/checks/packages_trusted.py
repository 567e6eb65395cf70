"""`pkg.trust`: no package is malicious, imitates another, or is too new to be trusted unreviewed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from safecase.checks import Context, check
from safecase.measures.supply_chain.known_packages import imitates
from safecase.readers.history import content_before
from safecase.readers.known_flaws import Flaw, Installed, Package, Registry, flaws_of, installed, name_of
from safecase.readers.locks import UNNAMED, PackageFile, normalised, read_content, read_file
from safecase.readers.osv import Advisory, Bundle, read_bundle
from safecase.readers.text import shown
from safecase.service.subjects import Packages
from safecase.vocabulary import Finding, Place

MOST_NAMED = 10
OLDEST = timedelta(days=7)


@check(
    "pkg.trust",
    control="SC-12",
    severity="critical",
    reads=("supply_chain.packages",),
    files=("maintenance.advisories",),
)
def packages_trusted(packages: Packages, ctx: Context) -> Iterator[Finding]:
    """No package is on a malware list, imitates a well-known name, does not exist, or is too new to be trusted.

    ## Why it matters
    Installing a package runs its code. Attackers upload names that differ by a letter from well-known ones, names that
    models make up when they write code, and poisoned releases of honest projects; most of those are found and removed
    within days. Whoever waits a week, and reads names twice, meets few of them.

    ## How it is checked
    **Malware**: every locked package of PyPI and npm is held against the records `MAL-…` of `maintenance.advisories`
    (see `vuln.scan`); a bundle older than seven days, or without any such record, leaves it unknown.

    **Names**: each name, locked or declared, is compared with the 5,000 most downloaded of its registry: one that is
    none of them, but looks the same at a glance (`rn` and `m`, `0` and `o`, a hyphen more or less), or is one slip away
    from the first 1,000, fails. Names in a scope of npm belong to its account and are not compared. Of rarely used
    honest packages about 1 in 150 is found so: look at it once and list it under `supply_chain.packages.reviewed`.

    **Age**: a release younger than `supply_chain.packages.minimum_age_days` (7) fails. Its age is the time of upload
    that the lock tells (uv.lock, pylock.toml); where the lock tells none, a package that stood in the same lock, in the
    same version, in a commit of so many days ago is old enough. Else it is unknown.

    **Existence**: nothing is asked over a network. A lock with hashes proves that its registry had the package; what is
    declared and in no lock is unknown, and may be a name that nobody has registered yet.

    ## How to mend it
    Remove what is malicious, and replace every secret that the machine could read. Correct a name, or review the
    package and list it (`name`, or `name==1.2` for one young release). Let your tool wait: `exclude-newer` in uv,
    `minimumReleaseAge` in pnpm.

    ## References
    ASI04:2026; LLM04:2026; AML.M0011; CWE-506; CWE-1357; OSV schema 1.7; EU AI Act Art. 15(5).
    """
    read = [read_file(ctx.root, path) for path in packages.files]
    found = installed(read)
    findings = [
        *_malicious(packages, ctx, found.packages),
        *_imitating(packages, ctx, read),
        *_young(packages, ctx, read, found.packages),
        *_not_proven(packages, read, found),
    ]
    yield from findings
    if not findings:
        told = f"{len(found.packages)} packages are on no malware list, imitate none, and are old enough"
        yield packages_trusted.passed(packages, told)


def _malicious(packages: Packages, ctx: Context, locked: Sequence[Package]) -> Iterator[Finding]:
    place = ctx.place("maintenance.advisories")
    mend = "import the records of malicious packages (MAL-) daily, and name their bundle: maintenance.advisories"
    path = ctx.manifest.maintenance.advisories
    if not path or "://" in path:
        told = "no list of malicious packages was imported (maintenance.advisories)"
        yield packages_trusted.unknown(packages, told, rule="pkg.bundle", place=place, mend=mend)
        return
    bundle = read_bundle(ctx.path(path), {name_of(p.name) for p in locked}, normalised=name_of)
    flaws, unjudged = flaws_of(locked, (a for a in bundle.advisories if _tells_malware(a)))
    yield from (_is_malware(packages, flaw) for flaw in flaws)
    if fault := _fault(bundle, ctx):
        yield packages_trusted.unknown(packages, fault, rule="pkg.bundle", place=place, mend=mend)
    for one in unjudged:
        yield packages_trusted.unknown(
            packages,
            f"{shown(one.package.name)} could not be judged by {shown(one.advisory)}: {shown(one.why)}",
            rule="pkg.unjudged",
            key=f"{one.package.name}:{one.advisory}",
            place=one.package.place,
            mend=f"read {shown(one.advisory)} and decide by hand",
        )


def _tells_malware(advisory: Advisory) -> bool:
    return any(id.startswith("MAL-") for id in (advisory.id, *advisory.aliases))


def _fault(bundle: Bundle, ctx: Context) -> str:
    """Say why a bundle does not show that nothing is malicious; empty where it does."""
    if bundle.problems:
        return f"the list of malicious packages is incomplete: {_named(bundle.problems)}"
    if not bundle.malicious:
        return "the bundle has no record of a malicious package (MAL-)"
    if bundle.created is None or bundle.created < ctx.now - OLDEST:
        return f"the list of malicious packages is of {bundle.created.date() if bundle.created else 'no known day'}"
    return ""


def _is_malware(packages: Packages, flaw: Flaw) -> Finding:
    name = f"{shown(flaw.package.name)} {shown(flaw.package.version)}"
    return packages_trusted.failed(
        packages,
        f"{name} is malicious: {shown(flaw.id)} {shown(flaw.summary.strip().partition(chr(10))[0], 120)}".rstrip(),
        rule="pkg.malicious",
        key=f"{flaw.package.registry}:{flaw.package.name}:{flaw.id}",
        place=flaw.package.place,
        mend=f"remove {name}, go back to a version before it, and replace every secret that it could read",
    )


def _imitating(packages: Packages, ctx: Context, files: Sequence[PackageFile]) -> Iterator[Finding]:
    reviewed = _reviewed(ctx)
    told: set[str] = set()
    for file in files:
        if file.ecosystem == "conda":
            continue
        registry: Registry = "PyPI" if file.ecosystem == "python" else "npm"
        named = [(e.name, e.version, e.place) for e in file.entries if e.source == "index"]
        named += [(name, "", Place(file=file.path)) for name in file.declared if name != UNNAMED]
        for name, version, place in named:
            plain = normalised(name) if registry == "PyPI" else name
            if plain in told or reviewed(plain, version):
                continue
            told.add(plain)
            if other := imitates(registry, plain):
                yield packages_trusted.failed(
                    packages,
                    f"{shown(name)} is easily taken for {shown(other)}, and is another package",
                    rule="pkg.lookalike",
                    key=f"{registry}:{plain}",
                    place=place,
                    severity="high",
                    mend=f"if {shown(other)} is meant, correct it; else list it under supply_chain.packages.reviewed",
                )


def _young(
    packages: Packages, ctx: Context, files: Sequence[PackageFile], locked: Sequence[Package]
) -> Iterator[Finding]:
    days = ctx.manifest.supply_chain.packages.minimum_age_days
    limit = ctx.now - timedelta(days=days)
    reviewed = _reviewed(ctx)
    uploaded = {
        (name_of(e.name), e.version): e.uploaded for f in files for e in f.entries if e.source == "index" and e.uploaded
    }
    waiting: list[Package] = []
    for package in locked if days else ():
        if reviewed(package.name, package.version):
            continue
        at = uploaded.get((name_of(package.name), package.version))
        if at is None:
            waiting.append(package)
        elif at > limit:
            age = "is of the future" if at > ctx.now else f"is {(ctx.now - at).days} days old"
            yield packages_trusted.failed(
                packages,
                f"{shown(package.name)} {shown(package.version)} {age}; {days} days are wanted",
                rule="pkg.young",
                key=f"{package.registry}:{package.name}:{package.version}",
                place=package.place,
                severity="medium",
                mend="lock the release before it, or review it and list it under supply_chain.packages.reviewed",
            )
    then = _stood_there(ctx, files, limit) if waiting else frozenset()
    if ageless := [p for p in waiting if (p.registry, p.name, p.version) not in then]:
        yield packages_trusted.unknown(
            packages,
            f"nothing tells how old {len(ageless)} packages are: {_named(f'{p.name} {p.version}' for p in ageless)}",
            rule="pkg.age",
            place=ageless[0].place,
            mend=f"lock with uv, which notes upload times, or wait until the lock is {days} days in git",
        )


def _stood_there(ctx: Context, files: Sequence[PackageFile], moment: datetime) -> frozenset[tuple[str, str, str]]:
    """Give what the same files held at a moment in git's history: it has been there since."""
    held = ((f.path, content_before(ctx.root, f.path, moment)) for f in files if f.locks and not f.problem)
    then = installed([read_content(path, content) for path, content in held if content])
    return frozenset((p.registry, p.name, p.version) for p in then.packages)


def _not_proven(packages: Packages, files: Sequence[PackageFile], found: Installed) -> Iterator[Finding]:
    """What was not read, has no exact version, or stands in no lock may be anything, and need not exist."""
    for file in files:
        if file.problem:
            yield packages_trusted.unknown(
                packages,
                f"{shown(file.path)} was not read: {shown(file.problem, 160)}",
                rule="pkg.unread",
                place=Place(file=file.path),
                mend="make the lock anew with the tool that wrote it",
            )
        if odd := found.odd.get(file.path):
            yield packages_trusted.unknown(
                packages,
                f"{len(odd)} packages of {shown(file.path)} were not judged: {_named(e.name for e in odd)}",
                rule="pkg.inexact",
                place=odd[0].place,
                mend="lock each package to one version of its registry; review others by hand and attest it",
            )
    known = {normalised(e.name) for f in files for e in f.entries}
    missing = sorted({n for f in files for n in f.declared if n != UNNAMED and normalised(n) not in known})
    if missing:
        yield packages_trusted.unknown(
            packages,
            f"{len(missing)} declared packages are in no lock, and nothing shows that they exist: {_named(missing)}",
            rule="pkg.unlocked",
            place=Place(file=next(f.path for f in files if missing[0] in f.declared)),
            mend="lock them with hashes: a lock can only hold what its registry had",
        )


def _reviewed(ctx: Context) -> Callable[[str, str], bool]:
    """Give what says whether somebody looked at a package, in all its versions or in this one."""
    listed = {name_of(name) + ("==" + version if version else "") for name, version in _parted(ctx)}
    return lambda name, version: not listed.isdisjoint({name_of(name), f"{name_of(name)}=={version}"})


def _parted(ctx: Context) -> Iterator[tuple[str, str]]:
    for one in ctx.manifest.supply_chain.packages.reviewed:
        name, _, version = one.partition("==")
        yield name.strip(), version.strip()


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(shown(name, 120) for name in listed[:MOST_NAMED]) + more
