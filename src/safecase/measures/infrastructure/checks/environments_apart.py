"""`env.static`: development, test and production share no credential, no store of data and no namespace."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.infrastructure.apart import DATA_URL, data_of_production, mixed
from safecase.readers.environments import MOST_BYTES, Environment, NotRead, Setting, environment_of, settings_in
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place

MOST_TOLD = 100
MOST_NAMED = 5
_TRIED = re.compile(
    r"(^|/)(tests?|notebooks?|experiments?|playground|scratch|sandbox|dev)/|(^|/)(test_[^/]*|conftest)\.py$"
)
"""Where people try things: code that ought not to know production's data."""


@check("env.static", control="IN-22", severity="high", version=2)
def environments_apart(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Development, test and production share no credential, no store of data and no namespace.

    ## Why it matters
    Notebooks and test systems are open to more people, watched by fewer, and full of code from yesterday. Where they
    reach production's data, or hold its keys, whoever gets into the least of them is in production, and a test that
    cleans up after itself cleans up there.

    ## How it is checked
    Files whose path names their environment are read: `.env.production`, `values-dev.yaml`,
    `docker-compose.test.yml`, `overlays/prod/…`, `config/staging.toml` (staging counts as test). Production and the
    others must not hold the same credential (the same value, the same password inside of connection strings to
    whatever hosts, or the same entry of a secret store), the same host of a database or the same bucket, nor the same
    Kubernetes namespace. A file of development or test must not name what is called prod or live, and the other way
    round. Debugging must be off in production. Notebooks and tests must not hold an address of production's data.
    Values are compared by their digests, and never shown.

    Hosts without a dot, and those of this machine, mean something else in each network, and are left out. Where files
    of production and of another environment are not both there, nothing tells environments apart, and it is unknown:
    what is set by hand, or by a pipeline, is not seen.

    ## How to mend it
    Give each environment an account, a namespace and a store of its own, with data that was made up or redacted. Keep
    the differences in one file for each (`overlays/prod`, `overlays/dev`), and secrets as references there.

    ## References
    NIST AI RMF MANAGE 2.4; ISO/IEC 42001 A.4.5; ISO/IEC 27002 8.31; CWE-489; CWE-1188; EU AI Act Art. 10.
    """
    by_environment: dict[Environment, list[Setting]] = {}
    files: dict[Environment, list[str]] = {}
    unread: list[tuple[str, str]] = []
    found: list[Finding] = []
    for file in repository.files:
        if ctx.remaining() <= 0:
            raise CollectError("no time is left to read all files", mend="raise settings.check_seconds")
        environment = environment_of(file)
        tried = file.endswith(".ipynb") or (file.endswith(".py") and _TRIED.search(file))
        if environment is None and not tried:
            continue
        try:
            with ctx.path(file).open("rb") as opened:
                content = opened.read(MOST_BYTES + 1)
            if tried:
                found += _addresses(repository, file, content)
            if environment is not None:
                by_environment.setdefault(environment, []).extend(settings_in(content, file))
                files.setdefault(environment, []).append(file)
        except (OSError, CollectError):
            unread.append((file, "cannot be read"))
        except NotRead as why:
            unread.append((file, str(why)))
    for one in mixed(by_environment):
        found.append(
            environments_apart.failed(
                repository,
                one.told,
                rule=one.rule,
                key=one.key,
                place=one.place,
                severity=one.severity,
                mend=one.mend,
            )
        )
    yield from found[:MOST_TOLD]
    yield from _unread(repository, unread)
    if not found and not unread:
        yield _apart(repository, files)


def _apart(repository: Repository, files: dict[Environment, list[str]]) -> Finding:
    if "production" not in files or len(files) < 2:
        seen = f"the only files that name one are of {next(iter(files))}" if files else "no file names its environment"
        return environments_apart.unknown(
            repository,
            f"nothing tells environments apart: {seen}",
            mend="keep what differs in a file for each environment, such as overlays/prod and overlays/dev",
        )
    named = "; ".join(f"{name}: {', '.join(shown(f) for f in files[name][:MOST_NAMED])}" for name in sorted(files))
    return environments_apart.passed(
        repository, f"production shares no credential, store or namespace with the rest ({shown(named, 300)})"
    )


def _unread(repository: Repository, unread: list[tuple[str, str]]) -> Iterator[Finding]:
    for file, why in unread[:MOST_TOLD]:
        yield environments_apart.unknown(
            repository,
            f"{shown(file)} {shown(why, 200)}",
            rule="unread",
            key=file,
            place=Place(file=file),
            mend="mend it, render it, or name it under settings.exclude",
        )


def _addresses(repository: Repository, file: str, content: bytes) -> Iterator[Finding]:
    """Addresses of production's data in a notebook or a test."""
    text = content.decode("utf-8", "replace")
    if not DATA_URL.search(text):
        return
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    told: set[str] = set()
    for offset, host in data_of_production(text):
        if host not in told:
            told.add(host)
            yield environments_apart.failed(
                repository,
                f"{shown(file)} reads {shown(host)}, which is named for production",
                rule="reads-production",
                key=host,
                place=Place(file=file, line=bisect.bisect_right(starts, offset)),
                mend="use made-up or redacted data, from a place of its own",
            )
