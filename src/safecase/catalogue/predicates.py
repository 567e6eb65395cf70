"""When a row of the catalogue applies: three-valued predicates over facts, which say what decided them.

    llm and (reach or agent)
    deployment.exposure in (public, authenticated)
    service.users.count >= 1000

A name is a fact of the manifest (dotted) or one derived from others (`data/facts.yaml`). In a comparison the words on
the right are values. A fact that nobody said is *unknown*, and Kleene's logic carries that on: `false and unknown` is
false, `true and unknown` is unknown. A list fact compares as "any of them".

The syntax is Python's, read by `ast.parse` and compiled to closures; nothing is ever evaluated as code.
"""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from safecase.errors import SafecaseError
from safecase.vocabulary import Fact

Truth: TypeAlias = bool | None
"""True, False, or None for unknown."""

MOST_CHARACTERS = 2000


class Outcome(NamedTuple):
    """What a predicate says, the facts that decided it, and the missing ones that would."""

    value: Truth
    because: tuple[str, ...]
    """Keys of the deciding facts, in the order of the predicate."""
    missing: tuple[str, ...]


class Facts:
    """What a predicate reads: the facts of one service, and the predicates of derived names.

    What a derived name says of the service is worked out once, and not at each of its hundred mentions.
    """

    __slots__ = ("_told", "derived", "known")

    def __init__(self, known: Mapping[str, Fact], derived: Mapping[str, Predicate]) -> None:
        self.known = known
        self.derived = derived
        self._told: dict[str, Outcome] = {}

    def outcome(self, name: str) -> Outcome | None:
        """Give what a derived name says; None where no derived fact has that name."""
        told = self._told.get(name)
        if told is None and name in self.derived:
            told = self._told[name] = self.derived[name](self)
        return told

    def find(self, name: str) -> Fact | None:
        """Give a fact by its key; of a list that was declared empty (`models: []`) every `models.x` is empty too."""
        fact = self.known.get(name)
        if fact is None and "." in name:
            parent = self.known.get(name.partition(".")[0])
            return parent if parent is not None and parent.value == () else None
        return fact


Predicate: TypeAlias = Callable[[Facts], Outcome]

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.In: lambda value, wanted: value in wanted,
    ast.NotIn: lambda value, wanted: value not in wanted,
}


@functools.cache
def compiled(text: str) -> Predicate:
    """Compile a predicate; raises `SafecaseError` with what is wrong in it."""
    if len(text) > MOST_CHARACTERS:
        raise SafecaseError(f"a predicate of {len(text)} characters", mend="split it with a derived fact")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _predicate(tree.body, text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as why:
        raise SafecaseError(f"the predicate `{text}` cannot be read: {why}", mend="see docs/catalogue.md") from why


def names(text: str) -> frozenset[str]:
    """Give every fact that a predicate names."""
    return frozenset(_names(ast.parse(text.strip(), mode="eval").body))


def comparisons(text: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Give every fact that a predicate holds against words or numbers, with these."""
    for node in ast.walk(ast.parse(text.strip(), mode="eval")):
        if isinstance(node, ast.Compare):
            value = _value(node.comparators[0])
            yield _name(node.left), value if isinstance(value, tuple) else (value,)


def _names(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                yield from _names(value)
        case ast.UnaryOp(operand=operand):
            yield from _names(operand)
        case ast.Compare(left=left):
            yield _name(left)
        case ast.Constant():
            return
        case _:
            yield _name(node)


def _predicate(node: ast.expr, text: str) -> Predicate:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return _joined([_predicate(value, text) for value in values], absorbing=False)
        case ast.BoolOp(op=ast.Or(), values=values):
            return _joined([_predicate(value, text) for value in values], absorbing=True)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _negated(_predicate(operand, text))
        case ast.Constant(value=bool() as constant):
            return lambda _: Outcome(constant, (), ())
        case ast.Name() | ast.Attribute():
            return _named(_name(node))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            return _compared(_name(left), type(op), _value(right))
        case _:
            raise ValueError(f"`{ast.unparse(node)}` is not part of the predicate language")


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{_name(value)}.{attr}"
        case _:
            raise ValueError(f"`{ast.unparse(node)}` is not the name of a fact")


def _value(node: ast.expr) -> Any:  # a word, a number, a truth value, or a tuple of them
    match node:
        case ast.Constant(value=str() | int() | float() | bool() as value):
            return value
        case ast.Name(id=word):
            return word
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return tuple(_value(element) for element in elements)
        case _:
            raise ValueError(f"`{ast.unparse(node)}` is not a value")


def _joined(parts: list[Predicate], *, absorbing: bool) -> Predicate:
    """`and` (absorbed by False) and `or` (absorbed by True), both in Kleene's sense."""

    def evaluate(facts: Facts) -> Outcome:
        outcomes = []
        for part in parts:
            outcome = part(facts)
            if outcome.value is absorbing:
                return outcome
            outcomes.append(outcome)
        open_ones = [o for o in outcomes if o.value is None]
        if len(open_ones) == 1:
            return open_ones[0]
        because = _merged([o.because for o in open_ones or outcomes])
        if open_ones:
            return Outcome(None, because, _merged([o.missing for o in open_ones]))
        return Outcome(not absorbing, because, ())

    return evaluate


def _negated(part: Predicate) -> Predicate:
    def evaluate(facts: Facts) -> Outcome:
        value, because, missing = part(facts)
        return Outcome(None if value is None else not value, because, missing)

    return evaluate


class _Told(NamedTuple):
    """The three things that a predicate about one fact can say, made once."""

    yes: Outcome
    no: Outcome
    unsaid: Outcome


def _told(name: str) -> _Told:
    return _Told(Outcome(True, (name,), ()), Outcome(False, (name,), ()), Outcome(None, (), (name,)))


def _named(name: str) -> Predicate:
    told = _told(name)

    def evaluate(facts: Facts) -> Outcome:
        derived = facts.outcome(name)
        if derived is not None:
            return derived
        fact = facts.find(name)
        if fact is None:
            return told.unsaid
        if isinstance(fact.value, tuple):
            return _any(told, fact.value, bool)
        return told.yes if fact.value else told.no

    return evaluate


def _compared(name: str, op: type[ast.cmpop], wanted: Any) -> Predicate:
    compare = _COMPARE[op]
    told = _told(name)

    def evaluate(facts: Facts) -> Outcome:
        fact = facts.find(name)
        if fact is None:
            return told.unsaid
        if isinstance(fact.value, tuple):
            return _any(told, fact.value, lambda value: _holds(compare, value, wanted))
        return told.yes if _holds(compare, fact.value, wanted) else told.no

    return evaluate


def _holds(compare: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    try:
        return compare(value, wanted)
    except TypeError:  # a word held against a number: such a fact does not fulfil the comparison
        return False


def _any(told: _Told, values: tuple[Any, ...], holds: Callable[[Any], bool]) -> Outcome:
    """A list fact holds where one of its values does; a value nobody said (None) leaves it open."""
    if any(value is not None and holds(value) for value in values):
        return told.yes
    return told.unsaid if None in values else told.no


def _merged(parts: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Join keys, each once, in the order in which they come."""
    found: dict[str, None] = {}
    for part in parts:
        for key in part:
            found[key] = None
    return tuple(found)
