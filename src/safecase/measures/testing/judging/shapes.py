"""`shape`: the last reply is no JSON of the shape that was asked for."""

from __future__ import annotations

import re
from typing import Final

import jsonschema_rs
import msgspec

from safecase.detectors.refusals import read
from safecase.engines.decoding import folded
from safecase.measures.testing.judging.denials import answers
from safecase.measures.testing.judging.exchange import Exchange
from safecase.measures.testing.judging.quoting import own_words
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
        own = own_words(text, found.asked)
        tried = any(re.search(rf"\b{re.escape(folded(key))}\b", folded(own)) for key in schema["required"])
        return "no JSON, where only JSON was asked for" if tried else ""
    if any(read(one) == "refused" for one in _texts(value)):
        return ""
    fault = next(jsonschema_rs.iter_errors(schema, value), None)
    return f"JSON of another shape: {shown(fault.message, 80)}" if fault else ""


def _texts(value: object) -> tuple[str, ...]:
    """Give the texts of an object: a service that speaks JSON refuses in one of them."""
    return tuple(one for one in value.values() if isinstance(one, str)) if isinstance(value, dict) else ()
