"""AI resources in Terraform: their types and models, by a scanner of blocks that forgives what it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safecase.readers.uses import known
from safecase.readers.uses.use import Use

_TOKEN = re.compile(
    r"""(?P<skip>\#[^\n]*|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z))
    |(?P<heredoc><<[-~]?\s*"?(?P<mark>[A-Za-z_]\w{0,60})"?[^\n]*\n)
    |"(?P<text>(?:[^"\\\n]|\\.)*)(?:"|(?=\n)|\Z)
    |(?P<word>[A-Za-z_][\w-]*)
    |(?P<sign>[{}=\n])""",
    re.VERBOSE,
)
_MODELS = frozenset({"model_id", "model_name", "foundation_model", "model", "model_arn", "image", "name"})


class Broken(ValueError):  # noqa: N818  a word that reads well where it is caught
    """The braces of the file do not match."""


def read(path: str, text: str) -> Iterator[Use]:
    """Give the resources of a file; raises `Broken` where its blocks do not close."""
    scan = _Scan(path)
    line, at = 1, 0
    while found := _TOKEN.search(text, at):
        line += text.count("\n", at, found.start())
        at = found.end()
        if found["heredoc"]:
            closed = re.compile(rf"^[ \t]*{re.escape(found['mark'])}[ \t]*$", re.MULTILINE).search(text, at)
            at = closed.end() if closed else len(text)
        elif found["sign"]:
            yield from scan.sign(found["sign"], line)
        elif not found["skip"]:
            yield from scan.word(found["text"] if found["text"] is not None else found["word"], line)
        line += text.count("\n", found.start(), at)
    if scan.depth > 0:
        raise Broken("a block is not closed")


class _Scan:
    """Where the scanner stands: how deep, in which block, after which words of the line."""

    def __init__(self, path: str) -> None:
        self.path, self.depth = path, 0
        self._block: tuple[int, known.Part] | None = None
        self._words: list[str] = []

    def sign(self, sign: str, line: int) -> Iterator[Use]:
        """Go into a block, out of one, to the next line, or to a value."""
        if sign == "=":
            self._words.append(sign)
            return
        words, self._words = self._words, []
        if sign == "{":
            self.depth += 1
            row = known.resource(words[1]) if len(words) > 1 and words[0] in ("resource", "data") else None
            if row is not None and self._block is None:
                self._block = (self.depth, row)
                yield _use(self.path, line, row)
        elif sign == "}":
            self.depth -= 1
            if self.depth < 0:
                raise Broken(f"a block is closed that was never opened (line {line})")
            if self._block and self.depth < self._block[0]:
                self._block = None

    def word(self, word: str, line: int) -> Iterator[Use]:
        """Take a word; the third of `key = value` is a value."""
        self._words.append(word)
        if len(self._words) != 3 or self._words[1] != "=":
            return
        if self._block and self._words[0] in _MODELS:
            yield from _model(self.path, line, word, self._block[1])
        part = known.image(word) if self._words[0] == "image" else None
        if part is not None:
            yield _use(self.path, line, part, model=word)


def _use(path: str, line: int, row: known.Part, model: str = "") -> Use:
    return Use(
        kind=row.kind, name=row.name, path=path, line=line, provider=row.provider, makes=row.makes, model=model,
        hosting="managed_cloud" if row.provider else "self_hosted",
    )  # fmt: skip


def _model(path: str, line: int, text: str, row: known.Part) -> Iterator[Use]:
    name = text.rpartition("/")[2] if text.startswith("arn:") else text
    known_name = known.model_name(name)
    if known_name is not None:
        yield Use(
            kind="model", name=row.name, model=name, path=path, line=line, provider=row.provider or known_name.provider,
            makes="" if "embed" in name else known_name.makes, hosting="managed_cloud", origin="provider",
            pinned=known.is_dated(name),
        )  # fmt: skip
