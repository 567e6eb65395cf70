"""Judge a text that lies beside weights, by what its bytes are and, where its loader goes by the name, by that."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from safecase.readers.artifacts import loaded_code
from safecase.readers.artifacts.agents import agent_skills, mcp_manifests
from safecase.readers.artifacts.agents.agent_texts import check_agent_text
from safecase.readers.artifacts.code import chat_templates, model_configs, requirements_lists
from safecase.readers.artifacts.code.python_code import check_python
from safecase.readers.artifacts.code.yaml_configs import check_yaml
from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_JSON: Final = 32 * 1024 * 1024
_YAML_NAMES: Final = frozenset({"mlmodel", "conda.yaml", "python_env.yaml"})
_TEMPLATES: Final = (".jinja", ".jinja2", ".j2")
_TABLES: Final = (".csv", ".tsv")
_FORMULA: Final = re.compile(
    rb"(?:^|[,;\t\n])\"?[=+\-@][^,;\n]{0,200}?(?:\|\s*'?\s*/c|cmd\s*\||powershell|HYPERLINK\s*\(|WEBSERVICE\s*\(|IMPORT(?:XML|DATA|FEED|HTML|RANGE)\s*\(|DDE\s*\(|EXEC\s*\()",
    re.IGNORECASE,
)
_TABLE_FORMATS: Final = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
_PICKLED_TYPE: Final = b"arrow.py_extension_type"


def check_text(name: str, content: bytes, problems: Problems, member: str, *, alone: bool = True) -> bool:
    """Judge a text; `name` is its path within its folder. Says whether it is one of those that are known.

    Code that is not `alone` is judged here only where a loader imports it for its name or for what it defines.
    """
    lower = name.lower()
    last = lower.rpartition("/")[2]
    if content.startswith(_TABLE_FORMATS):
        _table(content, problems, member)
        return True
    if last.endswith((".py", ".pyw")):
        if alone or loaded_code.is_loaded(lower, content):
            _python(lower, content, problems, member)
    elif last.endswith((".yaml", ".yml")) or last in _YAML_NAMES:
        _yaml(content, last, problems, member)
    elif last.endswith((".json", ".jsonc", ".ipynb")) or re.match(rb"\s*\{\s*[\"}]", content):
        return _json(lower, content, problems, member)
    else:
        return _prose(lower, last, content, problems, member)
    return True


def _python(name: str, content: bytes, problems: Problems, member: str) -> None:
    # What lies among the scripts of a skill is started by people and agents, and may start programs itself.
    if re.search(r"(^|/)(skills|scripts|tools|bin|examples)/", name):
        agent_skills.check_skill_code(content, name, problems, member)
    else:
        check_python(content, name, problems, member)


def _yaml(content: bytes, last: str, problems: Problems, member: str) -> None:
    check_yaml(content, problems, member)
    if last.startswith(("conda", "environment", "python_env", "env.")):
        lines = [line.strip().removeprefix("- ").strip("\"'") for line in _decoded(content).splitlines()]
        requirements_lists.check_requirements(lines, problems, member)


def _prose(lower: str, last: str, content: bytes, problems: Problems, member: str) -> bool:
    if last.endswith(_TEMPLATES):
        chat_templates.check_template(_decoded(content), problems, member)
    elif agent_skills.is_skill(lower):
        agent_skills.check_skill(_decoded(content), problems, member)
    elif agent_skills.is_script(lower):
        agent_skills.check_script(_decoded(content), problems, member)
    elif requirements_lists.is_requirements(lower):
        requirements_lists.check_requirements(_decoded(content).splitlines(), problems, member)
    elif last.endswith(".pth") and _is_path_list(content):
        _path_list(content, problems, member)
    elif last.endswith(_TABLES):
        _formulas(content, problems, member)
    elif last == "modelfile" or last.endswith(".modelfile"):
        check_agent_text(_decoded(content), problems, member, "template")
    else:
        return False
    return True


def _json(name: str, content: bytes, problems: Problems, member: str) -> bool:
    if len(content) > MOST_JSON:
        return False
    try:
        value: Any = json.loads(_decoded(content))
    except ValueError:
        value = _with_comments(content)
    except RecursionError:
        problems.add("repo.depth", "suspicious", "its JSON is nested deeper than people write", member=member)
        return True
    if value is None:
        return False
    if mcp_manifests.is_settings(value):
        mcp_manifests.check_settings(value, problems, member)
    elif (
        mcp_manifests.is_manifest(value)
        or agent_skills.is_skill(name)
        or name.endswith(("plugin.json", "ai-plugin.json", "agent.json", "agent-card.json"))
    ):
        mcp_manifests.check_manifest(value, problems, member)
    model_configs.check_config(value, problems, member)
    return True


def _with_comments(content: bytes) -> Any:
    """Read JSON as editors write it, with comments and commas at the end."""
    text = re.sub(r"(?m)^\s*//[^\n]*$", "", _decoded(content))
    text = re.sub(r",(\s*[}\]])", r"\1", text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _decoded(content: bytes) -> str:
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(codec, "replace")
    return content.decode("utf-8", "replace")


def _is_path_list(content: bytes) -> bool:
    return len(content) < 65536 and b"\0" not in content and content[:1].isascii()


def _path_list(content: bytes, problems: Problems, member: str) -> None:
    """Python runs each line of a `.pth` file that begins with `import` whenever it starts."""
    for line in _decoded(content).splitlines():
        if re.match(r"import[ \t]", line):
            before = len(problems.all())
            check_python(line.encode(), "site.pth", problems, member)
            if len(problems.all()) == before:
                message = f"Python runs this line whenever it starts, where the file is installed: {shown(line)}"
                problems.add("repo.path_list", "suspicious", message, member=member, key=line[:100])


def _formulas(content: bytes, problems: Problems, member: str) -> None:
    hit = _FORMULA.search(content[:MOST_JSON])
    if hit:
        message = (
            f"a cell is a formula that starts or fetches something: {shown(hit.group().decode('utf-8', 'replace'))}"
        )
        problems.add("table.formula", "suspicious", message, offset=hit.start(), member=member, confidence="medium")


def _table(content: bytes, problems: Problems, member: str) -> None:
    at = content.find(_PICKLED_TYPE)
    if at >= 0:
        message = "a column has a type of Python's own, which older readers unpickle"
        problems.add("table.pickled_type", "malicious", message, offset=at, member=member)
