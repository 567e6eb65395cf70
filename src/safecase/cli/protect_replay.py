"""`safecase protect replay`: recorded calls against a policy that is not live yet."""

from __future__ import annotations

from pathlib import Path

import click

MOST_TOLD = 200


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE...")
@click.option(
    "--policy", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The policy to be tried."
)
@click.option(
    "--against", type=click.Path(path_type=Path, dir_okay=False), help="The live one; left out, no guard at all."
)
@click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text")
def replay(files: tuple[Path, ...], policy: Path, against: Path | None, form: str) -> int:
    """Run recorded calls through a policy before it goes live, and list each that it treats differently.

    FILE is a log that was written with `log.texts`, or JSON lines with `api`, `request` and `answer`. Nothing is asked
    of any upstream: tools are not called, and answers are those that were recorded.

    Exit codes: 0 no call is treated differently, 1 some are.

    \b
    Examples:
      safecase protect replay .safecase/gateway/worker-0/*.jsonl --policy new.yaml --against gateway.yaml
      safecase protect replay recorded.jsonl --policy gateway.yaml --format jsonl
    """
    import msgspec

    from safecase.cli import console
    from safecase.cli.gateway_run import policy_at
    from safecase.cli.protect_score import lines_of
    from safecase.gateway.guards import guards_of
    from safecase.gateway.guards.pipeline import Pipeline
    from safecase.gateway.replay import flips, read
    from safecase.readers.text import shown

    def pipeline(path: Path | None) -> Pipeline:
        if path is None:
            return Pipeline([])
        said, root = policy_at(path)
        return Pipeline(guards_of(said, root, lambda text: text))

    count, found = 0, []
    with console.counting() as step:
        for _, flip in flips(pipeline(against), pipeline(policy), read(lines_of(files))):
            count += 1
            step(f"{count} calls")
            found += [flip] if flip else []
    if form == "jsonl":
        for one in found:
            console.result(msgspec.json.encode(one._asdict()) + b"\n")
        return int(bool(found))
    for one in found[:MOST_TOLD]:
        was = f"{one.before.verdict}{f' ({one.before.why})' if one.before.why else ''}"
        now = f"{one.after.verdict}{f' ({one.after.why})' if one.after.why else ''}"
        console.result(f"{shown(one.id, 40)}: {was} -> {now}\n    {one.where}\n")
    if len(found) > MOST_TOLD:
        console.result(f"and {len(found) - MOST_TOLD} more\n")
    console.result(f"{len(found)} of {count} calls are treated differently\n")
    return int(bool(found))
