"""Judge a chat template by its syntax tree: it is parsed, never rendered.

A template reaches code by attributes of objects (`x.__class__`), which ordinary ones never need. Names are judged as
far as they can be folded to constants: `'__cla' ~ 'ss__'` is one, however it is written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

if TYPE_CHECKING:
    from jinja2 import nodes

MOST_TEMPLATE: Final = 1024 * 1024
MOST_RANGE: Final = 1_000_000
MOST_FOLDED: Final = 10_000

_INTERNALS: Final = frozenset(
    {
        "mro", "func_globals", "func_code", "func_closure", "im_func", "im_self", "gi_frame", "gi_code", "cr_frame",
        "cr_code", "ag_frame", "ag_code", "f_globals", "f_locals", "f_builtins", "tb_frame", "co_code",
    }
)  # fmt: skip
_TAGS_OF_TRAINING: Final = re.compile(r"{%-?\s*(end)?generation\s*-?%}")
_FORMAT_REACHES: Final = re.compile(r"{[^{}]*[.\[]")


def check_template(text: str, problems: Problems, member: str) -> None:
    """Note what a template could reach beyond the conversation that it formats."""
    import jinja2

    if len(text) > MOST_TEMPLATE:
        problems.add("template.large", "error", f"a template of {len(text)} characters: not judged", member=member)
        return
    environment = jinja2.Environment(  # noqa: S701 - nothing is rendered
        extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"], trim_blocks=True, lstrip_blocks=True
    )
    try:
        tree = environment.parse(_TAGS_OF_TRAINING.sub("", text))
        _Judge(problems, member).walk(tree)
    except jinja2.TemplateSyntaxError as why:
        message = f"the template cannot be parsed: {shown(str(why.message))}"
        problems.add("template.syntax", "error", message, member=member)
    except (RecursionError, MemoryError, ValueError):
        problems.add("template.depth", "error", "the template is nested too deeply to be judged", member=member)


class _Judge:
    def __init__(self, problems: Problems, member: str) -> None:
        self._problems = problems
        self._member = member

    def walk(self, tree: nodes.Node) -> None:
        from jinja2 import nodes

        waiting: list[nodes.Node] = [tree]
        while waiting:
            node = waiting.pop()
            waiting.extend(node.iter_child_nodes())
            match node:
                case nodes.Getattr(attr=name):
                    self._name(name, node)
                case nodes.Getitem(arg=arg):
                    self._name(_folded(arg), node)
                case nodes.Filter(name="attr", args=[arg, *_]):
                    self._name(_folded(arg), node, computed="it takes an attribute by a computed name")
                case nodes.Filter(kwargs=keywords):
                    for keyword in keywords:
                        if keyword.key == "attribute":
                            self._name(_folded(keyword.value), node)
                case nodes.Import() | nodes.FromImport() | nodes.Include() | nodes.Extends():
                    self._tell("template.includes", "suspicious", "it loads another template", node)
                case nodes.Call():
                    self._call(node)

    def _call(self, node: nodes.Call) -> None:
        from jinja2 import nodes

        called = node.node
        if isinstance(called, nodes.Getattr) and called.attr in ("format", "format_map"):
            text = _folded(called.node)
            if isinstance(text, str) and _FORMAT_REACHES.search(text):
                self._tell("template.format", "malicious", "str.format reaches attributes of its arguments", node)
        elif isinstance(called, nodes.Name) and called.name == "range":
            ends = [_folded(argument) for argument in node.args]
            if any(isinstance(end, int) and end > MOST_RANGE for end in ends):
                self._tell("template.range", "suspicious", "a range that keeps the server busy", node)

    def _name(self, name: object, node: nodes.Node, computed: str = "") -> None:
        if isinstance(name, str):
            if any(part.startswith("_") or part in _INTERNALS for part in name.split(".")):
                message = f"the template reaches into objects by {shown(name)}, and from there to any code"
                self._tell("template.internals", "malicious", message, node)
        elif computed and not isinstance(name, int):
            self._tell("template.computed", "suspicious", computed, node)

    def _tell(self, rule: str, says: FileVerdict, message: str, node: nodes.Node) -> None:
        self._problems.add(rule, says, f"line {node.lineno} of the template: {message}", member=self._member)


def _folded(node: nodes.Node) -> object:
    """Give the constant that an expression stands for; None where it is none."""
    from jinja2 import nodes

    match node:
        case nodes.Const(value=value):
            return value
        case nodes.TemplateData(data=data):
            return data
        case nodes.Concat(nodes=parts):
            return _joined([_folded(p) for p in parts])
        case nodes.Add(left=left, right=right):
            return _joined([_folded(left), _folded(right)])
        case nodes.Filter(node=inner, name="reverse") if inner is not None:
            text = _folded(inner)
            return text[::-1] if isinstance(text, str) else None
        case nodes.Filter(node=inner, name="lower" | "trim" | "string" | "safe") if inner is not None:
            text = _folded(inner)
            return text.lower().strip() if isinstance(text, str) else None
        case nodes.Filter(node=nodes.List(items=items) | nodes.Tuple(items=items), name="join"):
            return _joined([_folded(item) for item in items])
    return None


def _joined(parts: list[object]) -> object:
    if not all(isinstance(p, str | int) for p in parts):
        return None
    return "".join(str(p) for p in parts)[:MOST_FOLDED]
