"""The case as JSON, for other programs: the same case gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from safecase.vocabulary import Case, Claim


def render(case: Case, extra: Mapping[str, object] | None = None) -> bytes:
    """Give every field of the case, each finding with its fingerprint, and the keys of `extra` at the top."""
    told = {"schema": case.schema, **_plain(case)}
    told["claims"] = [_claim(claim) for claim in case.claims]
    told.update(_plain(dict(extra or {})))
    try:
        content = msgspec.json.encode(told)
    except UnicodeEncodeError:  # a file's name that is not Unicode
        content = msgspec.json.encode(_encodable(told))
    return msgspec.json.format(content, indent=2) + b"\n"


def _claim(claim: Claim) -> dict[str, Any]:
    findings = [{**_plain(finding), "fingerprint": finding.fingerprint} for finding in claim.findings]
    return {**_plain(claim), "findings": findings}


def _plain(value: object) -> Any:  # what JSON can hold
    return msgspec.to_builtins(value, order="deterministic", str_keys=True)


def _encodable(value: Any) -> Any:  # what JSON can hold, and lone surrogates
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    return value
