"""`safecase init`: read a repository, ask what it cannot tell, and write its safecase.yaml."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from safecase.readers.uses import Uses
    from safecase.service.draft import Draft, Source
    from safecase.service.draft_services import Services
    from safecase.service.questions import Question

MOST_QUESTIONS = 12


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing; what is not found is left out.")
@click.option("--force", is_flag=True, help="Write over a safecase.yaml that is there.")
@click.option("--dry-run", is_flag=True, help="Print what would be written.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE", help="Write there; - prints it."
)
@click.option(
    "--service-root", type=click.Path(path_type=Path), metavar="PATH", help="One service only: the folder PATH in DIR."
)
def init(
    folder: Path | None, yes: bool, force: bool, dry_run: bool, output: Path | None, service_root: Path | None
) -> None:
    """Read a repository and write its safecase.yaml; several services in it get one each.

    What is found names its file and line in a comment, a guess says so. On a terminal it asks up to twelve questions:
    those whose answers decide most of what applies.

    \b
    Examples:
      safecase init
      safecase init services/chat --yes
      safecase init --dry-run
      safecase init --service-root services/chat -o -
    """
    from safecase.service.draft import draft

    root = _root(folder, service_root)
    uses, found = _found(root, single=service_root is not None)
    printed = dry_run or str(output) == "-"
    targets = _targets(root, found.sources, output, printed=printed, force=force)
    drafts: list[Draft] = []
    for source in found.sources:
        made = draft(source)
        if not yes and _asks():
            made = _asked(source, made, several=len(found.sources) > 1)
        drafts.append(made)
    if printed:
        _print(targets, drafts)
    else:
        for target, made in zip(targets, drafts, strict=True):
            _write(target, made)
    _tell(uses, found, drafts, targets, printed=printed)


def _root(folder: Path | None, service_root: Path | None) -> Path:
    from safecase.errors import UsageError
    from safecase.readers.text import shown

    root = folder or Path()
    if service_root is not None:
        inside = root / service_root
        if not inside.resolve().is_relative_to(root.resolve()):
            raise UsageError(f"{shown(str(service_root))} lies outside of {root}", mend="give a folder below DIR")
        root = inside
    if not root.is_dir():
        what = "is a file; a folder is wanted" if root.exists() else "is not there"
        raise UsageError(f"{shown(str(root))} {what}", mend="safecase init DIR")
    return root


def _found(root: Path, *, single: bool) -> tuple[Uses, Services]:
    import msgspec

    from safecase.readers.repository import list_files
    from safecase.readers.uses import find, projects
    from safecase.readers.uses.use import Unread
    from safecase.service.draft_services import services

    listing = list_files(root)
    uses = find(root, listing.belonging, weight_files=[entry.path for entry in listing.entries])
    more = [Unread(path=text.partition(": ")[0], why=text.partition(": ")[2]) for text in listing.unreadable]
    if not listing.complete:
        more.append(Unread(path=".", why=f"more than {len(listing.entries)} files: the rest was not looked at"))
    uses = msgspec.structs.replace(uses, unread=(*uses.unread, *more))
    known = projects.find(root, listing.belonging)
    return uses, services(uses, known, root.resolve().name, single=single)


def _targets(root: Path, sources: Sequence[Source], output: Path | None, *, printed: bool, force: bool) -> list[Path]:
    """Say where each manifest goes; refuses one that is there, before anything is asked."""
    from safecase.errors import UsageError

    if output is not None and len(sources) > 1 and str(output) != "-":
        folders = ", ".join(source.project.folder or "." for source in sources)
        raise UsageError(
            f"{len(sources)} services are here ({folders}), and -o names one file", mend="add --service-root PATH"
        )
    if output is not None and not printed:
        targets = [output]
    else:
        targets = [root / source.project.folder / "safecase.yaml" for source in sources]
    if printed or force:
        return targets
    for target in targets:
        there = next((p for p in (target, target.with_suffix(".yml")) if p.exists() or p.is_symlink()), None)
        if there is not None:
            raise UsageError(
                f"{there} is there already", mend="safecase init --dry-run to compare, --force to replace it"
            )
    return targets


def _asks() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(source: Source, made: Draft, *, several: bool) -> Draft:
    """Ask what decides most, one by one: each answer may settle what would have been asked next."""
    from safecase.cli import console
    from safecase.service.draft import draft
    from safecase.service.questions import next_question

    answers: dict[str, Any] = {}  # what YAML can hold, by key
    asked: set[str] = set()
    if several:
        console.say(f"\n{source.project.folder or 'the root'}:")
    counts = _counts(source)
    while len(asked) < MOST_QUESTIONS:
        following = next_question(made.service, counts, asked)
        if following is None:
            break
        question, decides = following
        asked.add(question.key)
        answer = _answer(question, decides, len(asked))
        if answer is not None:
            answers[question.key] = answer
            made = draft(source, answers)
    return made


def _counts(source: Source) -> dict[str, int]:
    used = [use for use in source.uses if use.confidence != "low"]
    return {
        "discovered.model_files": sum(u.kind == "model_artifact" and u.path == u.model for u in used),
        "discovered.kubernetes_files": len([p for p in source.deployments if not p.endswith(".tf")]),
        "discovered.package_files": len({u.path for u in source.uses if u.kind == "package"}),
        "discovered.endpoints": int(any(u.kind == "llm_endpoint" and u.url.startswith("${") for u in used)),
    }


def _answer(question: Question, decides: int, number: int) -> Any:
    from safecase.cli import console

    console.say(f"\n{number}. {question.text}")
    console.say(f"   {question.key}: an answer decides about {decides} controls and threats")
    for index, choice in enumerate(question.choices, start=1):
        console.say(f"   {index:>2} {choice.words}")
    more = ", several with commas" if question.several else ""
    for _ in range(3):
        said = click.prompt(f"   number{more}, or Enter: don't know", default="", show_default=False, err=True)
        picked = [part.strip() for part in str(said).split(",") if part.strip()]
        if not picked:
            return None
        numbers = [int(part) for part in picked if part.isdecimal() and len(part) < 4]
        good = len(numbers) == len(picked) and all(1 <= n <= len(question.choices) for n in numbers)
        if good and (question.several or len(numbers) == 1):
            return _value(question, numbers)
        console.say(f"   a number from 1 to {len(question.choices)} is wanted")
    return None


def _value(question: Question, numbers: Sequence[int]) -> Any:
    values = [question.choices[n - 1].value for n in dict.fromkeys(numbers)]
    if not question.several:
        return values[0]
    if () in values:
        return ()
    return ("none",) if "none" in values and question.key == "ai.kind" else tuple(values)


def _print(targets: Sequence[Path], drafts: Sequence[Draft]) -> None:
    from safecase.cli import console

    for index, (target, made) in enumerate(zip(targets, drafts, strict=True)):
        if len(drafts) > 1:
            console.result(f"{'---' if index else ''}{chr(10) if index else ''}# {target}\n")
        console.result(made.text)


def _write(target: Path, made: Draft) -> None:
    """Write a manifest, and beside it the schema that editors read."""
    import json

    from safecase.cli.output import write
    from safecase.errors import UsageError
    from safecase.readers import regular_files
    from safecase.service.draft import SCHEMA
    from safecase.service.schema import schema

    if not target.parent.is_dir():
        raise UsageError(f"{target.parent} is no folder", mend=f"mkdir -p {target.parent}")
    beside = target.parent / SCHEMA
    link = regular_files.link_in(beside, target.parent)
    if link is not None:
        raise UsageError(f"{link} is a link to another place", mend=f"delete {link}")
    try:
        beside.parent.mkdir(exist_ok=True)
    except OSError as why:
        raise UsageError(f"{beside.parent} cannot be made: {why.strerror}", mend="choose another file with -o") from why
    write(target, made.text.encode())
    write(beside, (json.dumps(schema(), indent=1) + "\n").encode())


def _tell(uses: Uses, found: Services, drafts: Sequence[Draft], targets: Sequence[Path], *, printed: bool) -> None:
    """Say what was found, what was written, what was not read, and what to type next."""
    from safecase.cli import console, init_told

    text = init_told.summary(uses, found, drafts, targets, printed=printed)
    if printed:
        console.say(text.rstrip("\n"))
    else:
        console.result(text)
