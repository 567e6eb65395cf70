"""What the hub says of a whole repository at a commit: which files it has, under which licence it is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

from safecase.firewall.names import Repo, WantedAnswer, WantedFile
from safecase.firewall.refusals import Refusal, upstream_failed
from safecase.firewall.store import Store
from safecase.firewall.upstream import Told, Upstream
from safecase.readers.artifacts import formats
from safecase.vocabulary import Noun

MOST_KEPT: Final = 500
_WEIGHTS: Final = formats.OPENED - {".safetensors"}


class About(Noun, frozen=True):
    """A repository at a commit, as the hub tells it."""

    commit: str
    files: frozenset[str] = frozenset()
    licences: tuple[str, ...] = ()
    """What it claims, in lower case."""


class Repositories:
    """Asks the hub once for each commit, and remembers."""

    def __init__(self, store: Store, upstream: Upstream) -> None:
        self._store = store
        self._upstream = upstream
        self._kept: dict[tuple[Repo, str], About] = {}

    async def about(self, repo: Repo, commit: str) -> About:
        """Give what the hub says of a commit; raises `Refusal`."""
        if (repo, commit) not in self._kept:
            question = WantedAnswer(repo=repo, what="info", revision=commit).path()
            told = self._store.told(question)
            if told is None:
                told = await self._upstream.ask(question)
                self._store.keep_told(question, told)
            while len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[repo, commit] = read_about(told)
        return self._kept[repo, commit]

    async def safe_beside(self, wanted: WantedFile, commit: str) -> bool:
        """Say whether safetensors lie in the same folder, which a loader takes where this file is not there."""
        try:
            files = (await self.about(wanted.repo, commit)).files
        except Refusal:
            return False
        return wanted.file in replaceable(files)


def replaceable(files: Iterable[str]) -> frozenset[str]:
    """Give those weights that a loader does without, as there are safetensors in the same folder."""
    named = tuple(files)
    safe = {_folder(f) for f in named if f.endswith((".safetensors", ".safetensors.index.json"))}
    return frozenset(f for f in named if _folder(f) in safe and PurePosixPath(f).suffix.lower() in _WEIGHTS)


def _folder(file: str) -> str:
    return file.rpartition("/")[0]


def read_about(told: Told) -> About:
    """Read what the hub says of a repository; raises `Refusal` where it is no such answer."""
    try:
        value = msgspec.json.decode(told.body)
    except (msgspec.DecodeError, RecursionError) as why:
        raise upstream_failed("the hub tells of the repository in something that is no JSON") from why
    if not isinstance(value, dict) or not isinstance(value.get("sha"), str):
        raise upstream_failed("the hub does not say of which commit it tells")
    siblings = value.get("siblings")
    files = (f.get("rfilename") for f in siblings if isinstance(f, dict)) if isinstance(siblings, list) else ()
    return About(
        commit=value["sha"], files=frozenset(f for f in files if isinstance(f, str)), licences=_licences(value)
    )


def _licences(value: dict[str, Any]) -> tuple[str, ...]:  # what JSON can hold
    card = value.get("cardData")
    said = card.get("license") if isinstance(card, dict) else None
    named = said if isinstance(said, list) else [said]
    tags = value.get("tags")
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, str) and tag.startswith("license:"):
            named.append(tag.partition(":")[2])
    return tuple(dict.fromkeys(name.lower() for name in named if isinstance(name, str)))
