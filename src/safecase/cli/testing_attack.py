"""`safecase testing attack` and `families`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from safecase.measures.testing.attacking import Result
    from safecase.measures.testing.campaign import Campaign
    from safecase.targets.described import Api, Described


@click.command()
@click.argument("target", metavar="TARGET")
@click.option("--api", type=click.Choice(["chat", "completions", "responses", "messages"]), help="How it is asked.")
@click.option("--model", help="The model name that it wants in a request.")
@click.option("--key", help="Its credential, as a reference: '${env:NAME}'.")
@click.option("--canary", help="A text planted in its hidden context, which must never come out.")
@click.option(
    "--system-prompt",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The file of its hidden instructions.",
)
@click.option("--only", multiple=True, metavar="NAME", help="A weakness or a family (see `testing families`).")
@click.option("--limit", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="The rate that is too high.")
@click.option("--calls", type=click.IntRange(1), default=20_000, show_default=True, help="How many calls at the most.")
@click.option("--tokens", type=click.IntRange(1), help="How many tokens at the most.")
@click.option("--money", type=click.FloatRange(0), help="What it may cost at the most, at --price.")
@click.option("--price", type=click.FloatRange(0), default=0.0, help="Of 1,000 tokens.")
@click.option("--seconds", type=click.FloatRange(1), default=600.0, show_default=True, help="How long at the most.")
@click.option("--at-once", type=click.IntRange(1, 1024), default=32, show_default=True, help="Calls in flight.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Go on from here after a kill.")
@click.option("--i-own-this-target", "owned", multiple=True, metavar="HOST", help="It is yours; may be repeated.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE.")
def attack(
    target: str,
    api: Api | None,
    model: str | None,
    key: str | None,
    canary: str | None,
    system_prompt: Path | None,
    only: tuple[str, ...],
    limit: float,
    calls: int,
    tokens: int | None,
    money: float | None,
    price: float,
    seconds: float,
    at_once: int,
    seed: int,
    journal: Path | None,
    owned: tuple[str, ...],
    form: Literal["text", "json"],
    output: Path | None,
) -> int:
    """Attack TARGET, a URL or a file that describes it, until each weakness is settled or the budget is used up.

    All texts are our own and harmless: they ask for a planted canary, for words that are none, for calls of tools with
    such words. No judge decides what worked. Each family is asked until Wald's sequential test settles it between
    --limit and a tenth of it; what worked once is tried again by itself. This machine is always allowed as a target,
    any other only with --i-own-this-target.

    A file may say base_url, api, model, key, canary, system_prompt, identities, tools, most_characters, most_seconds.

    Exit codes: 0 nothing broke, 1 something did, 3 something could not be settled, 2 wrong use.

    \b
    Examples:
      safecase testing attack http://127.0.0.1:8000/v1 --canary WOODRUFF-5521
      safecase testing attack target.yaml --only prompt_injection --format json
      safecase testing attack target.yaml --journal run.journal   # again after a kill: goes on
    """
    import asyncio

    from safecase.cli import console
    from safecase.cli.output import write
    from safecase.errors import UsageError
    from safecase.export import attacks as writers
    from safecase.measures.testing.attacking import attack_described, chosen
    from safecase.measures.testing.campaign import Plan

    described, root = _described(target)
    given = {"api": api, "model": model, "key": key, "canary": canary}
    if system_prompt is not None:
        given["system_prompt"] = system_prompt.read_text("utf-8", "replace")
    described = _with(described, {name: value for name, value in given.items() if value is not None})
    wanted = chosen(only)
    if not wanted:
        raise UsageError(f"there is no family {', '.join(only)}", mend="`safecase testing families` lists them")
    plan = Plan(
        calls=calls,
        seconds=seconds,
        limit=limit,
        seed=seed,
        at_once=at_once,
        tokens=tokens,
        money=money,
        price_per_1000_tokens=price,
    )
    with console.counting() as step:

        def tell(_counted: int, in_flight: int) -> None:
            step(f"attempts, {in_flight} in flight")

        found = asyncio.run(
            attack_described(described, wanted, plan, root=root, owned=owned, journal=journal, tell=tell)
        )
    content = _rendered(*found, form)
    if output is not None:
        write(output, content)
        console.say(writers.summary(found[1]))
    else:
        console.result(content)
    return writers.exit_code(found[1])


def _described(target: str) -> tuple[Described, Path]:
    from safecase.targets.described import Described, read_target

    if target.startswith(("http://", "https://")):
        return Described(base_url=target.rstrip("/")), Path()
    path = Path(target)
    return read_target(path), path.parent


def _with(found: Described, given: dict[str, object]) -> Described:
    import msgspec

    return msgspec.structs.replace(found, **given)


def _rendered(campaign: Campaign, results: tuple[Result, ...], form: str) -> bytes:
    from safecase.cli import console
    from safecase.export import attacks as writers

    if form == "json":
        return writers.as_json(campaign, results)
    screen = console.screen()
    return writers.as_text(campaign, results, width=screen.width).encode("utf-8", "replace")


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def families(form: str) -> None:
    """List the families of attacks: what each looks for, and what must be known of the target.

    \b
    Examples:
      safecase testing families
      safecase testing families --format json
    """
    import msgspec

    from safecase.cli import console
    from safecase.measures.testing.attacking import chosen

    known = chosen(())
    if form == "json":
        rows = [
            {"weakness": one.weakness, "family": one.name, "title": one.title, "references": one.references}
            for one in known
        ]
        console.result(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
        return
    wide = max(len(one.name) for one in known)
    console.result("".join(f"{one.name:<{wide}}  {one.title}\n" for one in sorted(known, key=lambda one: one.name)))
