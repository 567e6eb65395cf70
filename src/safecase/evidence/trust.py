"""Whose evidence counts: a ledger that came with a change, or out of a cache, is worth what its signer is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from safecase.evidence import keys
from safecase.evidence.record import Record

NO_BOUNDS: Mapping[str, int] = MappingProxyType({})


class Trust(NamedTuple):
    """Whose records count."""

    keys: tuple[str, ...]
    """Fingerprints or key ids."""
    this_run: bool = True
    """What this very run collects counts too, although no key could be had to sign it."""


def trusted(key: str | None = None) -> Trust:
    """Trust what one key (a file, or an id) signed; without one, what our own keys did and what this run collects."""
    if key is not None:
        return Trust((keys.trusted_by(key),), this_run=False)
    return Trust(tuple(signer.fingerprint for signer in keys.own()))


def counting(
    records: Iterable[Record],
    trust: Trust | None,
    start: int,
    *,
    service: str = "",
    most_days: Mapping[str, int] = NO_BOUNDS,
) -> tuple[Record, ...]:
    """Keep the records that count by `trust` (None for `trusted()`), none longer than its check's control allows.

    `start` is the first that this run appended; `service` leaves out those of another service; `most_days` holds the
    longest time to live by check. `Ledger.read` has checked that each was sealed by the signer that it names.
    """
    whose = trust or trusted()
    return tuple(
        _bounded(record, most_days)
        for record in records
        if (_signed_by(record, whose.keys) or (whose.this_run and record.seq >= start))
        and (not service or record.service in ("", service))
    )


def _bounded(record: Record, most_days: Mapping[str, int]) -> Record:
    most = most_days.get(record.check, record.ttl_days)
    return record if record.ttl_days <= most else msgspec.structs.replace(record, ttl_days=most)


def _signed_by(record: Record, keys: tuple[str, ...]) -> bool:
    return bool(record.signer) and any(key.startswith(record.signer) for key in keys)
