"""Judge skills and rules of agents (SKILL.md, AGENTS.md, .cursorrules …), and the scripts that lie beside them."""

from __future__ import annotations

import re
from typing import Final

from safecase.readers.artifacts.agents.agent_texts import check_agent_text, check_comments
from safecase.readers.artifacts.code.python_code import check_python
from safecase.readers.artifacts.code.shell_commands import harmful_commands
from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_SKILL: Final = 1024 * 1024
_NAMES: Final = frozenset(
    {
        "skill.md", "agents.md", "agent.md", "claude.md", "gemini.md", ".cursorrules", ".windsurfrules", ".clinerules",
        ".goosehints", "copilot-instructions.md", "conventions.md", ".roorules", "rules.mdc", "warp.md", "qwen.md",
        "system_prompt.md", "system_prompt.txt", "system-prompt.md", "system-prompt.txt", "instructions.md",
    }
)  # fmt: skip
_FOLDERS: Final = re.compile(
    r"(^|/)\.?(cursor/rules|claude/(commands|agents|skills)|agents|commands|skills|prompts)/[^/]+\.(md|mdc|txt)$|/skills/.+\.md$|\.(mdc|instructions\.md|prompt\.md)$"
)
_CODE_RULES: Final = frozenset({"code.exfiltrates", "code.hidden", "code.secrets", "code.evaluates"})
_SCRIPTS: Final = (".sh", ".bash", ".zsh", ".ps1", ".bat", ".cmd", ".command")


def is_skill(name: str) -> bool:
    """Say whether agents read a file by its name, as instructions."""
    lower = name.lower()
    return lower.rpartition("/")[2] in _NAMES or bool(_FOLDERS.search(lower))


def is_script(name: str) -> bool:
    """Say whether a file is a script of a shell, by its name."""
    return name.lower().endswith(_SCRIPTS)


def check_skill(text: str, problems: Problems, member: str) -> None:
    """Judge what a skill makes an agent do."""
    if len(text) > MOST_SKILL:
        problems.add("skill.large", "error", f"a skill of {len(text)} characters: not judged", member=member)
        return
    check_comments(text, problems, member, "skill")
    check_agent_text(text, problems, member, "skill")


def check_script(text: str, problems: Problems, member: str) -> None:
    """Judge the commands of a script; those in comments are not run."""
    code = "\n".join("" if line.lstrip().startswith("#") else line for line in text.splitlines())
    for command in harmful_commands(code, told=False):
        message = f"line {command.line}: a command that {command.what}: {shown(command.text, 120)}"
        problems.add("skill.script", command.says, message, member=member, key=command.what)


def check_skill_code(content: bytes, name: str, problems: Problems, member: str) -> None:
    """Judge Python beside a skill: it may start programs, but not hide what it does or take secrets away."""
    found = Problems()
    check_python(content, name, found, member)
    problems.put_all(p for p in found.all() if p.rule in _CODE_RULES and p.says == "malicious")
