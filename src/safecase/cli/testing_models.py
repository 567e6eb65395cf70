"""What `safecase testing adapt`, `judge` and `drift` have in common: the models that they ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

if TYPE_CHECKING:
    from safecase.measures.testing.engine.budget import Limits
    from safecase.measures.testing.speaker import Speaker
    from safecase.targets.described import Described

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")
AT_ONCE: Final = 8


def bounded(command: F) -> F:
    """Add the options that bound what a model is asked."""
    options = (
        click.option("--calls", type=click.IntRange(1), default=2000, show_default=True, help="How many at the most."),
        click.option("--tokens", type=click.IntRange(1), help="How many tokens at the most."),
        click.option("--seconds", type=click.FloatRange(1), default=1800.0, show_default=True, help="How long."),
        click.option("--i-own-this-target", "owned", multiple=True, metavar="HOST", help="It is yours."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def described(text: str, model: str | None = None) -> tuple[Described, Path]:
    """Read what TARGET says, and of which model; give also the folder of its references."""
    import msgspec

    from safecase.targets.opening import describe

    found, root = describe(text)
    return (msgspec.structs.replace(found, model=model) if model else found), root


def ask_model(
    text: str,
    model: str | None,
    limits: Limits,
    owned: Sequence[str],
    work: Callable[[Speaker, Callable[[], None]], Awaitable[T]],
) -> T:
    """Open what TARGET says and let `work` ask it; raises CollectError where it may not be asked."""
    import asyncio

    from safecase.cli import console
    from safecase.measures.testing.speaker import Speaker
    from safecase.targets.described import open_described

    found, root = described(text, model)

    async def whole(tell: Callable[[], None]) -> T:
        target = open_described(found, root, owned=owned, at_once=AT_ONCE)
        try:
            return await work(Speaker(target, limits, name=text, at_once=AT_ONCE), tell)
        finally:
            await target.close()

    with console.counting() as step:
        return asyncio.run(whole(lambda: step("answers")))
