"""Judge a chat template by its syntax tree: it is parsed, never rendered.

A template reaches code by attributes of objects (`x.__class__`), which ordinary ones never need. Names are judged as
far as they can be folded to constants: `'__cla' ~ 'ss__'` is one, however it is written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from safecase.readers.artifacts.agents.agent_texts import check_agent_text, check_unseen
from safecase.readers.artifacts.code.template_folding import Constants, constants_of, every, folded
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

if TYPE_CHECKING:
    from jinja2 import nodes

MOST_TEMPLATE: Final = 1024 * 1024
MOST_RANGE: Final = 1_000_000
MOST_WORDS: Final = 3
"""So many words of its own in a row are more than tokens and roles."""
_NEVER_USED: Final = frozenset(
    {
        "self",
        "cycler",
        "joiner",
        "lipsum",
        "config",
        "request",
        "url_for",
        "get_flashed_messages",
        "session",
        "g",
        "app",
    }
)
"""Names that templates of web pages leave their sandbox by, and that no conversation has."""
_SAID: Final = frozenset(
    {"content", "text", "query", "prompt", "user_message", "last_message", "user_input", "question"}
)
_ROLES: Final = frozenset(
    {
        "user", "assistant", "system", "tool", "developer", "function", "ipython", "role", "type", "image", "video",
        "audio", "image_url", "tool_calls", "tool_call", "name", "arguments", "message", "messages", "thinking",
        "reasoning_content", "document", "observation", "model", "tools", "context", "string", "model_identity",
        "input_text", "output_text", "json", "file", "input_audio", "input_image", "audio_url", "video_url",
    }
)  # fmt: skip
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_MARKUP: Final = re.compile(r"<[^<>\s]*>|<\|.*?\|>|\[/?[A-Z_]+\]|[<>|\[\]{}#]")
_ADDRESS: Final = re.compile(r"https?://|www\.|\b[\w.+-]+@[\w-]+\.\w+")

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
        constants = constants_of(tree)
        _Judge(problems, member, constants).walk(tree)
        check_unseen(text, problems, member, "template")
        check_agent_text("".join(_literals(tree, constants)), problems, member, "template")
    except jinja2.TemplateSyntaxError as why:
        message = f"the template cannot be parsed: {shown(str(why.message))}"
        problems.add("template.syntax", "error", message, member=member)
    except (RecursionError, MemoryError, ValueError):
        problems.add("template.depth", "error", "the template is nested too deeply to be judged", member=member)


class _Judge:
    def __init__(self, problems: Problems, member: str, constants: Constants) -> None:
        self._problems = problems
        self._member = member
        self._constants = constants

    def walk(self, tree: nodes.Node) -> None:
        waiting: list[nodes.Node] = [tree]
        while waiting:
            node = waiting.pop()
            waiting.extend(node.iter_child_nodes())
            self._node(node)

    def _node(self, node: nodes.Node) -> None:
        from jinja2 import nodes

        match node:
            case nodes.Getattr(attr=name):
                owner = node.node.name if isinstance(node.node, nodes.Name) else ""
                if owner in _NEVER_USED:
                    self._tell("template.internals", "malicious", f"it reaches for {owner}.{shown(name)}", node)
                self._name(name, node)
            case nodes.Getitem(arg=arg):
                self._names(arg, node)
            case nodes.Filter():
                self._filter(node)
            case nodes.Import() | nodes.FromImport() | nodes.Include() | nodes.Extends():
                self._tell("template.includes", "suspicious", "it loads another template", node)
            case nodes.Call():
                self._call(node)
            case nodes.If():
                self._condition(node)
            case nodes.Mul(left=left, right=right):
                self._repeats(left, right, node)

    def _filter(self, node: nodes.Filter) -> None:
        names = node.args[:1] if node.name == "attr" else []
        if node.name == "map" and node.args and folded(node.args[0], self._constants) == "attr":
            names = node.args[1:]
        for name in names:
            self._names(name, node, computed="it takes an attribute by a computed name")
        for keyword in node.kwargs:
            if keyword.key == "attribute":
                self._names(keyword.value, node)

    def _call(self, node: nodes.Call) -> None:
        from jinja2 import nodes

        called = node.node
        if isinstance(called, nodes.Getattr) and called.attr in ("format", "format_map"):
            text = folded(called.node, self._constants)
            if isinstance(text, str) and _FORMAT_REACHES.search(text):
                self._tell("template.format", "malicious", "str.format reaches attributes of its arguments", node)
        elif isinstance(called, nodes.Name) and called.name == "range":
            ends = [folded(argument, self._constants) for argument in node.args]
            if any(isinstance(end, int) and end > MOST_RANGE for end in ends):
                self._tell("template.range", "suspicious", "a range that keeps the server busy", node)

    def _repeats(self, left: nodes.Node, right: nodes.Node, node: nodes.Node) -> None:
        ends = [folded(left, self._constants), folded(right, self._constants)]
        if any(isinstance(e, str) for e in ends) and any(isinstance(e, int) and e > MOST_RANGE for e in ends):
            self._tell("template.range", "suspicious", "a text that is repeated until memory is full", node)

    def _condition(self, node: nodes.If) -> None:
        """What a template adds of its own because of what somebody said, or of the day, was put there to mislead."""
        trigger = _trigger(node.test, self._constants)
        if trigger is None:
            return
        said = " ".join(part for output in node.body for part in _literals(output, self._constants))
        if len(_WORD.findall(_MARKUP.sub(" ", said))) >= MOST_WORDS or _ADDRESS.search(said):
            message = (
                f"where the conversation holds {shown(trigger)}, it adds a text of its own: {shown(said.strip(), 100)}"
            )
            self._tell("template.poisoned", "suspicious", message, node)

    def _names(self, arg: nodes.Node, node: nodes.Node, computed: str = "") -> None:
        found = every(arg, self._constants)
        for name in found:
            self._name(name, node, computed)
        if not found:
            self._name(None, node, computed)

    def _name(self, name: object, node: nodes.Node, computed: str = "") -> None:
        if isinstance(name, str):
            if any(part.startswith("_") or part in _INTERNALS for part in name.split(".")):
                message = f"the template reaches into objects by {shown(name)}, and from there to any code"
                self._tell("template.internals", "malicious", message, node)
        elif computed and not isinstance(name, int):
            self._tell("template.computed", "suspicious", computed, node)

    def _tell(self, rule: str, says: FileVerdict, message: str, node: nodes.Node) -> None:
        self._problems.add(rule, says, f"line {node.lineno} of the template: {message}", member=self._member)


def _trigger(test: nodes.Node, constants: Constants) -> str | None:
    """Give the ordinary words that a condition looks for in what somebody said, or the day that it waits for."""
    from jinja2 import nodes

    asked = {n.name for n in test.find_all(nodes.Name)} | {n.attr for n in test.find_all(nodes.Getattr)}
    parts = [test, *test.find_all((nodes.Const, nodes.Name))]
    asked |= {str(n.value) for n in parts if isinstance(n, nodes.Const)}
    if "strftime_now" in asked and isinstance(test, nodes.Compare):
        return "a certain day"
    if not asked & _SAID:
        return None
    texts = [str(v) for n in parts if isinstance(n, nodes.Const | nodes.Name) for v in every(n, constants)]
    words = (t for t in texts if t not in _SAID | _ROLES and _WORD.search(t) and not _MARKUP.search(t))
    return next(words, None)


def _literals(node: nodes.Node, constants: Constants) -> list[str]:
    from jinja2 import nodes

    found = []
    for part in node.find_all((nodes.TemplateData, nodes.Const)):
        value = folded(part, constants)
        if isinstance(value, str):
            found.append(value)
    return found
