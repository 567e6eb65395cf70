"""The models and data sets of a service, from the uses that name them, train them or are their files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from safecase.readers.uses import known
from safecase.readers.uses.use import Use
from safecase.service.draft_parts import at
from safecase.service.drafted import Block, Said, block, bounded, unique

_ORIGINS = {"provider": "provider", "hub": "hub", "own": "own", "third_party": "vendor"}
_FORMATS = {"pytorch_zip": "pytorch", "pytorch_legacy": "pytorch", "pytorch_tar": "pytorch", "hdf5": "h5"}


def models(uses: Sequence[Use], notes: list[str]) -> list[Block]:
    """Give a block for each model: by name, by its file, and those that are only fetched or trained."""
    taken: set[str] = set()
    made: list[Block] = []
    tuned = next((u for u in uses if u.kind == "training_run" and u.effect == "finetuned"), None)
    named = _named(uses)
    for use in named:
        made.append(_of_name(use, unique(_short(use.model), taken), tuned))
        tuned = None if use.hosting == "self_hosted" else tuned
    files = [u for u in uses if u.kind == "model_artifact" and u.model == u.path]
    trains = next((u for u in uses if u.kind == "training_run" and u.effect != "finetuned"), None)
    for path, group in _grouped(files):
        made.append(_of_files(path, group, unique(posixpath.splitext(posixpath.basename(path))[0], taken), trains))
    here = {posixpath.basename(u.path) for u in files}
    for use in _fetched(uses, here):
        made.append(
            block(
                id=Said(value=unique(posixpath.splitext(posixpath.basename(use.model))[0], taken), place=at(use)),
                origin=Said(value="own", guess="loaded from a file that is not in the repository"),
                training=_trained(trains),
            )
        )
    made += _unnamed(uses, named, taken)
    if trains is not None and not made:
        made.append(
            block(
                id=Said(value=unique(f"{trains.name}-model", taken), place=at(trains)),
                origin=Said(value="own", guess="it is trained here"),
                training=_trained(trains),
            )
        )
    return bounded(made, notes, "models")


def same(name: str) -> str:
    """Give what two ways of writing one model's name have in common: `openai/GPT-4o` and `gpt-4o`."""
    name = name.removeprefix("hf:")
    head, sign, rest = name.partition("/")
    if not sign:
        head, sign, rest = name.partition(":")
    if sign and rest and head in known.known().models.prefixes:
        return same(rest)
    return name.lower()


def _named(uses: Iterable[Use]) -> list[Use]:
    """The surest use of each model name: one with a revision, then one in a call, then the first."""
    best: dict[str, Use] = {}
    for use in sorted(uses, key=lambda u: (not u.revision, not u.makes, u.confidence != "high", u.path, u.line)):
        if use.kind == "model" and use.model:
            best.setdefault(same(use.model), use)
    return sorted(best.values(), key=lambda u: (not u.makes, u.path, u.line))


def _short(name: str) -> str:
    head, _, last = name.rstrip("/").rpartition("/")
    if "://" in name:
        return posixpath.splitext(last)[0]
    return last if last and head else name


def _of_name(use: Use, name: str, tuned: Use | None) -> Block:
    hub = use.origin == "hub"
    source = f"hf:{use.model}" if hub and re.fullmatch(r"[\w.-]+/[\w.-]+", use.model) else use.model
    fetched = "" if use.name != "fetched" else "fetched from there"
    finetuned = tuned if hub and use.hosting == "self_hosted" else None
    return block(
        id=Said(value=name, place=at(use)),
        origin=Said(value=_ORIGINS[use.origin], guess=fetched) if use.origin in _ORIGINS else None,
        source=Said(value=source),
        revision=Said(value=use.revision) if use.revision else None,
        pinned=Said(value=use.pinned) if use.pinned is not None else None,
        training=Said(value="finetuned", place=at(finetuned), guess=f"from {finetuned.name}")
        if finetuned
        else Said(value="none", guess="used as the provider serves it")
        if use.origin == "provider"
        else None,
    )


def _trained(run: Use | None) -> Said | None:
    if run is None:
        return None
    return Said(value=run.effect or "own", place=at(run), guess=f"from a call of {run.name} that trains")


def _of_files(path: str, group: Sequence[Use], name: str, trains: Use | None) -> Block:
    first = group[0]
    trained = _trained(trains)
    return block(
        id=Said(value=name, place=f"{first.path}:1"),
        origin=Said(value="own", guess="its file lies here"),
        format=Said(value=_FORMATS.get(first.name, first.name)) if first.name not in ("unknown", "") else None,
        file=Said(value=path),
        training=trained,
    )


def _grouped(files: Sequence[Use]) -> list[tuple[str, list[Use]]]:
    """One block a file; more than three of one kind in a folder are the parts of one model."""
    folders: dict[tuple[str, str], list[Use]] = {}
    for use in files:
        folders.setdefault((posixpath.dirname(use.path), use.name), []).append(use)
    made: list[tuple[str, list[Use]]] = []
    for (folder, _), group in folders.items():
        made += [(folder, group)] if folder and len(group) > 3 else [(use.path, [use]) for use in group]
    return made


def _fetched(uses: Iterable[Use], here: set[str]) -> list[Use]:
    """Files that code loads and that are not in the repository."""
    found: dict[str, Use] = {}
    for use in uses:
        loaded = use.kind == "model_artifact" and use.model != use.path and use.hosting
        if loaded and posixpath.basename(use.model.replace("\\", "/")) not in here:
            found.setdefault(use.model, use)
    return list(found.values())


def _unnamed(uses: Sequence[Use], named: Sequence[Use], taken: set[str]) -> list[Block]:
    """Providers whose client is used while no model of theirs is named: the name comes from a setting."""
    known_here = {u.provider for u in named}
    made: list[Block] = []
    for use in uses:
        if use.kind in ("llm_client", "llm_endpoint") and use.provider and use.provider not in known_here:
            known_here.add(use.provider)
            made.append(
                block(
                    id=Said(value=unique(use.provider, taken), place=at(use)),
                    origin=Said(value="provider", guess="its client is used; no model is named in the code"),
                    training=Said(value="none"),
                )
            )
    return made


def datasets(uses: Sequence[Use], notes: list[str]) -> list[Block]:
    """Give a block for each data set that code fetches or reads."""
    taken: set[str] = set()
    seen: dict[str, Use] = {}
    for use in uses:
        if use.kind == "dataset":
            seen.setdefault(use.name, use)
    made = [
        block(
            id=Said(
                value=unique(posixpath.splitext(posixpath.basename(name))[0] if use.model else name, taken),
                place=at(use),
            ),
            origin=Said(value=use.origin or "own", guess="its file lies here" if use.model else ""),
            file=Said(value=use.model) if use.model else None,
        )
        for name, use in seen.items()
    ]
    return bounded(made, notes, "data sets")
