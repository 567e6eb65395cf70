"""Judge YAML configurations by their events: tags that construct objects, and names that a framework calls.

Nothing is composed or constructed, so that aliases and depth cost nothing.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from safecase.readers.artifacts.code import chat_templates
from safecase.readers.artifacts.code.named_callables import judge_callable
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

MOST_YAML: Final = 16 * 1024 * 1024
MOST_EVENTS: Final = 1_000_000
MOST_DEPTH: Final = 500
_PYTHON: Final = re.compile(r"(?:tag:yaml\.org,2002:|!+)python/(.+)\Z", re.DOTALL)
_DATA: Final = frozenset(
    {"tuple", "unicode", "str", "none", "bool", "int", "long", "float", "complex", "list", "dict", "bytes", "set"}
)
_OTHERS: Final = re.compile(
    r"(?:tag:yaml\.org,2002:|!+)(?:javax?\.|sun\.|com\.|org\.(?!yaml)|ruby/|php/|perl/|net\.|System\.|nodejs/|js/)",
    re.IGNORECASE,
)
_CALLS: Final = re.compile(r"!(new|name|apply|applyref|module|import|call|obj|func|class)[:/]([\w.:]+)\Z")
CALLED_BY: Final = frozenset(
    {"_target_", "class_path", "_component_", "_class_", "_callable_", "__target__", "_fn_", "_func_", "_target"}
)
"""Keys whose value frameworks import and call."""
_SOMETIMES: Final = frozenset(
    {
        "target",
        "callable",
        "function",
        "func",
        "entrypoint",
        "entry_point",
        "class",
        "type",
        "loader_module",
        "factory",
        "obj",
    }
)
TEMPLATES: Final = frozenset({"chat_template", "default_chat_template", "prompt_template", "template"})
_EVALUATES: Final = re.compile(
    r"\$\{(?:eval|python|py|exec|sh|shell|cmd|oc\.exec)\s*:[^}]*(?:__|import|exec|open\s*\(|system|popen|subprocess|\beval)"
)


def check_yaml(content: bytes, problems: Problems, member: str) -> None:
    """Note what a YAML file makes its loader construct or call."""
    if len(content) > MOST_YAML:
        problems.add("yaml.large", "error", f"{len(content)} bytes of YAML: not judged", member=member)
        return
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    walk = _Walk(problems, member)
    try:
        for count, event in enumerate(yaml.parse(content, Loader=loader)):
            if count > MOST_EVENTS or len(walk.stack) > MOST_DEPTH:
                problems.add("yaml.large", "error", "more or deeper values than are judged", member=member)
                return
            walk.event(event)
    except (yaml.YAMLError, ValueError, RecursionError) as why:
        walk.broken(type(why).__name__)


def judge_value(key: str, value: str, problems: Problems, member: str, line: int = 0) -> None:
    """Judge one text of a configuration by the key that it stands under."""
    where = f"line {line}: " if line else ""
    if key in CALLED_BY or key in _SOMETIMES:
        says = judge_callable(value.strip())
        if says == "malicious" or (says == "suspicious" and key in CALLED_BY and "." in value):
            message = f"{where}{shown(key)} has its loader call {shown(value)}"
            problems.add("yaml.target", says, message, member=member, key=f"{key}:{value[:80]}")
    elif key in TEMPLATES and ("{%" in value or "{{" in value):
        chat_templates.check_template(value, problems, member)
    if "${" in value and _EVALUATES.search(value):
        message = f"{where}{shown(key)} holds an expression that runs code: {shown(value)}"
        problems.add("yaml.expression", "malicious", message, member=member, key=value[:80])


class _Walk:
    """Goes through the events of one file."""

    def __init__(self, problems: Problems, member: str) -> None:
        self._problems, self._member = problems, member
        self.stack: list[list[Any]] = []
        """For each open collection: whether it is a mapping, whether a key comes next, and the key."""

    def event(self, event: yaml.Event) -> None:
        """Hear one event."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        tag = getattr(event, "tag", None)
        if isinstance(tag, str):
            self._tag(tag, line)
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._value("", line)
            self.stack.append([isinstance(event, yaml.MappingStartEvent), True, ""])
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent) and self.stack:
            self.stack.pop()
        elif isinstance(event, yaml.ScalarEvent):
            self._value(event.value, line)
        elif isinstance(event, yaml.AliasEvent):
            self._value("", line)

    def broken(self, why: str) -> None:
        """What is no YAML at all is told, unless something was found before it broke."""
        self._problems.add("yaml.syntax", "error", f"it cannot be parsed as YAML ({why})", member=self._member)

    def _value(self, text: str, line: int) -> None:
        if not self.stack:
            return
        frame = self.stack[-1]
        if not frame[0]:
            return
        if frame[1]:
            frame[1], frame[2] = False, text
        else:
            frame[1] = True
            if text:
                judge_value(frame[2], text, self._problems, self._member, line)

    def _tag(self, tag: str, line: int) -> None:
        python = _PYTHON.match(tag)
        if python:
            self._python(python[1], line)
        elif _OTHERS.match(tag):
            self._tell("malicious", f"the tag {shown(tag)} has a loader construct an object of its language", line, tag)
        else:
            called = _CALLS.match(tag)
            if called and judge_callable(called[2].replace(":", ".")) == "malicious":
                self._tell("malicious", f"the tag {shown(tag)} has its loader call what does harm", line, tag)

    def _python(self, what: str, line: int) -> None:
        kind, colon, name = what.partition(":")
        if not colon and kind in _DATA:
            return
        says = judge_callable(name)
        if says == "clean" and not _is_known(name):
            says = "suspicious"  # to import it is to run it, whatever it is
        if says != "clean":
            self._tell(says, f"the tag !!python/{shown(what)} makes Python import and call it", line, what)

    def _tell(self, says: FileVerdict, message: str, line: int, key: str) -> None:
        self._problems.add("yaml.tag", says, f"line {line}: {message}", member=self._member, key=key[:100])


def _is_known(name: str) -> bool:
    return name.partition(".")[0] in (
        "torch",
        "numpy",
        "transformers",
        "pathlib",
        "collections",
        "argparse",
        "omegaconf",
        "lightning",
        "pytorch_lightning",
        "sklearn",
        "pandas",
        "datetime",
        "fractions",
        "decimal",
        "enum",
        "tensorflow",
        "keras",
        "jax",
        "flax",
    )
