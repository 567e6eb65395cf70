"""`lock.check`: every package is locked to one version with a hash."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from safecase.checks import Context, check
from safecase.readers.locks import Entry, PackageFile, normalised, read_file
from safecase.readers.text import shown
from safecase.service.subjects import Packages
from safecase.vocabulary import Finding, Place, Severity

MOST_NAMED = 8
LOCKING = {
    "python": "uv lock, or pip-compile --generate-hashes",
    "javascript": "npm install, which writes package-lock.json",
}
_FOR_DEVELOPERS = re.compile(r"(^|[-_./])(dev|test|tests|testing|docs?|lint|bench|ci)([-_./]|$)", re.IGNORECASE)


@check("lock.check", control="SC-11", severity="high")
def locked(packages: Packages, ctx: Context) -> Iterator[Finding]:
    """Every package is locked to one version with a hash, and no second index can shadow the first.

    ## Why it matters
    What is installed without a lock is what the index says at that moment. A taken-over account, a look-alike name or
    a second index that answers first puts code of strangers next to the model and its data; a hash makes that fail.

    ## How it is checked
    Declarations (pyproject.toml, setup.py, setup.cfg, Pipfile, package.json) want a lock beside them (uv.lock,
    poetry.lock, pdm.lock, pylock.toml, Pipfile.lock, requirements with hashes, package-lock.json, yarn.lock,
    pnpm-lock.yaml), and the lock must know every declared name. Each entry of a lock or requirements file must have one
    exact version and a hash (or an integrity value, or a whole commit). `--extra-index-url`, `--find-links`,
    `--trusted-host` and indexes without TLS are found. Files for developers only (dev, test, docs) weigh less. setup.py
    is read, never run; a hash is not compared with what an index serves.

    ## How to mend it
    `uv lock`, or `pip-compile --generate-hashes`, and install with `--require-hashes`; `npm ci` from a lock. Use one
    index that mirrors what you vetted, instead of two side by side.

    ## References
    CWE-494; CWE-829; LLM04:2026; ATLAS AML.T0010.001; EU AI Act Art. 15(5).
    """
    files = [read_file(ctx.root, path) for path in packages.files]
    findings = [finding for file in files for finding in _of_file(packages, file)]
    for ecosystem in ("python", "javascript"):
        findings += _of_declarations(packages, [f for f in files if f.ecosystem == ecosystem and not f.problem])
    yield from findings
    if not findings:
        count = sum(len(f.entries) for f in files)
        where = ", ".join(f.path for f in files if f.entries)
        yield locked.passed(
            packages, f"{count} packages are locked with hashes in {where}" if count else "no package is declared"
        )


def _of_file(packages: Packages, file: PackageFile) -> Iterator[Finding]:
    if file.problem:
        place = Place(file=file.path)
        yield locked.unknown(
            packages, f"{file.path}: {shown(file.problem, 200)}", place=place, mend="mend or remove the file"
        )
    severity: Severity = "medium" if _FOR_DEVELOPERS.search(file.path) else "high"
    floating = [e for e in file.entries if not e.version]
    unhashed = [e for e in file.entries if e.version and not e.hashed]
    for rule, entries, what in (("lock.floating", floating, "float"), ("lock.unhashed", unhashed, "have no hash")):
        if entries:
            yield locked.failed(
                packages,
                f"{len(entries)} of {len(file.entries)} packages of {file.path} {what}: {_names(entries)}",
                rule=rule,
                place=entries[0].place,
                severity=severity,
                mend=f"lock {file.path} with hashes: {LOCKING[file.ecosystem]}",
            )
    for option in file.indexes:
        yield locked.failed(
            packages,
            f"{file.path} says {option.name}: another place can answer for a package's name",
            rule="lock.index-confusion",
            key=option.name,
            place=Place(file=file.path, line=option.line),
            mend="use one index with TLS that mirrors what you vetted",
        )


def _of_declarations(packages: Packages, files: Sequence[PackageFile]) -> Iterator[Finding]:
    """What is declared must be locked beside it."""
    wanting = [f for f in files if f.declared]
    locks = [f for f in files if f.locks and f.entries]
    if not wanting:
        return
    if not locks:
        for file in wanting:
            yield locked.failed(
                packages,
                f"{file.path} declares packages, and no lock is beside it",
                rule="lock.missing",
                place=Place(file=file.path, line=1),
                mend=LOCKING[file.ecosystem],
            )
        return
    known = {normalised(e.name) for f in locks for e in f.entries} | {e.name for f in locks for e in f.entries}
    for file in wanting:
        missing = [name for name in file.declared if name not in known and name != "install_requires"]
        if missing:
            named = ", ".join(shown(name, 40) for name in missing[:MOST_NAMED])
            yield locked.failed(
                packages,
                f"{len(missing)} packages of {file.path} are in no lock: {named}",
                rule="lock.stale",
                place=Place(file=file.path, line=1),
                mend=f"lock again: {LOCKING[file.ecosystem]}",
            )


def _names(entries: Sequence[Entry]) -> str:
    named = ", ".join(shown(e.name, 40) for e in entries[:MOST_NAMED])
    return named + (f" and {len(entries) - MOST_NAMED} more" if len(entries) > MOST_NAMED else "")
