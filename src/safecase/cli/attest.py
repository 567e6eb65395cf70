"""`safecase attest`: a person's word for a control, as a file to review and commit."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import click

LONGEST = timedelta(days=365)


@click.command()
@click.argument("control")
@click.option("--owner", required=True, help="Who says so: a person's name or e-mail address.")
@click.option("--reason", required=True, help="What that person saw or decided, in a sentence.")
@click.option(
    "--expires", metavar="DATE", help="Its last day, at most 365 days ahead (default: the control's time to live)."
)
@click.option("--service", type=click.Path(path_type=Path), help="Folder of the service (default: here or above).")
def attest(control: str, owner: str, reason: str, expires: str | None, service: Path | None) -> None:
    """Write an attestation file for a control that wants a person's word; review and commit it like code.

    \b
    Examples:
      safecase attest RC-21 --owner ada@shop.example --reason "The board approved AI policy 2.1 on 3 November."
    """
    import json

    from safecase.catalogue.read import catalogue
    from safecase.cli import assessing, console
    from safecase.cli.output import write
    from safecase.errors import UsageError
    from safecase.evidence import attestations

    rows = catalogue().controls
    row = rows.get(control.upper())
    if row is None:
        raise UsageError(
            f"no control is called {control!r}{console.did_you_mean(control, rows)}", mend="safecase explain"
        )
    if not row.attested:
        raise UsageError(
            f"{row.id} is verified by {', '.join(row.checks)}; a person's word does not replace that",
            mend=f"safecase assess --only {row.id}, or accept its gap under exceptions: for a time",
        )
    described = assessing.found(service)
    today = date.today()
    last = expires or (today + min(LONGEST, timedelta(days=row.ttl_days))).isoformat()
    folder = described.root / described.manifest.settings.attestations
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{row.id}.yaml"
    if file.exists():
        raise UsageError(f"{file} exists", mend="edit it, or remove it first")
    # A JSON string is a YAML string: quotes and line breaks of the user's words cannot become keys.
    fields = {"control": row.id, "owner": owner, "reason": reason, "given": today.isoformat(), "expires": last}
    lines = [f"# {row.title}: {row.text}", "attestation: 1", *(f"{k}: {json.dumps(v)}" for k, v in fields.items()), ""]
    write(file, "\n".join(lines).encode())
    try:
        attestations.read(folder, described.root)
    except Exception:
        file.unlink()
        raise
    console.say(f"{file}: valid until {last}; review it and commit it")
