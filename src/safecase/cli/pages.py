"""The page of every id: the same text for `safecase explain`, the reference pages and the exports."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from safecase.catalogue.predicates import names
from safecase.catalogue.read import catalogue
from safecase.catalogue.references import source_of
from safecase.errors import UsageError
from safecase.export.check_pages import check_pages, page_of
from safecase.vocabulary import MEASURES, RISK_GROUPS, Control, Reference, Threat

EXIT_CODES: Mapping[str, str] = {
    "0": "Yes: what was asked was done; `gate` says go.",
    "1": "No: there are findings; `gate` says no-go.",
    "2": "Bad input or usage: the message says where and what to type instead.",
    "3": "It could not be judged: unknown, stale, unreachable, or nothing to look at.",
    "4": "Recorded evidence was changed: `safecase evidence verify` names the first bad record.",
    "130": "Interrupted by the user; what was collected until then is kept.",
}

WORDS: Mapping[str, str] = {
    "supported": "Every check on every subject passed with fresh evidence, and every attestation wanted is given.",
    "contested": "Fresh evidence speaks against it. Mend it, or let its owner accept it for a time (`exceptions:`).",
    "unsupported": "Nobody looked, or what was seen could not be judged. Absence of evidence is not a pass.",
    "unseen": "Unsupported because nobody looked: no check, nothing to look at, or nobody who vouches for it.",
    "stale": "It was looked at too long ago: `safecase assess` looks again.",
    "accepted": "It is open, and an owner accepts that until the exception's last day.",
    "not_applicable": "It does not apply to this service; the deciding fact is named.",
    "holds": "Every claim is supported, accepted or not applicable.",
    "fails": "At least one claim is contested.",
    "unproven": "Nothing speaks against it, but not every claim is supported.",
    "fresh": "Evidence younger than 80 % of its time to live.",
    "due": "Evidence older than 80 % of its time to live: the next assessment looks again, and until then it counts.",
    "void": "Evidence about something that has changed since, by a revoked signer, or of a recalled check.",
}


class Page(NamedTuple):
    """What there is to say of one id."""

    id: str
    kind: str
    title: str
    text: str


def page(wanted: str) -> Page:
    """Give the page of an id, or the pages where several are called so; what is none names the nearest."""
    found = [told for find in _FINDERS if (told := find(wanted)) is not None]
    if found:
        return found[0]._replace(text="\n".join(told.text for told in found))
    from safecase.cli.console import did_you_mean
    from safecase.service.keys import all_keys

    rows = catalogue()
    known = {
        *rows.controls,
        *rows.threats,
        *rows.regimes,
        *check_pages(),
        *EXIT_CODES,
        *MEASURES,
        *RISK_GROUPS,
        *rows.facts,
    }
    known |= {*WORDS, *all_keys(), *rows.profiles, *rows.editions.names}
    raise UsageError(
        f"nothing is called {wanted!r}{did_you_mean(wanted, known)}", mend="safecase explain lists all ids"
    )


def index() -> str:
    """List every id with a line."""
    lines = ["Controls"]
    lines += [f"  {c.id:<8} {c.title}" for c in catalogue().controls.values()]
    lines += ["", "Checks", *(f"  {name:<20} {text.splitlines()[0]}" for name, text in check_pages().items())]
    rows = catalogue()
    lines += ["", "Threats", *(f"  {threat.id:<5} {threat.title}" for threat in rows.threats.values())]
    lines += ["", "Measures", *(f"  {row.id:<16} {row.title}" for row in rows.measures.values())]
    lines += ["", "Risk groups", *(f"  {row.id:<20} {row.title}" for row in rows.risk_groups.values())]
    lines += ["", "Regimes", *(f"  {row.id:<20} {row.title}" for row in rows.regimes.values())]
    lines += ["", "Profiles of the gate", *(f"  {name:<9} {row.text}" for name, row in rows.profiles.items())]
    lines += ["", "States and verdicts", *(f"  {word}" for word in WORDS)]
    lines += ["", "Exit codes", *(f"  {code:<4} {text}" for code, text in EXIT_CODES.items())]
    lines += ["", "Facts that follow from others: safecase catalogue show facts"]
    lines += ["Ids of others (LLM01:2026): safecase catalogue show editions"]
    return "\n".join([*lines, "Manifest keys: safecase explain service, ai, deployment, testing.suites ...", ""])


def _control(wanted: str) -> Page | None:
    control = catalogue().controls.get(wanted.upper())
    if control is None:
        return None
    return Page(control.id, "control", control.title, control_text(control))


def control_text(control: Control) -> str:
    """Tell a control: what must hold, when, how it is verified, and what others call it."""
    lines = [
        f"{control.id}  {control.title}",
        "",
        control.text,
        "",
        f"  measure     {control.measure}",
        f"  severity    {control.severity}",
        *_when(control.when),
        f"  verified by {', '.join((*control.checks, *(['a person’s attestation'] if control.attested else [])))}",
        f"  fresh for   {_days(control)}",
        f"  risk groups {', '.join(control.risk_groups)}",
        f"  references  {', '.join(control.references)}",
        *_answered(control.id),
        "",
    ]
    for name in control.checks:
        page = page_of(name)
        if page is not None:
            lines += [f"── {name} ──", "", page, ""]
    absent = [name for name in control.checks if not page_of(name)]
    if absent:
        lines += [
            f"There is no check {' or '.join(absent)} yet: a person's attestation stands in for it,",
            _attest(control),
        ]
    elif control.attested:
        lines += ["A person who knows vouches for it:", _attest(control)]
    return "\n".join(lines)


def _attest(control: Control) -> str:
    return f"safecase attest {control.id} --because …\n"


def _days(control: Control) -> str:
    others = [f"{days} by the profile {name}" for name, days in control.ttl.items()]
    return ", ".join([f"{control.ttl_days} days", *others])


def _when(predicate: str) -> Iterator[str]:
    """Say when a row applies, with the derived facts that its predicate names in words."""
    told = "to every service" if predicate == "True" else "when " + " ".join(predicate.split())
    yield f"  applies     {told}"
    facts = catalogue().facts
    yield from (f"              {name}: {facts[name].text}" for name in sorted(names(predicate)) if name in facts)


def _answered(control: str) -> Iterator[str]:
    """Name the threats that a control answers."""
    found = [threat.id for threat in catalogue().threats.values() if control in threat.controls]
    if found:
        yield f"  answers     {', '.join(found)}"


def _threat(wanted: str) -> Page | None:
    threat = catalogue().threats.get(wanted.upper())
    if threat is None:
        return None
    references = [entry if isinstance(entry, str) else f"{entry.id} (when {entry.when})" for entry in threat.references]
    controls = catalogue().controls
    lines = [
        f"{threat.id}  {threat.title}  (threat)",
        "",
        threat.text,
        "",
        f"  about       {threat.asset}",
        *_when(threat.when),
        f"  risk groups {', '.join(threat.risk_groups)}",
        f"  STRIDE      {', '.join(kind.replace('_', ' ') for kind in threat.stride)}",
        f"  references  {', '.join(references)}",
        f"  seen when   {threat.verify}",
        "",
        "Controls that answer it",
        *(f"  {name}  {controls[name].title}" for name in threat.controls),
        "",
    ]
    return Page(threat.id, "threat", threat.title, "\n".join(lines))


def _regime(wanted: str) -> Page | None:
    regime = catalogue().regimes.get(wanted)
    if regime is None:
        return None
    sure = {"P": "primary source", "S": "secondary source", "M": "from memory", "U": "unsettled"}[regime.confidence]
    lines = [
        f"{regime.id}  {regime.title}  (regime; no legal advice)",
        "",
        regime.text,
        "",
        *_when(regime.when),
        f"  since       {regime.since}",
        *([f"  class       {regime.ai_act}"] if regime.ai_act else []),
        f"  source      {regime.source} ({sure})",
        f"  controls    {', '.join(regime.controls)}",
        "",
    ]
    return Page(regime.id, "regime", regime.title, "\n".join(lines))


def _risk_group(wanted: str) -> Page | None:
    row = catalogue().risk_groups.get(wanted)  # type: ignore[call-overload]  # any word may be asked for
    if row is None:
        return None
    rows = catalogue()
    lines = [f"{row.id}  (risk group)  {row.title}", "", row.text, "", "Threats"]
    lines += [f"  {t.id:<5} {t.title}" for t in rows.threats.values() if wanted in t.risk_groups]
    lines += ["", "Controls", *(f"  {c.id}  {c.title}" for c in rows.controls.values() if wanted in c.risk_groups), ""]
    return Page(row.id, "risk group", row.title, "\n".join(lines))


def _profile(wanted: str) -> Page | None:
    row = catalogue().profiles.get(wanted)
    if row is None:
        return None
    asked = [f"  {name}  {catalogue().controls[name].title}" for name in row.controls]
    return Page(wanted, "profile", row.text, "\n".join([f"{wanted}  (profile of the gate)", "", row.text, *asked, ""]))


def _fact(wanted: str) -> Page | None:
    """A fact that follows from others, or that a look at the files says."""
    from safecase.service.discover import DISCOVERED

    rows = catalogue()
    if wanted in rows.facts:
        row = rows.facts[wanted]
        head = [f"{wanted}  (fact that follows from others)", "", row.text, "", *_when(row.when)]
    elif wanted in DISCOVERED:
        head = [f"{wanted}  (fact)", "", DISCOVERED[wanted]]
    else:
        return None
    carrying = _following(wanted)
    every: tuple[Control | Threat, ...] = (*rows.controls.values(), *rows.threats.values())
    decides = [row.id for row in every if names(row.when) & carrying]
    lines = [*head, "", f"  decides     {', '.join(decides) or 'nothing by itself'}", ""]
    return Page(wanted, "fact", head[2], "\n".join(lines))


def _following(fact: str) -> frozenset[str]:
    """A fact and every derived one that follows from it, by however many steps."""
    facts = catalogue().facts
    found = {fact}
    while True:
        more = {name for name, row in facts.items() if names(row.when) & found} - found
        if not more:
            return frozenset(found)
        found |= more


def _reference(wanted: str) -> Page | None:
    """An id of others: what they call it, and which of our rows bear it."""
    rows = catalogue()

    def borne(references: tuple[str | Reference, ...]) -> bool:
        return wanted in references or any(isinstance(entry, Reference) and entry.id == wanted for entry in references)

    every: tuple[Control | Threat, ...] = (*rows.threats.values(), *rows.controls.values())
    bearing = [row for row in every if borne(row.references)]
    title = rows.editions.names.get(wanted, "")
    if not title and not bearing:
        return None
    source = source_of(wanted) or "a topic without an id of anybody else"
    lines = [f"{wanted}  {title}".rstrip() + f"  ({source})", "", "Our rows that bear it"]
    lines += [f"  {row.id:<6} {row.title}" for row in bearing] or ["  none"]
    return Page(wanted, "reference", title or wanted, "\n".join([*lines, ""]))


def _check(wanted: str) -> Page | None:
    text = page_of(wanted)
    if not text:
        return None
    verifies = [c.id for c in catalogue().controls.values() if wanted in c.checks]
    head = f"{wanted}  (check; verifies {', '.join(verifies) or 'no control of the catalogue'})\n\n"
    return Page(wanted, "check", text.splitlines()[0], head + text + "\n")


def _exit_code(wanted: str) -> Page | None:
    text = EXIT_CODES.get(wanted)
    return Page(wanted, "exit code", text, f"exit code {wanted}\n\n{text}\n") if text else None


def _measure(wanted: str) -> Page | None:
    if wanted not in MEASURES:
        return None
    import importlib

    text = inspect.getdoc(importlib.import_module(f"safecase.measures.{wanted}")) or ""
    controls = [f"  {c.id}  {c.title}" for c in catalogue().controls.values() if c.measure == wanted]
    listed = ["", "Controls", *controls] if controls else []
    return Page(wanted, "measure", text.partition("\n")[0], "\n".join([f"{wanted}  (measure)", "", text, *listed, ""]))


def _word(wanted: str) -> Page | None:
    text = WORDS.get(wanted)
    return Page(wanted, "word", text, f"{wanted}\n\n{text}\n") if text else None


def _rule(wanted: str) -> Page | None:
    """A rule of `safecase supply scan`."""
    if "." not in wanted:
        return None
    from safecase.readers.artifacts.rules import UnknownRuleError, rule

    try:
        row = rule(wanted)
    except (UnknownRuleError, ValueError):
        return None
    told = ", ".join((*row.cwe, *row.references))
    lines = [f"{wanted}  (rule of safecase supply scan)", "", row.why, "", f"To mend it: {row.mend}", "", told, ""]
    return Page(wanted, "rule", row.why, "\n".join(lines))


def _key(wanted: str) -> Page | None:
    from safecase.service.keys import key_page

    found = key_page(wanted)
    return Page(wanted, "manifest key", found.title, found.text) if found else None


_FINDERS = (
    _control,
    _check,
    _rule,
    _threat,
    _exit_code,
    _measure,
    _risk_group,
    _regime,
    _profile,
    _word,
    _key,
    _fact,
    _reference,
)
