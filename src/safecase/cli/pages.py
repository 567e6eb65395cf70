"""The page of every id: the same text for `safecase explain`, the reference pages and the exports."""

from __future__ import annotations

import ast
import functools
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import NamedTuple

from safecase.catalogue.predicates import names
from safecase.catalogue.read import catalogue
from safecase.errors import UsageError
from safecase.vocabulary import MEASURES, Control

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
    """Give the page of an id; one that names nothing is refused with the nearest."""
    for find in (_control, _check, _exit_code, _measure, _word, _key):
        found = find(wanted)
        if found is not None:
            return found
    from safecase.cli.console import did_you_mean
    from safecase.service.keys import all_keys

    known = {*catalogue().controls, *check_pages(), *EXIT_CODES, *MEASURES, *WORDS, *all_keys()}
    raise UsageError(
        f"nothing is called {wanted!r}{did_you_mean(wanted, known)}", mend="safecase explain lists all ids"
    )


def index() -> str:
    """List every id with a line."""
    lines = ["Controls"]
    lines += [f"  {c.id:<8} {c.title}" for c in catalogue().controls.values()]
    lines += ["", "Checks", *(f"  {name:<20} {text.splitlines()[0]}" for name, text in check_pages().items())]
    lines += ["", "Measures", *(f"  {m}" for m in MEASURES)]
    lines += ["", "States and verdicts", *(f"  {word}" for word in WORDS)]
    lines += ["", "Exit codes", *(f"  {code:<4} {text}" for code, text in EXIT_CODES.items())]
    return "\n".join([*lines, "", "Manifest keys: safecase explain service, ai, deployment, testing.suites ...", ""])


@functools.cache
def check_pages() -> Mapping[str, str]:
    """Give the docstring of every built-in check by its id, read without importing a check's libraries."""
    return dict(sorted(_check_docstrings()))


def _check_docstrings() -> Iterator[tuple[str, str]]:
    import safecase.measures

    for found in pkgutil.iter_modules(safecase.measures.__path__):
        folder = resources.files("safecase.measures") / found.name / "checks"
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name.endswith(".py") and file.name != "__init__.py":
                yield from _decorated(ast.parse(file.read_text(encoding="utf-8")))


def _decorated(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Find `@check("id", ...)` functions: parsing costs a few milliseconds, importing all of them a hundred."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            match decorator:
                case ast.Call(func=ast.Name(id="check"), args=[ast.Constant(value=str() as name), *_]):
                    yield name, inspect.cleandoc(ast.get_docstring(node) or "")


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
        f"  applies     {'to every service' if control.when == 'True' else 'when ' + control.when}",
        *(f"              {name}: {text}" for name, text in _derived(control)),
        f"  verified by {', '.join((*control.checks, *(['a person’s attestation'] if control.attested else [])))}",
        f"  fresh for   {control.ttl_days} days",
        f"  risk groups {', '.join(control.risk_groups)}",
        f"  references  {', '.join(control.references)}",
        "",
    ]
    for name in control.checks:
        lines += [f"── {name} ──", "", check_pages().get(name, "No check of this name is installed."), ""]
    return "\n".join(lines)


def _derived(control: Control) -> Iterator[tuple[str, str]]:
    """The derived facts that a control's predicate names, in words."""
    facts = catalogue().facts
    return ((name, facts[name].text) for name in sorted(names(control.when)) if name in facts)


def _check(wanted: str) -> Page | None:
    text = check_pages().get(wanted)
    if text is None:
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


def _key(wanted: str) -> Page | None:
    from safecase.service.keys import key_page

    found = key_page(wanted)
    return Page(wanted, "manifest key", found.title, found.text) if found else None
