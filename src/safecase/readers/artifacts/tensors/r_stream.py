"""The bytes of R's serialisation, in each of its three ways to write a number: XDR, native binary, text."""

from __future__ import annotations

from typing import BinaryIO, Final

MOST_WORD: Final = 4 * 1024 * 1024
_WIDTHS: Final = {10: 4, 13: 4, 14: 8, 15: 16, 24: 1}
_NUMBERS: Final = {10: 1, 13: 1, 14: 1, 15: 2}
_SAVED: Final = (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n", b"RDB2\n", b"RDB3\n")


class BrokenObject(Exception):  # noqa: N818 - becomes a problem
    """The bytes are no object of R, or more than is walked."""


def is_r_data(prefix: bytes) -> bool:
    """Say whether bytes begin a serialised object or a saved workspace of R."""
    if prefix[:5] in _SAVED:
        return True
    if prefix[:2] == b"X\n":
        return prefix[2:5] == bytes(3) and prefix[5:6] in (b"\2", b"\3")
    if prefix[:2] == b"B\n":
        return prefix[2:6] in (b"\2\0\0\0", b"\3\0\0\0")
    return prefix[:4] in (b"A\n2\n", b"A\n3\n")


class Stream:
    """Reads what R wrote, as wide as it wrote it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._text, self._order = False, "big"
        file.seek(0)

    def header(self) -> bool:
        """Read the beginning; says whether it is a saved workspace rather than one object."""
        saved = self._file.read(5) in _SAVED
        if not saved:
            self._file.seek(0)
        way = self._file.read(2)
        self._text = way == b"A\n"
        self._order = "little" if way == b"B\n" else "big"
        if way not in (b"X\n", b"A\n", b"B\n"):
            raise BrokenObject("a way of writing that R does not know")
        version = self.integer()
        self.integer()
        self.integer()
        if version not in (2, 3):
            raise BrokenObject(f"version {version}")
        if version == 3:
            self.text()
        return saved

    def at(self) -> int:
        """Say where it is."""
        return self._file.tell()

    def peek_kind(self) -> int:
        """Give the kind of the next item, without reading it."""
        before = self._file.tell()
        kind = self.integer() & 255
        self._file.seek(before)
        return kind

    def integer(self) -> int:
        """Read a number of 32 bits."""
        if self._text:
            word = self._word()
            try:
                return -(2**31) if word == b"NA" else int(word[:20])
            except ValueError:
                raise BrokenObject("a number that is none") from None
        found = self._file.read(4)
        if len(found) < 4:
            raise BrokenObject("it breaks off")
        return int.from_bytes(found, "little" if self._order == "little" else "big", signed=True)

    def length(self) -> int:
        """Read the length of something; raises `BrokenObject` where there are not so many bytes."""
        found = self.integer()
        if found == -1:
            found = (self.integer() << 32) + self.integer()
        if not 0 <= found <= self._size:
            raise BrokenObject(f"a length of {found}")
        return found

    def text(self) -> str:
        """Read a text with its length."""
        length = self.integer()
        if length == -1:
            return ""
        if not 0 <= length <= self._size:
            raise BrokenObject(f"a text of {length} bytes")
        if self._text:
            return self._escaped(length)
        kept = self._file.read(min(length, 4096))
        if len(kept) < min(length, 4096) or self._file.tell() + length - len(kept) > self._size:
            raise BrokenObject("it breaks off")
        self._file.seek(length - len(kept), 1)
        return kept.decode("utf-8", "replace")

    def skip_numbers(self, kind: int, count: int) -> None:
        """Pass over the numbers of a vector."""
        if self._text:
            for _ in range(count * _NUMBERS.get(kind, 1)):
                self._word()
            return
        if count * _WIDTHS[kind] > self._size - self._file.tell():
            raise BrokenObject(f"a list of {count} numbers")
        self._file.seek(count * _WIDTHS[kind], 1)

    def end(self) -> None:
        """Raise `BrokenObject` where much follows the object."""
        rest = self._size - self._file.tell()
        if rest > 0 and self._file.read(min(rest, 4096)).strip(b"\n\0"):
            raise BrokenObject(f"{rest} bytes follow its end")

    def _word(self) -> bytes:
        word = self._file.readline(MOST_WORD)
        if not word:
            raise BrokenObject("it breaks off")
        return word.strip()

    def _escaped(self, length: int) -> str:
        """Read a text of the text format: letters that are none are written as octal numbers."""
        line = self._file.readline(4 * length + 2)
        return line.rstrip(b"\n")[: 4 * length].decode("latin-1").replace("\\n", "\n").replace("\\040", " ")
