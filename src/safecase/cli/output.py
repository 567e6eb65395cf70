"""From a case to stdout and to files: checked to be writable before anything runs, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from safecase.assess.assessment import Prepared
from safecase.cli import console
from safecase.errors import UsageError
from safecase.evidence import durable
from safecase.export import output_of, render
from safecase.export.html import RecordView
from safecase.vocabulary import Case


def writable(outputs: Sequence[Path]) -> None:
    """Refuse a path that cannot be written or whose suffix names no format, before anything is run."""
    for named in outputs:
        path = output_of(str(named)).path
        if not path.parent.is_dir():
            raise UsageError(f"{path.parent} is no folder", mend=f"mkdir -p {path.parent}")
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise UsageError(f"{path} cannot be written", mend="choose another file with -o")


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        durable.write(path, content)
    except OSError as why:
        raise UsageError(f"{path} cannot be written: {why.strerror}", mend="choose another file with -o") from why


def give(
    case: Case, prepared: Prepared, *, form: str, outputs: Iterable[Path], extra: Mapping[str, object] | None = None
) -> None:
    """Print the case and write it to every file asked for."""
    records = views(prepared)
    within = _within(prepared.service.root)
    for named in outputs:
        form_of_file, path = output_of(str(named))
        write(path, render(case, form_of_file, records=records, extra=extra, within=within))
    width, unicode = console.screen()
    console.result(
        render(
            case,
            form,
            records=records,
            extra=extra,
            width=width,
            colour=console.coloured(),
            unicode=unicode,
            folder=_elsewhere(prepared.service.root),
            within=within,
        )
    )


def _within(root: Path) -> str:
    """Say where the service lies in its git repository; empty where it is all of it, or there is none."""
    root = root.resolve()
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    return "" if root == top else root.relative_to(top).as_posix()


def _elsewhere(root: Path) -> str:
    """Name the service's folder as seen from here; empty for who stands in it, where no name is wanted."""
    here = Path.cwd().resolve()
    return "" if here.is_relative_to(root) else os.path.relpath(root, here)


def remember(case: Case, prepared: Prepared) -> None:
    """Write the case where other programs find it; a folder that is read-only, or a link to elsewhere, keeps none."""
    folder = prepared.service.root / ".safecase"
    if folder.is_symlink():
        return
    with contextlib.suppress(OSError, UsageError):
        folder.mkdir(exist_ok=True)
        write(folder / "case.json", render(case, "json", records=views(prepared)))


def views(prepared: Prepared) -> Mapping[str, RecordView]:
    """Give what the HTML page tells of each evidence record."""
    return {
        record.id: RecordView(
            id=record.id,
            check=record.check,
            check_version=str(record.check_version),
            evaluated_at=record.evaluated_at,
            verdict=record.verdict,
            subjects=tuple((s.name, s.sha256) for s in record.subjects),
            metrics=record.metrics,
            artefacts=record.artefacts,
            signer=record.signer,
            ttl_days=record.ttl_days,
        )
        for record in prepared.ledger.read()
    }
