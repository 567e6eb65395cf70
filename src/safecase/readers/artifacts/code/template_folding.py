"""Fold the expressions of a template to the constants that they stand for, as far as that goes without rendering."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jinja2 import nodes

MOST_FOLDED: Final = 10_000
MOST_VALUES: Final = 64
MOST_NUMBER: Final = 10**18
_DEEPEST: Final = 60

Constants = Mapping[str, tuple[Any, ...]]
"""What the names of a template stand for: every constant that it sets one to."""


def constants_of(tree: nodes.Node) -> Constants:
    """Collect what `set`, `with`, macros and loops over constants give to names."""
    from jinja2 import nodes

    found: dict[str, tuple[Any, ...]] = {}
    for _ in range(2):
        for node in tree.find_all((nodes.Assign, nodes.AssignBlock, nodes.With, nodes.For, nodes.Macro)):
            for name, values in _given(node, found):
                found[name] = tuple([*found.get(name, ()), *values][:MOST_VALUES])
    return found


def _given(node: nodes.Node, found: Constants) -> Iterator[tuple[str, Iterable[Any]]]:
    """Give each name that a statement gives values to, with those that are constants."""
    from jinja2 import nodes

    match node:
        case nodes.Assign(target=nodes.Name(name=name), node=nodes.Call(node=nodes.Name(name="namespace")) as made):
            for keyword in made.kwargs:
                yield f"{name}.{keyword.key}", every(keyword.value, found)
        case nodes.Assign(target=target, node=value):
            yield _named(target), every(value, found)
        case nodes.AssignBlock(target=target, body=body):
            yield _named(target), _text([folded(p, found) for output in body for p in getattr(output, "nodes", ())])
        case nodes.With(targets=targets, values=values):
            yield from ((_named(t), every(v, found)) for t, v in zip(targets, values, strict=False))
        case nodes.For(target=target, iter=iterated):
            value = folded(iterated, found)
            yield _named(target), value if isinstance(value, list | str) else ()
        case nodes.Macro(args=arguments, defaults=defaults):
            pairs = zip(reversed(arguments), reversed(defaults), strict=False)
            yield from ((_named(t), every(v, found)) for t, v in pairs)


def _named(target: nodes.Node) -> str:
    from jinja2 import nodes

    if isinstance(target, nodes.NSRef):
        return f"{target.name}.{target.attr}"
    return target.name if isinstance(target, nodes.Name) else ""


def every(node: nodes.Node, constants: Constants) -> tuple[Any, ...]:
    """Give every constant that an expression may stand for."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        return constants.get(node.name, ())
    if isinstance(node, nodes.CondExpr):
        return (*every(node.expr1, constants), *(every(node.expr2, constants) if node.expr2 else ()))
    value = folded(node, constants)
    return () if value is None else (value,)


def folded(node: nodes.Node, constants: Constants, depth: int = 0) -> Any:
    """Give the constant that an expression stands for; None where it is none."""
    from jinja2 import nodes

    if depth > _DEEPEST:
        return None

    def inner(part: nodes.Node) -> Any:
        return folded(part, constants, depth + 1)

    match node:
        case nodes.Const(value=value) | nodes.TemplateData(data=value):
            return value
        case nodes.Name(name=name):
            return constants[name][0] if constants.get(name) else None
        case nodes.Getattr(node=nodes.Name(name=name), attr=attr) if f"{name}.{attr}" in constants:
            return next(iter(constants[f"{name}.{attr}"]), None)
        case nodes.List(items=items) | nodes.Tuple(items=items):
            return [inner(item) for item in items[:MOST_FOLDED]]
        case nodes.Concat(nodes=parts):
            return next(iter(_text([inner(p) for p in parts])), None)
        case nodes.BinExpr(left=left, right=right):
            return _computed(node, inner(left), inner(right))
        case nodes.Filter(node=of, name=name, args=arguments) if of is not None:
            return _filtered(inner(of), name, [inner(a) for a in arguments])
        case nodes.Getitem(node=of, arg=arg):
            return _item(inner(of), arg, inner)
        case nodes.Call():
            return _called(node, inner)
    return None


def _computed(node: nodes.BinExpr, left: Any, right: Any) -> Any:
    from jinja2 import nodes

    if isinstance(node, nodes.Add):
        if isinstance(left, str) and isinstance(right, str):
            return (left + right)[:MOST_FOLDED]
        return left + right if _numbers(left, right) or (isinstance(left, list) and isinstance(right, list)) else None
    if isinstance(node, nodes.Mod) and isinstance(left, str):
        return _percent(left, right)
    if isinstance(node, nodes.Mul):
        if _numbers(left, right):
            return min(left * right, MOST_NUMBER)
        if isinstance(left, str) and isinstance(right, int) and right >= 0:
            return left * min(right, MOST_FOLDED // max(1, len(left)))
    if isinstance(node, nodes.Pow) and _numbers(left, right) and right >= 0:
        return min(left ** min(right, 64), MOST_NUMBER) if abs(left) < MOST_FOLDED else MOST_NUMBER
    return None


def _numbers(left: Any, right: Any) -> bool:
    return type(left) is int and type(right) is int and abs(left) <= MOST_NUMBER and abs(right) <= MOST_NUMBER


def _percent(template: str, given: Any) -> Any:
    values = given if isinstance(given, list) else [given]
    parts = template.replace("%c", "%s").split("%s")
    if len(parts) != len(values) + 1 or any("%" in p for p in parts):
        return None
    texts = [chr(v) if isinstance(v, int) and "%c" in template and 0 <= v < 0x110000 else v for v in values]
    found = [parts[0]]
    for value, part in zip(texts, parts[1:], strict=True):
        if not isinstance(value, str | int):
            return None
        found += [str(value), part]
    return "".join(found)[:MOST_FOLDED]


def _filtered(value: Any, name: str, arguments: list[Any]) -> Any:
    if name == "format" and isinstance(value, str):
        return _percent(value, arguments)
    if name == "join" and isinstance(value, list | str):
        between = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        parts = _text(list(value))
        return between.join(str(v) for v in value)[:MOST_FOLDED] if parts else None
    if name in ("list", "reverse", "first", "last", "sort", "unique") and isinstance(value, str | list):
        return _picked(value, name)
    if (
        name == "replace"
        and isinstance(value, str)
        and len(arguments) > 1
        and all(isinstance(a, str) for a in arguments)
    ):
        return value.replace(arguments[0], arguments[1])[:MOST_FOLDED] if arguments[0] else None
    if name in ("lower", "upper", "trim", "string", "safe", "e", "escape", "title", "capitalize") and isinstance(
        value, str
    ):
        simple = {
            "lower": value.lower,
            "upper": value.upper,
            "trim": value.strip,
            "title": value.title,
            "capitalize": value.capitalize,
        }
        return simple.get(name, lambda: value)()
    return value if name in ("default", "d") else None


def _picked(value: Any, name: str) -> Any:
    if name == "reverse":
        return value[::-1]
    if name in ("first", "last"):
        return value[0 if name == "first" else -1] if value else None
    return list(value)


def _item(value: Any, arg: nodes.Node, inner: Any) -> Any:
    from jinja2 import nodes

    if not isinstance(value, str | list):
        return None
    if isinstance(arg, nodes.Slice):
        ends = [inner(e) if e is not None else None for e in (arg.start, arg.stop, arg.step)]
        if all(e is None or isinstance(e, int) for e in ends) and ends[2] != 0:
            return value[slice(*ends)]
        return None
    at = inner(arg)
    return value[at] if type(at) is int and -len(value) <= at < len(value) else None


def _called(node: nodes.Call, inner: Any) -> Any:
    from jinja2 import nodes

    called = node.node
    if isinstance(called, nodes.Name) and called.name == "dict":
        # `dict(__cl=1, ass__=2)|join` spells a name by its keys.
        return [k.key for k in node.kwargs]
    if not isinstance(called, nodes.Getattr):
        return None
    value, given = inner(called.node), [inner(a) for a in node.args]
    if not isinstance(value, str):
        return None
    if called.attr == "join" and given and isinstance(given[0], list | str):
        return value.join(str(v) for v in given[0])[:MOST_FOLDED] if _text(list(given[0])) else None
    if called.attr == "replace" and len(given) > 1 and all(isinstance(g, str) for g in given) and given[0]:
        return value.replace(given[0], given[1])[:MOST_FOLDED]
    if called.attr in ("lower", "upper", "strip", "title", "swapcase", "lstrip", "rstrip", "capitalize") and not given:
        return getattr(value, called.attr)()
    if called.attr == "format" and all(isinstance(g, str | int) for g in given):
        return _percent(value.replace("%", "").replace("{}", "%s").replace("{0}", "%s"), given)
    return None


def _text(parts: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(p, str | int) for p in parts):
        return ()
    return ("".join(str(p) for p in parts)[:MOST_FOLDED],)
