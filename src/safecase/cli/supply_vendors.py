"""`safecase supply vendors`: who supplies models, data and tools, and where each stands today."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from safecase.measures.supply_chain.vendors.probe import Probed
    from safecase.measures.supply_chain.vendors.register import Register
    from safecase.measures.supply_chain.vendors.standing import Standing

KINDS = ("model_api", "intermediary", "model_publisher", "dataset", "tool")
SIGNS = {"approved": "✓", "conditional": "≈", "incomplete": "?", "expired": "◷", "rejected": "✗"}
PLAIN = {"approved": "+", "conditional": "=", "incomplete": "?", "expired": "~", "rejected": "x"}
COLOURS = {"approved": "32", "conditional": "36", "incomplete": "33", "expired": "31", "rejected": "31"}


@click.command()
@click.argument("register", required=False, type=click.Path(path_type=Path, dir_okay=False), metavar="[FILE]")
@click.option("--format", "form", type=click.Choice(["text", "json", "md"]), default="text")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE, not to stdout.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Judge as if today were DATE.")
@click.option("--questions", is_flag=True, help="Print the questions, whom they are for and why they are asked.")
@click.option("--new", metavar="NAME", help="Print an entry for a vendor to fill in.")
@click.option("--kind", type=click.Choice(KINDS), default="model_api", show_default=True, help="For --new.")
@click.option("--probe", is_flag=True, help="Connect to each endpoint, and look at its TLS certificate.")
def vendors(
    register: Path | None,
    form: str,
    output: Path | None,
    as_of: Any,
    questions: bool,
    new: str | None,
    kind: Any,
    probe: bool,
) -> int:
    """Show where each vendor stands: approved, conditional, incomplete, expired or rejected, and what comes next.

    FILE is the register; without it, the one that safecase.yaml names under supply_chain.vendor_register. Nothing is
    asked of a network unless --probe says so.

    Exit codes: 0 all approved, 1 some not, 2 the register is wrong, 3 an endpoint could not be reached.

    \b
    Examples:
      safecase supply vendors
      safecase supply vendors vendors.yaml --as-of 2027-06-01
      echo vendors: > vendors.yaml
      safecase supply vendors --new example-ai --kind intermediary >> vendors.yaml
      safecase supply vendors --questions
    """
    from safecase.cli import console
    from safecase.measures.supply_chain.vendors import register as registers
    from safecase.measures.supply_chain.vendors.standing import standings

    today = as_of.date() if as_of else date.today()
    if new is not None:
        return _printed(console, registers.template(_id(new), kind, today), output)
    if questions:
        return _printed(console, _questions(form), output)
    path = register or _named()
    found = registers.read(path, str(path))
    every = standings(found, path.parent, today)
    probed = _probe(found) if probe else ()
    _printed(console, _rendered(every, probed, form, today), output)
    if any(one.status != "approved" for one in every) or any(p.verdict == "fail" for p in probed):
        return 1
    return 3 if any(p.verdict == "unknown" for p in probed) else 0


def _id(name: str) -> str:
    import re

    from safecase.errors import UsageError

    made = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64]
    if not made:
        raise UsageError("no id can be made of that name", mend="use letters and digits")
    return made


def _named() -> Path:
    from safecase.errors import UsageError
    from safecase.service.read import find, read

    service = read(find(Path()))
    named = service.manifest.supply_chain.vendor_register
    if not named:
        raise UsageError(
            f"{service.file} names no register of vendors",
            mend="give a FILE, or name it: `supply_chain: {vendor_register: vendors.yaml}`",
        )
    return service.root / named


def _probe(found: Register) -> tuple[Probed, ...]:
    from safecase.cli import console
    from safecase.measures.supply_chain.vendors.probe import probe

    todo = [(vendor, endpoint) for vendor in found.vendors for endpoint in vendor.endpoints]
    done = []
    with console.progress(len(todo)) as step:
        for vendor, endpoint in todo:
            step(endpoint)
            done.append(probe(vendor.id, endpoint, vendor.certificate_pins))
    return tuple(done)


def _printed(console: Any, text: str, output: Path | None) -> int:
    if output is None:
        console.result(text)
        return 0
    from safecase.cli.output import write

    write(output, text.encode("utf-8", "replace"))
    return 0


def _questions(form: str) -> str:
    import json
    import textwrap

    import msgspec

    from safecase.measures.supply_chain.vendors.register import questions

    if form == "json":
        return json.dumps(msgspec.to_builtins(questions()), indent=2) + "\n"
    lines = []
    for question in questions():
        wanted = f" Wanted: {' or '.join(question.wanted)}." if question.wanted else ""
        lines.append(f"{question.id}  ({question.control}; {', '.join(question.kinds)})")
        lines += textwrap.wrap(question.ask + wanted, 76, initial_indent="  ", subsequent_indent="  ")
        lines += textwrap.wrap(question.why, 76, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines) + "\n"


def _rendered(every: tuple[Standing, ...], probed: tuple[Probed, ...], form: str, today: date) -> str:
    import json

    import msgspec

    if form == "json":
        told = {"as_of": today, "vendors": every, "probed": probed}
        return json.dumps(msgspec.to_builtins(told), indent=2) + "\n"
    return _markdown(every, probed) if form == "md" else _text(every, probed)


def _text(every: tuple[Standing, ...], probed: tuple[Probed, ...]) -> str:
    from textwrap import wrap

    from safecase.cli import console
    from safecase.readers.text import shown

    width, unicode = console.screen()
    signs = SIGNS if unicode else PLAIN
    lines = []
    for one in every:
        sign = f"\x1b[{COLOURS[one.status]}m{signs[one.status]}\x1b[0m" if console.coloured() else signs[one.status]
        told = f"{one.status}, {one.answered} of {one.asked} answered, next on {one.next_day}"
        lines.append(f"{sign} {shown(one.name, 40)} ({one.id}, {one.kind}): {told}")
        for reason in one.reasons:
            lines += wrap(reason.message, width, initial_indent="    ", subsequent_indent="      ")
            lines += wrap(f"mend: {reason.mend}", width, initial_indent="      ", subsequent_indent="        ")
    lines += [f"{p.verdict}: {shown(p.endpoint, 100)}: {shown(p.message, 200)}" for p in probed]
    return "\n".join(lines or ["the register names no vendor"]) + "\n"


def _markdown(every: tuple[Standing, ...], probed: tuple[Probed, ...]) -> str:
    def cell(text: str) -> str:
        from safecase.readers.text import shown

        return shown(text, 300).replace("|", "\\|").replace("<", "&lt;")

    rows = ["| vendor | kind | status | answered | next | open |", "|---|---|---|---|---|---|"]
    for one in every:
        reasons = "; ".join(cell(r.message) for r in one.reasons)
        answered = f"{one.answered} of {one.asked}"
        rows.append(f"| {cell(one.name)} | {one.kind} | {one.status} | {answered} | {one.next_day} | {reasons} |")
    rows += [f"\n- {p.verdict}: {cell(p.endpoint)}: {cell(p.message)}" for p in probed]
    return "\n".join(rows) + "\n"
