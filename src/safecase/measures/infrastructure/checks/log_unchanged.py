"""`log.chain`: the event logs are chained, whole, and kept for half a year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.chained_logs import FIRST, Followed, Head, Standing, follow, read_head
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Place

KEPT = timedelta(days=183)
"""Six months: what the EU AI Act asks of providers (Art. 19) and deployers (Art. 26) at the least."""
AHEAD = timedelta(minutes=5)
MOST_FILES = 1_000
HEAD = ".head"


@check("log.chain", control="IN-14", severity="medium", files=("infrastructure.logs",))
def log_unchanged(service: Service, ctx: Context) -> Iterator[Finding]:
    """The event logs are chained, nothing is missing in them, and they are kept for half a year.

    ## Why it matters
    After an incident the log says who asked what, what the model answered and which tool it called. Whoever broke in
    knows that too, and takes their lines out. A log that anybody with a shell can edit proves nothing, neither to you
    nor to an authority.

    ## How it is checked
    The files of `infrastructure.logs` are followed in the order in which they are listed; of a folder, its `.jsonl`
    files in the order of their names. Each line is a JSON object and ends with a line feed. Its `prev` is the SHA-256
    of the line before it, as 64 hexadecimal digits, of its bytes without the line feed; the first line of all has 64
    zeros. Where lines have an `id` that is the SHA-256 of the rest as canonical JSON (sorted keys, UTF-8, no
    whitespace), as the evidence ledger writes them, `prev` may name that instead. `seq`, where lines have it, goes up
    by one. `time` (ISO 8601 with an offset, or a number since 1970) never goes back by more than five seconds, nor
    lies ahead of now. The first line that does not follow is named: whatever stands behind it is not proven.

    A chain does not show that lines at its end were cut off. For that, note at times how far it had come, and keep the
    note where the log's writer cannot change it: a file with `.head` at the end of its name,
    `{"lines": 1200, "sha256": "<of line 1200>"}`, listed among the logs beside the file that it speaks of. Without
    one, the end is unproven. A chain that begins in the middle passes only where what is left reaches back six months.

    What it does not prove: who can change a log and all of its heads can write it anew. What was never logged is
    looked for by `log.live`.

    ## How to mend it
    Where a line is named, find out who changed it, and keep a copy aside. Write each line with `prev`, and send a
    head each hour to a store that only appends.

    ## References
    AML.M0024 (ATLAS 5.6.0); CWE-778; CWE-117; EU AI Act Art. 12, 19 and 26(6).
    """
    names = ctx.manifest.infrastructure.logs
    place = ctx.place("infrastructure.logs")
    if not names:
        yield log_unchanged.unknown(
            service, "no log is named", place=place, mend="list the event logs under infrastructure.logs"
        )
        return
    logs, heads, missing = _files(names, ctx)
    for name in missing:
        message = f"{shown(name)} is not there, or holds no .jsonl file"
        mend = "correct infrastructure.logs, or copy the log to where it is assessed"
        yield log_unchanged.unknown(service, message, rule="missing", key=name, place=place, mend=mend)
    before: Standing | None = None
    for index, name in enumerate(logs):
        try:
            head = read_head(ctx.path(heads[name])) if name in heads else None
            share = ctx.remaining() * 0.9 / (len(logs) - index)
            followed = follow(ctx.path(name), before, frozenset([head.lines] if head else []), share)
        except CollectError as why:
            yield log_unchanged.unknown(
                service, why.message, rule="unread", key=name, place=Place(file=name), mend=why.mend
            )
            return
        findings = list(_of_file(service, ctx, name, followed, head, before is None, name == logs[-1]))
        yield from findings
        if followed.flaw is not None:
            return
        before = followed.end or before


def _files(names: tuple[str, ...], ctx: Context) -> tuple[list[str], dict[str, str], list[str]]:
    """Give the logs in order, the head of each by its name, and what is not there."""
    logs: list[str] = []
    heads: dict[str, str] = {}
    missing: list[str] = []
    for name in names:
        path = ctx.path(name)
        inside = [name]
        if path.is_dir():
            ends = (".jsonl", HEAD)
            inside = [f"{name.rstrip('/')}/{p.name}" for p in _listed(path) if p.name.endswith(ends)]
        found = [p for p in inside if ctx.path(p).is_file()]
        for file in found:
            if file.endswith(HEAD):
                heads[file.removesuffix(HEAD)] = file
            elif file not in logs:
                logs.append(file)
        if not found:
            missing.append(name)
    missing += [head for log, head in heads.items() if log not in logs]
    return logs, heads, missing


def _listed(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir())
    if len(found) > MOST_FILES:
        raise CollectError(f"{shown(folder.name)} holds more than {MOST_FILES} files", mend="name the logs one by one")
    return found


def _of_file(
    service: Service, ctx: Context, name: str, followed: Followed, head: Head | None, is_first: bool, is_last: bool
) -> Iterator[Finding]:
    told = shown(name)
    if followed.flaw is not None:
        yield log_unchanged.failed(
            service,
            f"{told}: line {followed.flaw.line} {followed.flaw.told}",
            rule=followed.flaw.flaw,
            key=name,
            place=Place(file=name, line=followed.flaw.line),
            mend="find out who changed it and from where; keep this file aside, and start a new one from a copy",
        )
        return
    if not followed.lines:
        message = f"{told} is empty"
        mend = "find out whether it was emptied, or never written"
        yield log_unchanged.unknown(service, message, rule="empty", key=name, place=Place(file=name), mend=mend)
        return
    yield from _of_beginning(service, ctx, name, followed, is_first)
    yield from _of_end(service, ctx, name, followed, head, is_last)


def _of_beginning(service: Service, ctx: Context, name: str, followed: Followed, is_first: bool) -> Iterator[Finding]:
    place = Place(file=name, line=1)
    if followed.begins == FIRST and not is_first:
        yield log_unchanged.failed(
            service,
            f"{shown(name)} begins a chain of its own, and does not go on from the file before it",
            rule="new-chain",
            key=name,
            place=place,
            mend="let the first line of a new file name the last line of the one before",
        )
    if followed.begins != FIRST and is_first:
        age = ctx.now - followed.first_time if followed.first_time else None
        if age is None or age < KEPT:
            since = f"{age.days} days" if age else "a time that it does not say"
            yield log_unchanged.failed(
                service,
                f"{shown(name)} begins in the middle of a chain, and reaches back {since} only",
                rule="cut",
                key=name,
                place=place,
                mend=f"list the files before it too, and keep all for {KEPT.days} days",
            )


def _of_end(
    service: Service, ctx: Context, name: str, followed: Followed, head: Head | None, is_last: bool
) -> Iterator[Finding]:
    place = Place(file=name, line=followed.lines)
    count = f"{shown(name)}: {followed.lines} lines follow from each other"
    last = followed.end.time if followed.end else None
    if last is not None and last > ctx.now + AHEAD:
        message = f"{shown(name)}: its last line lies ahead of now: a clock is out of step"
        yield log_unchanged.failed(
            service, message, rule="clock", key=name, place=place, mend="keep the clocks in step (NTP)"
        )
    if head is not None and head.sha256 not in followed.reached.get(head.lines, frozenset()):
        why = f"has {followed.lines} lines" if head.lines > followed.lines else "has another line there"
        yield log_unchanged.failed(
            service,
            f"{shown(name)}: its head speaks of line {head.lines}, and the file {why}: it was cut or written anew",
            rule="head",
            key=name,
            place=Place(file=name, line=min(head.lines, followed.lines)),
            mend="find out who cut it; restore the file from where logs are sent to",
        )
    elif head is not None:
        message = f"{count}, and its head vouches for the first {head.lines}"
        yield log_unchanged.passed(service, message, key=name, place=place)
    elif is_last:
        message = f"{count}, and nothing vouches for its end: lines that were cut off would not be missed"
        mend = f"note how far it has come in {shown(name)}{HEAD}, and list that under infrastructure.logs"
        yield log_unchanged.unknown(service, message, rule="no-head", key=name, place=place, mend=mend)
    else:
        yield log_unchanged.passed(service, f"{count}, up to the next file", key=name, place=place)
