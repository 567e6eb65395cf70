"""`safecase show`: the case, the facts and the plan as they stand, without running anything."""

from __future__ import annotations

from pathlib import Path

import click

from safecase.cli.options import format_option, service_argument


@click.group()
def show() -> None:
    """Show the case, its facts or its plan as they stand; nothing is run."""


@show.command()
@service_argument
@format_option
def case(service: Path | None, form: str) -> None:
    """Every claim with what speaks for and against it, from the evidence that is there."""
    from safecase.assess.assessment import Wishes, conclude, prepare
    from safecase.cli import assessing, output

    prepared = prepare(assessing.found(service), Wishes())
    output.give(conclude(prepared), prepared, form="claims" if form == "text" else form, outputs=())


@show.command()
@service_argument
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def facts(service: Path | None, form: str) -> None:
    """What is known of the service, and where each fact comes from; then what is not said and would decide."""
    import msgspec

    from safecase.assess.assessment import Wishes, prepare
    from safecase.cli import assessing, console
    from safecase.service.facts import told

    prepared = prepare(assessing.found(service), Wishes())
    questions = sorted({q for d in prepared.decisions if d.applies for q in d.questions})
    if form == "json":
        answer = {"facts": msgspec.to_builtins(tuple(prepared.facts.values())), "questions": questions}
        console.result(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")
        return
    lines = [told(fact, key) for key, fact in prepared.facts.items()]
    lines += ["", "Not said, and it would decide a control:", *(f"  {q}" for q in questions)] if questions else []
    console.result("\n".join(lines) + "\n")


@show.command()
@service_argument
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def plan(service: Path | None, form: str) -> None:
    """What `safecase assess` would run, why, and what it would cost."""
    from safecase.assess.assessment import Wishes, prepare
    from safecase.cli import assessing, console

    console.result(assessing.dry(prepare(assessing.found(service), Wishes()), form))
