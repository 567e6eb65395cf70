"""Uses of AI in JavaScript and TypeScript: imports and literals outside of comments, by a simple tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from safecase.readers.uses import known
from safecase.readers.uses.use import Use

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v\u00a0\ufeff]+|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z))
    |(?P<line>\n)
    |(?P<text>"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\Z)|'(?:[^'\\\n]|\\.)*(?:'|(?=\n)|\Z))
    |(?P<template>`(?:[^`\\]|\\.)*(?:`|\Z))
    |(?P<word>[A-Za-z_$][\w$]*)
    |(?P<other>\#![^\n]*|[\d.]+|.)""",
    re.VERBOSE | re.DOTALL,
)
_PATTERN = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.){0,100}\]){1,300}/[a-z]*")
_BEFORE_PATTERN = frozenset(
    {"(", ",", "=", ":", "[", "!", "&", "|", "?", "{", "}", ";", "+", "return", "typeof", "case", ""}
)
_MODEL_KEYS = re.compile(r"(^|[a-z_])(model|modelName|modelId|model_name|llm|engine|deployment)$|Model$|MODEL$|^model")
_ADDRESS = ("baseURL", "baseUrl", "basePath", "apiBase", "endpoint")


class Token(NamedTuple):
    """A word, a text or a sign."""

    kind: str
    text: str
    line: int


def read(path: str, text: str) -> tuple[Use, ...]:
    """Give the uses in a script."""
    tokens = list(_tokens(text))
    imported: dict[str, known.Library] = {}
    found: list[Use] = []
    seen: set[str] = set()
    for module, line, names in _imports(tokens):
        row = known.library_of_npm(module)
        if row is None:
            continue
        imported |= dict.fromkeys(names, row)
        if row.name not in seen:
            seen.add(row.name)
            found.append(
                Use(
                    kind=row.kind, name=row.name, path=path, line=line, provider=row.provider, makes=row.makes,
                    hosting=row.hosting,
                )
            )  # fmt: skip
    found += _literals(path, tokens, imported)
    return tuple(sorted(dict.fromkeys(found), key=lambda u: (u.line, u.kind, u.name, u.model)))


def _tokens(text: str) -> Iterator[Token]:
    line, at, before = 1, 0, ""
    while at < len(text):
        if text[at] == "/" and before in _BEFORE_PATTERN and text[at + 1 : at + 2] not in ("/", "*"):
            pattern = _PATTERN.match(text, at)
            if pattern:
                at, before = pattern.end(), "/"
                continue
        found = _TOKEN.match(text, at)
        assert found is not None  # `.` matches whatever is left
        kind, inside = found.lastgroup or "", found[0]
        if kind not in ("space", "line"):
            before = inside
            value = inside[1:].removesuffix(inside[0]) if kind in ("text", "template") else inside
            yield Token(kind, value, line)
        line += inside.count("\n")
        at = found.end()


def _imports(tokens: list[Token]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Give each imported module, its line, and the names that it is bound to."""
    for index, token in enumerate(tokens):
        if token.kind != "word" or (index and tokens[index - 1].text == "."):
            continue
        after = tokens[index + 1 : index + 3]
        if token.text in ("require", "import") and len(after) == 2 and after[0].text == "(" and after[1].kind == "text":
            yield after[1].text, token.line, _bound_before(tokens, index)
        elif token.text in ("import", "export") and after:
            yield from _statement(tokens, index)


def _statement(tokens: list[Token], index: int) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """`import X, {a as b} from "m"`, `import "m"`, `export {a} from "m"`; types alone are no use."""
    names: list[str] = []
    if tokens[index + 1].text == "type" and index + 2 < len(tokens) and tokens[index + 2].text != "from":
        return
    for token in tokens[index + 1 : index + 200]:
        if token.kind == "text":
            before = tokens[index + 1] is token or names[-1:] == ["from"]
            if before:
                yield token.text, tokens[index].line, tuple(names)
            return
        if token.kind == "word":
            names.append(token.text)
        elif token.text not in "{},*":
            return


def _bound_before(tokens: list[Token], index: int) -> tuple[str, ...]:
    """Names of `const X = require(...)` and `const {a, b} = await import(...)`."""
    names: list[str] = []
    for token in reversed(tokens[max(0, index - 30) : index]):
        if token.text in ("const", "let", "var"):
            return tuple(names)
        if token.kind == "word":
            names.append(token.text)
        elif token.text not in "{},=:":
            return ()
    return ()


def _literals(path: str, tokens: list[Token], imported: dict[str, known.Library]) -> Iterator[Use]:
    for index, token in enumerate(tokens):
        before = tokens[index - 1].text if index else ""
        owner = tokens[index - 2] if index > 1 else None
        if token.kind == "word" and before == "." and known.variable(token.text) and owner and owner.text == "env":
            yield Use(kind="env_var", name=token.text, path=path, line=token.line)
        if token.kind not in ("text", "template") or owner is None:
            continue
        if before == "[" and owner.text == "env" and known.variable(token.text):
            yield Use(kind="env_var", name=token.text, path=path, line=token.line)
        key = before in (":", "=", "(") and owner.kind in ("word", "text") and _MODEL_KEYS.search(owner.text)
        called = before == "(" and owner.text in imported
        row = known.model_name(token.text) if key or called else None
        if row is not None:
            yield _model(path, token, owner.text, row, sure=called)
        elif called and imported[owner.text].kind == "llm_client" and re.fullmatch(r"[\w.:/@-]{2,120}", token.text):
            library = imported[owner.text]
            yield _model(
                path,
                token,
                owner.text,
                known.ModelName(pattern="", provider=library.provider, makes=library.makes),
                sure=True,
            )
        provider = known.host(token.text) if before in (":", "=", "(", ",") else ""
        if provider or (before == ":" and owner.text in _ADDRESS and token.text.startswith("http") and imported):
            yield Use(
                kind="llm_endpoint", name=known.without_secrets(token.text), url=known.without_secrets(token.text),
                path=path, line=token.line, provider=provider,
                hosting="saas_api" if provider else "self_hosted" if known.is_near(token.text) else "",
            )  # fmt: skip


def _model(path: str, token: Token, by: str, row: known.ModelName, *, sure: bool) -> Use:
    return Use(
        kind="model",
        name=by[:80],
        model=token.text,
        path=path,
        line=token.line,
        confidence="high" if sure else "medium",
        provider=row.provider,
        makes="" if "embed" in token.text else row.makes,
        hosting=row.hosting or ("saas_api" if row.provider else "self_hosted"),
        origin="provider" if row.provider else "hub",
        pinned=known.is_dated(token.text),
    )
