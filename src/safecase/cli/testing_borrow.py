"""`safecase testing borrow`: tests of other programs, asked through our engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from safecase.cli.testing_models import bounded

if TYPE_CHECKING:
    from safecase.measures.testing.borrowed.found import Found
    from safecase.measures.testing.engine.budget import Limits
    from safecase.targets.target import AsyncTarget

PROGRAMS: Final = ("garak", "pyrit", "promptfoo", "inspect")


@click.command()
@click.argument("program", type=click.Choice(PROGRAMS))
@click.argument("target", metavar="TARGET")
@click.option("--python", help="Of garak and PyRIT: the interpreter of the environment that they are in.")
@click.option("--exe", help="Of promptfoo and Inspect: the program; left out, the one on the path.")
@click.option("--only", multiple=True, metavar="NAME", help="A probe or module of garak, a template of PyRIT.")
@click.option("--test", metavar="FILE|TASK", help="The configuration of promptfoo, the task of Inspect.")
@click.option("--model", help="The model name that TARGET wants in a request.")
@click.option("--least", type=click.FloatRange(0, 1), default=0.9, show_default=True, help="The share that must pass.")
@click.option("--at-once", type=click.IntRange(1, 256), default=32, show_default=True, help="Calls in flight.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Go on from here after a kill.")
@bounded
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE.")
def borrow(
    program: str,
    target: str,
    python: str | None,
    exe: str | None,
    only: tuple[str, ...],
    test: str | None,
    model: str | None,
    least: float,
    at_once: int,
    seed: int,
    journal: Path | None,
    calls: int,
    tokens: int | None,
    seconds: float,
    owned: tuple[str, ...],
    form: Literal["text", "json"],
    output: Path | None,
) -> int:
    """Run tests of garak, PyRIT, promptfoo or Inspect on TARGET, where you have installed them.

    Their prompts are read in their own environment while they run; nothing of them is in Safecase. Our engine asks:
    as many at once as the target bears, within the budget, journalled. garak's detectors score its probes; PyRIT's
    templates carry our own harmless orders and are judged by our oracles; promptfoo and Inspect run as they are,
    against a door on loopback. The share that passed is held against --least by its exact 95 % bounds.

    Exit codes: 0 all pass, 1 a test fails, 3 too few, unconfirmed or not to be scored, 2 wrong use.

    \b
    Examples:
      safecase testing borrow garak http://127.0.0.1:8000/v1 --python ~/garak/bin/python --only encoding
      safecase testing borrow pyrit bot.yaml --python ~/pyrit/bin/python
      safecase testing borrow promptfoo bot.yaml --test promptfooconfig.yaml
      safecase testing borrow inspect bot.yaml --exe ~/inspect/bin/inspect --test arc.py
    """
    import asyncio

    from safecase.cli import console
    from safecase.cli.output import write
    from safecase.cli.testing_models import described
    from safecase.errors import UsageError
    from safecase.export import borrowed as writers
    from safecase.measures.testing.engine.budget import Limits
    from safecase.readers.text import shown
    from safecase.targets.described import open_described

    if program in ("promptfoo", "inspect") and not test:
        raise UsageError(f"{program} needs a test", mend="name it: --test FILE")
    if test and (program == "promptfoo" or test.endswith(".py")) and not Path(test).is_file():
        raise UsageError(f"{shown(test)} is no file", mend="correct the path of --test")
    if program in ("garak", "pyrit") and not python:
        raise UsageError(f"{program} is asked in its own environment", mend="name it: --python …/bin/python")
    described_, root = described(target, model)
    limits = Limits(calls=calls, tokens=tokens, seconds=seconds)

    async def whole(tell: Callable[[int, int], None]) -> list[Found]:
        opened = open_described(described_, root, owned=owned, at_once=at_once)
        try:
            if program == "garak":
                return await _garak(opened, python or "", only, limits, at_once, seed, journal, target, tell)
            if program == "pyrit":
                return await _pyrit(opened, python or "", only, limits, at_once, seed, journal, target, tell)
            return await _program(opened, program, exe or program, test or "", limits, at_once, seed, journal, target)
        finally:
            await opened.close()

    with console.counting() as step:
        found = asyncio.run(whole(lambda _counted, flying: step(f"attempts, {flying} in flight")))
    content = writers.as_json(program, found, least) if form == "json" else _text(program, found, least)
    if output is not None:
        write(output, content)
        console.say(writers.summary(found, least))
    else:
        console.result(content)
    return writers.exit_code(found, least)


def _text(program: str, found: list[Found], least: float) -> bytes:
    from safecase.cli import console
    from safecase.export import borrowed as writers

    return writers.as_text(program, found, least, width=console.screen().width).encode("utf-8", "replace")


async def _garak(
    opened: AsyncTarget,
    python: str,
    only: tuple[str, ...],
    limits: Limits,
    at_once: int,
    seed: int,
    journal: Path | None,
    name: str,
    tell: Callable[[int, int], None],
) -> list[Found]:
    from safecase.cli import console
    from safecase.measures.testing.borrowed.garak import garak

    found, ended = await garak(
        opened,
        python=python,
        probes=only,
        limits=limits,
        at_once=at_once,
        seed=seed,
        journal=journal,
        name=name,
        tell=tell,
    )
    if ended.stopped:
        console.say(f"ended early: {ended.stopped}")
    return found


async def _pyrit(
    opened: AsyncTarget,
    python: str,
    only: tuple[str, ...],
    limits: Limits,
    at_once: int,
    seed: int,
    journal: Path | None,
    name: str,
    tell: Callable[[int, int], None],
) -> list[Found]:
    from safecase.measures.testing.borrowed.pyrit import templates_tried

    return await templates_tried(
        opened,
        python=python,
        only=only,
        limits=limits,
        at_once=at_once,
        seed=seed,
        journal=journal,
        name=name,
        tell=tell,
    )


async def _program(
    opened: AsyncTarget,
    which: str,
    exe: str,
    test: str,
    limits: Limits,
    at_once: int,
    seed: int,
    journal: Path | None,
    name: str,
) -> list[Found]:
    from safecase.measures.testing.borrowed.programs import run_program
    from safecase.measures.testing.engine.journal import Journal
    from safecase.measures.testing.speaker import Speaker

    lines = Journal(journal, f"{which}:{test}:{name}")
    try:
        speaker = Speaker(opened, limits, name=name, journal=lines, at_once=at_once, seed=seed)
        return await run_program(which, exe, test, speaker, at_once)
    finally:
        lines.close()
