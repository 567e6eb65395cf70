"""`safecase evidence`: list, verify and add to what was collected."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

if TYPE_CHECKING:
    from safecase.evidence.log import Verification
    from safecase.evidence.record import Record

Command = TypeVar("Command", bound=Callable[..., Any])

ledger_option = click.option(
    "--ledger",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".safecase/ledger"),
    metavar="DIR",
    help="The ledger's folder (.safecase/ledger).",
)
text_or_json = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
json_for_programs = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default=lambda: "text" if sys.stdout.isatty() else "json",
    help="Text on a terminal, JSON elsewhere, unless said.",
)


@click.group()
def evidence() -> None:
    """List, verify and add to what was collected.

    A ledger is a folder: evidence.jsonl (a record a line, each naming the one before), objects (artefacts by their
    digest) and head.json, signed, by which a missing tail is seen.
    """


@evidence.command("list")
@ledger_option
@click.option("--control", help="Only records of this control.")
@text_or_json
def list_(folder: Path, control: str | None, form: str) -> None:
    """List all records, the oldest first.

    \b
    Example:
      safecase evidence list --control SC-04
    """
    from safecase.cli import console
    from safecase.evidence.log import Ledger

    records = [r for r in Ledger(folder).read() if control in (None, r.control)]
    if form == "json":
        _print_json({"records": [_plain(r) for r in records]})
        return
    console.result("".join(_line(r) + "\n" for r in records) or f"no evidence in {_shown(str(folder))}\n")


@evidence.command()
@ledger_option
@click.argument("name", metavar="ID")
@text_or_json
def show(folder: Path, name: str, form: str) -> None:
    """Show one record: what was looked at, what was found. The first 6 characters of its ID are enough.

    \b
    Example:
      safecase evidence show 3fa98c
    """
    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.evidence.log import Ledger

    if len(name) < 6:
        raise UsageError(f"{_shown(name)!r} is too short for an id", mend="give at least 6 characters of it")
    found = [r for r in Ledger(folder).read() if r.id.startswith(name.lower())]
    if len(found) != 1:
        told = "no record's id begins" if not found else f"{len(found)} ids begin"
        raise UsageError(f"{told} with {_shown(name)!r}", mend="safecase evidence list shows the ids")
    if form == "json":
        _print_json(_plain(found[0]))
        return
    console.result("\n".join(_page(found[0])) + "\n")


@evidence.command()
@ledger_option
@click.option(
    "--subjects",
    type=click.File("rb"),
    metavar="FILE",
    help="JSON: name to sha256, as they are now. Left out: as they were recorded last.",
)
@click.option("--as-of", metavar="ISO", help="The moment to judge at; now, where it is left out.")
@click.option(
    "--revoked", multiple=True, metavar="KEY", help="Key id whose evidence no longer counts; may be repeated."
)
@click.option(
    "--recalled", multiple=True, metavar="CHECK@VERSION", help="A check that no longer counts; may be repeated."
)
@json_for_programs
def status(
    folder: Path,
    subjects: BinaryIO | None,
    as_of: str | None,
    revoked: tuple[str, ...],
    recalled: tuple[str, ...],
    form: str,
) -> None:
    """Say for each control whether its evidence is fresh, due, stale, void or missing, and what it says.

    \b
    Examples:
      safecase evidence status
      safecase evidence status --subjects digests.json --as-of 2026-11-23T12:00:00Z
    """
    import msgspec

    from safecase.cli import console
    from safecase.evidence import status as states
    from safecase.evidence.log import Ledger

    at = _moment(as_of)
    records = Ledger(folder).read()
    now = _subjects(subjects) if subjects is not None else states.as_recorded(r for r in records if r.moment <= at)
    found = states.status(records, now, at, frozenset(revoked), frozenset(map(_version, recalled)))
    if form == "json":
        _print_json({"controls": {control: msgspec.to_builtins(one) for control, one in found.items()}})
        return
    lines = [f"{_shown(c):<12} {s.state:<8} {s.verdict:<8} {(s.record or '-')[:12]}" for c, s in found.items()]
    if subjects is None and lines:
        lines.append("By age only: without --subjects nothing is known to have changed since.")
    console.result("\n".join(lines or [f"no evidence in {_shown(str(folder))}"]) + "\n")


@evidence.command()
@ledger_option
@click.option(
    "--key", "named", multiple=True, metavar="FILE|ID", help="Only this key may have signed it; may be repeated."
)
@click.option("--require-signature", is_flag=True, help="Refuse a ledger of which a part is not signed.")
@json_for_programs
@click.pass_context
def verify(ctx: click.Context, folder: Path, named: tuple[str, ...], require_signature: bool, form: str) -> None:
    """Say whether anything recorded was changed: exit 0 if not, exit 4 and the first bad record (from 0) if so.

    \b
    Examples:
      safecase evidence verify
      safecase evidence verify --key pipeline.pub --require-signature
    """
    from safecase.cli import console
    from safecase.evidence.log import Ledger

    found = Ledger(folder).verify(key=named, require_signature=require_signature)
    if form == "json":
        _print_json(_as_json(found))
    else:
        console.result("\n".join(_as_text(found)) + "\n")
    if not found.ok:
        ctx.exit(4)


@evidence.command()
@ledger_option
@click.option("--record", "source", type=click.File("rb"), required=True, metavar="FILE", help="JSON; - is stdin.")
@json_for_programs
def add(folder: Path, source: BinaryIO, form: str) -> None:
    """Append evidence that another program collected; prints its id.

    It is a JSON object with control, check, check_version, verdict (pass, fail, unknown), evaluated_at (ISO 8601 with
    offset), ttl_days, subjects (a list of name and sha256) and, as they are there, artefacts, findings, metrics,
    parameters, service, collector, note. What else it holds is kept under `extra`.

    \b
    Examples:
      safecase evidence add --record scan.json
      my-scanner | safecase evidence add --record -
    """
    from safecase.cli import console
    from safecase.evidence.log import Ledger
    from safecase.evidence.record import drafted

    value = _json(source, "a record")
    (record,) = Ledger(folder).append([drafted(value, file=_named(source))])
    if form == "json":
        _print_json({"id": record.id})
        return
    console.result(f"{record.id}\n")


@evidence.command()
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to."
)
@text_or_json
def keygen(file: Path | None, form: str) -> None:
    """Make a key that signs ledgers; without -o it becomes your own.

    Set SAFECASE_SIGNING_KEY to the file, or to its text as a secret of the pipeline.

    \b
    Example:
      safecase evidence keygen -o pipeline.key
    """
    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.evidence import keys

    target = file or keys.own_file()
    if target.exists():
        raise UsageError(f"{_shown(str(target), 200)} is there already", mend="name another file with -o")
    try:
        key = keys.make(target)
    except OSError as why:
        message = f"{_shown(str(target), 200)} cannot be written: {why.strerror}"
        raise UsageError(message, mend="name another file with -o") from why
    signer = keys.signer_of(key)
    if form == "json":
        _print_json({"key_id": signer.key_id, "public_key": signer.public_key, "file": str(target)})
        return
    console.result(f"key {signer.key_id} in {_shown(str(target), 200)}\n{keys.public_pem(key)}")


def _as_json(found: Verification) -> dict[str, object]:
    if not found.ok:
        return {"ok": False, "first_bad": found.first_bad, "reason": found.reason}
    signer = {"key_id": found.signer, "trusted": found.trusted} if found.signer else None
    return {"ok": True, "records": found.records, "signer": signer, "notes": list(found.notes)}


def _as_text(found: Verification) -> list[str]:
    if not found.ok:
        return [f"changed: {_shown(found.reason, 500)}", f"first bad record, counted from 0: {found.first_bad}"]
    if found.records == 0:
        return ["unchanged: there are no records"]
    signed = f"signed by {found.signer}" if found.signer else "not signed"
    trusted = "which is trusted" if found.trusted else "so anybody may have written it"
    if found.signer and not found.trusted:
        trusted = "but not all of it by a key that is trusted here"
    return [
        f"unchanged: {found.records} record{'s' * (found.records > 1)}, {signed}, {trusted}",
        *(f"note: {_shown(n, 300)}" for n in found.notes),
    ]


def _line(record: Record) -> str:
    about = ", ".join(_shown(s.name, 60) for s in record.subjects if not s.name.startswith("parameters:"))
    words = (record.evaluated_at, f"{record.verdict:<7}", f"{_shown(record.control):<8}", _shown(record.check), about)
    return f"{record.id[:12]}  " + "  ".join(words)


def _page(record: Record) -> list[str]:
    lines = [
        f"record     {record.id} (number {record.seq})",
        f"control    {_shown(record.control)}",
        f"check      {_shown(record.check)}, version {_shown(str(record.check_version))}",
        f"verdict    {record.verdict}{' (will be tried again)' if record.transient else ''}",
        f"evaluated  {record.evaluated_at}, kept {record.recorded_at}, counts for {record.ttl_days:g} days",
        f"collector  {_shown(record.collector) or '-'}",
        f"signer     {_shown(record.signer) or 'not signed'}",
    ]
    lines += [f"subject    {_shown(s.name, 200)}  sha256:{_shown(s.sha256)}" for s in record.subjects]
    lines += [
        f"artefact   {_shown(a, 200)}{'' if a in record.kept else '  (not in the ledger)'}" for a in record.artefacts
    ]
    for metric in record.metrics:
        interval = f" [{metric.low:g}, {metric.high:g}]" if metric.low is not None and metric.high is not None else ""
        lines.append(f"metric     {_shown(metric.name)} = {metric.value:g}{interval} {_shown(metric.unit)}".rstrip())
    for finding in record.findings:
        place = f" ({_shown(str(finding.place), 200)})" if finding.place else ""
        lines.append(f"finding    {finding.verdict}: {_shown(finding.message, 500)}{place}")
        lines += [f"           mend: {_shown(finding.mend, 500)}"] if finding.mend else []
    return [*lines, *([f"note       {_shown(record.note, 500)}"] if record.note else [])]


def _subjects(source: BinaryIO) -> dict[str, str]:
    from safecase.errors import UsageError
    from safecase.evidence.objects import is_digest

    value = _json(source, "an object of names and sha256")
    wanted = "a JSON object of names and sha256 digests"
    if not isinstance(value, dict):
        raise UsageError(f"{_named(source)} is not {wanted}", mend='write it like {"model:bot": "ab12…"}')
    wrong = [name for name, digest in value.items() if not isinstance(digest, str) or not is_digest(digest)]
    if wrong:
        told = ", ".join(_shown(name) for name in wrong[:5])
        raise UsageError(f"{_named(source)}: no sha256 digest stands at {told}", mend="give 64 hexadecimal digits")
    return value


def _json(source: BinaryIO, wanted: str) -> object:
    import msgspec

    from safecase.errors import UsageError
    from safecase.evidence.record import MOST_BYTES

    content = source.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UsageError(f"{_named(source)} is more than {MOST_BYTES:,} bytes", mend="keep what is long elsewhere")
    try:
        return msgspec.json.decode(content)
    except RecursionError as why:
        raise UsageError(f"{_named(source)} is nested too deep", mend=f"give {wanted} that is flatter") from why
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        message = f"{_named(source)} is not JSON: {_shown(str(why), 200)}"
        raise UsageError(message, mend=f"give {wanted} as JSON") from why


def _named(source: BinaryIO) -> str:
    return _shown(str(getattr(source, "name", "-")), 200)


def _moment(text: str | None) -> Any:  # a datetime: the module is imported late
    from datetime import UTC, datetime

    from safecase.errors import UsageError
    from safecase.evidence.record import moment_of

    if text is None:
        return datetime.now(UTC)
    try:
        try:
            return moment_of(text)
        except ValueError:
            return moment_of(datetime.fromisoformat(text).replace(tzinfo=UTC).isoformat())
    except ValueError:
        mend = "write it like 2026-11-23T12:00:00Z"
        raise UsageError(f"--as-of {_shown(text)!r} is no moment", mend=mend) from None


def _version(text: str) -> tuple[str, str]:
    from safecase.errors import UsageError

    check, at, version = text.rpartition("@")
    if not at:
        raise UsageError(f"--recalled {_shown(text)!r} says no version", mend="write it like model.scan@3")
    return check, version


def _plain(record: Record) -> object:
    import msgspec

    return msgspec.to_builtins(record)


def _print_json(value: object) -> None:
    import json

    from safecase.cli import console

    console.result(json.dumps(value, indent=2) + "\n")


def _shown(text: str, limit: int = 80) -> str:
    from safecase.readers.text import shown

    return shown(text, limit)
