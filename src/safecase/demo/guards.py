"""What the hardened demo bot does about its input and output, in application code.

These are ordinary measures, written from what such a service needs and not from the attacks that Safecase carries.
The rule over the input only saves calls of the model: wording gets around it. What bounds the damage is that the bot
answers from its documents alone, and that a sentence of the model which the documents do not carry is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from safecase.demo.retrieval import Section, words

_INSTRUCTION = re.compile(
    r"""\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruction|rule|prompt|above|previous|guideline)
    | \b(?:system|hidden|initial|original)\s+(?:prompt|message|instruction)
    | \b(?:your|these|the)\s+(?:instructions|prompt|rules|configuration)\b
    | \b(?:repeat|print|output|echo|recite|transcribe|write)\b.{0,30}\b(?:word|token|exactly|verbatim|above|text|string)
    | \b(?:pretend|role-?play|act\s+as|you\s+are\s+now)\b
    | \b(?:decode|base64|rot13|hexadecimal)\b
    | \b(?:password|secret|api\s+key|credential)s?\b""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def reads_as_instruction(text: str) -> bool:
    """Say whether a customer's text addresses the machine rather than the shop, or hides what it says."""
    return bool(_INSTRUCTION.search(text) or _ENCODED.search(text))


def carried(reply: str, sections: Iterable[Section]) -> str:
    """Keep of a reply the sentences whose every word of meaning stands in the sections; the rest is dropped.

    Right words in a wrong order get through: that is why the bot puts the page's own text beside them.
    """
    known = {word for section in sections for word in section.words}
    kept = []
    for sentence in _SENTENCE_END.split(reply):
        said = words(sentence)
        if said and known.issuperset(said) and sentence not in kept:
            kept.append(sentence)
    return " ".join(kept)
