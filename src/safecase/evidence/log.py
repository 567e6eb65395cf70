"""The evidence ledger: append-only, hash-chained, with a signed head; what `append` gave back is never lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from safecase.errors import EvidenceError, UsageError
from safecase.evidence import keys, objects
from safecase.evidence.examine import Examined, Flaw, backward_clocks, examine, read_line, sealed_by_others
from safecase.evidence.journal import Journal, Standing
from safecase.evidence.record import FIRST, MOST_BYTES, Draft, Record, bare, chained, normalised, stamp
from safecase.evidence.seal import Head, broken_seal, sealed, segments
from safecase.readers.text import shown
from safecase.vocabulary import Noun

TAMPERED = "find out who changed it; keep it aside, and assess again into a new ledger"


class Verification(Noun, frozen=True):
    """What there is to say of a whole ledger: whether anything was changed, and who sealed it."""

    ok: bool
    records: int
    first_bad: int | None = None
    """Counted from 0."""
    reason: str = ""
    signer: str | None = None
    """The key id of its head; None where nobody signed it."""
    trusted: bool = False
    """All of it was sealed by the keys asked for, or else by one's own."""
    notes: tuple[str, ...] = ()


class Sealing(Noun, frozen=True):
    """Who sealed a ledger, and what a reader of the case must know of that."""

    signer: str | None
    trusted: bool
    note: str = ""


class Ledger:
    """A folder of evidence. One that is not there is an empty one; the first append makes it.

    No part of its path below the folder `below` may be a link.
    """

    def __init__(self, path: Path | str, *, below: Path | None = None) -> None:
        self.path = Path(path)
        self._journal = Journal(self.path, below)

    def append(self, drafts: Sequence[Draft], objects: Mapping[str, bytes] | None = None) -> tuple[Record, ...]:
        """Keep what was seen, with its artefacts; when this returns, a power cut cannot take it back.

        All of `drafts` are kept or none. Raises EvidenceError: exit 3 where it cannot be written, 4 where the ledger
        was changed.
        """
        ready = [normalised(draft) for draft in drafts]
        if not ready:
            return ()
        artefacts = {f"sha256:{bare(digest)}": content for digest, content in (objects or {}).items()}
        try:
            with self._journal.writing() as standing:
                self._refuse_changed(standing)
                lines, records, head = _grown(standing, ready, artefacts)
                self._journal.extend(standing, head, b"".join(lines), artefacts)
        except OSError as why:
            raise EvidenceError(
                f"evidence cannot be kept in {self.path}: {why.strerror or why}; what was kept before is untouched",
                mend="make room or make the folder writable, and run it again; or choose another ledger",
                exit_code=3,
            ) from why
        return records

    def read(self) -> tuple[Record, ...]:
        """Give all records, checked against each other and the head's signature; EvidenceError where one was changed.

        Artefacts are checked where they are loaded, and by `verify`.
        """
        examined = self._examined()[1]
        if examined.flaw is not None:
            raise self._tampered(examined.flaw)
        return examined.records

    def object(self, digest: str) -> bytes:
        """Give an artefact, checked against its digest."""
        return objects.load(self._journal.objects, digest)

    def seal(self) -> Sealing:
        """Say who sealed it, without reading the records."""
        with self._readable(), self._journal.reading() as standing:
            head = standing.head
        if head is None:
            return Sealing(signer=None, trusted=False)
        signer = head.seal.key_id or None
        other = sealed_by_others(head, [own.fingerprint for own in keys.own()])
        if other is None:
            return Sealing(signer=signer, trusted=True)
        covered = f"records {other.start} to {other.end - 1} of the evidence are"
        if other.seal.signer is None:
            note = f"{covered} not signed, as no key could be had: they count only in the run that collected them"
            return Sealing(signer=signer, trusted=False, note=note)
        note = f"{covered} signed by {other.seal.key_id}, which is no key of this user"
        note += ": they count only for a gate that names it (--key)"
        return Sealing(signer=signer, trusted=False, note=note)

    def verify(self, *, key: str | Sequence[str] | None = None, require_signature: bool = False) -> Verification:
        """Check everything: records, seals, artefacts, and by whose key.

        `key` names the only keys (files or ids) that may have sealed it; `require_signature` refuses a ledger of
        which a part is not signed. A ledger that was changed is an answer, not an error.
        """
        wanted = [keys.trusted_by(name) for name in ([key] if isinstance(key, str) else key or ())]
        head, examined = self._examined()
        count = len(examined.records)
        flaw = examined.flaw or self._wrong_object(examined.records) or _wrong_signer(head, wanted, require_signature)
        if flaw is not None:
            return Verification(ok=False, records=count, first_bad=flaw.first_bad, reason=flaw.reason)
        trusted = wanted or [own.fingerprint for own in keys.own()]
        return Verification(
            ok=True,
            records=count,
            signer=(head.seal.key_id or None) if head else None,
            trusted=head is not None and sealed_by_others(head, trusted) is None,
            notes=tuple(backward_clocks(examined.records)),
        )

    def _examined(self) -> tuple[Head | None, Examined]:
        with self._readable():
            with self._journal.reading() as standing:
                content = self._journal.content(standing)
            return standing.head, examine(content, standing.head, head_there=standing.head_there)

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as why:
            message = f"the ledger {self.path} cannot be read: {why.strerror or why}"
            raise EvidenceError(message, mend="make it readable, or name another ledger", exit_code=3) from why

    def _refuse_changed(self, standing: Standing) -> None:
        """Never build on a ledger that was changed: a new seal over it would make the change look right.

        The lines themselves need no look: the head names the last of them, and through it all the others.
        """
        head = standing.head
        sound = broken_seal(head) is None if head is not None else not standing.head_there
        if sound and standing.size == standing.kept:
            return
        flaw = examine(self._journal.content(standing), head, head_there=standing.head_there).flaw
        assert flaw is not None
        raise self._tampered(flaw)

    def _wrong_object(self, records: Sequence[Record]) -> Flaw | None:
        seen: set[str] = set()
        for record in records:
            for digest in record.kept:
                if digest in seen:
                    continue
                seen.add(digest)
                try:
                    self.object(digest)
                except UsageError:
                    return Flaw(record.seq, f"record {record.seq}: its artefact {digest} is gone")
                except EvidenceError as why:
                    return Flaw(record.seq, f"record {record.seq}: {why.message}")
        return None

    def _tampered(self, flaw: Flaw) -> EvidenceError:
        message = f"the ledger {self.path} was changed: {flaw.reason}"
        return EvidenceError(message, mend=TAMPERED, first_bad=flaw.first_bad)


def _grown(
    standing: Standing, drafts: Sequence[Draft], artefacts: Mapping[str, bytes]
) -> tuple[list[bytes], tuple[Record, ...], Head]:
    """Give each draft its place in the chain, and the head that will count then."""
    key = keys.to_sign()
    signer = keys.signer_of(key).key_id if key is not None else ""
    at = stamp(datetime.now(UTC))
    seq, prev = (standing.head.seal.records, standing.head.seal.head) if standing.head else (0, FIRST)
    lines: list[bytes] = []
    records: list[Record] = []
    for number, draft in enumerate(drafts, seq):
        kept = [a for a in draft.artefacts if f"sha256:{bare(a)}" in artefacts]
        prev, line = chained(draft, seq=number, prev=prev, at=at, signer=signer, kept=kept)
        if len(line) > MOST_BYTES:
            raise UsageError(
                f"a record of {draft.check} is {len(line):,} bytes; {MOST_BYTES:,} are kept at the most",
                mend="keep what is long as an artefact",
            )
        record = read_line(line)
        if isinstance(record, str):
            # One line that nobody can read would close the whole ledger.
            message = f"what {shown(draft.check)} gave cannot be kept, since it {record}"
            raise UsageError(message, mend="a defect of the check: report it")
        records.append(record)
        lines.append(line + b"\n")
    size = standing.kept + sum(map(len, lines))
    head = sealed(standing.head, records=seq + len(drafts), size=size, head=prev, at=at, key=key)
    return lines, tuple(records), head


def _wrong_signer(head: Head | None, wanted: Sequence[str], require_signature: bool) -> Flaw | None:
    if not wanted and not require_signature:
        return None
    if head is None:
        return Flaw(0, "there is no signed head")
    if require_signature:
        for start, end, seal in segments(head):
            if seal.signer is None:
                return Flaw(start, f"records {start} to {end - 1} are not signed")
    other = sealed_by_others(head, wanted) if wanted else None
    if other is None:
        return None
    by = other.seal.key_id or "nobody"
    return Flaw(
        other.start, f"records {other.start} to {other.end - 1} are signed by {by}, not by a key that was named"
    )
