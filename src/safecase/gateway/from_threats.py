"""A gateway's policy from the threats that a service faces; what its owner wrote wins. Pure."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
import yaml

from safecase.detectors.tool_calls import ToolPolicy, ToolRule
from safecase.gateway.policy import GatewayPolicy, policy_of
from safecase.service.schema import Manifest, ToolBlock
from safecase.vocabulary import Noun

TABLE: Final = "from_threats.yaml"

Value: TypeAlias = Any  # what YAML can hold: policy.py says which for each path
_HOST: Final = re.compile(r"(?!.*/)(?=.*[a-z])[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_STRENGTH: Final[Mapping[str, int]] = {
    word: rank for words in (("open", "closed"), ("keep", "escape"), ("allow", "approve", "deny"))
    for rank, word in enumerate(words)
}  # fmt: skip
_NOT_STRENGTH: Final = frozenset({"guards.egress.allowed_hosts", "guards.redaction.restore"})
"""What an owner knows or likes: another value is neither weaker nor stronger."""


class Settings(Noun, frozen=True):
    """Settings that belong together, and what they are for."""

    why: str
    set: dict[str, Value]


class Elsewhere(Noun, frozen=True):
    """Threats that no gateway answers, and why."""

    why: str
    threats: tuple[str, ...]


class Table(Noun, frozen=True):
    """`from_threats.yaml`."""

    settings: dict[str, Settings]
    threats: dict[str, tuple[str, ...]]
    """By threat, the names of the settings that answer it."""
    elsewhere: tuple[Elsewhere, ...]


class Reason(Noun, frozen=True):
    """One setting of a policy, and where it comes from."""

    path: str
    value: Value
    origin: Literal["written", "derived"]
    threats: tuple[str, ...] = ()
    """Those that it follows from, or would follow from had nobody written it."""
    why: str = ""
    derived: Value = None
    """What would follow from the threats, where something else is written."""
    weaker: bool = False
    """What is written stops less than what would follow."""


class Derived(Noun, frozen=True):
    """A policy, and the reason of each setting that is not a mere default."""

    policy: GatewayPolicy
    said: dict[str, Value]
    """The policy in plain values, without defaults."""
    reasons: tuple[Reason, ...]
    missing: dict[str, tuple[str, ...]]
    """Keys of the manifest that would tell a setting and say nothing, with the threats that ask for it."""
    elsewhere: tuple[Elsewhere, ...]
    """The threats that the service faces and no gateway answers."""

    @property
    def threats(self) -> tuple[str, ...]:
        """Name the threats that any setting follows from."""
        return tuple(dict.fromkeys(threat for reason in self.reasons for threat in reason.threats))


@cache
def table() -> Table:
    """Give the shipped table."""
    content = (importlib.resources.files("safecase.gateway") / TABLE).read_text("utf-8")
    return msgspec.convert(yaml.safe_load(content), Table)


def derive(facing: Collection[str], manifest: Manifest, written: Mapping[str, Value], where: str) -> Derived:
    """Give the policy of a service that faces these threats; raises `UsageError` where what is written is wrong.

    No derived setting is weaker than its default, so that a threat which does not apply switches nothing off.
    """
    policy_of(dict(written), where)
    rows = table()
    wanted, missing = _wanted(facing, manifest, rows)
    own = dict(_leaves(written))
    reasons = [_written(path, value, wanted.get(path)) for path, value in own.items()]
    reasons += [reason for path, reason in wanted.items() if path not in own]
    reasons.sort(key=lambda reason: _order(reason.path))
    said: dict[str, Value] = {}
    for reason in reasons:
        _put(said, reason.path, reason.value)
    return Derived(
        policy=policy_of(said, where),
        said=said,
        reasons=tuple(reasons),
        missing={key: tuple(dict.fromkeys(threats)) for key, threats in missing.items()},
        elsewhere=tuple(
            Elsewhere(why=row.why, threats=found)
            for row in rows.elsewhere
            if (found := tuple(threat for threat in row.threats if threat in facing))
        ),
    )


def _wanted(facing: Collection[str], manifest: Manifest, rows: Table) -> tuple[dict[str, Reason], dict[str, list[str]]]:
    """Give what follows from the threats by path, and what the manifest would have to say for more."""
    found: dict[str, Reason] = {}
    missing: dict[str, list[str]] = {}
    for threat, names in rows.threats.items():
        if threat not in facing:
            continue
        for settings in map(rows.settings.__getitem__, names):
            for path, said in settings.set.items():
                key, value = _value(said, manifest)
                if key and not value:
                    missing.setdefault(key, []).append(threat)
                    continue
                found[path] = _with(found.get(path), path, value, threat, settings.why)
    return found, missing


def _value(said: Value, manifest: Manifest) -> tuple[str, Value]:
    """Give a setting's value, and the key of the manifest that tells it, where one does."""
    if not isinstance(said, dict):
        return "", said
    key, take = FROM_MANIFEST[said["manifest"]]
    return key, take(manifest)


def _with(known: Reason | None, path: str, value: Value, threat: str, why: str) -> Reason:
    if isinstance(value, list):
        others = _default(path) if known is None else known.value
        value = [*others, *(v for v in value if v not in others)]
    if known is None:
        return Reason(path=path, value=value, origin="derived", threats=(threat,), why=why)
    threats = known.threats if threat in known.threats else (*known.threats, threat)
    reasons = known.why if why in known.why else f"{known.why} {why}"
    return msgspec.structs.replace(known, value=value, threats=threats, why=reasons)


def _written(path: str, value: Value, wanted: Reason | None) -> Reason:
    if wanted is None:
        return Reason(path=path, value=value, origin="written")
    weaker = path not in _NOT_STRENGTH and _weaker(value, wanted.value)
    derived = None if value == wanted.value else wanted.value
    return msgspec.structs.replace(wanted, value=value, origin="written", derived=derived, weaker=weaker)


def _weaker(written: Value, derived: Value) -> bool:
    """Say whether what is written stops less than what would follow."""
    match derived:
        case bool():
            return written is not derived
        case int() | float():
            return written is None or written > derived
        case str():
            return _STRENGTH.get(written, 0) < _STRENGTH[derived]
        case []:  # of labels none means all of them
            return bool(written)
        case [{"tool": _}, *_]:
            return _rules_weaker(written, derived)
    return not set(derived) <= set(written)


def _rules_weaker(written: Value, derived: Value) -> bool:
    try:
        own = ToolPolicy(rules=msgspec.convert(written, tuple[ToolRule, ...]))
    except msgspec.ValidationError:
        return False  # the guard itself tells what is wrong with them
    return any(_STRENGTH[own.rule_for(rule["tool"]).call] < _STRENGTH[rule["call"]] for rule in derived)


def _canary(manifest: Manifest) -> list[str]:
    return [manifest.testing.attacks.canary] if manifest.testing.attacks.canary else []


def _hosts(manifest: Manifest) -> list[str]:
    """Whole names only: with a wildcard, or an address block, strangers could have a place in it, too."""
    named = [*manifest.infrastructure.egress, *(_host_of(tool.url) for tool in manifest.tools)]
    return list(dict.fromkeys(host.lower() for host in named if _HOST.fullmatch(host.lower())))


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that hold no address
        return ""


def _rules(manifest: Manifest) -> list[dict[str, str]]:
    return [{"tool": tool.id, "call": "approve" if _needs_approval(tool) else "allow"} for tool in manifest.tools]


def _needs_approval(tool: ToolBlock) -> bool:
    """What cannot be undone needs it; so does what acts, unless it can be undone or is said to need none."""
    if tool.effect == "read":
        return False
    if tool.approval in ("once", "each", "two_person"):
        return True
    return tool.reversible is False or (tool.reversible is None and tool.approval is None)


def _undeclared(manifest: Manifest) -> str:
    return "approve" if manifest.tools else ""


FROM_MANIFEST: Final[Mapping[str, tuple[str, Callable[[Manifest], Value]]]] = {
    "canary": ("testing.attacks.canary", _canary),
    "hosts": ("infrastructure.egress", _hosts),
    "rules": ("tools", _rules),
    "undeclared": ("tools", _undeclared),
}
"""What a value `{manifest: NAME}` of the table is: the key that tells it, and how it is read from there."""


def _leaves(values: Mapping[str, Value], above: str = "") -> Iterator[tuple[str, Value]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield above + key, value


def _put(values: dict[str, Value], path: str, value: Value) -> None:
    *steps, last = path.split(".")
    for step in steps:
        values = values.setdefault(step, {})
    values[last] = value


def _default(path: str) -> list[Value]:
    value: Value = GatewayPolicy()
    for step in path.split("."):
        value = getattr(value, step)
    return list(value)


def _order(path: str) -> tuple[int, str]:
    """Blocks in the order of the policy, and what belongs together side by side."""
    blocks = GatewayPolicy.__struct_fields__
    return blocks.index(path.partition(".")[0]), path
