"""`safecase testing attack`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from safecase.cli.attacking import asking

if TYPE_CHECKING:
    from safecase.cli.attacking import Attacked
    from safecase.measures.testing.tailoring import Tailored
    from safecase.probes.probe import Probe


@click.command()
@click.argument("target", metavar="TARGET")
@click.option("--only", multiple=True, metavar="NAME", help="A weakness or a family (see `testing families`).")
@click.option("--all", "everything", is_flag=True, help="Of a service: also what none of its open threats asks for.")
@click.option("--convert", "codes", multiple=True, metavar="CODE", help="Also in a code: base64, rot13+hex …")
@click.option("--dry-run", is_flag=True, help="Only say what it would cost.")
@click.option("--keep", type=click.Path(path_type=Path, dir_okay=False), help="Add what worked, for `replay`.")
@asking
def attack(
    target: str,
    only: tuple[str, ...],
    everything: bool,
    codes: tuple[str, ...],
    dry_run: bool,
    keep: Path | None,
    form: str,
    output: Path | None,
    **given: Any,
) -> int:
    """Attack TARGET until each weakness is settled or the budget is used up.

    TARGET is a URL, a file that describes it, local:tiny, file.py:function, or a service (its folder or safecase.yaml),
    of which the families are asked that its open threats call for. All texts are our own and harmless: they ask for a
    planted canary, for words that are none, for calls of tools with such words. No judge decides what worked. Each
    family is asked until Wald's sequential test settles it between --limit and a tenth of it; what worked once is tried
    again by itself. This machine is always allowed as a target, any other only with --i-own-this-target.

    Exit codes: 0 nothing broke, 1 something did, 3 something could not be settled, 2 wrong use. What
    safecase-findings.yaml answers for does not count.

    \b
    Examples:
      safecase testing attack http://127.0.0.1:8000/v1 --canary WOODRUFF-5521
      safecase testing attack target.yaml --only prompt_injection --convert base64
      safecase testing attack . --keep regressions.jsonl --format html -o attacks.html
      safecase testing attack target.yaml --dry-run --price 0.002
      safecase testing attack target.yaml --journal run.journal   # again after a kill: goes on
    """
    from safecase.cli.attacking import Attacked, give, report
    from safecase.measures.testing.attacking import facts_of

    asked = Attacked.read(target, given)
    tailored = _tailored(target, only, codes, everything=everything)
    if dry_run:
        return _estimate(asked, tailored.wanted, form, output)
    found = asked.run(tailored.wanted, given)
    if keep is not None:
        from safecase.measures.testing.kept import confirmed

        _keep(keep, tuple(confirmed(found[1], facts_of(asked.described))))
    return give(report(asked, found, tailored.left_out, named=bool(only)), form, output, target)


def _tailored(target: str, only: Sequence[str], codes: Sequence[str], *, everything: bool) -> Tailored:
    """Choose the families: those that are named, else those that the open threats of a service ask for, else all."""
    import msgspec

    from safecase.errors import UsageError
    from safecase.measures.testing.attacking import NO_ATTACKER, chosen
    from safecase.measures.testing.tailoring import Tailored, tailored
    from safecase.probes.converted import converted
    from safecase.service import read

    wanted = chosen(only)
    if not wanted:
        raise UsageError(f"there is no family {', '.join(only)}", mend="`safecase testing families` lists them")
    path = Path(target.partition("#")[0])
    service = not only and not everything and (path.is_dir() or path.name in read.NAMES)
    found = tailored(wanted, _open_threats(path)) if service else Tailored(wanted, ())
    coded = tuple(
        converted(one, code)
        for code in codes
        for one in found.wanted
        if not one.pictures and one.weakness not in NO_ATTACKER
    )
    return msgspec.structs.replace(found, wanted=(*found.wanted, *coded))


def _open_threats(path: Path) -> frozenset[str]:
    """Give the threats of a service that no evidence answers now."""
    from safecase.assess.assessment import Wishes, conclude, prepare
    from safecase.cli import assessing

    case = conclude(prepare(assessing.found(path), Wishes(remember_digests=False)))
    return frozenset(threat.id for threat in case.threats if threat.verdict != "holds")


def _estimate(asked: Attacked, wanted: Sequence[Probe], form: str, output: Path | None) -> int:
    import msgspec

    from safecase.cli import console
    from safecase.cli.output import write
    from safecase.errors import UsageError
    from safecase.export import attacks
    from safecase.measures.testing.attacking import facts_of
    from safecase.measures.testing.estimate import SECONDS_OF_A_CALL, estimate

    reckoned = estimate(wanted, facts_of(asked.described), asked.plan, SECONDS_OF_A_CALL)
    if form == "json":
        content = msgspec.json.format(msgspec.json.encode(reckoned), indent=2) + b"\n"
    elif form == "text":
        width = console.screen().width
        content = attacks.estimated(asked.described.name, reckoned, SECONDS_OF_A_CALL, width=width).encode()
    else:
        raise UsageError(f"--dry-run has no form {form}", mend="text or json")
    console.result(content) if output is None else write(output, content)
    return 0


def _keep(path: Path, cases: Sequence[Any]) -> None:
    from safecase.cli import console
    from safecase.cli.output import write
    from safecase.measures.testing.kept import read, with_new, written

    known = read(path) if path.exists() else ()
    both = with_new(known, cases)
    if len(both) > len(known):
        write(path, written(both))
    console.say(f"{len(both) - len(known)} cases are new in {path}, of {len(both)}")
