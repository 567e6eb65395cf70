"""`safecase threats simulate`: what a year may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from safecase.cli.options import service_argument


@click.command()
@service_argument
@click.option("--model", "file", type=click.Path(path_type=Path), metavar="FILE", help="A model, YAML or JSON.")
@click.option("--draws", type=int, default=100_000, show_default=True, help="How many years are drawn.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--exceed", multiple=True, type=float, metavar="AMOUNT", help="The chance of more; may be repeated.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--curve", type=click.Path(path_type=Path, dir_okay=False), help="Draw the exceedance curve to an SVG.")
def simulate(
    service: Path | None,
    file: Path | None,
    draws: int,
    seed: int,
    exceed: tuple[float, ...],
    form: str,
    curve: Path | None,
) -> int:
    """Simulate years by Open FAIR: how often it happens, what each event costs, what controls take away.

    Without --model the scenarios of safecase.yaml (risk:) are taken; a control that no fresh evidence supports takes
    nothing away. The same seed gives the same numbers, and another scenario changes none of them.

    \b
    Examples:
      safecase threats simulate
      safecase threats simulate --model leak.yaml --draws 1000000 --seed 7 --format json
      safecase threats simulate --exceed 100000 --curve curve.svg

    \b
    A model:
      lef: {poisson: {pert: [0.1, 0.3, 2]}}      events a year
      lm: {lognormal90: [10000, 500000]}         5 % and 95 % of what one costs
      controls: [{id: AI-02, effect: 0.6, cost: 4000}]
    """
    from safecase.cli import console, threats_money
    from safecase.cli.assessing import found as described

    threats_money.need_numpy()
    from safecase.engines.simulation.model import answer

    currency = ""
    if file is not None:
        document = threats_money.model_of(file)
        model = {**document.value} if isinstance(document.value, dict) else document.value
        if exceed and isinstance(model, dict):
            model["exceed"] = list(exceed)
        currency = str(model.get("currency", "")) if isinstance(model, dict) else ""
        told = threats_money.placed(lambda: answer(model, draws, seed), document)
    else:
        one = described(service)
        risk = threats_money.risk_of(one)
        whole: dict[str, Any] = {"portfolio": list(risk.scenarios), "dependence": risk.dependence}
        whole["exceed"] = list(exceed) or list(risk.exceed)
        currency = risk.currency
        told = threats_money.placed(lambda: _named(answer, whole, draws, seed), one.document, ("risk",))
        told["uncounted"] = list(risk.uncounted)
    if curve is not None:
        from safecase.cli.output import write
        from safecase.export.loss_curve_svg import curve as drawn

        write(curve, drawn(told, currency).encode())
    if form == "json":
        import msgspec

        console.result(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
    else:
        console.result(_text(told, currency, console.screen()[1]))
    return 0


def _named(answer: Any, whole: dict[str, Any], draws: int, seed: int) -> dict[str, Any]:
    """A fault in a portfolio is a fault in `risk.scenarios`."""
    from safecase.engines.simulation.distributions import ModelError

    try:
        made: dict[str, Any] = answer(whole, draws, seed)
    except ModelError as why:
        steps = ("scenarios", *why.steps[1:]) if why.steps[:1] == ("portfolio",) else why.steps
        raise ModelError(why.message, steps, mend=why.mend) from why
    return made


def _text(told: dict[str, Any], currency: str, unicode: bool) -> str:
    import textwrap

    from safecase.cli.threats_money import money

    if "mean" not in told:
        error = told["standard_error"]
        return f"vulnerability {told['vulnerability']:.4f} (Monte-Carlo error {error:.4f}, {told['draws']:,} draws)\n"
    about = "±" if unicode else "+-"
    lines = [
        f"mean of a year        {money(told['mean'], currency)} {about} {money(told['standard_error'])}",
        f"a year without loss   {told['p_zero']:.1%}",
    ]
    lines += [
        f"{float(p):>6.1%} of years up to {money(x, currency):>20}" for p, x in told["q"].items() if float(p) >= 0.5
    ]
    if told["exceed"]:
        lines += ["", "chance of more than"]
        every = list(told["exceed"].items())
        # Below the least loss the chance is always the same: one line of these is enough.
        rows = [
            (x, p) for at, (x, p) in enumerate(every) if p >= 0.0005 and (at + 1 == len(every) or p != every[at + 1][1])
        ]
        rows = rows or every
        widest = max(len(money(float(x), currency)) for x, _ in rows)
        block = "█" if unicode else "#"
        lines += [
            f"  {money(float(x), currency):>{widest}}  {p:>6.1%} {block * round(30 * p)}".rstrip()
            for x, p in rows[-18:]
        ]
    if told.get("scenarios"):
        lines += ["", "scenario: mean of a year, share of the variance"]
        portions = told.get("sobol_first", {})
        lines += [
            f"  {s['id']}: {money(s['ale'], currency)}, {portions.get(s['id'], 0):.0%}" for s in told["scenarios"]
        ]
    if "ale_before" in told:
        lines += ["", f"controls: {money(told['ale_before'], currency)} become {money(told['ale_after'], currency)}"]
        lines.append(f"  value after their cost {money(told['value'], currency)}")
        for id_, worth in told["shapley"].items():
            alone, last = money(told["alone"][id_]), money(told["last_in"][id_])
            lines.append(f"  {id_}: {money(worth, currency)} (alone {alone}, as the last {last})")
    for id_ in told.get("uncounted", ()):
        lines.append(f"  {id_}: nothing proves it, so it takes nothing away")
    for told_ in told["warnings"]:
        lines += textwrap.wrap(f"warning: {told_}", 80, subsequent_indent="  ")
    lines += ["", f"{told['draws']:,} years, seed {told['seed']}"]
    return "\n".join(lines) + "\n"
