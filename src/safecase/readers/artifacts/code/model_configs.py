"""Judge the JSON beside weights: what it makes a loader import, render, or fetch from another repository."""

from __future__ import annotations

import re
from typing import Any, Final

from safecase.readers.artifacts.agents.agent_texts import check_unseen
from safecase.readers.artifacts.code import chat_templates, yaml_configs
from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_NODES: Final = 500_000
_MODULES: Final = re.compile(r"[\w.-]+\Z")
_KNOWN_PARENTS: Final = frozenset(
    {"transformers", "diffusers", "peft", "timm", "sentence_transformers", "torch", "torchvision"}
)


def check_config(value: Any, problems: Problems, member: str) -> None:
    """Judge every key of a configuration that loaders act upon, at any depth."""
    waiting = [value]
    count = 0
    while waiting and count < MOST_NODES:
        part = waiting.pop()
        count += 1
        if isinstance(part, list):
            waiting.extend(inner for inner in part if isinstance(inner, dict | list))
        elif isinstance(part, dict):
            for key, inner in part.items():
                _entry(str(key), inner, problems, member)
                if isinstance(inner, dict | list):
                    waiting.append(inner)
    if waiting:
        problems.add("repo.large", "error", "more values than are judged", member=member)


def code_references(value: Any) -> list[str]:
    """Give every class that `auto_map` names, as it is written there."""
    found: list[str] = []
    parts = [value]
    for part in parts[:MOST_NODES]:
        if isinstance(part, dict):
            mapped = part.get("auto_map")
            if isinstance(mapped, dict):
                for target in mapped.values():
                    found.extend(
                        t for t in (target if isinstance(target, list | tuple) else [target]) if isinstance(t, str)
                    )
            parts.extend(v for v in part.values() if isinstance(v, dict))
    return found


def templates_of(inner: Any) -> list[str]:
    """Give the templates that a `chat_template` holds: one, or several with names."""
    if isinstance(inner, str):
        return [inner]
    if isinstance(inner, dict):
        return [v for v in inner.values() if isinstance(v, str)]
    entries = inner if isinstance(inner, list) else []
    return [e["template"] for e in entries if isinstance(e, dict) and isinstance(e.get("template"), str)]


def _entry(key: str, inner: Any, problems: Problems, member: str) -> None:
    if key in ("chat_template", "default_chat_template"):
        for template in templates_of(inner):
            chat_templates.check_template(template, problems, member)
    elif key == "auto_map":
        for reference in code_references({"auto_map": inner}):
            if "--" in reference:
                message = f"auto_map takes {shown(reference)}: code of another repository, which may change"
                problems.add("repo.elsewhere", "suspicious", message, member=member, key=reference)
    elif key == "trust_remote_code" and inner is True:
        message = "it asks its loader to trust code of a repository (trust_remote_code)"
        problems.add("repo.trust", "suspicious", message, member=member)
    elif key in ("custom_pipelines", "custom_pipeline"):
        _pipelines(inner, problems, member)
    elif key == "auto_mapping" and isinstance(inner, dict):
        _parent(inner.get("parent_library"), problems, member)
    elif isinstance(inner, str):
        yaml_configs.judge_value(key, inner, problems, member)
        if key in ("system_prompt", "prompt", "default_system_prompt"):
            check_unseen(inner, problems, member, "template")


def _pipelines(inner: Any, problems: Problems, member: str) -> None:
    entries = inner.values() if isinstance(inner, dict) else [inner]
    for entry in entries:
        named = entry.get("impl") if isinstance(entry, dict) else entry
        if isinstance(named, str) and ("--" in named or "/" in named):
            message = f"a pipeline of its own is {shown(named)}: code of another repository"
            problems.add("repo.elsewhere", "suspicious", message, member=member, key=named)


def _parent(parent: Any, problems: Problems, member: str) -> None:
    if isinstance(parent, str) and _MODULES.match(parent):
        top = parent.partition(".")[0]
        if top not in _KNOWN_PARENTS and not top.startswith("transformers_modules"):
            message = f"its adapter has {shown(parent)} imported as the library of its model"
            problems.add("repo.import", "suspicious", message, member=member, key=parent)
