"""`safecase threats compare`: using AI against not using it, and what each control is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from safecase.cli.options import service_argument


@click.command()
@service_argument
@click.option("--draws", type=int, default=100_000, show_default=True, help="How many years are drawn.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def compare(service: Path | None, draws: int, seed: int, form: str) -> int:
    """Weigh what a service gives against doing without AI: benefits, running cost, controls, losses, alternative.

    All stands under risk: in safecase.yaml. A control counts for what fresh evidence supports: without it it costs,
    and takes nothing away.

    \b
    Examples:
      safecase threats compare
      safecase threats compare services/chat --draws 1000000 --format json
    """
    from safecase.cli import console, threats_money
    from safecase.cli.assessing import found as described

    threats_money.need_numpy()
    from safecase.assess.net_value import net_value

    one = described(service)
    risk = threats_money.risk_of(one)
    told = threats_money.placed(lambda: net_value(risk, draws, seed), one.document, ("risk",))
    if form == "json":
        import msgspec

        console.result(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
    else:
        console.result(_text(told, risk.currency, console.screen()[1]))
    return 0


def _text(told: dict[str, Any], currency: str, unicode: bool) -> str:
    from safecase.cli.threats_money import money

    about = "±" if unicode else "+-"
    rows = [
        ("benefits", told["benefit"]),
        ("running cost", -told["cost"]),
        ("controls", -told["control_cost"]),
        ("losses", -told["ale"]),
        ("net value with AI", told["mean"]),
        ("without AI", told["alternative"]),
        ("difference", told["risk_of_not_using"]),
    ]
    widest = max(len(money(value, currency)) for _, value in rows)
    lines = ["a year, in the mean"]
    lines += [f"  {name:<18} {money(value, currency):>{widest}}" for name, value in rows]
    error = money(told["risk_of_not_using_error"])
    lines += ["", f"using it is better in {told['p_better']:.1%} of years (difference {about} {error})"]
    if told["controls"]:
        lines += ["", "what each control takes off the losses (by Shapley; alone; as the last one; cost)"]
        for row in told["controls"]:
            parts = f"{money(row['shapley'])}; {money(row['alone'])}; {money(row['last_in'])}; {money(row['cost'])}"
            lines.append(
                f"  {row['id']}: " + (parts if row["proven"] else f"nothing proves it: 0; costs {money(row['cost'])}")
            )
    if told["turning"]:
        lines += ["", "what would turn the choice (break-even), most moving first"]
        for row in told["turning"][:12]:
            point = "never" if row["break_even"] is None else money(row["break_even"])
            lines.append(f"  {row['input']}: {money(row['mean'])}, turns at {point}")
    lines += [f"warning: {one}" for one in told["warnings"]]
    lines += ["", f"{told['draws']:,} years, seed {told['seed']}"]
    return "\n".join(lines) + "\n"
