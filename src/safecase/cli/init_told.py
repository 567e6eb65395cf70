"""What `safecase init` says at its end, within 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from safecase.readers.text import shown
from safecase.readers.uses import KINDS, Uses
from safecase.readers.uses.use import Use
from safecase.service.draft import Draft
from safecase.service.draft_services import Services

MOST_NAMED = 5
_KINDS = (
    ("llm_client", "providers"),
    ("model", "models"),
    ("model_artifact", "model files"),
    ("model_server", "model servers"),
    ("llm_endpoint", "addresses"),
    ("agent", "agents"),
    ("tool", "tools"),
    ("mcp_server", "MCP servers"),
    ("vector_store", "vector stores"),
    ("memory", "memory"),
    ("training_run", "training"),
    ("dataset", "data sets"),
    ("env_var", "variables"),
    ("package", "libraries"),
)


def summary(uses: Uses, found: Services, drafts: Sequence[Draft], targets: Sequence[Path], *, printed: bool) -> str:
    """Give the table and the next command."""
    return "\n".join([*_lines(uses, found, drafts, targets, printed=printed), ""])


def _lines(
    uses: Uses, found: Services, drafts: Sequence[Draft], targets: Sequence[Path], *, printed: bool
) -> Iterator[str]:
    counted = [use for use in uses.uses if use.kind in KINDS]
    running = [use for use in counted if use.confidence != "low"]
    aside = len(counted) - len(running)
    yield f"{uses.looked} files read, {len(running)} uses of AI found" + (
        f" ({aside} more in tests, examples and documents)" if aside else ""
    )
    for kind, words in _KINDS:
        names = _names([use for use in uses.uses if use.kind == kind and use.confidence != "low"])
        if names:
            yield _row(words, names)
    for one in uses.unread[:MOST_NAMED]:
        yield from _wrapped(f"could not be read: {shown(one.path, 200)}: {shown(one.why, 200)}")
    if len(uses.unread) > MOST_NAMED:
        yield f"could not be read: {len(uses.unread) - MOST_NAMED} more files"
    for use in found.shared[:MOST_NAMED]:
        yield from _wrapped(f"in no service's folder: {shown(use.path, 100)}:{use.line} {use.kind} {shown(use.name)}")
    if len(found.shared) > MOST_NAMED:
        yield f"in no service's folder: {len(found.shared) - MOST_NAMED} more"
    for made in drafts:
        for note in made.notes[: MOST_NAMED * 2]:
            yield from _wrapped(f"note: {shown(note, 300)}")
    yield ""
    if len(targets) > 1:
        yield f"{len(targets)} services have packages and AI of their own:"
    for target, made in zip(targets, drafts, strict=True):
        filled = len(made.service.facts) - 1
        yield f"{'would write' if printed else 'wrote'} {shown(str(target), 200)} ({filled} values)"
    first = targets[0].parent if targets[0].name == "safecase.yaml" else targets[0]
    where = "" if first == Path() else f" {shown(str(first), 200)}"
    yield f"next: read it, then safecase assess{where}"


def _names(uses: Sequence[Use]) -> list[str]:
    return list(dict.fromkeys(use.model if use.kind in ("model", "model_artifact") else use.name for use in uses))


def _row(words: str, names: Sequence[str]) -> str:
    """Give `words  count  names…`, cut at a whole name."""
    head = f"  {words:<14}{len(names):>4}  "
    room = 80 - len(head)
    kept: list[str] = []
    for name in (shown(n, 40) for n in names):
        if len(", ".join([*kept, name])) > room - 3:
            break
        kept.append(name)
    return head + ", ".join(kept) + (" …" if len(kept) < len(names) else "")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 80, subsequent_indent="  ", break_on_hyphens=False)
