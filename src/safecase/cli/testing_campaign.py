"""`safecase testing campaign`: attack many services at once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


@click.command()
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option("--only", multiple=True, metavar="NAME", help="A weakness or a family (see `testing families`).")
@click.option("--limit", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="The rate that is too high.")
@click.option("--calls", type=click.IntRange(1), default=20_000, show_default=True, help="At the most, of each target.")
@click.option("--tokens", type=click.IntRange(1), help="At the most, of each target.")
@click.option("--seconds", type=click.FloatRange(1), default=600.0, show_default=True, help="How long for each.")
@click.option("--at-once", type=click.IntRange(1, 1024), default=32, show_default=True, help="In flight, of each.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--workers", type=click.IntRange(1, 256), help="Processes here; left out, one for each core.")
@click.option("--ray", is_flag=True, help="On a Ray cluster: one that is started here, or the one at --address.")
@click.option("--address", default="", metavar="HOST:PORT", help="Of a Ray cluster that runs.")
@click.option("--journals", type=click.Path(path_type=Path, file_okay=False), help="Go on from here after a kill.")
@click.option("--i-own-this-target", "owned", multiple=True, metavar="HOST", help="It is yours; may be repeated.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE.")
def campaign(
    targets: tuple[str, ...],
    only: tuple[str, ...],
    limit: float,
    calls: int,
    tokens: int | None,
    seconds: float,
    at_once: int,
    seed: int,
    workers: int | None,
    ray: bool,
    address: str,
    journals: Path | None,
    owned: tuple[str, ...],
    form: Literal["text", "json"],
    output: Path | None,
) -> int:
    """Attack each TARGET as `testing attack` does, several at once, and put the results side by side.

    Each target has a budget, a pace and a journal of its own, in a process of its own: here, or with --ray on
    the machines of a cluster, which need the same Safecase.

    Exit codes: 0 nothing broke, 1 something did, 3 something could not be settled, 2 wrong use.

    \b
    Examples:
      safecase testing campaign shop.yaml support.yaml hr.yaml
      safecase testing campaign bots/*.yaml --journals journals --format json -o results.json
      safecase testing campaign bots/*.yaml --ray --address 10.0.0.5:6379
    """
    from safecase.cli import console
    from safecase.cli.output import write
    from safecase.cli.testing_models import described
    from safecase.errors import UsageError
    from safecase.export import campaigns as writers
    from safecase.measures.testing import many
    from safecase.measures.testing.attacking import chosen
    from safecase.measures.testing.campaign import Plan

    if not chosen(only):
        raise UsageError(f"there is no family {', '.join(only)}", mend="`safecase testing families` lists them")
    if len(set(targets)) < len(targets):
        raise UsageError("a target is named twice", mend="name each once")
    plan = Plan(calls=calls, seconds=seconds, limit=limit, seed=seed, at_once=at_once, tokens=tokens)
    if journals is not None:
        journals.mkdir(parents=True, exist_ok=True)
    jobs = []
    for number, name in enumerate(targets, 1):
        found, root = described(name)
        journal = str((journals / f"{number}-{Path(name).stem}.journal").absolute()) if journals else ""
        jobs.append(
            many.Job(
                name=name, target=found, root=str(root.absolute()), plan=plan, only=only, owned=owned, journal=journal
            )
        )
    running = many.on_ray(jobs, address) if ray or address else many.here(jobs, min(len(jobs), workers or _cores()))
    done: list[many.Done] = []
    with console.counting() as step:
        for one in running:
            done.append(one)
            step(f"of {len(jobs)} services")
    done.sort(key=lambda one: targets.index(one.name))
    screen = console.screen()
    content = writers.as_json(done) if form == "json" else writers.as_text(done, width=screen.width).encode()
    if output is not None:
        write(output, content)
        console.say(writers.summary(done))
    else:
        console.result(content)
    return writers.exit_code(done)


def _cores() -> int:
    import os

    return os.cpu_count() or 1
