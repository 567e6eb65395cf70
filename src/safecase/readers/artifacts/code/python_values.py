"""Values of Python code as far as they can be known without running it: constants, names from outside, and holes."""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import codecs
import lzma
import operator
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

Plain: TypeAlias = str | bytes | int | float | complex | bool | None
LONGEST: Final = 256 * 1024
MOST_ITEMS: Final = 4096


class Known(NamedTuple):
    """A constant; `made` where the code computes it from others instead of writing it down."""

    value: Plain
    made: bool = False


class Ref(NamedTuple):
    """Something from outside of the file, by its dotted name; `os.popen()` is what a call of `os.popen` gives."""

    name: str
    made: bool = False


class Items(NamedTuple):
    """A list, tuple or set."""

    values: tuple[Value, ...]


class Table(NamedTuple):
    """A dictionary with constant keys."""

    entries: Mapping[Plain, Value]


class Function:
    """A function or class of the file itself."""

    def __init__(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef, scope: object) -> None:
        self.node = node
        self.scope = scope


class Hole(NamedTuple):
    """A value that is not known; `traits` tell where it comes from: `decoded`, `remote`, `file`, `secret`."""

    traits: frozenset[str] = frozenset()


Value: TypeAlias = Known | Ref | Items | Table | Function | Hole
HOLE: Final = Hole()


def traits_of(values: Iterable[Value], deepest: int = 4) -> frozenset[str]:
    """Join the traits of values, and of what they hold."""
    found: set[str] = set()
    for value in values:
        if isinstance(value, Hole):
            found |= value.traits
        elif isinstance(value, Items) and deepest:
            found |= traits_of(value.values, deepest - 1)
        elif isinstance(value, Table) and deepest:
            found |= traits_of(value.entries.values(), deepest - 1)
    return frozenset(found)


def is_made(values: Iterable[Value]) -> bool:
    """Say whether any of the values is computed from others."""
    return any(
        value.made if isinstance(value, Known | Ref) else isinstance(value, Items) and is_made(value.values)
        for value in values
    )


def plain(value: Value) -> object:
    """Give the Python value; raises `TypeError` where it is not wholly known."""
    if isinstance(value, Known):
        return value.value
    if isinstance(value, Items):
        return [plain(v) for v in value.values]
    raise TypeError("not known")


def known(value: object, *, made: bool = True) -> Value:
    """Turn a Python value into one of ours; a hole where it is of another kind or too large."""
    if isinstance(value, str | bytes):
        return Known(value, made) if len(value) <= LONGEST else HOLE
    if isinstance(value, int):
        return Known(value, made) if value.bit_length() <= 4096 else HOLE
    if isinstance(value, float | complex | None):
        return Known(value, made)
    if isinstance(value, bytearray):
        return known(bytes(value), made=made)
    if isinstance(value, list | tuple):
        return Items(tuple(known(v, made=made) for v in value)) if len(value) <= MOST_ITEMS else HOLE
    return HOLE


def binary(operation: ast.operator, left: Value, right: Value) -> Value:
    """Compute what two constants give."""
    if isinstance(left, Items) and isinstance(right, Items) and isinstance(operation, ast.Add):
        both = left.values + right.values
        return Items(both) if len(both) <= MOST_ITEMS else HOLE
    compute = _BINARY.get(type(operation))
    try:
        a, b = plain(left), plain(right)
        if compute is None or (isinstance(operation, ast.Mult) and _too_long(a, b)):
            return HOLE
        if isinstance(operation, ast.LShift) and not (isinstance(b, int) and b < 4096):
            return HOLE
        if isinstance(operation, ast.Mod) and isinstance(a, str | bytes):
            return _formatted(a, b)
        return known(compute(a, b))
    except Exception:  # noqa: BLE001 - whatever the constants of a hostile file do, there is no value
        return Hole(traits_of((left, right)))


def indexed(value: Value, index: Value) -> Value:
    """Give what stands at an index or a key."""
    if isinstance(value, Table) and isinstance(index, Known):
        return value.entries.get(index.value, HOLE)
    if isinstance(value, Items) and isinstance(index, Known) and isinstance(index.value, int):
        return value.values[index.value] if -len(value.values) <= index.value < len(value.values) else HOLE
    if isinstance(value, Known) and isinstance(value.value, str | bytes) and isinstance(index, Known):
        at = index.value
        return known(value.value[at]) if isinstance(at, int) and -len(value.value) <= at < len(value.value) else HOLE
    return Hole(traits_of((value,)))


def sliced(value: Value, bounds: Sequence[Value]) -> Value:
    """Give a slice, such as a text reversed."""
    ends = [b.value if isinstance(b, Known) and isinstance(b.value, int) else None for b in bounds]
    if any(not isinstance(b, Known) for b in bounds) or ends[2] == 0:
        return Hole(traits_of((value,)))
    cut = slice(*ends)
    if isinstance(value, Items):
        return Items(value.values[cut])
    if isinstance(value, Known) and isinstance(value.value, str | bytes):
        return known(value.value[cut])
    return Hole(traits_of((value,)))


def method(value: Value, name: str, arguments: Sequence[Value]) -> Value | None:
    """Compute a method of a constant; None where it is none that is known to only compute."""
    if isinstance(value, Table) and name == "get" and arguments and isinstance(arguments[0], Known):
        return value.entries.get(arguments[0].value, arguments[1] if len(arguments) > 1 else Known(None))
    if isinstance(value, Items) and name in ("copy", "__iter__"):
        return value
    if not isinstance(value, Known) or name not in _METHODS or not isinstance(value.value, str | bytes | int):
        return None
    try:
        given = [plain(a) for a in arguments]
        if name == "format" and isinstance(value.value, str):
            return _braced(value.value, given)
        if name in ("ljust", "rjust", "center", "zfill", "to_bytes", "expandtabs") and any(
            isinstance(g, int) and g > 4096 for g in given
        ):
            return HOLE
        if name == "replace" and len(value.value if not isinstance(value.value, int) else b"") > 4096:
            return HOLE
        return known(getattr(value.value, name)(*given))
    except Exception:  # noqa: BLE001 - as above
        return Hole(traits_of(arguments))


def function(name: str, arguments: Sequence[Value]) -> Value | None:
    """Compute a function that only turns values into others; None where it is no such function."""
    if name in ("tuple", "list", "set", "frozenset", "iter") and len(arguments) == 1:
        return _listed(arguments[0])
    if name == "dict" and not arguments:
        return Table({})
    compute = FUNCTIONS.get(name)
    if compute is None:
        return None
    try:
        return known(compute(*[plain(a) for a in arguments]))
    except Exception:  # noqa: BLE001 - as above
        found = traits_of(arguments)
        return Hole(found | {"decoded"} if name in DECODERS else found)


def elements(value: Value) -> tuple[Value, ...] | None:
    """Give what a loop over the value goes through; None where that is not known."""
    if isinstance(value, Items):
        return value.values
    if isinstance(value, Known) and isinstance(value.value, str | bytes) and len(value.value) <= MOST_ITEMS:
        return tuple(known(v) for v in value.value)
    if isinstance(value, Table):
        return tuple(Known(k) for k in value.entries)
    return None


def _listed(value: Value) -> Value:
    found = elements(value)
    return Items(found) if found is not None else Hole(traits_of((value,)))


def _too_long(a: object, b: object) -> bool:
    size = next((len(x) for x in (a, b) if isinstance(x, str | bytes | list)), 0)
    count = next((x for x in (a, b) if isinstance(x, int)), 0)
    return size * count > LONGEST


def _formatted(template: str | bytes, given: object) -> Value:
    # Widths such as `%99999999d` fill the memory.
    if len(template) > 4096 or any(c.isdigit() for c in str(template)):
        return HOLE
    return known(operator.mod(template, tuple(given) if isinstance(given, list) else given))


def _braced(template: str, given: Sequence[object]) -> Value:
    parts = template.split("{")
    if any("}" in p and p.partition("}")[0] not in ("", *map(str, range(10))) for p in parts[1:]):
        return HOLE
    return known(template.format(*given))


def _ranged(*ends: object) -> list[int]:
    counted = range(*[e for e in ends if isinstance(e, int)])
    if len(counted) > MOST_ITEMS:
        raise ValueError("too long")
    return list(counted)


def _bytes(value: object = b"", *_: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list | bytes):
        return bytes(value)
    raise TypeError("not known")


def _decode(value: object, codec: object = "utf-8", *_: object) -> object:
    if codec not in _CODECS:
        raise ValueError("another codec")
    return codecs.decode(value, str(codec))  # type: ignore[call-overload]


def _text(value: object = "", *rest: object) -> str:
    return value.decode() if rest and isinstance(value, bytes) else str(value)


_CODECS: Final = frozenset(
    {
        "rot13", "rot_13", "hex", "hex_codec", "base64", "base64_codec", "utf-8", "utf8", "ascii", "latin-1", "latin1",
        "unicode_escape", "unicode-escape", "utf-16", "utf_16", "utf-7",
    }
)  # fmt: skip
_BINARY: Final[Mapping[type[ast.operator], Callable[[object, object], object]]] = {
    ast.Add: operator.add, ast.Mult: operator.mul, ast.Mod: operator.mod, ast.Sub: operator.sub,
    ast.BitXor: operator.xor, ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift,
}  # fmt: skip
_METHODS: Final = frozenset(
    {
        "lower", "upper", "strip", "lstrip", "rstrip", "replace", "split", "rsplit", "join", "format", "decode",
        "encode", "hex", "title", "swapcase", "capitalize", "casefold", "removeprefix", "removesuffix", "to_bytes",
        "partition", "rpartition", "zfill", "splitlines", "ljust", "rjust",
    }
)  # fmt: skip
FUNCTIONS: Final[Mapping[str, Callable[..., object]]] = {
    "chr": chr, "ord": ord, "str": _text, "bytes": _bytes, "bytearray": _bytes, "int": int, "len": len, "hex": hex,
    "range": _ranged, "reversed": lambda v: list(v)[::-1], "sorted": sorted, "repr": repr, "abs": abs, "min": min,
    "max": max, "sum": sum, "bytes.fromhex": bytes.fromhex, "bytearray.fromhex": bytes.fromhex,
    "base64.b64decode": lambda v, *_: base64.b64decode(v), "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode, "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode, "base64.a85decode": base64.a85decode, "base64.b85decode": base64.b85decode,
    "base64.decodebytes": base64.decodebytes, "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.unhexlify, "binascii.a2b_base64": binascii.a2b_base64,
    "codecs.decode": _decode, "codecs.encode": _decode,
    "zlib.decompress": lambda v, *_: zlib.decompressobj(47).decompress(v, LONGEST),
    "gzip.decompress": lambda v: zlib.decompressobj(47).decompress(v, LONGEST),
    "bz2.decompress": lambda v: bz2.BZ2Decompressor().decompress(v, LONGEST),
    "lzma.decompress": lambda v: lzma.LZMADecompressor(memlimit=64 << 20).decompress(v, LONGEST),
    "str.join": lambda a, b: a.join(b), "operator.add": lambda a, b: a + b if not _too_long(a, b) else None,
    "os.path.join": lambda *p: "/".join(p), "posixpath.join": lambda *p: "/".join(p),
    "os.path.expanduser": lambda p: p, "os.path.expandvars": lambda p: p, "os.fspath": lambda p: p,
    "os.path.abspath": lambda p: p, "os.path.normpath": lambda p: p, "os.path.realpath": lambda p: p,
    "pathlib.Path": lambda *p: "/".join(p), "pathlib.PosixPath": lambda *p: "/".join(p),
    "pathlib.PurePath": lambda *p: "/".join(p),
}  # fmt: skip
"""Functions that only compute, by the name that code reaches them by."""

DECODERS: Final = frozenset(
    name
    for name in FUNCTIONS
    if "decode" in name or "decompress" in name or name.startswith("binascii") or "fromhex" in name
)
"""Those that make readable what was hidden."""
