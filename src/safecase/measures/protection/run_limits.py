"""Where Python code says how many steps, calls or tokens one run of an agent may take."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

AGENTS: Final = frozenset({
    "langgraph", "langchain", "langchain_classic", "langchain_core", "langchain_community", "crewai", "agents",
    "autogen", "autogen_agentchat", "ag2", "llama_index", "smolagents", "pydantic_ai", "haystack", "semantic_kernel",
    "google", "strands", "dspy", "agno", "mirascope", "agent_framework", "openai", "anthropic", "litellm",
})  # fmt: skip
"""Packages one of which a file imports before a word such as `max_steps` counts as the limit of a run."""

_LIMITS: Final = frozenset({
    "recursion_limit", "max_iterations", "max_iter", "max_steps", "max_turns", "max_round", "max_rounds",
    "max_execution_time", "max_consecutive_auto_reply", "max_agent_steps", "max_tool_calls", "max_llm_calls",
    "max_actions", "run_limit", "request_limit", "tool_calls_limit", "total_tokens_limit", "max_function_calls",
    "max_tool_iterations",
})  # fmt: skip
"""Of steps, calls, tokens or seconds of a run, as the libraries call them."""

MOST_STEPS: Final = 1_000
_MOST: Final = {"total_tokens_limit": 10_000_000, "max_execution_time": 86_400}
"""A limit above is none: somebody pays before a run gets there."""


class RunLimit(NamedTuple):
    """One place where a run is bounded, or said not to be."""

    line: int
    name: str
    says: Literal["bounded", "endless", "unseen"]
    """`endless`: None, nothing, or more than any run takes. `unseen`: a value that is made elsewhere."""


class UnparsableError(ValueError):
    """The text is no Python that this Python reads."""


def run_limits(source: str) -> tuple[RunLimit, ...]:
    """Give the limits of runs in Python source, by its syntax tree."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as why:
        raise UnparsableError(type(why).__name__) from why
    if not any(name in AGENTS for node in nodes for name in _packages(node)):
        return ()
    constants = {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return tuple(sorted(_limit(name, value, constants) for node in nodes for name, value in _said(node)))


def _said(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Give limits that a call or a mapping says: `max_turns=10`, `{"recursion_limit": 25}`."""
    if isinstance(node, ast.Call):
        yield from ((one.arg, one.value) for one in node.keywords if one.arg in _LIMITS)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value in _LIMITS:
                yield key.value, value


def _limit(name: str, value: ast.expr, constants: dict[str, ast.expr]) -> RunLimit:
    said = constants.get(value.id, value) if isinstance(value, ast.Name) else value
    match said:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            most = _MOST.get(name, MOST_STEPS)
            return RunLimit(value.lineno, name, "bounded" if 0 < number <= most else "endless")
        case ast.Constant() | ast.UnaryOp(op=ast.USub()):
            return RunLimit(value.lineno, name, "endless")
    endless = ast.unparse(said) in ("math.inf", "inf", "float('inf')", "sys.maxsize")
    return RunLimit(value.lineno, name, "endless" if endless else "unseen")


def _packages(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name.partition(".")[0] for name in names]
        case ast.ImportFrom(module=str() as module):
            return [module.partition(".")[0]]
    return []
