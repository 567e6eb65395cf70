"""`shape`: the last reply is no JSON of the shape that was asked for."""

from __future__ import annotations

import re
from typing import Final

import jsonschema_rs
import msgspec

from safecase.engines.decoding import folded
from safecase.measures.testing.judging.denials import answers
from safecase.measures.testing.judging.exchange import Exchange
from safecase.readers.text import shown

_FENCE: Final = re.compile(r"\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*")


def judged(found: Exchange) -> str:
    """Look at the last reply as a program would that reads it; a fence around the JSON is forgiven, prose is not.

    Prose that names none of the keys is not an answer to what was asked, and no broken one.
    """
    if not answers(found.last):
        return ""
    text = found.last.text
    schema = msgspec.json.decode(found.oracle.wanted[0])
    fenced = _FENCE.fullmatch(text)
    try:
        value = msgspec.json.decode(fenced[1] if fenced else text)
    except (msgspec.DecodeError, RecursionError):
        tried = any(folded(key) in folded(text) for key in schema["required"])
        return "no JSON, where only JSON was asked for" if tried else ""
    fault = next(jsonschema_rs.iter_errors(schema, value), None)
    return f"JSON of another shape: {shown(fault.message, 80)}" if fault else ""
