"""A small service in a folder, and what one check finds in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from safecase.checks import Check, Context
from safecase.service.digests import Digests
from safecase.service.discover import discover
from safecase.service.facts import facts_by_key
from safecase.service.read import read
from safecase.vocabulary import Finding

MINIMAL = "safecase: 1\nservice: {id: example}\n"


def written(folder: Path, files: Mapping[str, str | bytes], manifest: str = "") -> Path:
    """Write the files of a service, and its manifest (what stands below `service:`)."""
    for name, content in {"safecase.yaml": MINIMAL + manifest, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def looked(check: Check, folder: Path, *, now: datetime | None = None, seconds: float = 30) -> list[Finding]:
    """Run a check on each subject that it is for, as an assessment does."""
    service = read(folder / "safecase.yaml")
    inventory = discover(service, Digests(folder, None))
    found: list[Finding] = []
    for subject in inventory.subjects:
        if isinstance(subject, check.on):
            context = Context(
                root=folder,
                manifest=service.manifest,
                now=now or datetime.now(UTC),
                seconds=seconds,
                manifest_path=service.file,
                places={f.key: (f.place.line, f.place.column) for f in service.facts if f.place},
                facts=facts_by_key(service.facts, inventory.facts).values(),
            )
            found += check.run(subject, context)
    return found


def rules(findings: list[Finding], verdict: str = "fail") -> list[str]:
    """Give the rules of the findings with a verdict, sorted."""
    return sorted(f.rule for f in findings if f.verdict == verdict)
