"""The way of one request: is it permitted, of which commit is it, is there a verdict, and then bytes or a reason.

Everything that costs is done once however many ask for it, and goes on when a client goes away.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from safecase.firewall.audit import Event, Log
from safecase.firewall.bringing import Bringer
from safecase.firewall.fetching import Fetched
from safecase.firewall.flights import Flights
from safecase.firewall.names import Repo, WantedFile, is_commit
from safecase.firewall.policy import Policy
from safecase.firewall.refusals import Refusal, by_policy, hidden, not_yet
from safecase.firewall.repositories import Repositories
from safecase.firewall.store import Record, Store
from safecase.firewall.together import Together, concerns, settled
from safecase.firewall.upstream import Upstream
from safecase.firewall.verdicts import Decision, Judged
from safecase.readers.artifacts.report import worst_of
from safecase.readers.text import shown
from safecase.vocabulary import Noun

PIN_SECONDS: Final = 60.0
"""How long a revision that may move is taken to be what it was."""

BROKE: Final = frozenset({"scan.died", "scan.time"})
BROKE_SECONDS: Final = 600.0


class Approved(Noun, frozen=True):
    """A file that may be given, and why."""

    record: Record
    judged: Judged
    decision: Decision


class Desk:
    """Decides on requests; what it gives was fetched, verified and scanned."""

    def __init__(
        self,
        store: Store,
        upstream: Upstream,
        bringer: Bringer,
        repositories: Repositories,
        together: Together,
        policy: Policy,
        log: Log,
        *,
        pin_seconds: float = PIN_SECONDS,
    ) -> None:
        self.policy = policy
        self._pin_seconds = pin_seconds
        self.repositories = repositories
        self._store = store
        self._upstream = upstream
        self._bringer = bringer
        self._log = log
        self._facts: Flights[Record] = Flights()
        self._bytes: Flights[tuple[Record, Judged]] = Flights()
        self._commits: Flights[None] = Flights()
        self._together = together
        self._progress: dict[tuple[str, str], Fetched] = {}

    async def record(self, wanted: WantedFile) -> Record:
        """Give what is known of a file: its commit, and what its bytes must be; raises `Refusal`."""
        self.policy.permits(wanted.repo)
        revision = self.policy.revision(wanted.repo, wanted.revision)
        wanted = WantedFile(repo=wanted.repo, revision=revision, file=wanted.file)
        commit = self.known_commit(wanted.repo, revision)
        known = self._store.file(wanted.repo, commit, wanted.file) if commit else None
        if known is None:
            known = await self._facts.join(wanted, lambda: self._asked(wanted, commit))
        if reason := self.policy.refuses_file(wanted):
            raise await self._refusal(known.wanted, reason)
        await self._licensed(known.wanted)
        return known

    async def known(self, record: Record) -> Approved | None:
        """Give a file on which there is a verdict by today's rules; None where there is none, raises `Refusal`."""
        judged = self._verdict(record)
        return await self._decided(record, judged) if judged is not None else None

    async def given(self, record: Record, *, patience: float) -> Approved:
        """Give a file whose bytes are here, after whatever that takes; `not_yet` when it takes longer than that."""
        if concerns(record.wanted.file) and self._together.findings(record.wanted) is None:
            await self._judge_together(record.wanted, patience)
        known = await self.known(record)
        if known is None or not self._store.has(record.sha256):
            record, judged = await self._brought(record, patience)
            known = await self._decided(record, judged)
            if not self._store.has(record.sha256):
                raise not_yet("it was dropped to make room; ask again")
        if record.state != "approved":  # the same bytes were approved in another repository
            self._store.note(msgspec.structs.replace(record, state="approved"))
        self._store.used(record.sha256)
        return known

    def is_refused(self, record: Record) -> bool:
        """Say whether a verdict by today's rules refuses a file."""
        judged = self._verdict(record)
        if judged is None:
            return False
        judged = self._with_others(record, judged)
        return self._bringer.decision(judged, record.sha256, record.wanted.file).action == "refuse"

    def known_commit(self, repo: Repo, revision: str, *, seconds: float | None = None) -> str:
        """Give the commit of a revision, where it was asked within some seconds; empty otherwise."""
        seconds = self._pin_seconds if seconds is None else seconds
        if is_commit(revision):
            return revision
        known = self._store.commit(repo, revision)
        return known[0] if known is not None and time.time() - known[1] <= seconds else ""

    def _verdict(self, record: Record) -> Judged | None:
        """Give what today's rules said; that a scanner died or took too long holds for some minutes only."""
        stored = self._store.verdict(record.sha256, record.wanted.file) if record.sha256 else None
        if stored is None or stored.rules != self._bringer.rules:
            return None
        broke = any(f.rule in BROKE for f in stored.judged.findings)
        return None if broke and time.time() - stored.at > BROKE_SECONDS else stored.judged

    async def commit(self, repo: Repo, revision: str, ask: Callable[[], Awaitable[str]]) -> str:
        """Give the commit of a revision, asked where it is not known freshly; the last one where nobody answers."""
        if known := self.known_commit(repo, revision):
            return known
        try:
            found = await ask()
        except Refusal as why:
            earlier = self.known_commit(repo, revision, seconds=float("inf"))
            if why.action == "upstream" and earlier:
                return earlier
            raise
        self._pin(repo, revision, found)
        return found

    async def close(self) -> None:
        """End what is under way."""
        await self._commits.close()
        await self._facts.close()
        await self._bytes.close()

    def _pin(self, repo: Repo, revision: str, commit: str) -> None:
        if is_commit(revision):
            return
        earlier = self._store.commit(repo, revision)
        if earlier is not None and earlier[0] != commit:
            reason = f"it was {earlier[0]}"
            self._log.tell(Event(event="moved", repo=str(repo), revision=revision, commit=commit, reason=reason))
        self._store.pin(repo, revision, commit)

    async def _asked(self, wanted: WantedFile, commit: str) -> Record:
        try:
            facts = await self._upstream.facts(wanted.path(commit))
        except Refusal as why:
            earlier = self.known_commit(wanted.repo, wanted.revision, seconds=float("inf"))
            known = self._store.file(wanted.repo, earlier, wanted.file) if why.action == "upstream" else None
            if known is None:
                raise
            return known
        if commit and facts.commit != commit:
            raise by_policy(self.policy.told(f"the hub gives commit {facts.commit} where {commit} was asked for"))
        self._pin(wanted.repo, wanted.revision, facts.commit)
        known = self._store.file(wanted.repo, facts.commit, wanted.file)
        if known is None:
            known = Record(
                wanted=WantedFile(repo=wanted.repo, revision=facts.commit, file=wanted.file),
                digest=facts.digest,
                size=facts.size,
                sha256=self._store.sha256_of(facts.digest),
            )
            self._store.note(known)
        return known

    async def _brought(self, record: Record, patience: float | None) -> tuple[Record, Judged]:
        key = (record.digest, record.wanted.file)
        progress = self._progress.setdefault(key, Fetched(record.size))
        try:
            brought, judged = await self._bytes.join(
                key, lambda: self._bringer.bring(record, progress), patience=patience
            )
        except TimeoutError as why:
            raise not_yet(f"{shown(record.wanted.file)} is on its way, {progress}; ask again") from why
        except BaseException:
            self._progress.pop(key, None)
            raise
        self._progress.pop(key, None)
        if brought.wanted != record.wanted:  # the same bytes were brought for another repository
            record = Record(
                wanted=record.wanted, digest=record.digest, size=record.size, sha256=brought.sha256,
                state=brought.state, reason=brought.reason,
            )  # fmt: skip
            self._store.note(record)
            return record, judged
        return brought, judged

    def _with_others(self, record: Record, judged: Judged) -> Judged:
        """Add what the files beside it say of a file."""
        beside = self._together.findings(record.wanted) if concerns(record.wanted.file) else None
        if not beside:
            return judged
        findings = (*judged.findings, *(f for f in beside if f not in judged.findings))
        return Judged(format=judged.format, verdict=worst_of(f.says for f in findings), findings=findings)

    async def _judge_together(self, wanted: WantedFile, patience: float) -> None:
        async def bring(file: WantedFile, most: int) -> Record | None:
            return await settled(self._small(file, most))

        repo, commit = wanted.repo, wanted.revision
        try:
            await self._commits.join(
                (repo, commit), lambda: self._together.judge(repo, commit, bring), patience=patience
            )
        except TimeoutError as why:
            raise not_yet("the files of the commit are being judged together; ask again") from why

    async def _small(self, wanted: WantedFile, most: int) -> Record:
        record = await self.record(wanted)
        if record.size > most:
            raise by_policy("it is too large to be judged with others")
        if not self._store.has(record.sha256):
            record, _ = await self._brought(record, None)
        if not self._store.has(record.sha256):
            raise by_policy("it is refused by itself")
        return record

    async def _decided(self, record: Record, judged: Judged) -> Approved:
        judged = self._with_others(record, judged)
        decision = self._bringer.decision(judged, record.sha256, record.wanted.file)
        if decision.action == "refuse":
            raise await self._refusal(record.wanted, decision.reason)
        return Approved(record=record, judged=judged, decision=decision)

    async def _licensed(self, wanted: WantedFile) -> None:
        if not self.policy.licences:
            return
        claimed = (await self.repositories.about(wanted.repo, wanted.revision)).licences
        if not claimed or any(name not in self.policy.licences for name in claimed):
            said = f"claims the licence {shown(', '.join(claimed))}" if claimed else "claims no licence"
            raise by_policy(self.policy.told(f"{wanted.repo} {said}; wanted: {', '.join(self.policy.licences)}"))

    async def _refusal(self, wanted: WantedFile, reason: str) -> Refusal:
        if self.policy.hide and await self.repositories.safe_beside(wanted, wanted.revision):
            return hidden(reason)
        return by_policy(reason)
