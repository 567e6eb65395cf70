"""R's serialised objects (RDS, RData): promises and calls that R evaluates when the file is loaded or first touched.

A promise that was not evaluated yet carries an expression; R evaluates it as soon as somebody looks at the value
(CVE-2024-27322). Formulas, calls and functions are ordinary parts of models and run nothing by themselves.
"""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.artifacts.tensors.r_stream import BrokenObject, Stream
from safecase.readers.text import shown

MOST_ITEMS: Final = 5_000_000
MOST_DEPTH: Final = 400

_NIL, _SYM, _LIST, _CLO, _ENV, _PROM, _LANG = 0, 1, 2, 3, 4, 5, 6
_SPECIAL, _BUILTIN, _CHAR, _LGL, _INT, _REAL, _CPLX, _STR, _DOTS = 7, 8, 9, 10, 13, 14, 15, 16, 17
_VEC, _EXPR, _BCODE, _EXTPTR, _WEAK, _RAW, _S4 = 19, 20, 21, 22, 23, 24, 25
_UNBOUND: Final = 252
_BARE: Final = frozenset({254, 253, 252, 251, 250, 242, 241, _NIL})
_REF, _NAMESPACE, _PACKAGE, _PERSIST, _ATTRLANG, _ATTRLIST = 255, 249, 248, 247, 240, 239
_BCREPDEF, _BCREPREF, _ALTREP = 244, 243, 238
_ACTIVE: Final = 1 << 15

_STARTS: Final = frozenset(
    {"system", "system2", "shell", "shell.exec", "pipe", "dyn.load", "download.file", "socketConnection", "unlink"}
)
"""Functions that reach out of R, which no formula and no recorded call of a model has at its head."""

_REACHES: Final = _STARTS | {
    "eval", "evalq", "source", "sys.source", "parse", "str2lang", "url", "file", "readRDS", "load", "writeLines",
    "writeBin", "readLines", "Sys.setenv", "install.packages", "do.call", "file.remove", "file.copy", "assign",
    "reg.finalizer", "addTaskCallback", "setHook", ".Call", ".External", ".Internal", "get", "match.fun", "Sys.getenv",
}  # fmt: skip
"""What makes more than an argument that was never looked at of a promise within a function's frame."""

_HOOKS: Final = frozenset({".First", ".Last", ".First.sys", ".onLoad", ".onAttach", ".Last.sys", ".Last.lib"})
_SYNTAX: Final = re.compile(r"(<-|<<-|=|\(|\{|\[|\[\[|\$|@|\+|-|\*|/|if|for|while|function|return|library|print|c|q)\Z")


def check_r_data(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Walk every object of the file, and note what R would evaluate."""
    walk = _Walk(Stream(file, size), problems, member)
    try:
        walk.whole()
    except BrokenObject as why:
        problems.add("rdata.broken", "error", f"not judged to its end: {why}", member=member)
    except RecursionError:
        problems.add("rdata.depth", "error", "it is nested too deeply to be judged", member=member)


class _Walk:
    def __init__(self, stream: Stream, problems: Problems, member: str) -> None:
        self._stream, self._problems, self._member = stream, problems, member
        self._left = MOST_ITEMS
        self._names: dict[int, str] = {}
        self._references = 0
        self._frames = 0
        self._functions = 0
        self._reaching = 0

    def whole(self) -> None:
        saved = self._stream.header()
        if saved:
            self._saved()
        else:
            self._item(0)
        self._stream.end()

    # Items

    def _saved(self) -> None:
        """A saved workspace is a list of bindings, that R makes when it is loaded."""
        flags = self._stream.integer()
        while flags & 255 == _LIST:
            if flags & 0x200:
                self._item(1)
            name = self._item(1) if flags & 0x400 else ""
            at = self._stream.at()
            before = self._stream.peek_kind()
            self._item(1)
            self._binding(name, before, at)
            flags = self._stream.integer()
            self._count()

    def _binding(self, name: str, kind: int, at: int) -> None:
        if kind not in (_CLO, _BCODE, _PROM, _LANG):
            return
        if name in _HOOKS:
            self._tell("rdata.hook", "malicious", f"it defines {shown(name)}, which R runs by itself", at, name)
        elif _SYNTAX.match(name):
            message = f"it puts a function of its own in the place of R's {shown(name)}"
            self._tell("rdata.hook", "malicious", message, at, name)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise BrokenObject(f"it has more than {MOST_ITEMS} objects")

    def _item(self, depth: int) -> str:
        """Read an item; gives the name that it is, where it is one."""
        self._count()
        if depth > MOST_DEPTH:
            raise BrokenObject("it is nested too deeply")
        at = self._stream.at()
        flags = self._stream.integer()
        return self._of_kind(flags, flags & 255, at, depth)

    def _of_kind(self, flags: int, kind: int, at: int, depth: int) -> str:
        stream = self._stream
        if kind == _SYM:
            name = self._item(depth + 1)
            self._refer(name)
            return name
        if kind == _CHAR:
            return stream.text()
        if kind == _REF:
            return self._names.get(flags >> 8 or stream.integer(), "")
        if kind in (_LIST, _LANG, _CLO, _PROM, _DOTS, _ATTRLANG, _ATTRLIST):
            self._pairs(flags, kind, at, depth)
        elif kind in (_NAMESPACE, _PACKAGE, _PERSIST, _ENV, _EXTPTR, _WEAK):
            self._referred(flags, kind, depth)
        elif kind in (_SPECIAL, _BUILTIN):
            stream.text()
            self._attributes(flags, depth)
        elif kind == _BCODE:
            self._bytecode(depth)
            self._attributes(flags, depth)
        elif kind == _ALTREP:
            for _ in range(3):
                self._item(depth + 1)
        else:
            self._vector(flags, kind, depth)
        return ""

    def _referred(self, flags: int, kind: int, depth: int) -> None:
        """Read something that later items may refer to by its number."""
        if kind == _ENV:
            self._environment(depth)
            return
        if kind in (_EXTPTR, _WEAK):
            self._refer("")
            for _ in range(2 if kind == _EXTPTR else 0):
                self._item(depth + 1)
            self._attributes(flags, depth)
            return
        self._stream.integer()
        for _ in range(self._stream.length()):
            self._item(depth + 1)
        self._refer("")

    def _vector(self, flags: int, kind: int, depth: int) -> None:
        stream = self._stream
        if kind in (_LGL, _INT, _REAL, _CPLX, _RAW):
            stream.skip_numbers(kind, stream.length())
        elif kind in (_STR, _VEC, _EXPR):
            for _ in range(stream.length()):
                self._item(depth + 1)
        elif kind in _BARE:
            return
        elif kind != _S4:
            raise BrokenObject(f"an object of the kind {kind}")
        self._attributes(flags, depth)

    def _attributes(self, flags: int, depth: int) -> None:
        if flags & 0x200:
            self._item(depth + 1)

    def _refer(self, name: str) -> None:
        self._references += 1
        if name:
            self._names[self._references] = name

    def _environment(self, depth: int) -> None:
        self._stream.integer()
        self._refer("")
        self._item(depth + 1)
        self._frames += 1
        self._item(depth + 1)
        self._item(depth + 1)
        self._frames -= 1
        self._item(depth + 1)

    def _pairs(self, flags: int, kind: int, at: int, depth: int) -> None:
        """Read a pairlist, cell by cell; a promise, a call and a function are made of such cells, too."""
        first = True
        while True:
            if flags & 0x200 or kind in (_ATTRLANG, _ATTRLIST):
                self._item(depth + 1)
            if flags & 0x400:
                self._item(depth + 1)
            self._functions += kind == _CLO
            if kind == _PROM:
                self._promise(at, depth)
                return
            if self._frames and kind == _LIST and flags >> 12 & _ACTIVE:
                message = "a binding calls a function whenever somebody looks at it"
                self._tell("rdata.active", "suspicious", message, at, str(at))
            head = self._item(depth + 1)
            if first and kind in (_LANG, _ATTRLANG):
                self._call(head, at)
            if kind == _CLO:
                self._item(depth + 1)
                self._functions -= 1
                return
            at = self._stream.at()
            flags = self._stream.integer()
            self._count()
            following = flags & 255
            if following not in (_LIST, _LANG, _ATTRLANG, _ATTRLIST, _DOTS):
                self._of_kind(flags, following, at, depth)
                return
            first = following in (_LANG, _ATTRLANG)
            kind = following

    def _promise(self, at: int, depth: int) -> None:
        """Read a promise: an environment was read by now, where there is one; value and expression follow.

        Within the frame of a function that was saved with a model, arguments may ordinarily wait to be looked at.
        """
        value = self._stream.peek_kind()
        self._item(depth + 1)
        expression, before = self._stream.peek_kind(), self._reaching
        self._item(depth + 1)
        if self._frames and self._reaching == before:
            return
        if value != _UNBOUND and value != _NIL and value != 254:
            return
        if expression in (_LANG, _ATTRLANG, _BCODE, _PROM):
            says: FileVerdict = "suspicious" if self._frames else "malicious"
            message = "a promise whose expression R evaluates as soon as somebody looks at the object"
            self._tell("rdata.promise", says, message, at, str(at) if says == "malicious" else "frame")

    def _call(self, head: str, at: int) -> None:
        self._reaching += head in _REACHES
        if head in _STARTS and not self._functions:
            message = f"it holds a call of {shown(head)}()"
            self._tell("rdata.call", "suspicious", message, at, head)

    # Bytecode

    def _bytecode(self, depth: int) -> None:
        self._stream.length()
        self._functions += 1
        self._code(depth)
        self._functions -= 1

    def _code(self, depth: int) -> None:
        if depth > MOST_DEPTH:
            raise BrokenObject("it is nested too deeply")
        self._item(depth + 1)
        for _ in range(self._stream.length()):
            self._count()
            kind = self._stream.integer()
            if kind == _BCODE:
                self._code(depth + 1)
            elif kind in (_LANG, _LIST, _BCREPDEF, _BCREPREF, _ATTRLANG, _ATTRLIST):
                self._code_pairs(kind, depth + 1)
            else:
                self._item(depth + 1)

    def _code_pairs(self, kind: int, depth: int) -> None:
        """Read a call within bytecode: its cells tell their kinds ahead, and may be referred to."""
        while True:
            self._count()
            if depth > MOST_DEPTH:
                raise BrokenObject("it is nested too deeply")
            if kind == _BCREPREF:
                self._stream.integer()
                return
            if kind == _BCREPDEF:
                self._stream.integer()
                kind = self._stream.integer()
            if kind not in (_LANG, _LIST, _ATTRLANG, _ATTRLIST):
                self._item(depth + 1)
                return
            if kind in (_ATTRLANG, _ATTRLIST):
                self._item(depth + 1)
            self._item(depth + 1)
            self._code_pairs(self._stream.integer(), depth + 1)
            kind = self._stream.integer()

    def _tell(self, rule: str, says: FileVerdict, message: str, at: int, key: str) -> None:
        self._problems.add(rule, says, message, offset=at, member=self._member, key=key[:200])
