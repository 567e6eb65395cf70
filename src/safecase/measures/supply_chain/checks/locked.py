"""`lock.check`: every package is locked to one version with a hash."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.locks import UNNAMED, Entry, PackageFile, normalised, read_file
from safecase.readers.requirements_txt import Option
from safecase.readers.text import shown
from safecase.service.subjects import Packages
from safecase.vocabulary import Finding, Place, Severity

MOST_NAMED = 10
MOST_INCLUDED = 100
LOCKING = {
    "python": "uv lock, or pip-compile --generate-hashes",
    "javascript": "npm install, which writes package-lock.json",
    "conda": "conda-lock",
}
_FOR_DEVELOPERS = re.compile(r"(^|[-_./])(dev|test|tests|testing|docs?|lint|bench|ci)([-_./]|$)", re.IGNORECASE)


@check("lock.check", control="SC-11", severity="high")
def locked(packages: Packages, ctx: Context) -> Iterator[Finding]:
    """Every package is locked to one version with a hash, and no second index can shadow the first.

    ## Why it matters
    What is installed without a lock is what the index says at that moment. A taken-over account, a look-alike name or
    a second index that answers first puts code of strangers next to the model and its data; a hash makes that fail.

    ## How it is checked
    Declarations (pyproject.toml, setup.py, setup.cfg, requirements.in, Pipfile, package.json, environment.yml) want a
    lock beside them (uv.lock, poetry.lock, pdm.lock, pylock.toml, Pipfile.lock, requirements with hashes,
    package-lock.json, yarn.lock, pnpm-lock.yaml, conda-lock.yml), and the lock must know every declared name. Each
    entry of a lock or requirements file must have one exact version and a hash (or an integrity value, or a whole
    commit); `-r` and `-c` are followed inside of the service's folder. `--extra-index-url`, `--find-links`,
    `--trusted-host` and sources without TLS are found. Files for developers only (dev, test, docs) weigh less.

    What it does not prove: setup.py is read, never run; a hash is not compared with what an index serves; a version in
    a lock is not held against the range that is declared; what builds a package (`build-system.requires`) and what
    pip.conf or .npmrc say is not looked at.

    ## How to mend it
    `uv lock`, or `pip-compile --generate-hashes`, and install with `--require-hashes`; `npm ci` from a lock. Use one
    index that mirrors what you vetted, instead of two side by side.

    ## References
    CWE-494; CWE-829; LLM04:2026; ATLAS AML.T0010.001; EU AI Act Art. 15(5).
    """
    files = [read_file(ctx.root, path) for path in packages.files]
    read, beyond, findings = _with_included(packages, ctx, files)
    findings += [finding for file in read for finding in _of_file(packages, file)]
    for ecosystem in ("python", "javascript", "conda"):
        findings += _of_declarations(packages, [f for f in read if f.ecosystem == ecosystem and not f.problem])
    if beyond and not findings:
        # Evidence is about the files that discovery gives: a change of another would not void it.
        findings.append(
            locked.unknown(
                packages,
                f"{', '.join(shown(path) for path in beyond[:MOST_NAMED])} is included, and its name tells nobody that"
                " it holds packages: a later change of it would not be seen",
                rule="lock.included",
                mend="name included files requirements-….txt, or put them into a folder requirements",
                place=Place(file=beyond[0]),
            )
        )
    yield from findings
    if not findings:
        locks = [f for f in read if f.entries and not f.constrains]
        count, where = sum(len(f.entries) for f in locks), ", ".join(shown(f.path) for f in locks)
        yield locked.passed(
            packages, f"{count} packages are locked with hashes in {where}" if count else "no package is declared"
        )


def _with_included(
    packages: Packages, ctx: Context, files: Sequence[PackageFile]
) -> tuple[list[PackageFile], list[str], list[Finding]]:
    """Follow `-r` and `-c`; gives all files, those beyond the subject's own, and what could not be followed."""
    read = {file.path: file for file in files}
    waiting, beyond = list(files), list[str]()
    findings: list[Finding] = []
    constraints: dict[str, list[str]] = {}
    installed: set[str] = set()
    while waiting:
        file = waiting.pop(0)
        for option in file.includes:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), option.value))
            if path not in read:
                reason = _not_followed(ctx, path, option, len(beyond))
                if reason:
                    findings.append(_unfollowed(packages, file, option, reason))
                    continue
                read[path] = read_file(ctx.root, path)
                beyond.append(path)
                waiting.append(read[path])
            # A file that is installed from stays one, whoever else takes versions from it.
            if option.name in ("-c", "--constraint"):
                constraints.setdefault(file.path, []).append(path)
                if path in beyond and path not in installed:
                    read[path] = msgspec.structs.replace(read[path], constrains=True)
            else:
                installed.add(path)
                read[path] = msgspec.structs.replace(read[path], constrains=False)
    for path, held in constraints.items():
        read[path] = _constrained(read[path], [read[constraint] for constraint in held])
    return list(read.values()), beyond, findings


def _not_followed(ctx: Context, path: str, option: Option, followed: int) -> str:
    """Say why an included file is not read; empty where it can be."""
    if "://" in option.value:
        return "it lies on a network"
    if "$" in option.value:
        return "its name comes from the environment"
    if followed >= MOST_INCLUDED:
        return f"more than {MOST_INCLUDED} files are included"
    try:
        return "" if ctx.path(path).is_file() else "there is no such file"
    except (CollectError, OSError, ValueError):
        return "it does not lie in the service's folder"


def _unfollowed(packages: Packages, file: PackageFile, option: Option, reason: str) -> Finding:
    return locked.unknown(
        packages,
        f"{shown(file.path)} includes {shown(option.value)}, which was not read: {reason}",
        rule="lock.included",
        key=option.value,
        place=Place(file=file.path, line=option.line),
        mend="keep what is included in the service's folder",
    )


def _constrained(file: PackageFile, constraints: Sequence[PackageFile]) -> PackageFile:
    """Give floating entries the version that a constraints file says."""
    said = {normalised(e.name): e for constraint in constraints for e in constraint.entries if e.version}
    entries = []
    for entry in file.entries:
        by = said.get(normalised(entry.name))
        if by is not None and entry.source == "index" and not entry.version:
            entry = msgspec.structs.replace(entry, version=by.version, hashed=entry.hashed or by.hashed)
        entries.append(entry)
    return msgspec.structs.replace(file, entries=tuple(entries))


def _of_file(packages: Packages, file: PackageFile) -> Iterator[Finding]:
    name = shown(file.path)
    if file.problem:
        place = Place(file=file.path)
        yield locked.unknown(
            packages, f"{name}: {shown(file.problem, 200)}", place=place, mend="mend or remove the file"
        )
    severity: Severity = "medium" if _FOR_DEVELOPERS.search(file.path) else "high"
    mend = f"lock {name} with hashes: {LOCKING[file.ecosystem]}"
    for rule, entries, what, rule_mend in (
        ("lock.floating", [e for e in file.entries if _is(e, "floating")], "float", mend),
        ("lock.unhashed", [e for e in file.entries if _is(e, "unhashed")], "have no hash", mend),
        (
            "lock.unpinned-source",
            [e for e in file.entries if _is(e, "unpinned")],
            "come from an address that may serve something else tomorrow",
            "give a whole commit (@ and 40 digits), or a hash (#sha256=…)",
        ),
        (
            "lock.insecure-source",
            [e for e in file.entries if e.insecure],
            "are fetched without TLS",
            "use an https:// address",
        ),
    ):
        # What a constraints file does not pin is pinned, or found, where it is installed.
        if entries and not (file.constrains and rule != "lock.insecure-source"):
            yield locked.failed(
                packages,
                f"{len(entries)} of {len(file.entries)} packages of {name} {what}: {_names(entries)}",
                rule=rule,
                key=_key(e.name for e in entries),
                place=entries[0].place,
                severity=severity,
                mend=rule_mend,
            )
    for option in file.indexes:
        insecure = option.name in ("-i", "--index-url")
        yield locked.failed(
            packages,
            f"{name} asks an index without TLS"
            if insecure
            else f"{name} says {option.name}: another place can answer for a package's name",
            rule="lock.insecure-source" if insecure else "lock.index-confusion",
            key=option.name,
            place=Place(file=file.path, line=option.line),
            mend="use one index with TLS that mirrors what you vetted",
        )


def _is(entry: Entry, fault: str) -> bool:
    """An entry has one fault: where it comes from, else its version, else its hash."""
    if entry.source in ("url", "vcs"):
        return fault == "unpinned" and not entry.hashed
    return fault == ("floating" if not entry.version else "" if entry.hashed else "unhashed")


def _of_declarations(packages: Packages, files: Sequence[PackageFile]) -> Iterator[Finding]:
    """What is declared must be locked beside it."""
    wanting = [f for f in files if f.declared]
    locks = [f for f in files if f.locks and f.entries and not f.constrains]
    if not wanting:
        return
    if not locks:
        for file in wanting:
            yield locked.failed(
                packages,
                f"{shown(file.path)} declares packages, and no lock is beside it",
                rule="lock.missing",
                key=_key(file.declared),
                place=Place(file=file.path, line=1),
                mend=LOCKING[file.ecosystem],
            )
        return
    known = {normalised(e.name) for f in locks for e in f.entries} | {e.name for f in locks for e in f.entries}
    for file in wanting:
        missing = [name for name in file.declared if name not in known and name != UNNAMED]
        if missing:
            named = ", ".join(shown(name, 40) for name in missing[:MOST_NAMED])
            yield locked.failed(
                packages,
                f"{len(missing)} packages of {shown(file.path)} are in no lock: {named}",
                rule="lock.stale",
                key=_key(missing),
                place=Place(file=file.path, line=1),
                mend=f"lock again: {LOCKING[file.ecosystem]}",
            )


def _key(names: Iterable[str]) -> str:
    """Name each package on a line of its own: the gate takes each for a gap, so that a new one is not a known one."""
    return "\n".join(sorted({" ".join(name.splitlines()) for name in names}))


def _names(entries: Sequence[Entry]) -> str:
    named = ", ".join(shown(e.name, 40) for e in entries[:MOST_NAMED])
    return named + (f" and {len(entries) - MOST_NAMED} more" if len(entries) > MOST_NAMED else "")
