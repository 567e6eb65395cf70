"""What fills memory or time while it is loaded: endless iterators that are used up, keys whose hash takes for ever."""

from __future__ import annotations

from typing import Final

from safecase.readers.pickles.values import Called, Global, ListBox, Value

MOST_ITEMS: Final = 50_000_000
"""Items that an iterator may give to a container."""

MOST_NODES: Final = 10_000_000
"""Tuples within a key, each counted as often as it is met: hashing a key visits all of them."""

MOST_SAME_HASH: Final = 2_000
MERSENNE: Final = 2**61 - 1
"""Numbers that differ by this have the same hash; a dict of such takes quadratic time."""

MOST_EXPONENT: Final = 10_000

_USE_UP: Final = frozenset(
    {
        "builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset", "builtins.dict", "builtins.bytes",
        "builtins.bytearray", "builtins.reversed", "collections.deque", "collections.Counter",
        "collections.OrderedDict", "collections.ChainMap", "collections.UserList", "collections.UserDict",
        "array.array",
    }
)  # fmt: skip
_ENDLESS: Final = frozenset({"itertools.count", "itertools.cycle"})
_AS_LONG_AS_ANY: Final = frozenset({"itertools.chain", "builtins.enumerate", "builtins.iter", "builtins.reversed"})


def uses_up_too_much(func: Global, args: tuple[Value, ...] | None) -> bool:
    """Say whether a call would make a container of more than a memory holds."""
    if func.full == "fractions.Fraction":
        return any(isinstance(a, str) and _exponent(a) > MOST_EXPONENT for a in args or ())
    if func.full not in _USE_UP or not args:
        return False
    last = args[1] if func.full == "array.array" and len(args) > 1 else args[0]
    return _length(last, 0) > MOST_ITEMS


def _exponent(text: str) -> int:
    digits = text.lower().partition("e")[2].strip().lstrip("+-")
    return int(digits) if digits.isdecimal() and len(digits) < 20 else MOST_EXPONENT + 1 if digits else 0


def _length(value: Value, depth: int) -> float:
    """Estimate how many items an iterable gives; 0 where it is no iterator of those that can be long."""
    if depth > 8 or not isinstance(value, Called) or not isinstance(value.func, Global):
        return 0
    name, args = value.func.full, value.args or ()
    if name in _ENDLESS:
        return float("inf") if name == "itertools.count" or not _is_empty(args) else 0
    if name == "itertools.repeat":
        return float("inf") if len(args) < 2 else _number(args[1])
    if name in ("builtins.range", "builtins.xrange"):
        return _range(args)
    if name in _AS_LONG_AS_ANY:
        return max((_length(a, depth + 1) for a in args), default=0)
    if name == "builtins.zip":
        return min((_length(a, depth + 1) for a in args), default=0)
    if name.startswith("ipaddress.IPv") and name.endswith("Network"):
        return float("inf")
    return 0


def _is_empty(args: tuple[Value, ...]) -> bool:
    return not args or args[0] in ("", b"", ()) or (isinstance(args[0], ListBox) and not args[0].items)


def _number(value: Value) -> float:
    return float(min(value, 10**18)) if isinstance(value, int) else float("inf")


def _range(args: tuple[Value, ...]) -> float:
    numbers = [a if isinstance(a, int) else 10**18 for a in args[:3]]
    start, stop, step = {1: (0, *numbers, 1), 2: (*numbers, 1), 3: (*numbers,)}.get(len(numbers), (0, 0, 1))
    return float(min(10**18, max(0, (stop - start) // (step or 1))))


class Keys:
    """The keys of dicts and sets of one stream: what it costs to hash them."""

    def __init__(self) -> None:
        self._weights: dict[int, tuple[Value, int]] = {}
        """By identity of a tuple, which is kept so that no other gets its identity."""
        self._hashes: dict[int, int] = {}

    def are_too_heavy(self, key: Value) -> bool:
        """Say whether a key, or all keys up to it, take more time than any honest ones."""
        if isinstance(key, tuple):
            return self._weight(key) > MOST_NODES
        if type(key) is int and (key >= MERSENNE or key <= -MERSENNE):
            remainder = key % MERSENNE
            self._hashes[remainder] = self._hashes.get(remainder, 0) + 1
            return self._hashes[remainder] > MOST_SAME_HASH
        return False

    def _weight(self, key: tuple[Value, ...]) -> int:
        waiting = [key]
        while waiting:
            at = waiting[-1]
            inner = [part for part in at if isinstance(part, tuple) and part and id(part) not in self._weights]
            if inner and len(waiting) < 100_000:
                waiting.extend(inner[:64])
                continue
            known = (self._weights.get(id(part), (None, 1))[1] for part in at if isinstance(part, tuple))
            self._weights[id(at)] = (at, min(MOST_NODES + 1, len(at) + 1 + sum(known)))
            waiting.pop()
        return self._weights[id(key)][1]
