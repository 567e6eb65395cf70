"""One check on a small service that a test writes down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from safecase.checks import Check, Context
from safecase.service.digests import Digests
from safecase.service.discover import discover
from safecase.service.read import read
from safecase.vocabulary import Finding

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def look(
    check: Check, folder: Path, manifest: str = "", files: Mapping[str, str | bytes] | None = None, now: datetime = NOW
) -> list[Finding]:
    """Write a service's files and its manifest (after `service:`), and run a check on each subject that it is for."""
    for name, content in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "safecase.yaml").write_text(f"safecase: 1\nservice: {{id: garden}}\n{manifest}\n")
    service = read(folder / "safecase.yaml")
    found: list[Finding] = []
    for subject in discover(service, Digests(folder, None)).subjects:
        if isinstance(subject, check.on):
            context = Context(
                root=folder, manifest=service.manifest, now=now, seconds=30, manifest_path="safecase.yaml"
            )
            found += check.run(subject, context)
    return found


def verdicts(findings: list[Finding]) -> list[str]:
    """Give the verdicts alone."""
    return [finding.verdict for finding in findings]
