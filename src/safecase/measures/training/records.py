"""Who has to learn what, and who completed it: from the manifest and from exports of other systems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple, get_args

from safecase.checks import Context
from safecase.errors import CollectError
from safecase.readers import tables
from safecase.readers.text import shown
from safecase.service.schema import Person, Role, TrainingModule
from safecase.vocabulary import Place

MOST_ROWS = 200_000
ROLES = frozenset(get_args(Role))

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "person": ("person", "person_id", "id", "user", "username", "email", "e-mail", "mail", "login"),
    "module": ("module", "module_id", "course", "course_id", "training"),
    "completed": ("completed", "completed_at", "completed_on", "completion_date", "date", "finished"),
    "score": ("score", "result", "grade", "points"),
    "expires": ("expires", "expires_on", "valid_until"),
    "name": ("name", "full_name", "display_name"),
    "email": ("email", "e-mail", "mail"),
    "roles": ("roles", "role"),
    "until": ("until", "left", "end", "end_date"),
}
"""How exports call what we ask for; the first column that is there counts."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII | re.IGNORECASE
)
_NO_DAY = "is no day (YYYY-MM-DD, or with a time as ISO 8601 writes it)"
_NUMBER = re.compile(r"[+-]?(\d{1,12}(\.\d{0,30})?|\.\d{1,30}) ?%?", re.ASCII)


class Fault(NamedTuple):
    """A row of an export that cannot be used, and why."""

    place: Place
    message: str


class Completion(NamedTuple):
    """One module completed by one person."""

    person: str
    """The id of a person who is known."""
    module: str
    completed: date
    score: float | None
    """0 to 1; None where none is recorded, or where it cannot be told what it means."""
    scored: str
    """The score as the export writes it."""
    expires: date | None
    place: Place


class Learners(NamedTuple):
    """The people of today, and what could not be used of the lists of them."""

    people: tuple[Person, ...]
    gone: frozenset[str]
    """Ids and addresses of those whose part has ended: their records are no fault."""
    faults: tuple[Fault, ...]


class Completions(NamedTuple):
    """Everything completed, and what could not be used of the exports."""

    found: tuple[Completion, ...]
    faults: tuple[Fault, ...]


def learners(ctx: Context) -> Learners:
    """Give everyone whose part in the service has not ended, from the manifest and the people's file."""
    block = ctx.manifest.training
    found = {person.id: person for person in block.people}
    faults: list[Fault] = []
    for row, place in _rows(ctx, block.people_file, faults):
        person = _person(row, place, faults)
        if person is not None:
            found.setdefault(person.id, person)
    today = ctx.now.date().isoformat()
    here = tuple(p for p in found.values() if p.until is None or p.until >= today)
    gone = {name.lower() for p in found.values() if p not in here for name in (p.id, p.email) if name}
    return Learners(here, frozenset(gone), tuple(faults))


def completions(ctx: Context, known: Learners) -> Completions:
    """Give what the records say of people and modules that are known; the rest is told, without naming strangers."""
    by_name = {name.lower(): person.id for person in known.people for name in (person.id, person.email) if name}
    modules = {module.id for module in ctx.manifest.training.modules}
    found: list[Completion] = []
    faults: list[Fault] = []
    for file in ctx.manifest.training.records:
        points = any(_is_points(row["score"]) for row, _ in _rows(ctx, file, []))
        for row, place in _rows(ctx, file, faults):
            if row["person"].lower() in known.gone:
                continue
            told = _completion(row, place, by_name, modules, points=points)
            if isinstance(told, Completion):
                found.append(told)
            elif told:
                faults.append(Fault(place, told))
    return Completions(tuple(found), tuple(faults))


def asked_of(person: Person, modules: tuple[TrainingModule, ...]) -> tuple[TrainingModule, ...]:
    """Give the modules that a person must complete: those for everyone, and those for one of their roles."""
    return tuple(m for m in modules if not m.roles or set(m.roles) & set(person.roles))


def counting(module: TrainingModule, done: Completion, today: date) -> bool:
    """Say whether a completion counts on a day: neither ended, nor of the future."""
    if done.expires is not None:
        return done.completed <= today <= done.expires
    return timedelta(0) <= today - done.completed <= timedelta(days=module.valid_days)


def _rows(ctx: Context, file: str, faults: list[Fault]) -> Iterator[tuple[Mapping[str, str], Place]]:
    """Yield the rows of an export with our names for their columns."""
    if not file:
        return
    if not tables.is_table(file):
        raise CollectError(f"{shown(file)} is neither CSV nor JSON lines", mend="export it as .csv or .jsonl")
    for number, row in enumerate(tables.rows(ctx.path(file), file)):
        place = Place(file=file, line=row.line)
        if number >= MOST_ROWS:
            raise CollectError(f"{shown(file)} has more than {MOST_ROWS} rows", mend="export the last two years")
        if row.fault:
            faults.append(Fault(place, row.fault))
            continue
        cells = {name.strip().lower().replace(" ", "_"): cell for name, cell in row.cells.items() if cell}
        named = {ours: next((cells[name] for name in names if name in cells), "") for ours, names in _COLUMNS.items()}
        yield {ours: cell.strip() for ours, cell in named.items()}, place


def _person(row: Mapping[str, str], place: Place, faults: list[Fault]) -> Person | None:
    id_ = row["person"]
    if not re.fullmatch(r"[\w.@+-]{1,100}", id_):
        faults.append(Fault(place, f"{shown(id_, 40) or 'nothing'} is no id of a person"))
        return None
    roles = [word.strip().lower() for word in re.split(r"[;,|/ ]+", row["roles"]) if word.strip()]
    strange = sorted(set(roles) - ROLES)
    if strange:
        faults.append(Fault(place, f"{shown(', '.join(strange), 80)} is no role; one is of {', '.join(sorted(ROLES))}"))
    until = _day(row["until"])
    if row["until"] and until is None:
        faults.append(Fault(place, f"{shown(row['until'], 30)} {_NO_DAY}"))
    return Person(
        id=id_,
        name=row["name"],
        email=row["email"],
        roles=tuple(role for role in get_args(Role) if role in roles),
        until=until.isoformat() if until else None,
    )


def _completion(
    row: Mapping[str, str], place: Place, people: Mapping[str, str], modules: set[str], *, points: bool
) -> Completion | str:
    """Read a row; gives why it is of no use, or "" where it is about somebody or something else."""
    if row["module"] not in modules:
        return "" if row["module"] else "names no module"
    person = people.get(row["person"].lower())
    if person is None:
        return "somebody who is not among the people of the service" if row["person"] else "names nobody"
    completed = _day(row["completed"])
    if completed is None:
        return f"{shown(row['completed'], 30) or 'nothing'} {_NO_DAY}"
    score = _score(row["score"], points=points)
    if row["score"] and score is None and not (points and _is_share(row["score"])):
        return f"{shown(row['score'], 30)} is no score (0 to 1, 0 to 100, or 80%)"
    expires = _day(row["expires"])
    if row["expires"] and expires is None:
        return f"{shown(row['expires'], 30)} {_NO_DAY}"
    return Completion(person, row["module"], completed, score, row["score"], expires, place)


def _day(text: str) -> date | None:
    """Read a day, or the day of a moment as it is written; what only begins like one is none."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text).date() if _MOMENT.fullmatch(text) else None
    except ValueError:
        return None


def _score(text: str, *, points: bool) -> float | None:
    """Read 0.8, 80 and 80% as the same; in a file of points 1 is one of a hundred, and 0.8 could mean either."""
    value = _number(text)
    if value is None or (points and _is_share(text)):
        return None
    value = value / 100 if text.endswith("%") or value > 1 or points else value
    return value if 0 <= value <= 1 else None


def _is_points(text: str) -> bool:
    """Say whether a score shows that its file counts to a hundred."""
    value = _number(text)
    return value is not None and value > 1 and not text.endswith("%")


def _is_share(text: str) -> bool:
    value = _number(text)
    return value is not None and 0 < value < 1 and not text.endswith("%")


def _number(text: str) -> float | None:
    return float(text.removesuffix("%")) if _NUMBER.fullmatch(text) else None
