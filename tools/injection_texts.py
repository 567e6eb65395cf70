"""Make training texts for the injection detector out of `tools/injection_texts/*.txt`: attacks and ordinary texts.

    python tools/injection_texts.py OUT.jsonl [--rows 800] [--quoting]

Each file is a language: sections of lines, and in a line `{one|another|}` for what can stand there. Texts of all
languages are made in the same ways and numbers, and documents with and without a hidden attack are made of the same
parts, so that neither language nor layout tells them apart. The same files give the same rows. Texts that
quote an attack are for the neural stage alone: the first one counts words, and would learn to let attacks through.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).with_suffix("")
CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")
LONELY = re.compile(r" ([?؟])")
CASELESS = frozenset({"zh", "ja", "ko", "ar", "hi"})
MORE = {"en": 3}
"""Languages of which so many times the rows are made."""
TYPED_FAST = 0.15
"""Share of short texts without capitals and full stop."""
ATTACKS = {"direct": 0.24, "leak": 0.08, "persona": 0.08, "after": 0.05, "indirect": 0.13}
ORDINARY = {
    "short": 0.18,
    "task": 0.06,
    "trigger": 0.08,
    "before": 0.03,
    "document": 0.13,
    "about": 0.05,
    "role": 0.03,
}
QUOTING = {"quote": 0.04}


class Phrases:
    """The phrases of one language, chosen by chance."""

    def __init__(self, language: str, rng: random.Random) -> None:
        self.language = language
        self.joint = "" if language in ("zh", "ja") else " "
        self.cased = language not in CASELESS
        self.rng = rng
        self._of: dict[str, list[str]] = {}
        for line in (HERE / f"{language}.txt").read_text("utf-8").splitlines():
            if line.startswith("["):
                section = self._of.setdefault(line.strip("[]"), [])
            elif line:
                section.append(line)

    def one(self, *kinds: str) -> str:
        """Give a phrase of one of the kinds."""
        text = self.rng.choice(self._of[self.rng.choice(kinds)])
        while found := CHOICE.search(text):
            text = text[: found.start()] + self.rng.choice(found[1].split("|")) + text[found.end() :]
        text = " ".join(text.split())
        return text if self.language == "fr" else LONELY.sub(r"\1", text)

    def joined(self, *parts: str) -> str:
        """Give parts as sentences of one text."""
        stop = "。" if not self.joint else "."
        ended = [part if part[-1] in ".!?:;,。？！：，،؟।" else part + stop for part in parts if part]
        return self.joint.join(part[0].upper() + part[1:] if self.cased else part for part in ended)

    def document(self, hidden: str) -> str:
        """Give a text such as a model is asked to read, with what is hidden in it."""
        some = [self.one("sentence") for _ in range(self.rng.randint(1, 5))]
        if self.rng.random() < 0.5:
            some.append(self.one("request"))
        if hidden:
            at = self.rng.choice((0, len(some), len(some), self.rng.randint(0, len(some))))
            return self.rng.choice(LAYOUTS)(self, some[:at], hidden, some[at:])
        return self.rng.choice(LAYOUTS)(self, some, "", [])

    def hidden(self) -> str:
        """Give what somebody hides in a document."""
        said = self.rng.random()
        if said < 0.55:
            return self.joined(f"{self.one('reader')}{self.joint}{self.one('order')}")
        if said < 0.7:
            return self.joined(self.one("override"), self.one("order"))
        if said < 0.8:
            return self.joined(self.one("authority"), self.one("order", "goal"))
        return self.joined(self.one("aside"))


def _letter(of: Phrases, before: list[str], hidden: str, after: list[str]) -> str:
    return f"{of.one('open')}\n\n{of.joined(*before, hidden, *after)}\n\n{of.one('close')}"


def _plain(of: Phrases, before: list[str], hidden: str, after: list[str]) -> str:
    return of.joined(*before, hidden, *after)


def _page(of: Phrases, before: list[str], hidden: str, after: list[str]) -> str:
    inside = f"<!-- {hidden} -->" if of.rng.random() < 0.5 else f'<span style="color:#fff">{hidden}</span>'
    return f"<p>{of.joined(*before)}</p>{inside if hidden else '<!-- menu -->'}<p>{of.joined(*after)}</p>"


def _result(of: Phrases, before: list[str], hidden: str, after: list[str]) -> str:
    name = of.rng.choice(("text", "note", "result", "body", "description"))
    said = {"id": of.rng.randint(1, 9999), "status": "ok", name: of.joined(*before, hidden, *after)}
    return json.dumps(said, ensure_ascii=False)


def _code(of: Phrases, before: list[str], hidden: str, after: list[str]) -> str:
    sign = of.rng.choice(("#", "//", "--"))
    lines = [f"{sign} {one}" for one in (*before[-1:], hidden, *after[:1]) if one]
    return "\n".join(["def load(path):", *lines, "    return open(path).read()"])


def _list(_: Phrases, before: list[str], hidden: str, after: list[str]) -> str:
    return "\n".join(f"- {one}" for one in (*before, hidden, *after) if one)


def _table(_: Phrases, before: list[str], hidden: str, after: list[str]) -> str:
    rows = [f"| {number} | {one} |" for number, one in enumerate((*before, *after), 1)]
    return "\n".join([*rows[:2], hidden, *rows[2:]]).replace("\n\n", "\n")


LAYOUTS: tuple[Callable[[Phrases, list[str], str, list[str]], str], ...] = (
    _letter,
    _letter,
    _plain,
    _plain,
    _page,
    _result,
    _code,
    _list,
    _table,
)


def _direct(of: Phrases) -> str:
    first = of.one("override", "override", "override", "authority", "persona")
    return of.joined(first, of.one("goal")) if of.rng.random() < 0.6 else of.joined(of.one("override", "goal"))


def _short(of: Phrases) -> str:
    said = of.rng.random()
    if said < 0.1:
        return of.one("greeting")
    asked = of.one("question")
    if said < 0.25:
        return of.joined(of.one("greeting"), asked)
    return of.joined(asked, of.one("question", "greeting")) if said < 0.35 else asked


def _quoting(of: Phrases) -> str:
    return of.one("quote").replace("@", of.one("override", "override", "leak", "reader", "persona", "goal"))


MADE: dict[str, Callable[[Phrases], str]] = {
    "direct": _direct,
    "leak": lambda of: of.one("leak"),
    "persona": lambda of: of.joined(of.one("persona"), of.rng.choice(("", of.one("question", "goal")))),
    "after": lambda of: of.joined(of.one("question", "task", "sentence"), of.one("override"), of.one("goal", "order")),
    "indirect": lambda of: of.document(of.hidden()),
    "short": _short,
    "task": lambda of: of.one("task"),
    "trigger": lambda of: of.one("trigger"),
    "about": lambda of: of.joined(*(of.one("about") for _ in range(of.rng.randint(1, 5)))),
    "quote": lambda of: of.joined(*of.rng.choices(("", of.one("about")), k=1), _quoting(of)),
    "role": lambda of: of.joined(of.one("role"), of.rng.choice(("", of.one("question", "task")))),
    "before": lambda of: of.joined(
        of.one("task", "sentence"), of.one("trigger", "task", "question"), of.one("request")
    ),
    "document": lambda of: of.document(""),
}


def rows(language: str, number: int, quoting: bool) -> Iterator[dict[str, object]]:
    """Give the rows of one language, each once."""
    seen: set[str] = set()
    for label, shares in ((1, ATTACKS), (0, ORDINARY), (0, QUOTING if quoting else {})):
        for kind, share in shares.items():
            rng = random.Random(f"{language} {kind}")
            of = Phrases(language, rng)
            for _ in range(round(number * share)):
                text = next((one for one in (MADE[kind](of) for _ in range(20)) if one not in seen), "")
                if not text:
                    break
                seen.add(text)
                if len(text) < 120 and rng.random() < TYPED_FAST:
                    text = text.lower().rstrip(".。।")
                yield {"text": text, "label": label, "source": f"own:{language}:{kind}"}


def made(number: int = 800, *, quoting: bool = False) -> list[dict[str, object]]:
    """Give the rows of all languages, `number` of most of them."""
    found: dict[str, dict[str, object]] = {}
    for path in sorted(HERE.glob("*.txt")):
        for row in rows(path.stem, number * MORE.get(path.stem, 1), quoting):
            found.setdefault(str(row["text"]), row)
    return list(found.values())


def main() -> None:
    """Write the rows of all languages."""
    asked = argparse.ArgumentParser()
    asked.add_argument("out", type=Path)
    asked.add_argument("--rows", type=int, default=800, help="of each language")
    asked.add_argument("--quoting", action="store_true", help="also texts that quote an attack")
    said = asked.parse_args()
    found = made(said.rows, quoting=said.quoting)
    said.out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), "utf-8")
    print(len(found), "rows,", sum(row["label"] == 1 for row in found), "of them attacks")


if __name__ == "__main__":
    main()
