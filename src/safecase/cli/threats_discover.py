"""`safecase threats discover`: which AI a repository uses, with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from safecase.readers.uses import Use, Uses


@click.command()
@click.argument("repository", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--format", "form", type=click.Choice(["text", "json", "cyclonedx"]), default="text", show_default=True)
@click.option("--against", type=click.Path(path_type=Path), metavar="FILE", help="Compare with this safecase.yaml.")
@click.option("--all", "every", is_flag=True, help="Show what tests, examples and documents use, too.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE, not to stdout.")
def discover(repository: Path | None, form: str, against: Path | None, every: bool, output: Path | None) -> int:
    """List the models, providers, libraries, tools, stores and servers that a repository uses; nothing of it is run.

    Code is read by its syntax: a comment, a text or a mere name counts for nothing. Files that could not be read are
    named: unread is not clean.

    Exit codes: 0 listed (with --against: all is declared), 1 something runs undeclared or is declared and absent,
    3 files could not be read.

    \b
    Examples:
      safecase threats discover
      safecase threats discover ../shop --format json
      safecase threats discover . --against safecase.yaml
      safecase threats discover . --format cyclonedx -o ai-bom.cdx.json
    """
    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.readers.repository import list_files
    from safecase.readers.uses import KINDS, find
    from safecase.readers.uses.use import Unread

    root = repository or Path()
    if not root.is_dir():
        what = "is a file; a folder is wanted" if root.exists() else "is not there"
        raise UsageError(f"{root} {what}", mend="safecase threats discover DIR")
    listing = list_files(root)
    found = find(root, listing.belonging, weight_files=[entry.path for entry in listing.entries])
    more = tuple(Unread(path=t.partition(": ")[0], why=t.partition(": ")[2]) for t in listing.unreadable)
    uses = [use for use in found.uses if use.kind in KINDS and (every or form != "text" or use.confidence != "low")]
    unread = (*found.unread, *more)
    undeclared, absent = _against(against, uses) if against is not None else ((), ())
    if form == "json":
        content = _json(uses, unread, found.looked, undeclared, absent, against)
    elif form == "cyclonedx":
        content = _cyclonedx(uses, root)
    else:
        content = _text(found, uses, unread, undeclared, absent, against).encode("utf-8", "replace")
    if output is None:
        console.result(content)
    else:
        from safecase.cli.output import write

        write(output, content)
    if undeclared or absent:
        return 1
    return 3 if unread else 0


def _against(path: Path, uses: list[Use]) -> tuple[tuple[Use, ...], tuple[tuple[str, str], ...]]:
    from safecase.measures.threat_modelling.declared import Declared, differences
    from safecase.service import read

    described = read.read(path if path.is_file() else read.find(path))
    running = [use for use in uses if use.confidence != "low"]
    undeclared, absent = differences(running, Declared(described.manifest))
    return tuple(undeclared), tuple(absent)


def _row(use: Use) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": use.kind,
        "name": use.name,
        "path": use.path,
        "line": use.line,
        "confidence": use.confidence,
    }
    for word in ("model", "provider", "version", "revision", "url", "because"):
        if getattr(use, word):
            row[word] = getattr(use, word)
    return row


def _json(
    uses: list[Use],
    unread: tuple[Any, ...],
    looked: int,
    undeclared: tuple[Use, ...],
    absent: tuple[tuple[str, str], ...],
    against: Path | None,
) -> bytes:
    import msgspec

    answer: dict[str, Any] = {
        "components": [_row(use) for use in uses],
        "looked": looked,
        "unread": [{"path": one.path, "why": one.why} for one in unread],
    }
    if against is not None:
        answer["undeclared"] = [_row(use) for use in undeclared]
        answer["absent"] = [{"key": key, "name": name} for key, name in absent]
    return msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n"


_TYPES = {"model": "machine-learning-model", "model_artifact": "machine-learning-model", "package": "library"}


def _cyclonedx(uses: list[Use], root: Path) -> bytes:
    """Give a CycloneDX 1.6 inventory: one component a thing, with every place where it stands."""
    import msgspec

    from safecase import __version__

    grouped: dict[tuple[str, str, str], list[Use]] = {}
    for use in uses:
        grouped.setdefault((use.kind, use.model or use.name, use.version), []).append(use)
    components = []
    for (kind, name, version), places in grouped.items():
        components.append(
            {
                "type": _TYPES.get(kind, "application"),
                "bom-ref": f"{kind}:{name}:{version}".rstrip(":"),
                "name": name,
                **({"version": version} if version else {}),
                "evidence": {
                    "occurrences": [{"location": use.path, "line": use.line} for use in places if use.line >= 0]
                },
                "properties": [
                    {"name": "safecase:kind", "value": kind},
                    {"name": "safecase:confidence", "value": places[0].confidence},
                ],
            }
        )
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "safecase", "version": __version__}]},
            "component": {"type": "application", "name": root.resolve().name or "repository", "bom-ref": "root"},
        },
        "components": components,
    }
    return msgspec.json.format(msgspec.json.encode(bom), indent=2) + b"\n"


def _text(
    found: Uses,
    uses: list[Use],
    unread: tuple[Any, ...],
    undeclared: tuple[Use, ...],
    absent: tuple[tuple[str, str], ...],
    against: Path | None,
) -> str:
    from safecase.readers.text import shown

    lines = [f"{len(uses)} uses of AI in {found.looked} files"]
    kind = ""
    for use in sorted(uses, key=lambda u: (u.kind, u.path, u.line)):
        if use.kind != kind:
            kind = use.kind
            lines += ["", kind.replace("_", " ")]
        name = shown(use.model or use.name, 46)
        by = f" by {shown(use.name, 24)}" if use.model and use.model != use.name else ""
        sure = "" if use.confidence == "high" else f" ({use.confidence})"
        lines.append(f"  {shown(use.path, 120)}:{use.line}  {name}{by}{sure}")
    if against is not None:
        lines += ["", f"undeclared in {against}: {len(undeclared) or 'nothing'}"]
        lines += [f"  {shown(u.path, 120)}:{u.line}  {u.kind} {shown(u.model or u.name, 60)}" for u in undeclared]
        lines += [f"declared and found nowhere: {len(absent) or 'nothing'}"]
        lines += [f"  {key}  {shown(name, 60)}" for key, name in absent]
    if unread:
        lines += ["", f"{len(unread)} files could not be read:"]
        lines += [f"  {shown(one.path, 120)}: {shown(one.why, 120)}" for one in unread[:20]]
    if against is None and uses:
        lines += ["", "Next: safecase threats discover --against safecase.yaml, safecase init"]
    return "\n".join(lines) + "\n"
