"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from safecase.export import FORMATS, SUFFIXES, known

Command = TypeVar("Command", bound=Callable[..., Any])


class _Format(click.Choice[str]):
    """A format of ours, told in the help, or one of a plug-in."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value if value not in self.choices and known(value) else super().convert(value, param, ctx)


service_argument = click.argument("service", required=False, type=click.Path(path_type=Path), metavar="[DIR|FILE]")
format_option = click.option(
    "--format", "form", type=_Format(tuple(FORMATS)), default="text", help="What is printed on stdout."
)
output_option = click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="[FORMAT:]FILE",
    help=f"Write the case to FILE as well, its format by suffix ({' '.join(SUFFIXES)}); may be repeated.",
)


def run_options(command: Command) -> Command:
    """Add what decides which checks run, and at what cost."""
    for option in reversed(
        (
            click.option(
                "--only", multiple=True, metavar="ID", help="Only this control, check or measure; may be repeated."
            ),
            click.option("--again", is_flag=True, help="Run checks whose evidence is still fresh, too."),
            click.option("--offline", is_flag=True, help="Ask nothing of the running service."),
            click.option("--jobs", type=click.IntRange(1, 64), help="How many checks at once."),
            click.option("--max-calls", "calls", type=click.IntRange(0), help="Calls of the service at the most."),
            click.option(
                "--max-money", "money", type=click.FloatRange(0), help="Money at the most, as the manifest prices it."
            ),
            click.option("--max-minutes", "minutes", type=click.FloatRange(0), help="Estimated minutes at the most."),
            click.option(
                "--i-own-this-target",
                "owned",
                multiple=True,
                metavar="HOST",
                help="This host beyond loopback is yours to test; kept in the evidence.",
            ),
            click.option(
                "--allow-local-code", "local_code", is_flag=True, help="Run the check files of settings.checks, too."
            ),
        )
    ):
        command = option(command)
    return command
