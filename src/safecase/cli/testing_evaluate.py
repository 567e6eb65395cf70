"""`safecase testing evaluate` and `compare`."""

from __future__ import annotations

from collections.abc import Callable
from errno import EACCES
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from safecase.measures.testing.suites.asking import Plan
    from safecase.measures.testing.suites.comparing import Comparison
    from safecase.measures.testing.suites.results import Result
    from safecase.readers.conversations import Tool
    from safecase.readers.suites import Suite
    from safecase.targets.described import Described


def _asking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of what asking may cost, and how it is done."""
    options = [
        click.option("--model", help="The model name that it wants in a request."),
        click.option("--key", help="Its credential, as a reference: '${env:NAME}'."),
        click.option("--repeats", type=click.IntRange(1, 100), help="How often each row is asked."),
        click.option("--calls", type=click.IntRange(0), help="How many calls at the most."),
        click.option("--tokens", type=click.IntRange(0), help="How many tokens at the most."),
        click.option("--money", type=click.FloatRange(0), help="What it may cost at the most, at --price."),
        click.option("--price", type=click.FloatRange(0), default=0.0, help="Of 1,000 tokens."),
        click.option(
            "--seconds", type=click.FloatRange(0), default=3600.0, show_default=True, help="How long at the most."
        ),
        click.option("--at-once", type=click.IntRange(1, 1024), default=8, show_default=True, help="Calls in flight."),
        click.option(
            "--max-tokens", type=click.IntRange(1), default=512, show_default=True, help="Of the longest answer."
        ),
        click.option("--temperature", type=click.FloatRange(0), default=0.0, show_default=True),
        click.option("--seed", type=int, default=1, show_default=True),
        click.option("--allow-code", is_flag=True, help="Run the Python files that the test set names."),
        click.option("--i-own-this-target", "owned", multiple=True, metavar="HOST", help="It is yours; repeatable."),
        click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json", "junit", "html"]), default="text", show_default=True
)


@click.command()
@click.argument("suite", metavar="SUITE")
@click.option("--target", metavar="TARGET", help="A URL, a file that describes it, local:tiny, file.py:function …")
@click.option("--manifest", type=click.Path(path_type=Path), help="Its endpoint is asked.  [default: safecase.yaml]")
@click.option("--threshold", type=click.FloatRange(0, 1), help="The share of rows that must pass.  [default: 0.9]")
@click.option("--slice-threshold", type=click.FloatRange(0, 1), help="The share that must pass in each slice.")
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Go on from here after a kill.")
@click.option("--dry-run", is_flag=True, help="Only say what it would cost, and what it could show.")
@_FORMAT
@_asking
def evaluate(suite: str, form: str, output: Path | None, **given: Any) -> int:
    """Ask the rows of SUITE, a file or a test set that the manifest declares, and say how many pass.

    A row passes when its answer holds all of its asserts. The verdict is by the bound of the 95 % interval, not by the
    share: pass, fail, or too few rows to say. Answers that cannot be had or judged are errors; they never pass.

    Exit codes: 0 pass, 1 fail, 3 too few rows or answers, 2 wrong use.

    \b
    Examples:
      safecase testing evaluate tests/visits.yaml --target http://127.0.0.1:8000/v1 --model guide
      safecase testing evaluate visits --manifest safecase.yaml --format junit -o visits.xml
      safecase testing evaluate visits.csv --target target.yaml --dry-run
    """
    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.export import evaluations

    if given["target"] and given["manifest"]:
        raise UsageError("--target and --manifest are both given", mend="give one of them")
    asked = _Asked.read(suite, given)
    if given["dry_run"]:
        console.result(_estimate(asked))
        return 0
    found = asked.ask(given)
    _give(found, form, output, evaluations.summary(found))
    return evaluations.exit_code(found)


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--suite", metavar="SUITE", help="Ask both of them this test set now; else they are results in JSON.")
@click.option("--margin", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="A loss that is in order.")
@_FORMAT
@_asking
def compare(old: str, new: str, suite: str | None, margin: float, form: str, output: Path | None, **given: Any) -> int:
    """Say whether NEW is worse than OLD: two results that `evaluate` wrote, or two targets with --suite.

    The same rows are compared pair by pair: McNemar's exact test, Newcombe's interval of the difference, a bootstrap of
    the scores, and for slices Holm's correction.

    Exit codes: 0 not worse (a loss above --margin is ruled out) or better, 1 worse, 3 too few rows to say, 2 wrong use.

    \b
    Examples:
      safecase testing compare main.json branch.json
      safecase testing compare old.yaml new.yaml --suite tests/visits.yaml --repeats 3
    """
    from safecase.cli import console
    from safecase.export import evaluations, evaluations_html
    from safecase.measures.testing.suites.comparing import compare as compared
    from safecase.measures.testing.suites.results import read_result

    if suite is None:
        results = [read_result(Path(one)) for one in (old, new)]
    else:
        more = given | {"threshold": None, "slice_threshold": None, "journal": None}
        both = [_Asked.read(suite, more | {"target": one}) for one in (old, new)]
        results = [one.ask(more) for one in both]
    found: Comparison = compared(results[0], results[1], margin=margin)
    match form:
        case "json":
            content = evaluations.as_json(found)
        case "junit":
            content = evaluations.compared_junit(found)
        case "html":
            content = evaluations_html.render_comparison(found)
        case _:
            content = evaluations.compared_text(found, width=console.screen().width).encode("utf-8", "replace")
    _write(content, output, f"{evaluations.words(found.verdict)}: {found.reason}")
    return evaluations.compared_code(found)


class _Asked(NamedTuple):
    """A test set, where it stands, how it is asked, and of whom."""

    suite: Suite
    name: str
    folder: Path
    plan: Plan
    described: Described
    root: Path
    """Below which the references of the target lie."""
    target: str

    @classmethod
    def read(cls, suite: str, given: dict[str, Any]) -> _Asked:
        """Read what is asked and whom, before anything is."""
        import msgspec

        from safecase.errors import UsageError
        from safecase.measures.testing.suites.asking import lacking
        from safecase.targets.opening import describe

        target: str = given["target"] or str(_manifest(given))
        described, root = describe(target)
        more = {name: given[name] for name in ("model", "key") if given[name]}
        described = msgspec.structs.replace(described, **more)
        path, given = (Path(suite), given) if given["target"] else _declared(suite, Path(target), given)
        read = _read(path)
        plan = _plan(read, given, described.tools)
        needed, mend = lacking(read.rows, plan, code=given["allow_code"])
        if needed:
            raise UsageError(f"{suite} has answers judged by {needed}", mend=mend)
        told = target if target == described.base_url or not described.base_url else f"{target} ({described.base_url})"
        named = f"{told}, model {described.model}" if described.model else told
        return cls(read, suite, path.parent, plan, described, root, named)

    def ask(self, given: dict[str, Any]) -> Result:
        """Ask all of it, with a line of progress on a terminal."""
        import asyncio
        import time

        from safecase.cli import console
        from safecase.measures.testing.suites import asking
        from safecase.targets.described import open_described

        total, began = len(self.suite.rows) * self.plan.repeats, time.monotonic()

        async def whole() -> Result:
            target = open_described(self.described, self.root, owned=given["owned"], at_once=self.plan.at_once)
            try:
                return await asking.evaluate(
                    self.suite,
                    target,
                    self.plan,
                    name=self.name,
                    target_name=self.target,
                    code=self.folder if given["allow_code"] else None,
                    masks=[(self.described.canary, "<canary>")],
                    journal=given["journal"],
                    tell=tell,
                )
            finally:
                await target.close()

        with console.counting() as step:

            def tell(counted: int, in_flight: int) -> None:
                left = (time.monotonic() - began) / counted * (total - counted)
                step(f"of {total} answers, {in_flight} in flight, some {left:.0f} s left")

            return asyncio.run(whole())


def _manifest(given: dict[str, Any]) -> Path:
    from safecase.errors import UsageError

    path: Path = given["manifest"] or Path("safecase.yaml")
    if not given["manifest"] and not path.is_file():
        mend = "`--target http://127.0.0.1:8000/v1`, or `--manifest safecase.yaml`"
        raise UsageError("nothing says whom to ask", mend=mend)
    return path


def _declared(suite: str, manifest: Path, given: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Give the file of a test set that the manifest declares, and what it says of it; else it is a file itself."""
    from safecase.service import read

    service = read.read(read.find(manifest) if manifest.is_dir() else manifest)
    block = next((one for one in service.manifest.testing.suites if one.id == suite), None)
    if block is None:
        return Path(suite), given
    threshold = block.threshold if given["threshold"] is None else given["threshold"]
    return service.root / block.file, given | {"threshold": threshold, "repeats": given["repeats"] or block.repeats}


def _read(path: Path) -> Suite:
    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.readers import suites
    from safecase.readers.text import shown

    def beside(name: str) -> bytes:
        there = (path.parent / name).resolve()
        if not there.is_relative_to(path.parent.resolve()):
            raise PermissionError(EACCES, "it is in no folder below", name)
        return _bytes(there)

    try:
        found = suites.read_suite(_bytes(path), str(path), beside)
    except OSError as why:
        mend = "give the file of a test set, or the id of one that the manifest declares"
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend=mend) from why
    if found.note:
        console.say(f"{shown(str(path))}: {found.note}")
    return found


def _bytes(path: Path) -> bytes:
    from safecase.readers.suites import MOST_BYTES

    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _plan(suite: Suite, given: dict[str, Any], tools: tuple[Tool, ...]) -> Plan:
    from safecase.measures.testing.engine.budget import Limits
    from safecase.measures.testing.suites.asking import Plan, plan_of

    limits = Limits(
        calls=given["calls"],
        tokens=given["tokens"],
        money=given["money"],
        seconds=given["seconds"],
        price_per_1000_tokens=given["price"],
    )
    plan = Plan(
        limits=limits,
        slice_threshold=given["slice_threshold"],
        at_once=given["at_once"],
        max_tokens=given["max_tokens"],
        temperature=given["temperature"],
        seed=given["seed"],
        tools=tools,
    )
    return plan_of(suite, plan, threshold=given["threshold"], repeats=given["repeats"])


def _estimate(asked: _Asked) -> str:
    from safecase.engines.statistics import weighted_share, wilson
    from safecase.export import evaluations
    from safecase.measures.testing.suites.asking import estimate

    weights = [row.weight for row in asked.suite.rows]
    n = weighted_share([1.0] * len(weights), weights).n
    best = wilson(n, n).low
    needed = range(1, len(weights) + 1)
    least = next((k for k in needed if wilson(n * k / len(weights), n).low >= asked.plan.threshold), 0)
    return evaluations.estimated(asked.name, estimate(asked.suite, asked.plan), least=least, can_show=best)


def _give(found: Result, form: str, output: Path | None, told: str) -> None:
    from safecase.cli import console
    from safecase.export import evaluations, evaluations_html

    match form:
        case "json":
            content = evaluations.as_json(found)
        case "junit":
            content = evaluations.as_junit(found)
        case "html":
            content = evaluations_html.render(found)
        case _:
            content = evaluations.as_text(found, width=console.screen().width).encode("utf-8", "replace")
    _write(content, output, told)


def _write(content: bytes, output: Path | None, told: str) -> None:
    from safecase.cli import console
    from safecase.cli.output import write

    if output is None:
        console.result(content)
    else:
        write(output, content)
        console.say(told)
