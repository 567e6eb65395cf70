"""What `safecase testing attack` and `replay` have in common: options, the run, and how results are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from datetime import date

    from safecase.measures.testing.attacking import Result
    from safecase.measures.testing.campaign import Campaign, Plan
    from safecase.measures.testing.reckoned import Report
    from safecase.measures.testing.remembered import Remembered
    from safecase.measures.testing.tailoring import LeftOut
    from safecase.probes.probe import Probe
    from safecase.targets.described import Described

F = TypeVar("F", bound=Callable[..., object])
FORMATS: Final = ("text", "json", "sarif", "junit", "html")


def asking(command: F) -> F:
    """Add the options of a target, of what it may cost, and of how results are given."""
    options = (
        click.option(
            "--api", type=click.Choice(["chat", "completions", "responses", "messages"]), help="How it is asked."
        ),
        click.option("--model", help="The model name that it wants in a request."),
        click.option("--key", help="Its credential, as a reference: '${env:NAME}'."),
        click.option("--canary", help="A text planted in its hidden context, which must never come out."),
        click.option(
            "--system-prompt",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            help="The file of its hidden instructions.",
        ),
        click.option(
            "--limit", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="The rate that is too high."
        ),
        click.option(
            "--calls", type=click.IntRange(1), default=20_000, show_default=True, help="How many calls at the most."
        ),
        click.option("--tokens", type=click.IntRange(1), help="How many tokens at the most."),
        click.option("--money", type=click.FloatRange(0), help="What it may cost at the most, at --price."),
        click.option("--price", type=click.FloatRange(0), default=0.0, help="Of 1,000 tokens."),
        click.option(
            "--seconds", type=click.FloatRange(1), default=600.0, show_default=True, help="How long at the most."
        ),
        click.option("--at-once", type=click.IntRange(1, 1024), default=32, show_default=True, help="Calls in flight."),
        click.option("--seed", type=int, default=1, show_default=True),
        click.option(
            "--journal", type=click.Path(path_type=Path, dir_okay=False), help="Go on from here after a kill."
        ),
        click.option("--i-own-this-target", "owned", multiple=True, metavar="HOST", help="It is yours; repeatable."),
        click.option(
            "--findings",
            type=click.Path(path_type=Path, dir_okay=False),
            help="What somebody answers for.  [default: safecase-findings.yaml]",
        ),
        click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True),
        click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE."),
    )
    for option in reversed(options):
        command = option(command)
    return command


class Attacked(NamedTuple):
    """A target, and what it may cost to attack it."""

    target: str
    described: Described
    root: Path
    plan: Plan
    remembered: Sequence[Remembered]
    """What somebody answers for."""
    today: date

    @classmethod
    def read(cls, target: str, given: dict[str, Any]) -> Attacked:
        """Read what TARGET and the options say, all of it before anything is asked."""
        from datetime import UTC, datetime

        import msgspec

        from safecase.measures.testing.campaign import Plan
        from safecase.measures.testing.remembered import DEFAULT, read_remembered
        from safecase.targets.opening import describe

        described, root = describe(target)
        said = {name: given[name] for name in ("api", "model", "key", "canary") if given[name] is not None}
        if given["system_prompt"] is not None:
            said["system_prompt"] = given["system_prompt"].read_text("utf-8", "replace")
        plan = Plan(
            calls=given["calls"],
            seconds=given["seconds"],
            limit=given["limit"],
            seed=given["seed"],
            at_once=given["at_once"],
            tokens=given["tokens"],
            money=given["money"],
            price_per_1000_tokens=given["price"],
        )
        today = datetime.now(UTC).date()
        findings = given["findings"] or (DEFAULT if DEFAULT.is_file() else None)
        remembered = read_remembered(findings, today) if findings else ()
        return cls(target, msgspec.structs.replace(described, **said), root, plan, remembered, today)

    def run(self, wanted: Sequence[Probe], given: dict[str, Any]) -> tuple[Campaign, tuple[Result, ...]]:
        """Attack it, with a line of progress on a terminal."""
        import asyncio
        import time

        from safecase.cli import console
        from safecase.measures.testing.attacking import attack_described
        from safecase.measures.testing.campaign import FEWEST_CLEAN

        began, expected = time.monotonic(), FEWEST_CLEAN * len(wanted)
        with console.counting() as step:

            def tell(counted: int, in_flight: int) -> None:
                left = (time.monotonic() - began) / counted * max(0, expected - counted)
                step(f"of some {expected} attempts, {in_flight} in flight, some {left:.0f} s left")

            return asyncio.run(
                attack_described(
                    self.described,
                    wanted,
                    self.plan,
                    root=self.root,
                    owned=given["owned"],
                    journal=given["journal"],
                    tell=tell,
                )
            )


def report(
    asked: Attacked, found: tuple[Campaign, tuple[Result, ...]], left_out: Sequence[LeftOut] = (), *, named: bool
) -> Report:
    """Put results together, under what somebody answers for."""
    from safecase.measures.testing.reckoned import reckon

    return reckon(
        asked.described.name,
        asked.plan,
        *found,
        remembered=asked.remembered,
        today=asked.today,
        left_out=left_out,
        named=named,
    )


def give(found: Report, form: str, output: Path | None, target: str) -> int:
    """Print or write a report, and give the exit code."""
    from safecase.cli import console
    from safecase.cli.output import write
    from safecase.export import attacks

    content = _rendered(found, form, target)
    if output is None:
        console.result(content)
    else:
        write(output, content)
        console.say(attacks.summary(found))
    return attacks.exit_code(found)


def _rendered(found: Report, form: str, target: str) -> bytes:
    from safecase.cli import console
    from safecase.export import attacks, attacks_html, attacks_junit, attacks_sarif

    match form:
        case "json":
            return attacks.as_json(found)
        case "sarif":
            return attacks_sarif.render(found, Path(target) if Path(target).is_file() else None)
        case "junit":
            return attacks_junit.render(found)
        case "html":
            return attacks_html.render(found)
        case _:
            return attacks.as_text(found, width=console.screen().width).encode("utf-8", "replace")
