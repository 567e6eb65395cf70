"""What `assess`, `gate` and `demo` do alike: find the service, run with a progress bar, tell what would run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safecase.assess.assessment import Prepared, Progress, Wishes, run
from safecase.catalogue.read import catalogue
from safecase.checks import load
from safecase.cli import console
from safecase.errors import UsageError
from safecase.readers.text import shown
from safecase.service import read
from safecase.service.read import ServiceDescription
from safecase.vocabulary import MEASURES


def found(service: Path | None) -> ServiceDescription:
    """Read the manifest that the user means: a file, the one in a folder, or the one here or above."""
    if service is not None and not service.exists():
        raise UsageError(f"{service} does not exist", mend="give the folder of a service, or its safecase.yaml")
    return read.read(service if service is not None and service.is_file() else read.find(service or Path()))


def wishes(
    *,
    only: tuple[str, ...],
    again: bool,
    offline: bool,
    jobs: int | None,
    calls: int | None,
    money: float | None,
    minutes: float | None,
    owned: tuple[str, ...],
    local_code: bool,
) -> Wishes:
    """Take the options of a run; an id that names nothing is refused with the nearest."""
    known = {*catalogue().controls, *load(), *MEASURES}
    for wanted in only:
        if wanted not in known and not wanted.startswith("local."):
            raise UsageError(
                f"--only {wanted}: no such control, check or measure{console.did_you_mean(wanted, known)}",
                mend="safecase explain lists them",
            )
    seconds = None if minutes is None else minutes * 60
    return Wishes(
        only=only,
        again=again,
        offline=offline,
        jobs=jobs,
        calls=calls,
        money=money,
        seconds=seconds,
        owned=owned,
        local_code=local_code,
    )


def run_shown(prepared: Prepared) -> bool:
    """Run the plan with a progress bar; says whether anything could look."""
    total = len(prepared.plan.tasks)
    if not total:
        return True
    looked = False
    with console.progress(total) as bar:

        def told(progress: Progress) -> None:
            bar(f"{progress.check} on {progress.subject}: {progress.verdict}")

        for finding in run(prepared, told=told):
            looked = looked or finding.verdict != "unknown"
    return looked or any(s.state in ("fresh", "due") for s in prepared.plan.standings)


def dry(prepared: Prepared, form: str) -> str:
    """Tell what would run, on what, why, and what it would cost."""
    tasks = prepared.plan.tasks
    total = {
        "checks": len(tasks),
        "calls": sum(t.estimate.calls for t in tasks),
        "tokens": sum(t.estimate.tokens for t in tasks),
        "money": round(sum(t.estimate.money for t in tasks), 4),
        "currency": next((t.estimate.currency for t in tasks if t.estimate.money), ""),
        "minutes": round(sum(t.estimate.seconds for t in tasks) / 60, 2),
    }
    rows: list[dict[str, Any]] = [  # JSON for other programs
        {
            "check": t.check,
            "subject": t.subject.name,
            "why": t.why,
            "calls": t.estimate.calls,
            "tokens": t.estimate.tokens,
            "seconds": t.estimate.seconds,
        }
        for t in tasks
    ]
    left = sorted({t.check for t in prepared.left})
    if form == "json":
        import json

        return json.dumps({"tasks": rows, "total": total, "not_run": left}, indent=2) + "\n"
    return _dry_text(rows, total, left, len(prepared.plan.standings) - len(tasks))


def _dry_text(rows: list[dict[str, Any]], total: dict[str, Any], left: list[str], kept: int) -> str:
    lines = [f"{len(rows)} checks would run; {kept} pieces of evidence are fresh and stay."]
    width = max((len(r["check"]) for r in rows), default=0)
    lines += [f"  {r['check']:<{width}}  {shown(r['subject'])}  ({r['why']}{_cost(r)})" for r in rows]
    money = f", {total['money']:g} {total['currency']}" if total["money"] else ""
    lines.append(
        f"At the most: {total['calls']} calls, {total['tokens']} tokens{money}, about {total['minutes']:g} minutes."
    )
    if left:
        lines.append(f"Not run (budget or offline): {', '.join(left)}")
    return "\n".join(lines) + "\n"


def _cost(row: dict[str, Any]) -> str:
    return f", at most {row['calls']} calls" if row["calls"] else ""
