"""What is said about tools: which may be called, and what may stand in their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple, TypeAlias

from safecase.vocabulary import Noun

Call: TypeAlias = Literal["allow", "deny", "approve"]
Origin: TypeAlias = Literal["system", "developer", "user", "tool", "retrieved", "assistant"]
Kind: TypeAlias = Literal["recipient", "url", "path", "account", "amount", "text"]

TRUSTED: frozenset[str] = frozenset({"system", "developer", "user"})
"""Whose words may name a recipient; what the model itself wrote may repeat an attacker's."""


class Segment(NamedTuple):
    """One part of a conversation, and who wrote it."""

    origin: Origin
    text: str
    tool: str = ""
    """The tool that gave it, where `origin` is `tool`."""


class ArgumentRule(Noun, frozen=True):
    """What may stand in one argument."""

    kind: Kind
    allowed: tuple[str, ...] = ()
    """Globs of values, hosts or folders that need no asking."""
    trusted_only: bool = True
    """Whatever else stands there must come from the user or the operator."""
    max: float | None = None
    """The highest amount that needs no asking."""


class ToolRule(Noun, frozen=True):
    """What is said about a tool, or about all whose names fit a glob."""

    tool: str
    call: Call
    schema: dict[str, Any] | None = None
    """The JSON schema that its arguments must fit."""
    arguments: Mapping[str, ArgumentRule] = {}
    """By the argument's name, or its way from the top (`items.url`)."""


class ToolPolicy(Noun, frozen=True):
    """What is said about all tools of a service."""

    rules: tuple[ToolRule, ...] = ()
    default: Call = "approve"
    """For tools without a rule."""
    allowed: tuple[str, ...] = ()
    """Globs of addresses, hosts and folders that need no asking in any tool."""
    trusted_tools: tuple[str, ...] = ()
    """Tools whose answers nobody else can write into: the user's own address book."""

    def rule_for(self, tool: str) -> ToolRule:
        """Give the rule of this very name, or the first whose glob fits, or the default."""
        exact = next((rule for rule in self.rules if rule.tool == tool), None)
        if exact:
            return exact
        fits = next((rule for rule in self.rules if fnmatchcase(tool, rule.tool)), None)
        return fits or ToolRule(tool=tool, call=self.default)


class Judgement(Noun, frozen=True):
    """What is decided about one call."""

    decision: Call
    reasons: tuple[str, ...] = ()
