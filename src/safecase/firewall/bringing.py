"""Bring the bytes of one file: room for them, quarantine, verification, the scan, and then the store or nothing."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from safecase.firewall import policy as policies
from safecase.firewall.audit import Event, Log
from safecase.firewall.fetching import Fetched, fetch
from safecase.firewall.policy import Policy
from safecase.firewall.refusals import Refusal, by_policy
from safecase.firewall.store import Record, State, Store, cell
from safecase.firewall.upstream import Facts, Upstream
from safecase.firewall.verdicts import Decision, Judged, decide
from safecase.firewall.workers import Workers

MOST_FETCHES: Final = 8
"""At once; others wait."""


class Bringer:
    """Fetches, has scanned, and puts into the store what may be given."""

    def __init__(
        self, store: Store, upstream: Upstream, workers: Workers, policy: Policy, log: Log, *, hub: str, rules: str
    ) -> None:
        self.rules = rules
        self._store = store
        self._upstream = upstream
        self._workers = workers
        self._policy = policy
        self._log = log
        self._hub = hub
        self._places = asyncio.Semaphore(MOST_FETCHES)
        self._coming = 0

    async def bring(self, record: Record, progress: Fetched) -> tuple[Record, Judged]:
        """Have a file fetched and judged, or judged again where its bytes are here; raises `Refusal`."""
        if self._store.has(record.sha256) and await self._intact(record.sha256):
            judged = await self.judge_again(record.sha256, record.wanted.file)
            return self._settled(record, judged), judged
        if record.size > self._policy.max_bytes:
            reason = f"{record.wanted.file} has {record.size} bytes; the policy lets {self._policy.max_bytes} through"
            raise by_policy(self._policy.told(reason))
        async with self._places:
            self._store.make_room(record.size + self._coming)
            self._coming += record.size
            try:
                return await self._fetched(record, progress)
            finally:
                self._coming -= record.size

    async def _fetched(self, record: Record, progress: Fetched) -> tuple[Record, Judged]:
        wanted = record.wanted
        facts = Facts(commit=wanted.revision, digest=record.digest, size=record.size)
        with cell(self._store, wanted.file) as (folder, path):
            sha256 = await fetch(self._upstream, wanted.path(), facts, path, progress, hub=self._hub)
            record = msgspec.structs.replace(record, sha256=sha256, state="fetched")
            self._store.note(record)
            self._tell("fetched", record)
            judged = await self._judged(folder, wanted.file, sha256)
            record = self._settled(record, judged)
            if record.state == "approved":
                await asyncio.to_thread(_sync, path)
                self._store.admit(path, sha256, record.size)
            return record, judged

    async def judge_again(self, sha256: str, file: str) -> Judged:
        """Judge bytes that are in the store, under a name; what is not there any more raises `Refusal`."""
        with cell(self._store, file) as (folder, path):
            os.link(self._store.path(sha256), path)
            return await self._judged(folder, file, sha256)

    async def _intact(self, sha256: str) -> bool:
        """Bytes that changed on the disk are not those that were verified: they go."""
        try:
            found = await asyncio.to_thread(_sha256, self._store.path(sha256))
        except OSError:
            found = ""
        if found != sha256:
            self._store.drop(sha256)
        return found == sha256

    async def rescan(self) -> int:
        """Judge again whatever older rules judged, and tell what came of it; give how many there were."""
        outdated = self._store.outdated(self.rules)
        for sha256, file in outdated:
            if not await self._intact(sha256):
                continue
            try:
                judged = await self.judge_again(sha256, file)
            except Refusal:
                self._store.drop(sha256)
                continue
            decision = self.decision(judged, sha256, file)
            if decision.action == "refuse":
                self._store.refuse(sha256, file, decision.reason)
            self._log.tell(
                Event(
                    event="rescanned",
                    file=file,
                    sha256=sha256,
                    verdict=judged.verdict,
                    findings=judged.findings,
                    action=decision.action,
                    reason=decision.reason,
                )
            )
        return len(outdated)

    def decision(self, judged: Judged, sha256: str, file: str) -> Decision:
        """Decide by today's policy."""
        return decide(judged, sha256, file, self._policy, policies.today())

    async def _judged(self, folder: Path, file: str, sha256: str) -> Judged:
        judged = await self._workers.judge(folder, file)
        self._store.judge(sha256, file, judged, self.rules)
        return judged

    def _settled(self, record: Record, judged: Judged) -> Record:
        decision = self.decision(judged, record.sha256, record.wanted.file)
        state: State = "approved" if decision.action == "serve" else "refused"
        record = msgspec.structs.replace(record, state=state, reason=decision.reason)
        self._store.note(record)
        self._tell("scanned", record, judged, decision)
        return record

    def _tell(self, event: str, record: Record, judged: Judged | None = None, decision: Decision | None = None) -> None:
        wanted = record.wanted
        self._log.tell(
            Event(
                event=event,
                repo=str(wanted.repo),
                commit=wanted.revision,
                file=wanted.file,
                sha256=record.sha256,
                bytes=record.size,
                verdict=judged.verdict if judged else "",
                findings=judged.findings if judged else (),
                action=decision.action if decision else "",
                reason=decision.reason if decision else "",
                accepted_by=tuple(a.by for a in decision.accepted) if decision else (),
            )
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """What is called verified must be on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
