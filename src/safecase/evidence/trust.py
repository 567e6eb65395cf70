"""Whose evidence counts: a ledger that came with a change, or out of a cache, is worth what its signer is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from safecase.evidence.record import Record


class Trust(NamedTuple):
    """Whose records count."""

    keys: tuple[str, ...]
    """Fingerprints or key ids."""
    this_run: bool = True
    """What this very run collects counts too, although no key could be had to sign it."""


def counting(records: Iterable[Record], trust: Trust | None, start: int) -> tuple[Record, ...]:
    """Keep the records that count; all of them where `trust` is None. `start` is the first that this run appended.

    `Ledger.read` has checked that each was sealed by the signer that it names.
    """
    if trust is None:
        return tuple(records)
    return tuple(r for r in records if _signed_by(r, trust.keys) or (trust.this_run and r.seq >= start))


def _signed_by(record: Record, keys: tuple[str, ...]) -> bool:
    return bool(record.signer) and any(key.startswith(record.signer) for key in keys)
