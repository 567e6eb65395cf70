"""TensorFlow graphs as text (`.pbtxt`): their nodes, found by the names and braces of the text format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from safecase.readers.artifacts.graphs.protobuf import BrokenMessage
from safecase.readers.artifacts.graphs.tensorflow_nodes import Operation

MOST_TEXT: Final = 64 * 1024 * 1024
MOST_DEPTH: Final = 100

_BEGINS: Final = re.compile(
    rb"\A(\xef\xbb\xbf)?(?:\s|#[^\n]*\n)*+(node|library|versions|version|meta_graphs|saved_model_schema_version|"
    rb"graph_def|meta_info_def)\s*[:{<]"
)
_TOKEN: Final = re.compile(
    r"""\s+|\#[^\n]*|(?P<name>[A-Za-z_][\w.]*)|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|"""
    r"""(?P<open>[{<])|(?P<close>[}>])|(?P<other>.)""",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r"}


def is_graph_text(prefix: bytes) -> bool:
    """Say whether a file begins as a graph in the text format does."""
    return _BEGINS.match(prefix) is not None and b"\0" not in prefix


def scopes(file: BinaryIO, size: int) -> Iterator[list[Operation]]:
    """Give the nodes of the graph and of each function; raises `BrokenMessage`."""
    if size > MOST_TEXT:
        raise BrokenMessage(f"a graph in text of {size} bytes")
    file.seek(0)
    reading = _Reading()
    for match in _TOKEN.finditer(file.read(size).decode("utf-8", "replace")):
        if match.lastgroup:
            reading.token(match.lastgroup, match[0], match.start())
    yield from reading.scopes


class _Reading:
    def __init__(self) -> None:
        self.scopes: list[list[Operation]] = [[]]
        self._open: list[str] = []
        self._last, self._key = "", ""
        self._node: list[tuple[str, str]] = []
        self._depth, self._start = 0, 0

    def token(self, kind: str, text: str, at: int) -> None:
        if kind == "name":
            self._last = text
        elif kind == "open":
            self._enter(at)
        elif kind == "close":
            self._leave()
        elif kind == "text":
            self._value(_unescaped(text[1:-1]))

    def _enter(self, at: int) -> None:
        if len(self._open) >= MOST_DEPTH:
            raise BrokenMessage("it is nested too deeply")
        self._open.append(self._last)
        if self._last == "function" and not self._depth:
            self.scopes.append([])
        elif self._last in ("node", "node_def") and not self._depth:
            self._node, self._depth, self._start = [], len(self._open), at

    def _leave(self) -> None:
        if self._depth and len(self._open) == self._depth:
            self.scopes[-1].append(self._operation())
            self._depth = 0
        if self._open:
            self._open.pop()

    def _value(self, text: str) -> None:
        if not self._depth:
            return
        inside = len(self._open) - self._depth
        if inside == 0:
            self._node.append((self._last, text))
        elif inside == 1 and self._last == "key":
            self._key = text
        elif self._last in ("s", "string_val"):
            self._node.append((f"={self._key}", text))

    def _operation(self) -> Operation:
        def one(key: str) -> str:
            return next((text for name, text in reversed(self._node) if name == key), "")

        return Operation(
            name=one("name"),
            operator=one("op"),
            inputs=tuple(text for name, text in self._node if name == "input")[:64],
            texts=tuple((name[1:], text) for name, text in self._node if name.startswith("="))[:64],
            offset=self._start,
        )


def _unescaped(text: str) -> str:
    def letter(match: re.Match[str]) -> str:
        found = match[1]
        if found[0] == "x" and len(found) > 1:
            return chr(int(found[1:], 16))
        if found[0] in "01234567":
            return chr(int(found, 8) & 0xFF)
        return _LETTERS.get(found, found)

    return _ESCAPE.sub(letter, text)
