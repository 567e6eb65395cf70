"""`fix.test`: a flaw that was mended has a test that would see it again."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from safecase.checks import Context, check
from safecase.errors import CollectError, ManifestError
from safecase.measures.vulnerabilities.regression import look_at
from safecase.plugins import probes
from safecase.readers import suites
from safecase.readers.text import shown
from safecase.service.schema import Fix
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place, Verdict

MOST_BYTES = 2_000_000


class Stand(NamedTuple):
    """What became of one fix."""

    verdict: Verdict
    why: str
    place: Place | None = None


@check(
    "fix.test",
    control="VH-06",
    severity="medium",
    version=2,
    reads=("vulnerabilities.fixes", "testing.suites"),
    files=("testing.suites.file",),
)
def fixes_tested(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Each flaw that was mended has a test that is there, is not skipped, and asserts something.

    ## Why it matters
    Flaws come back: a prompt is tidied, a model is changed, a guard is loosened, and what was reported once works
    again. Who reported it will not do so twice. A test that failed before the fix is the only thing that remembers.

    ## How it is checked
    Each of `vulnerabilities.fixes` names its `test`. `tests/test_x.py::test_name` is looked up in the file by its
    syntax tree: the function is there, neither it nor its class or file is always skipped or expected to fail, and it
    asserts something (`assert`, `raises`, `self.assert…`); one that leaves that to what it calls is unknown.
    `suite:<id>#<row>` is a row of a declared test set, `probe:<name>` a family of attacks of `redteam.run`. Tests in
    other languages are unknown. Nothing is run: that the test failed before and passes now is what CI shows. Where no
    fix is recorded it is unknown: nothing shows whether none was needed.

    ## How to mend it
    Write the test so that it fails without the fix, and name it: `fixes: [{report: R-1, fixed: 2026-11-01,
    test: tests/test_bot.py::test_a_document_gives_no_orders}]`.

    ## References
    NIST AI RMF 1.0 MANAGE 4.2; AML.M0008 (ATLAS 5.6.0); CWE-1053; EU AI Act Art. 20.
    """
    fixes = ctx.manifest.vulnerabilities.fixes
    if not fixes:
        yield fixes_tested.unknown(
            repository,
            "no mended flaw is recorded, and nothing shows that none was reported",
            place=ctx.place("vulnerabilities"),
            mend="record each mended report under vulnerabilities.fixes, with its test",
        )
    for number, fix in enumerate(fixes):
        stand = _stand(repository, ctx, fix)
        name, key = f"{shown(fix.report)} ({shown(fix.test) or 'no test'})", fix.report
        place = stand.place or ctx.place(f"vulnerabilities.fixes.{number}")
        if stand.verdict == "pass":
            yield fixes_tested.passed(repository, f"{name}: {stand.why}", key=key, place=place)
        elif stand.verdict == "fail":
            mend = "write a test that fails without the fix, and name it as `test:`"
            yield fixes_tested.failed(repository, f"{name}: {stand.why}", key=key, place=place, mend=mend)
        else:
            mend = "name a pytest function that asserts the fix itself, or a row of a test set"
            yield fixes_tested.unknown(repository, f"{name}: {stand.why}", key=key, place=place, mend=mend)


def _stand(repository: Repository, ctx: Context, fix: Fix) -> Stand:
    if fix.fixed > ctx.now.date().isoformat():
        return Stand("fail", f"it is said to be mended on {fix.fixed}, which has not come yet")
    kind, _, rest = fix.test.partition(":")
    if not fix.test:
        return Stand("fail", "no test is named")
    if kind == "probe":
        return _probe(rest)
    if kind == "suite":
        return _row(ctx, rest)
    return _test(repository, ctx, fix.test)


def _probe(name: str) -> Stand:
    known = [probe.weakness for probe in probes()]
    if name in known:
        return Stand("pass", "redteam.run attacks in that way")
    return Stand("fail", f"no family of attacks is called so; one of {', '.join(known)}")


def _row(ctx: Context, told: str) -> Stand:
    suite_id, _, row_id = told.partition("#")
    suite = next((s for s in ctx.manifest.testing.suites if s.id == suite_id), None)
    if suite is None:
        return Stand("fail", f"no test set is called {shown(suite_id)}")
    try:
        with ctx.path(suite.file).open("rb") as file:
            rows = suites.read(file.read(suites.MOST_BYTES + 1), suite.file)
    except (OSError, CollectError):
        return Stand("fail", f"{shown(suite.file)} cannot be read", Place(file=suite.file))
    except ManifestError as why:
        return Stand("unknown", f"{shown(suite.file)} has faults: {why.message}", why.place)
    row = next((row for row in rows if row.id == row_id), None)
    if row is None:
        return Stand(
            "fail", f"{shown(suite.file)} has no row {shown(row_id) or 'of that name'}", Place(file=suite.file)
        )
    return Stand("pass", "eval.business asks that row", row.place)


def _test(repository: Repository, ctx: Context, told: str) -> Stand:
    path, *names = told.split("::")
    path = posixpath.normpath(path)
    if path not in repository.files:
        return Stand("fail", f"{shown(path)} is no file of the repository")
    if not path.endswith(".py"):
        return Stand("unknown", "the file is there; only tests in Python are looked into", Place(file=path))
    if not names:
        return Stand("fail", "a file is named, and no test in it", Place(file=path))
    try:
        with ctx.path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        return Stand("unknown", f"it cannot be read: {why.strerror}", Place(file=path))
    if len(content) > MOST_BYTES:
        return Stand("unknown", f"the file is larger than {MOST_BYTES // 10**6} MB", Place(file=path))
    seen = look_at(content.decode("utf-8-sig", "replace"), names)
    place = Place(file=path, line=seen.line)
    if seen.standing == "tests":
        return Stand("pass", "the test is there and asserts something", place)
    return Stand("unknown" if seen.standing == "unclear" else "fail", seen.why, place)
