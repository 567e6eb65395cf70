"""The case as lines of JSON, one claim each: for programs that read a line at a time."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from safecase.export import json
from safecase.vocabulary import Case

ABOUT = ("schema", "service", "as_of", "catalogue", "verdict", "allowed")
"""What each line says of the whole case."""


def render(case: Case, extra: Mapping[str, object] | None = None) -> bytes:
    """Give each claim as a line, as the JSON of the case tells it, and in each line which case it belongs to."""
    told = msgspec.json.decode(json.render(case, extra))
    about = {f"case_{key}": told[key] for key in ABOUT if key in told}
    return b"".join(msgspec.json.encode({**claim, **about}) + b"\n" for claim in told["claims"])
