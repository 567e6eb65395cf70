"""Judge the small files of a commit together: configurations name code, and neither shows alone what it does.

All of them are fetched, each the ordinary way, before the first of them is given. What is found is about one file of
them, and counts for that file like a finding of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from safecase.firewall.audit import Event, Log
from safecase.firewall.names import Repo, WantedFile, is_file_name
from safecase.firewall.refusals import Refusal
from safecase.firewall.repositories import Repositories
from safecase.firewall.store import Record, Store, cell
from safecase.firewall.verdicts import Judged, Seen
from safecase.firewall.workers import Workers

MOST_FETCHED: Final = 300
MOST_NAMED: Final = 5_000
MOST_SIZE: Final = 1_000_000
AT_ONCE: Final = 4
_TELLING: Final = frozenset({".json", ".py", ".yaml", ".yml", ".txt", ".jinja", ".toml", ".cfg", ".pth", ".md", ""})
_NATIVE: Final = frozenset({".so", ".pyd", ".dll", ".dylib", ".exe"})

Brought = Callable[[WantedFile, int], Awaitable[Record | None]]
"""Gives a file of at most some bytes whose bytes are in the store; None where it is refused or larger."""


def concerns(file: str) -> bool:
    """Say whether a file is one of those on which the others may have a bearing."""
    return PurePosixPath(file).suffix.lower() in _TELLING | _NATIVE


class Together:
    """Verdicts on commits."""

    def __init__(self, store: Store, workers: Workers, repositories: Repositories, log: Log, rules: str) -> None:
        self._store = store
        self._workers = workers
        self._repositories = repositories
        self._log = log
        self._rules = rules

    def findings(self, wanted: WantedFile) -> tuple[Seen, ...] | None:
        """Give what is known of a file by those beside it; None where they were not judged by today's rules."""
        stored = self._store.verdict(_key(wanted.repo, wanted.revision), "")
        if stored is None or stored.rules != self._rules:
            return None
        return tuple(f for f in stored.judged.findings if f.member == wanted.file)

    async def judge(self, repo: Repo, commit: str, bring: Brought) -> None:
        """Fetch the small files of a commit and judge them; raises `Refusal` where the hub fails."""
        about = await self._repositories.about(repo, commit)
        files = sorted(f for f in about.files if is_file_name(f))[:MOST_NAMED]
        telling = [f for f in files if PurePosixPath(f).suffix.lower() in _TELLING][:MOST_FETCHED]
        places = asyncio.Semaphore(AT_ONCE)

        async def brought(file: str) -> Record | None:
            async with places:
                return await bring(WantedFile(repo=repo, revision=commit, file=file), MOST_SIZE)

        records = await asyncio.gather(*(brought(file) for file in telling))
        digests = {r.wanted.file: r.sha256 for r in records if r is not None}
        with cell(self._store, "commit") as (_, folder):
            judged = await self._judged(folder, files, digests)
        self._store.judge(_key(repo, commit), "", judged, self._rules)
        self._log.tell(
            Event(
                event="judged_together",
                repo=str(repo),
                commit=commit,
                verdict=judged.verdict,
                findings=judged.findings,
            )
        )

    async def _judged(self, folder: Path, files: Iterable[str], digests: Mapping[str, str]) -> Judged:
        await asyncio.to_thread(self._lay_all, folder, files, digests)
        judged = await self._workers.judge(folder, "", together=True)
        if judged.verdict == "error" and any(f.rule.startswith("scan.") for f in judged.findings):
            raise Refusal(503, "", "safecase firewall: the files of the commit could not be judged", action="upstream")
        return judged

    def _lay_all(self, folder: Path, files: Iterable[str], digests: Mapping[str, str]) -> None:
        folder.mkdir()
        for file in files:
            self._lay(folder / file, digests.get(file, ""))

    def _lay(self, path: Path, sha256: str) -> None:
        """Put a file there, or only its name: what it holds is judged by itself."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if sha256:
                os.link(self._store.path(sha256), path)
            else:
                path.touch(exist_ok=False)
        except OSError:
            return  # a name that no file system has beside the others cannot be downloaded with them either


def _key(repo: Repo, commit: str) -> str:
    return f"{repo}@{commit}"


async def settled(bring: Awaitable[Record]) -> Record | None:
    """Give a record, or None where policy or verdict refuse it; raises `Refusal` where the hub fails."""
    try:
        return await bring
    except Refusal as why:
        if why.action in ("refuse", "hide", "absent"):
            return None
        raise
