"""`safecase gateway policy`: the policy that follows from a service's threats, with the reason of each setting."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from safecase.cli.options import service_argument

if TYPE_CHECKING:
    from safecase.gateway.from_threats import Derived, Reason, Value


@click.command()
@service_argument
@click.option("--format", "form", type=click.Choice(["text", "yaml", "json"]), default="text", show_default=True)
def policy(service: Path | None, form: str) -> None:
    """Print the gateway's policy, and for each setting the threats that it follows from, or that somebody wrote it.

    Threats that are open now are marked. What `protection.gateway` says wins; where it stops less than what would
    follow, that is told. `yaml` is a policy that `gateway run --policy` takes.

    \b
    Examples:
      safecase gateway policy
      safecase gateway policy --format yaml > gateway.yaml
    """
    import msgspec

    from safecase.assess.assessment import Wishes, conclude, prepare
    from safecase.cli import assessing, console
    from safecase.cli.gateway_run import derived

    described = assessing.found(service)
    found = derived(described)
    if form == "yaml":
        console.result("\n".join(_yaml(found)) + "\n")
        return
    case = conclude(prepare(described, Wishes(remember_digests=False)))
    unanswered = frozenset(threat.id for threat in case.threats if threat.verdict != "holds")
    if form == "json":
        told = {"policy": found.said, "reasons": found.reasons, "missing": found.missing, "elsewhere": found.elsewhere}
        told["open"] = sorted(unanswered)
        console.result(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
        return
    width = min(console.screen().width, 100)
    console.result("\n".join(_text(found, unanswered, len(case.threats), width)) + "\n")


def _text(found: Derived, unanswered: Collection[str], faced: int, width: int) -> Iterator[str]:
    from textwrap import wrap

    from safecase.readers.text import shown

    follow = sum(reason.origin == "derived" for reason in found.reasons)
    less = sum(reason.weaker for reason in found.reasons)
    yield from wrap(
        f"{follow} settings follow from {len(found.threats)} of the {faced} threats that the service faces, and "
        f"{len(found.reasons) - follow} are written, of which {less} stop less than would follow.",
        width,
    )
    column = max(len(reason.path) for reason in found.reasons) + 2
    groups: dict[tuple[str, tuple[str, ...]], list[Reason]] = {}
    for reason in found.reasons:
        if reason.threats:
            groups.setdefault((reason.why, reason.threats), []).append(reason)
    for (why, threats), group in groups.items():
        yield ""
        yield from wrap(why, width)
        for reason in group:
            yield from _setting(reason, column, width)
        marked = " ".join(f"{threat}*" if threat in unanswered else threat for threat in threats)
        yield from wrap(marked, width, initial_indent="  for ", subsequent_indent="      ")
    own = [reason for reason in found.reasons if not reason.threats]
    if own:
        yield from ("", "Written, and asked for by no threat:")
    for reason in own:
        yield from _setting(reason, column, width)
    for key, threats in found.missing.items():
        yield ""
        told = f"More would follow if the manifest said `{key}` ({' '.join(threats)})."
        yield from wrap(told, width)
    if found.elsewhere:
        yield from ("", "No gateway answers these:")
    for row in found.elsewhere:
        told = f"{' '.join(row.threats)}: {row.why}"
        yield from wrap(shown(told, 400), width, initial_indent="  ", subsequent_indent="    ")
    yield ""
    yield from wrap(
        "* open now. `safecase explain T01` tells of a threat, `safecase schema --gateway` of each setting.", width
    )


def _setting(reason: Reason, column: int, width: int) -> Iterator[str]:
    from textwrap import wrap

    head = f"  {reason.path:<{column}}{reason.origin:<9}"
    yield from wrap(
        _shown(reason.value), width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )
    if reason.weaker:
        told = f"weaker: {_shown(reason.derived)} would follow"
        yield from wrap(told, width, initial_indent=" " * len(head), subsequent_indent=" " * len(head))


def _shown(value: Value) -> str:
    from safecase.readers.text import shown

    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "[]"
    if isinstance(value, dict):
        return " ".join(f"{shown(str(key))}={_shown(part)}" for key, part in value.items())
    return shown(value, 200) if isinstance(value, str) else json.dumps(value)


def _yaml(found: Derived) -> Iterator[str]:
    """Each setting is a line of YAML; its value is JSON, which is YAML too, so that nothing in it can end the line."""
    reasons = {reason.path: reason for reason in found.reasons}
    yield "# Follows from the threats that the service faces; made by `safecase gateway policy --format yaml`."
    yield from _lines(found.said, reasons, "", 0)


def _lines(values: Mapping[str, Value], reasons: Mapping[str, Reason], above: str, depth: int) -> Iterator[str]:
    for key, value in values.items():
        path = f"{above}{key}"
        if path in reasons:
            threats = " ".join(reasons[path].threats)
            origin = reasons[path].origin if reasons[path].origin == "written" or not threats else "from"
            yield f"{'  ' * depth}{key}: {json.dumps(value)}  # {origin} {threats}".rstrip()
        else:
            yield f"{'  ' * depth}{key}:"
            yield from _lines(value, reasons, f"{path}.", depth + 1)
