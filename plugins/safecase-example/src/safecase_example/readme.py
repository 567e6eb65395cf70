"""`example.readme`: the repository's README names the owner of the service."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place
from safecase_example.placeholders import placeholders

NAMES = ("README.md", "README.rst", "README.txt", "README")
MOST_BYTES = 1_000_000


@check("example.readme", control="RC-22", severity="low", reads=("service.owner",))
def owner_in_readme(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """The README names the owner of the service, and nothing in it waits to be filled in.

    ## Why it matters
    Whoever finds the service at night finds its repository first, and its manifest perhaps never.

    ## How it is checked
    The README at the top of the repository holds `service.owner`, letter for letter, and no placeholder (`TBD`,
    `<your name>`). Whether its other sentences are true is not judged.

    ## How to mend it
    Write who answers for the service into the README, as safecase.yaml says it.

    ## References
    The control's own.
    """
    owner = ctx.manifest.service.owner
    name = next((name for name in NAMES if name in repository.files), None)
    if name is None:
        mend = f"write a README.md that names {owner or 'the owner'}"
        yield owner_in_readme.failed(repository, "there is no README at the top", rule="example.readme.none", mend=mend)
        return
    if not owner:
        mend = "say who answers for it: service.owner in safecase.yaml"
        yield owner_in_readme.unknown(repository, "no owner is declared to look for", mend=mend)
        return
    text = _text(ctx, name)
    if owner in text:
        yield owner_in_readme.passed(repository, f"{name} names the owner", rule="example.readme.owner")
    else:
        yield owner_in_readme.failed(
            repository,
            f"{name} does not name the owner, {owner}",
            rule="example.readme.owner",
            place=Place(file=name),
            mend=f"name {owner} in {name}",
        )
    for span in placeholders(text).spans:
        line = text.count("\n", 0, span.start) + 1
        yield owner_in_readme.failed(
            repository,
            f"{name} holds {span.label}: {text[span.start : span.end]!r}",
            rule="example.readme.placeholder",
            key=text[span.start : span.end].lower(),
            place=Place(file=name, line=line),
            mend="fill it in",
        )


def _text(ctx: Context, name: str) -> str:
    try:
        with ctx.path(name).open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError as why:
        raise CollectError(f"{name} cannot be read: {why.strerror}", mend="give the right to read it") from why
