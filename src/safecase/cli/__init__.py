"""The command line: one file a verb, imported when it is called; `console` is the only place that prints.

`safecase --help` loads click and this table, nothing else: every import here is paid for by every call.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from safecase.cli.console import Mode

VERBS: Mapping[str, tuple[str, str]] = {
    "init": ("init:init", "Read a repository and write its safecase.yaml."),
    "demo": ("demo:demo", "Assess an embedded AI service, for a first look."),
    "assess": ("assess:assess", "Look at a service and write its safety case."),
    "gate": ("gate:gate", "Assess, and say go or no-go by exit code."),
    "show": ("show:show", "Show the case, its facts or its plan as they stand."),
    "explain": ("explain:explain", "Explain a control, check, manifest key or exit code."),
    "export": ("export:export", "Write the case as HTML, JSON or text."),
    "attest": ("attest:attest", "Write a person's attestation for a control."),
    "baseline": ("baseline:baseline", "Note today's gaps, so that only new ones block."),
    "threats": ("threats:threats", "What can go wrong, what it would cost; using AI or not."),
    "gateway": ("gateway:gateway", "Stand before models: keys, limits, guards both ways, a log."),
    "protect": ("protect:protect", "Score texts for attacks; calibrate, explain, train, replay."),
    "testing": ("testing:testing", "Attack a service, and prove the business process."),
    "supply": ("supply:supply", "Look inside models; provenance, inventory, conversion."),
    "evidence": ("evidence:evidence", "List, verify and add to what was collected."),
    "catalogue": ("catalogue:catalogue", "Show the controls and threats, or check a catalogue."),
    "plugins": ("plugins:plugins", "List checks, detectors, probes and exporters by origin."),
    "completion": ("completion:completion", "Print what lets a shell complete these words."),
    "schema": ("schema:schema", "Print the JSON Schema of safecase.yaml, or an example."),
}

EPILOG = """\b
Examples:
  safecase demo                       a real case of an embedded service
  safecase init                       read this repository and write its safecase.yaml
  safecase assess                     the case of the service in this folder
  safecase gate --policy origin/main  in a pipeline
  safecase explain SC-04

Exit codes: 0 yes, 1 no, 2 bad input, 3 could not judge, 4 evidence tampered, 130 interrupted.
"""


class _Verbs(click.Group):
    """Verbs by a table: the module of one is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"safecase.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=2) or list(VERBS)
            raise click.UsageError(f"there is no verb {args[0]!r}; did you mean {' or '.join(near)}?", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Verbs,
    name="safecase",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("-C", "folder", metavar="DIR", type=click.Path(file_okay=False), help="Work as if started in DIR.")
@click.option(
    "--color",
    "colour",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Colour of what is printed.",
)
@click.version_option(package_name="safecase", message="safecase %(version)s")
def app(folder: str | None, colour: Mode) -> None:
    """The safety case of an AI service as code, with evidence that was really collected."""
    if folder is not None:
        try:
            os.chdir(folder)
        except OSError as why:
            raise click.UsageError(f"{folder}: {why.strerror}") from why
    if colour != "auto":
        from safecase.cli import console

        console.colour(colour)


def main() -> None:
    """Run the command line and leave with its exit code."""
    raise SystemExit(_run())


def _run() -> int:
    try:
        code = app(standalone_mode=False)
    except click.exceptions.Exit as left:
        return left.exit_code
    except click.ClickException as why:
        why.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("\ninterrupted; what was collected is kept\n")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader went away: nothing is left to flush to it
        return 0
    except Exception as why:  # noqa: BLE001 a traceback is a defect; SAFECASE_DEBUG shows it
        return _failed(why)
    return code if isinstance(code, int) else 0


def _failed(why: Exception) -> int:
    from safecase.cli import console
    from safecase.errors import SafecaseError

    if isinstance(why, SafecaseError):
        console.error(why)
        return why.exit_code
    if os.environ.get("SAFECASE_DEBUG"):
        raise why
    console.defect(why)
    return 3
