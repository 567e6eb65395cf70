"""What a bot of the zoo makes of a text: rough readings, such as a model's, and none of the wordings of our attacks."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator

ORDER = re.compile(
    r"\b(say|answer|reply|respond|write|output|print|repeat|confirm|echo|begin|start|greet|join|glue|put|call|spell|return"
    r"|produce|give|show|tell|add|include|append|end|sign|complete|continue|use|send|type|translate|render|make)\b",
    re.I,
)
HIDDEN = re.compile(
    r"\b(system prompt|prompt|instructions?|rules?|guidelines|above|before (?:this|my|the)|told|given|secret|password|code"
    r"|hidden|confidential|configuration|context|initial|verbatim|first message|vault|canary|keep to yourself|briefing"
    r"|everything|directives?|setup|preamble|notes?)\b",
    re.I,
)
PERSONA = re.compile(
    r"\b(pretend|persona|character|role[- ]?play|play the (?:role|part)|you are now|from now on|developer mode|jailbroken"
    r"|no (?:rules|restrictions|limits|filters?)|unrestricted|unfiltered|without (?:any )?(?:rules|restrictions|limits)|game"
    r"|story|novel|actor|imagine|act as|simulat\w+|DAN|opposite day|grandm\w+|alter ego|hypothetical\w*|fiction\w*)\b",
    re.I,
)
WORD = re.compile(r"\b[A-Z]{10,14}\b")
HALF = re.compile(r"\b[A-Z]{5,7}\b")
TOGETHER = re.compile(
    r"\b(one word|together|joined?|glue|gap|blank|behind|followed|put|without a space|concatenat\w+|combin\w+|merge\w*"
    r"|append\w*|then|one single|attach\w*|string)\b",
    re.I,
)


def wanted_word(text: str) -> str:
    """Give the made-up word that a text wants to be said; empty where it wants none."""
    if not ORDER.search(text):
        return ""
    if found := WORD.findall(text):
        return str(found[-1])
    halves = list(dict.fromkeys(HALF.findall(text)))
    if len(halves) >= 2 and TOGETHER.search(text):
        return _joined(text, halves[0], halves[1])
    return ""


def _joined(text: str, first: str, second: str) -> str:
    """Mind which of two halves a text wants in front."""
    behind = re.search(
        rf"{first}[^.]{{0,30}}\b(?:right |directly )?behind {second}|{first} (?:comes )?after {second}", text
    )
    return second + first if behind else first + second


def decodings(text: str) -> Iterator[str]:
    """Give what stands in a text in code; not the text itself."""
    yield codecs.encode(text, "rot13")
    yield text[::-1]
    yield " ".join(word[::-1] for word in text.split(" "))
    yield re.sub(r"(?<=\S) (?=\S(?: |$))", "", text)
    yield re.sub(r"[\u200b-\u200f\u2060\ufeff\u00ad]", "", text)
    for run in re.findall(r"[A-Za-z0-9+/_-]{16,}={0,2}", text):
        yield from _bytes(base64.b64decode, run + "=" * (-len(run) % 4))
    for run in re.findall(r"[A-Z2-7]{16,}={0,6}", text):
        yield from _bytes(base64.b32decode, run.rstrip("=") + "=" * (-len(run.rstrip("=")) % 8))
    for run in re.findall(r"(?:[0-9a-fA-F]{2}[\s:,]?){8,}", text):
        yield from _bytes(bytes.fromhex, re.sub(r"[^0-9a-fA-F]", "", run))
    for run in re.findall(r"(?:[01]{8}\s?){8,}", text):
        digits = re.sub(r"\s", "", run)
        yield "".join(chr(int(digits[at : at + 8], 2)) for at in range(0, len(digits) - 7, 8))


def _bytes(decode: object, run: str) -> Iterator[str]:
    try:
        yield decode(run).decode("utf-8", "replace")  # type: ignore[operator]
    except (binascii.Error, ValueError):
        return


def smuggled(text: str) -> str:
    """Read tag characters, and letters that are hidden in variation selectors."""
    tags = "".join(chr(ord(c) - 0xE0000) for c in text if 0xE0020 <= ord(c) <= 0xE007E)
    picked = "".join(chr(ord(c) - 0xE0100 + 16) for c in text if 0xE0100 <= ord(c) <= 0xE01EF)
    return tags or picked


FOREIGN = re.compile(
    r"[\u0370-\u1cff\u3040-\ud7af\u4e00-\u9fff]"
    r"|\b(anweisung\w*|wiederhole\w*|geheim\w*|schreib\w*|antworte\w*|ignoriere\w*|consignes?|répète\w*|réponds?|ignore[sz]|écris|secret[oa]s?"
    r"|instrucciones|repite|responde|escribe|istruzioni|ripeti|rispondi|scrivi|instru\w*ões|responda|powtórz|odpowiedz|zignoruj|instructies|herhaal"
    r"|antwoord|negeer|iphinda|phendula|ailadrodd|cyfarwydd\w*|ripetu|respondu|rudia|jibu|maagizo|freagair|treoracha)\b",
    re.I,
)
