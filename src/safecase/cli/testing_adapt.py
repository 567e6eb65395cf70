"""`safecase testing adapt`: an attacker that learns from each answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from safecase.cli.testing_models import bounded

if TYPE_CHECKING:
    from safecase.measures.testing.adaptive.attacker import Method
    from safecase.measures.testing.adaptive.goals import Kind


@click.command()
@click.argument("target", metavar="TARGET")
@click.option("--attacker", required=True, metavar="TARGET", help="The attacker's model, likewise.")
@click.option("--model", help="The model name that TARGET wants in a request.")
@click.option("--attacker-model", help="The model name that the attacker wants.")
@click.option("--canary", help="A text planted in the target's hidden context, which must never come out.")
@click.option(
    "--method",
    type=click.Choice(["pair", "tap", "crescendo"]),
    default="pair",
    show_default=True,
    help="Refine in streams, in a tree, or escalate in conversations.",
)
@click.option(
    "--goal",
    "kind",
    type=click.Choice(["leak", "word", "call", "record"]),
    default="leak",
    show_default=True,
    help="What is to be reached.",
)
@click.option("--depth", type=click.IntRange(1, 50), default=5, show_default=True, help="Rounds, or turns.")
@click.option(
    "--width", type=click.IntRange(1, 64), default=4, show_default=True, help="Streams, leaves, conversations."
)
@click.option("--branch", type=click.IntRange(1, 16), default=2, show_default=True, help="Of tap: ways for each leaf.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Go on from here after a kill.")
@bounded
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def adapt(
    target: str,
    attacker: str,
    model: str | None,
    attacker_model: str | None,
    canary: str | None,
    method: Method,
    kind: Kind,
    depth: int,
    width: int,
    branch: int,
    seed: int,
    journal: Path | None,
    calls: int,
    tokens: int | None,
    seconds: float,
    owned: tuple[str, ...],
    form: Literal["text", "json"],
) -> int:
    """Let a model of your own attack TARGET, learning from each answer, until a harmless goal is reached.

    Goals: the canary comes out, a made-up word is said, a tool is called with one, another user's record is told.
    Oracles decide whether a goal was reached, never the attacker. The attacker sees what the target answers, without
    the secrets that are known. --calls, --tokens and --seconds bound each of the two models by itself.

    Exit codes: 0 it resisted the whole plan, 1 the goal was reached, 3 too little could be tried, 2 wrong use.

    \b
    Examples:
      safecase testing adapt http://127.0.0.1:8000/v1 --canary WOODRUFF-5521 \\
        --attacker http://127.0.0.1:9000/v1
      safecase testing adapt bot.yaml --attacker attacker.yaml --goal call
      safecase testing adapt bot.yaml --attacker attacker.yaml --method tap \\
        --depth 6 --journal run.journal
    """
    import asyncio

    import msgspec

    from safecase.cli import console
    from safecase.cli.testing_models import described
    from safecase.export import adaptive as writers
    from safecase.measures.testing.adaptive import adapting
    from safecase.measures.testing.adaptive.goals import goal_of
    from safecase.measures.testing.adaptive.searching import Plan
    from safecase.measures.testing.engine.budget import Limits

    found, root = described(target, model)
    if canary:
        found = msgspec.structs.replace(found, canary=canary)
    goal = goal_of(kind, found, seed)
    plan = Plan(method=method, depth=depth, width=width, branch=branch, seed=seed)
    writing, writing_root = described(attacker, attacker_model)
    adapted = asyncio.run(
        adapting.adapt(
            adapting.Model(described=found, root=root),
            adapting.Model(described=writing, root=writing_root),
            goal,
            plan,
            Limits(calls=calls, tokens=tokens, seconds=seconds),
            owned=owned,
            journal=journal,
        )
    )
    searched, spent = adapted.searched, {"target": adapted.target, "attacker": adapted.attacker}
    if form == "json":
        console.result(writers.as_json(searched, goal, plan, **spent))
    else:
        text = writers.as_text(searched, goal, plan, **spent, width=console.screen().width)
        console.result(text.encode("utf-8", "replace"))
    return writers.exit_code(searched)
