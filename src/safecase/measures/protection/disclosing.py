"""Whether a text that people see says that an AI answers, in one of 32 languages; and what of a page people see."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from html.parser import HTMLParser
from importlib import resources
from typing import Final, NamedTuple

from safecase.readers import yaml_places

MOST_CHARACTERS: Final = 200_000
_SENTENCE: Final = re.compile(r"(?<=[.!?;؟।])\s+|(?<=[。！？])|\n+")
_WHOLE: Final = 3
"""Words of so few letters are looked for whole."""
_HIDING: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0*)?\s*(?:[;!}]|$)"
    r"|font-size\s*:\s*0(?:\.0*)?(?:[a-z%]*)\s*(?:[;!}]|$)|(?:left|top|text-indent)\s*:\s*-\d{3,}"
    r"|clip\s*:\s*rect\(\s*0|clip-path\s*:\s*inset\(\s*(?:50|100)%|color\s*:\s*transparent",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"([^{}]{1,300})\{([^{}]{0,5000})\}")
_NAMED: Final = re.compile(r"(?:[\w-]+)?([.#])([\w-]+)\s*\Z")
_VOID: Final = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_UNSEEN: Final = frozenset({"script", "style", "template", "noscript", "head", "iframe", "object", "svg"})
_BLOCKS: Final = frozenset({
    "p", "div", "li", "br", "h1", "h2", "h3", "h4", "h5", "h6", "td", "tr", "section", "article", "header", "footer",
    "main", "button",
})  # fmt: skip


class Language(NamedTuple):
    """How one language says it."""

    greeting: str
    ai: re.Pattern[str]
    speaker: re.Pattern[str]
    """Words by which a sentence is about who answers here."""
    human: re.Pattern[str]


@cache
def languages() -> dict[str, Language]:
    """Give the languages that are known, by their code (ISO 639-1)."""
    content = resources.files("safecase.measures.protection").joinpath("disclosure.yaml").read_bytes()
    found = yaml_places.read(content, "disclosure.yaml", most_bytes=MOST_CHARACTERS).value
    return {
        code: Language(row["greeting"], _any(row["ai"]), _any(row["self"]), _any(row["human"]))
        for code, row in found.items()
    }


def discloses(text: str, language: str) -> bool:
    """Say whether one sentence of a text tells, in a language, that an AI answers, and none denies it."""
    known = languages()[language]
    plain = _folded(text[:MOST_CHARACTERS])
    if known.human.search(plain):
        return False
    return any(
        known.speaker.search(sentence) and known.ai.search(sentence) for sentence in _SENTENCE.split(plain) if sentence
    )


def denies(text: str, language: str) -> bool:
    """Say whether a text claims that a person answers."""
    return bool(languages()[language].human.search(_folded(text[:MOST_CHARACTERS])))


class Page(NamedTuple):
    """What people see of a page."""

    language: str
    """By `<html lang>`, without its region; empty where it does not say."""
    text: str


def page_of(html: str) -> Page:
    """Give what people see of a page: no scripts, no comments, nothing that its own styles hide."""
    reader = _Seen(_hidden_names(html[:MOST_CHARACTERS]))
    reader.feed(html[:MOST_CHARACTERS])
    reader.close()
    return Page(reader.language, "".join(reader.parts))


class _Seen(HTMLParser):
    def __init__(self, hidden: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self._hidden = hidden
        self._open: list[tuple[str, bool]] = []
        """Elements around, and whether they, or one around them, are hidden."""
        self.language = ""
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = told.get("lang", "").partition("-")[0].strip().lower()
        if tag in _BLOCKS:
            self.parts.append("\n")
        if tag in _VOID:
            return
        names = {f".{name}" for name in told.get("class", "").split()} | {f"#{told.get('id', '')}"}
        hidden = tag in _UNSEEN or "hidden" in told or bool(_HIDING.search(told.get("style", "")))
        hidden = hidden or (tag == "dialog" and "open" not in told) or bool(names & self._hidden)
        self._open.append((tag, hidden or self._is_hidden()))

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")
        for number in range(len(self._open) - 1, max(-1, len(self._open) - 200), -1):
            if self._open[number][0] == tag:
                del self._open[number:]
                return

    def handle_data(self, data: str) -> None:
        if not self._is_hidden():
            self.parts.append(data)

    def _is_hidden(self) -> bool:
        return bool(self._open) and self._open[-1][1]


def _hidden_names(html: str) -> frozenset[str]:
    """Give classes and ids that the page's own styles hide."""
    styles = re.findall(r"<style[^>]{0,200}>([^<]*)", html, re.IGNORECASE)
    found: set[str] = set()
    for selectors, rule in (pair for style in styles for pair in _RULE.findall(style)):
        if _HIDING.search(rule):
            for selector in selectors.split(","):
                if named := _NAMED.search(selector.strip()):
                    found.add(named[1] + named[2])
    return frozenset(found)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).replace("’", "'").split(" "))


def _any(words: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(_word(_folded(str(word))) for word in words), re.IGNORECASE)


def _word(word: str) -> str:
    if any(ord(letter) >= 0x2E80 for letter in word):  # no spaces between words
        return re.escape(word)
    # Arabic writes "and", "by" and the article at the beginning of a word.
    before = r"(?<!\w)[وبلف]?(?:ال)?" if "\u0600" <= word[0] <= "\u06ff" else r"(?<!\w)"
    return before + re.escape(word) + (r"(?!\w)" if len(word) <= _WHOLE else "")
