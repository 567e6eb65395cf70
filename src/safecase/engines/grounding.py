"""Whether an answer stands in its sources: each number, name, quotation and citation of it is looked for there.

Rules that anybody can follow by hand. They find what was made up, not what was left out or turned round: `Dogs are
allowed` holds nothing that `No dogs are allowed` does not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["number", "name", "quotation", "citation"]

MOST_CHARACTERS: Final = 200_000
SHORTEST_QUOTE: Final = 12
_THOUSANDS: Final = {"k": 1e3, "thousand": 1e3, "tausend": 1e3}
_MILLIONS: Final = dict.fromkeys(("m", "mn", "mio", "million", "millions", "millionen"), 1e6)
_BILLIONS: Final = dict.fromkeys(("bn", "mrd", "billion", "billions", "milliarden", "milliards"), 1e9)
_SCALES: Final = _THOUSANDS | _MILLIONS | _BILLIONS
_UP_TO_TWENTY: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
_TENS: Final = "thirty forty fifty sixty seventy eighty ninety hundred"
_IN_WORDS: Final = {word: float(n) for n, word in enumerate(_UP_TO_TWENTY.split())} | {
    word: 10.0 * n for n, word in enumerate(_TENS.split(), 3)
}
_MONTHS: Final = (
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
)
_MONTH: Final = {name: float(n) for names in _MONTHS for n, name in enumerate(names.split(), 1)}
_SHORT_MONTH: Final = {name[:3]: n for name, n in _MONTH.items()}
_SAME: Final = {"€": "eur", "euro": "eur", "euros": "eur", "$": "usd", "dollar": "usd", "dollars": "usd"}
_NO_NAMES: Final = frozenset(("i", "i'm", "i'll", "i've", "i'd", "ok", "am", "pm", "mr", "mrs", "ms", "dr"))
_FREQUENT: Final = "am auf bei bis das dem den der des die ein eine für im ist kann mit nicht oder sie um und von wir"
_GERMAN: Final = frozenset(_FREQUENT.split())

_TIME: Final = re.compile(
    r"(?<![\w.:,])(\d{1,2})(?::([0-5]\d))?\s*(a\.m\.|p\.m\.|am\b|pm\b|uhr\b|o'clock\b)"
    r"|(?<![\w.:,])(\d{1,2}):([0-5]\d)(?![\w:])",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(
    r"(?<![\w])(?<![A-Za-z]-)\d{1,40}(?:[.,' \u00a0\u202f]\d{1,40}){0,8}(?:\s?([A-Za-zé]{1,9})\b)?"
)
_LIST_MARK: Final = re.compile(r"(?m)^[ \t]{0,8}(?:#{1,6} )?\d{1,3}[.)](?=\s)")
_CITED: Final = re.compile(r"\[(\d{1,3})\]")
_ADDRESS: Final = re.compile(r"\b(?:https?://|www\.)[^\s<>()\[\]\"'`]{1,500}|\b[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,63}")
_QUOTED: Final = re.compile(r"\"([^\"\n]{1,2000})\"|“([^“”\n]{1,2000})”|„([^„“”\n]{1,2000})[“”]|«([^«»\n]{1,2000})»")
_WORD: Final = re.compile(r"[^\W\d_](?:[\w'’.&-]{0,60}[\w])?")
_STARTS: Final = re.compile(r"(?:^|[.!?:;…>*#|•\-–—\"“„«(\[]|\n)\s*[\"“„«(\[*_]*$")
_ADDRESSED: Final = re.compile(r"(?m)^(?:#{1,6} .*|[^\n,.!?:]{1,60},[ \t]*)$")
"""A heading, or the first line of a letter: capitals there make no names."""
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|\n+")


_Reading: TypeAlias = tuple[float, ...]
"""What a number may mean: one value, or several beside each other, as in a date."""


class Unfounded(NamedTuple):
    """Something of an answer that stands in no source."""

    kind: Kind
    text: str


class Sources:
    """Texts, ready to be looked into."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._whole = "\n".join(_plain(text) for text in texts)[:MOST_CHARACTERS]
        self._words = frozenset(_folded(word) for word in _WORD.findall(self._whole))
        self._parts = frozenset(part for word in self._words for part in re.split(r"[-.'’&]", word))
        self._times = frozenset(minute for _, minute in _times(self._whole))
        self._numbers = {value for _, readings in _numbers(self._whole) for one in readings for value in one}
        self._numbers |= {hour for at in self._times if at % 60 == 0 for hour in (at / 60, at / 60 % 12)}
        lower = self._whole.casefold()
        self._numbers |= {value for word, value in (_IN_WORDS | _MONTH).items() if word in self._words}
        self._numbers |= {value for word, value in _SHORT_MONTH.items() if word in self._words}
        self._said = _spaced(lower)

    def has_number(self, readings: Sequence[_Reading]) -> bool:
        """Say whether a number stands there, however it is written."""
        return any(self._numbers.issuperset(one) for one in readings)

    def has_time(self, minute: int) -> bool:
        """Say whether a time of day stands there; a full hour may be a bare number where no times are written."""
        bare = not self._times and minute % 60 == 0
        return minute in self._times or (bare and not self._numbers.isdisjoint((minute / 60, minute / 60 % 12)))

    def has_name(self, word: str) -> bool:
        """Say whether a name stands there, in whatever case and with or without its ending."""
        folded = _folded(word)
        if folded in self._words or folded in self._parts or _SAME.get(folded, folded) in self._currencies():
            return True
        value = _MONTH.get(folded, _SHORT_MONTH.get(folded))
        if value is not None:
            return value in self._numbers
        return any(folded.removesuffix(end) in self._words for end in ("s", "es", "n")) or f"{folded}s" in self._words

    def has_passage(self, text: str) -> bool:
        """Say whether a passage stands there word for word; what `…` leaves out may be anything."""
        parts = [_spaced(part.casefold()) for part in re.split(r"\.{3}|…|\[…\]", text)]
        return all(part in self._said for part in (part.strip(" .,;:!?") for part in parts) if part)

    def _currencies(self) -> frozenset[str]:
        found = {_SAME[word] for word in self._words if word in _SAME} | {"eur", "usd"} & self._words
        return frozenset(found | {_SAME[sign] for sign in "€$" if sign in self._whole})


def unfounded(answer: str, sources: Sequence[str], question: str = "", *, numbered: bool = True) -> list[Unfounded]:
    """Give what an answer says that neither its sources nor the question say.

    Without any source that is all of it that could be looked for. `numbered` says that `[2]` means the second source.
    """
    known = Sources((*sources, question))
    plain = _plain(answer)[:MOST_CHARACTERS]
    found: list[Unfounded] = [*_citations(plain, sources, numbered=numbered), *_quotations(plain, known)]
    found += _unsaid(_facts(_LIST_MARK.sub(" ", plain)), known)
    return list(dict.fromkeys(found))


def citations(answer: str) -> list[str]:
    """Give the citations of an answer: marks such as `[2]`, addresses, quotations."""
    plain = _plain(answer)[:MOST_CHARACTERS]
    marks = [mark[0] for mark in _CITED.finditer(plain)] + [_address(found[0]) for found in _ADDRESS.finditer(plain)]
    return [*marks, *_quotes(plain)]


def miscited(answer: str, sources: Sequence[str], question: str = "", *, numbered: bool = True) -> list[Unfounded]:
    """Give citations that lead nowhere, and what a sentence with a mark says that its source and the question do not.

    Where the sources are not `numbered`, one of them must say all that such a sentence says.
    """
    plain = _plain(answer)[:MOST_CHARACTERS]
    found = [*_citations(plain, sources, numbered=numbered), *_quotations(plain, Sources((*sources, question)))]
    each = [Sources((source, question)) for source in sources]
    for sentence in _SENTENCE.split(_LIST_MARK.sub(" ", plain)):
        marks = {int(mark) for mark in _CITED.findall(sentence)}
        if numbered:
            cited = [sources[mark - 1] for mark in marks if 0 < mark <= len(sources)]
            found += _unsaid(_facts(sentence), Sources((*cited, question))) if cited else ()
        elif len(marks) == 1 and each:
            facts = [*_facts(sentence)]
            fewest: list[Unfounded] = min(([*_unsaid(facts, one)] for one in each), key=len)
            found += fewest
    return list(dict.fromkeys(found))


class _Fact(NamedTuple):
    """A time, number or name of an answer, and whether it stands in sources."""

    said: Unfounded
    stands: Callable[[Sources], bool]


def _unsaid(facts: Iterable[_Fact], known: Sources) -> Iterator[Unfounded]:
    """Give facts that are not known."""
    return (fact.said for fact in facts if not fact.stands(known))


def _facts(plain: str) -> Iterator[_Fact]:
    rest = _ADDRESS.sub(" ", _CITED.sub(" ", plain))
    for text, minute in _times(rest):
        yield _Fact(Unfounded("number", text), partial(Sources.has_time, minute=minute))
    for text, readings in _numbers(rest):
        yield _Fact(Unfounded("number", text), partial(Sources.has_number, readings=readings))
    for name in _names(_ADDRESSED.sub(" ", rest)):
        yield _Fact(Unfounded("name", name), partial(Sources.has_name, word=name))


def _citations(plain: str, sources: Sequence[str], *, numbered: bool) -> Iterator[Unfounded]:
    for mark in _CITED.finditer(plain) if numbered else ():
        if not 0 < int(mark[1]) <= len(sources):
            yield Unfounded("citation", mark[0])
    whole = "\n".join(_plain(text) for text in sources).casefold()
    for found in _ADDRESS.finditer(plain):
        address = _address(found[0])
        if address.casefold() not in whole:
            yield Unfounded("citation", address)


def _address(text: str) -> str:
    return text.rstrip(".,;:!?)")


def _quotations(plain: str, known: Sources) -> Iterator[Unfounded]:
    for quote in _quotes(plain):
        if not known.has_passage(quote):
            yield Unfounded("quotation", quote)


def _quotes(plain: str) -> list[str]:
    """Give what stands in quotation marks and is no single word."""
    quotes = ["".join(groups) for groups in _QUOTED.findall(plain)]
    return [quote for quote in quotes if len(quote) >= SHORTEST_QUOTE and " " in quote.strip()]


def _times(plain: str) -> Iterator[tuple[str, int]]:
    """Give each time of day as it is written, and its minute: `5 pm` is 17:00."""
    for found in _TIME.finditer(plain):
        hour, minute = int(found[1] or found[4]), int(found[2] or found[5] or 0)
        half = (found[3] or "").lower()
        hour = hour % 12 + 12 if half.startswith("p") else hour % 12 if half.startswith("a") else hour
        yield found[0].strip(), hour * 60 + minute


def _numbers(plain: str) -> Iterator[tuple[str, tuple[_Reading, ...]]]:
    """Give each number as it is written, and all that it may mean: `1.250` is 1250 or 1.25."""
    for found in _NUMBER.finditer(_TIME.sub(" ", plain)):
        unit = found[1] or ""
        digits = found[0].removesuffix(unit).strip()
        scale = _SCALES.get(unit.lower())
        bare = tuple(_readings(digits))
        scaled = tuple(tuple(round(scale * value, 6) for value in one) for one in bare) if scale else ()
        # `5 m` may be five metres.
        yield digits, scaled + bare if not scale or len(unit) == 1 else scaled


def _readings(digits: str) -> Iterator[_Reading]:
    parts = re.split(r"[.,' \u00a0\u202f]", digits)
    signs = re.findall(r"[.,' \u00a0\u202f]", digits)
    if not signs:
        yield (float(digits),)
        return
    grouped = all(len(part) == 3 for part in parts[1:]) and len(parts[0]) <= 3 and parts[0] != "0"
    if grouped and len(set(signs)) == 1:
        yield (float("".join(parts)),)
    # Three digits after a comma are thousands, and three noughts after a point.
    decimal = not grouped or (signs[-1] == "." and parts[-1] != "000")
    if decimal and signs[-1] in ".," and signs[-1] not in signs[:-1]:
        yield (float("".join(parts[:-1]) + "." + parts[-1]),)
    if len(parts) > 2 or signs[0] in " \u00a0\u202f":
        yield tuple(float(part) for part in parts)  # a date, or numbers beside each other


def _names(plain: str) -> Iterator[str]:
    """Give capitalised words that do not begin a sentence; in German only where two of them stand together."""
    words = [(found.start(), found[0]) for found in _WORD.finditer(plain)]
    german = sum(word.lower() in _GERMAN for _, word in words) >= max(2, len(words) // 12)
    for at, (start, word) in enumerate(words):
        if not _is_name(word):
            continue
        acronym = word.isupper() and len(word) > 1
        if not acronym and _STARTS.search(plain[max(0, start - 8) : start]):
            continue
        if german and not acronym and not _beside(plain, words, at):
            continue
        yield re.sub(r"['’]s$", "", word)


def _is_name(word: str) -> bool:
    return word[0].isupper() and _folded(word) not in _NO_NAMES and not (word.isupper() and len(word) == 1)


def _beside(plain: str, words: Sequence[tuple[int, str]], at: int) -> bool:
    """Say whether a name stands directly before or after another capitalised word."""
    for one, other in ((at - 1, at), (at, at + 1)):
        if one >= 0 and other < len(words):
            pair = (words[one][1], words[other][1])
            gap = plain[words[one][0] + len(pair[0]) : words[other][0]]
            if gap == " " and all(word[0].isupper() and word.lower() not in _GERMAN for word in pair):
                return True
    return False


def _folded(word: str) -> str:
    return re.sub(r"['’]s$", "", word).casefold()


def _plain(text: str) -> str:
    """Give a text with compatible signs made one (full-width digits, ligatures), marks of emphasis left out."""
    same = unicodedata.normalize("NFKC", text)
    digits = "".join(str(unicodedata.digit(c)) if not c.isascii() and c.isdigit() else c for c in same)
    return re.sub(r"\*\*|__|`", "", digits)


def _spaced(text: str) -> str:
    return " ".join(text.replace("’", "'").split())
