"""`model.eol`: no hosted model is retired, or will be before there is time to change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.maintenance import calendar
from safecase.measures.maintenance.calendar import Row
from safecase.readers.text import shown
from safecase.readers.yaml_places import MOST_BYTES
from safecase.service.schema import ModelBlock
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Severity

NOTICE = timedelta(days=90)
OLDEST = timedelta(days=120)
"""What a provider said so long ago tells nothing of the next months."""


@check("model.eol", control="UM-04", severity="medium", reads=("models",), files=("maintenance.model_calendar",))
def retirement_foreseen(service: Service, ctx: Context) -> Iterator[Finding]:
    """No model that a provider hosts is retired, or will be within 90 days.

    ## Why it matters
    Providers take models away every month, some with three months' notice, some with two weeks. Then calls fail, or,
    worse, are answered under the old name by another model that nobody tested.

    ## How it is checked
    Each model with `origin: provider` is looked up by its `source` (or its id) in a calendar of what providers
    announced: the file under `maintenance.model_calendar`, and what it does not know in the one that comes with
    Safecase. Retired already, or within 90 days, fails, with the day and the successor where one is named. A model
    that the calendar does not know is unknown, as is one whose last reading is more than 120 days old. A name that
    always means the latest (`…-latest`) is unknown too: which model answers is not told. Models that a reseller hosts
    (Azure, Bedrock, Vertex) follow the reseller's calendar and not the maker's. Nobody is asked over a network.

    ## How to mend it
    Name the exact model as `source`. Test the successor on your own test set before the day, and change over. Keep a
    calendar of the models that you use: `models: [{names: [model-x], retires: 2027-01-31, read: 2026-11-23}]`.

    ## References
    NIST AI RMF 1.0 MANAGE 3.2; ISO/IEC 42001:2023 A.6.2.6; CWE-1104.
    """
    models = ctx.manifest.models
    hosted = [(number, model) for number, model in enumerate(models) if model.origin == "provider"]
    if not models:
        mend = "name the model that answers: `models: [{id: chat, origin: provider, source: …}]`"
        yield retirement_foreseen.unknown(service, "no model is declared", place=ctx.place("models"), mend=mend)
        return
    unsaid = [shown(model.id) for model in models if model.origin is None]
    if unsaid:
        told = f"whether a provider hosts it is not said of {', '.join(unsaid[:10])}"
        mend = "say `origin:` of each model"
        yield retirement_foreseen.unknown(service, told, rule="origin", place=ctx.place("models"), mend=mend)
    elif not hosted:
        yield retirement_foreseen.passed(service, f"none of {len(models)} declared models is hosted by a provider")
    own = _own(ctx)
    for number, model in hosted:
        yield _finding(service, ctx, number, model, own)


def _own(ctx: Context) -> tuple[Row, ...]:
    path = ctx.manifest.maintenance.model_calendar
    if not path:
        return ()
    try:
        with ctx.path(path).open("rb") as file:
            return calendar.read(file.read(MOST_BYTES + 1), path)
    except OSError as why:
        raise CollectError(
            f"{shown(path)} cannot be read: {why.strerror}", mend="correct maintenance.model_calendar"
        ) from why


def _finding(service: Service, ctx: Context, number: int, model: ModelBlock, own: tuple[Row, ...]) -> Finding:
    said = model.source or model.id
    name, key, place = shown(said), model.id, ctx.place(f"models.{number}")
    row = calendar.find(own, said)
    if row is None and (reseller := calendar.reseller_of(said)):
        told = f"{name} is hosted by {reseller}, which keeps a calendar of its own"
        return retirement_foreseen.unknown(service, told, key=key, place=place, mend=_KEEP)
    row = row or calendar.find(calendar.shipped(), said)
    if row is None:
        floats = calendar.model_name(said).endswith("latest")
        told = f"{name} means another model from time to time" if floats else f"the calendar does not know {name}"
        return retirement_foreseen.unknown(service, told, key=key, place=place, mend=_KEEP)
    today = ctx.now.date()
    if row.retires is not None and row.retires <= today + NOTICE:
        instead = f" to {shown(row.successor)}" if row.successor else " to a successor"
        mend = f"change over{instead} after it passed your own test set"
        told = _told(name, row, today)
        severity: Severity = "high" if row.retires <= today else "medium"
        return retirement_foreseen.failed(service, told, key=key, place=place, mend=mend, severity=severity)
    if row.read < today - OLDEST:
        told = f"what is known of {name} was read on {row.read}, too long ago"
        return retirement_foreseen.unknown(service, told, key=key, place=place, mend=_KEEP)
    until = f"until {row.retires}" if row.retires else "with no end announced"
    told = f"{name} stays {until} ({shown(row.source) or 'the calendar'}, read {row.read})"
    return retirement_foreseen.passed(service, told, key=key, place=place)


def _told(name: str, row: Row, today: date) -> str:
    assert row.retires is not None
    source = f" ({shown(row.source)}, read {row.read})" if row.source else f" (read {row.read})"
    if row.effect == "rerouted":
        verb = (
            "has been answered by another model since" if row.retires <= today else "will be answered by another from"
        )
        return f"{name} {verb} {row.retires}{source}"
    if row.retires <= today:
        return f"{name} was retired on {row.retires}{source}"
    return f"{name} will be retired on {row.retires}, in {(row.retires - today).days} days{source}"


_KEEP = "look up its end at its provider, and write it into a file named under maintenance.model_calendar"
