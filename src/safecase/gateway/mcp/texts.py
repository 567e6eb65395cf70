"""What is said in messages: secrets on their way to a server, attacks and unseen characters on their way back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from safecase.detectors.injection import score
from safecase.detectors.redaction import Redactor
from safecase.detectors.tool_calls import ArgumentRule, Segment, ToolPolicy, ToolRule, judge
from safecase.gateway.mcp.unseen import without_unseen
from safecase.gateway.policy import GatewayPolicy
from safecase.gateway.refusals import Refused
from safecase.readers.text import shown

Json: TypeAlias = Any  # as JSON has it

CHUNK: Final = 200_000
"""Characters that the detector looks at in one go."""
OVERLAP: Final = 400
APART: Final = 16
"""So many texts of a message are also scored one by one: a short attack drowns in long company."""
_BYTES: Final = frozenset({"image", "audio"})


class Looked(NamedTuple):
    """What became of the texts of a message."""

    result: str
    """`pass`, `flag` or `redact`, as events tell it."""
    found: int = 0
    told: str = ""


class Texts:
    """The detectors of one policy. Raises `Refused` where a message must not go on."""

    def __init__(self, policy: GatewayPolicy, tools: ToolPolicy, threshold: float | None) -> None:
        self._mcp = policy.mcp
        self._tools = tools
        self._threshold = threshold
        self._blocks = "tool" in policy.guards.injection.block
        self._redactor = Redactor(policy.mcp.redact, key=secrets.token_bytes(32)) if policy.mcp.redact else None

    def call(self, name: str, arguments: Mapping[str, Json]) -> str:
        """Hold a call against the policy of tools; gives by whose approval it goes, where it needs one."""
        written = json.dumps(arguments, ensure_ascii=False)
        found = judge(name, written, (Segment("user", written),), self._without_provenance(name, arguments))
        if found.decision == "allow":
            return ""
        why = "; ".join(found.reasons[:3])
        if found.decision == "deny":
            raise Refused("policy", f"the policy refuses this call: {why}", param="arguments")
        told = json.dumps(arguments, sort_keys=True)
        mark = hashlib.sha256(f"{name}\0{told}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        if mark in self._mcp.approved:
            return mark
        raise Refused("policy", f"this call needs somebody's approval (mcp.approved {mark}): {why}", param="arguments")

    def _without_provenance(self, name: str, arguments: Mapping[str, Json]) -> ToolPolicy:
        """A proxy hears no conversation: where values come from is for `gateway run` to judge, limits are for both."""
        rule = self._tools.rule_for(name)
        free = ArgumentRule(kind="text", trusted_only=False)
        said = {key: msgspec.structs.replace(one, trusted_only=False) for key, one in rule.arguments.items()}
        keys = {way for key in arguments for way in (key, key.partition(".")[0])}
        every = {**dict.fromkeys(keys, free), **said}
        return ToolPolicy(
            rules=(ToolRule(tool=name, call=rule.call, schema=rule.schema, arguments=every),),
            allowed=self._tools.allowed,
        )

    def outgoing(self, value: Json) -> tuple[Json, Looked]:
        """Give what goes to a server: values that the policy names become placeholders."""
        redactor = self._redactor
        if redactor is None:
            return value, Looked("pass")
        found = 0

        def redacted(text: str) -> str:
            nonlocal found
            told = redactor.redact(text)
            found += len(told.spans)
            return told.text

        changed = _mapped(value, redacted)
        return (changed, Looked("redact", found)) if found else (value, Looked("pass"))

    def incoming(self, value: Json) -> tuple[Json, Looked]:
        """Give what a server says as it may go on to a model."""
        plain = _mapped(value, without_unseen)
        hidden = plain != value
        if hidden and self._mcp.unseen == "block":
            raise Refused("policy", "the server's answer has characters that nobody sees")
        attacked = self._threshold is not None and self._attacks(tuple(dict.fromkeys(_texts(value))), self._threshold)
        if attacked and self._blocks:
            raise Refused("policy", "the server's answer looks like an attack on the model")
        if attacked:
            return plain if self._mcp.unseen == "remove" else value, Looked("flag", 1, "it looks like an attack")
        if hidden and self._mcp.unseen == "remove":
            return plain, Looked("redact", 1, "characters that nobody sees were taken out")
        return value, Looked("flag", 1, "characters that nobody sees") if hidden else Looked("pass")

    def _attacks(self, texts: tuple[str, ...], threshold: float) -> bool:
        """Look at all texts together, and at each where they are few: an attack may be in one, or in several."""
        joined = "\n".join(texts)
        parts = [joined[at : at + CHUNK] for at in range(0, max(len(joined), 1), CHUNK - OVERLAP)]
        if 1 < len(texts) <= APART:
            parts += [text for text in texts if len(text) <= CHUNK]
        return any(score(part).score > threshold for part in parts if part.strip())


def _mapped(value: Json, change: Callable[[str], str], *, binary: bool = False) -> Json:
    """Give a value with each text changed; bytes of images and sounds are no texts, and keys stay."""
    if isinstance(value, str):
        return value if binary else change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        media = value.get("type") in _BYTES
        return {key: _mapped(of, change, binary=_is_bytes(key, media=media)) for key, of in value.items()}
    return value


def _texts(value: Json) -> Iterator[str]:
    """Give every text; keys, too, for a model reads them; and texts that come as bytes."""
    waiting: list[Json] = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            waiting.extend(reversed(part))
        elif isinstance(part, dict):
            media = part.get("type") in _BYTES
            for key, of in reversed(part.items()):
                if isinstance(of, str) and _is_bytes(key, media=media):
                    yield from _unpacked(of)
                else:
                    waiting.append(of)
            yield " ".join(key for key in part if len(key) > 20)


def _is_bytes(key: str, *, media: bool) -> bool:
    return key == "blob" or (media and key == "data")


def _unpacked(packed: str) -> Iterator[str]:
    try:
        yield base64.b64decode(packed, validate=True).decode()
    except (binascii.Error, ValueError):
        return  # an image, a sound, an archive: no text that a detector could read


def called(name: object) -> str:
    """Give a tool's name as errors and events tell it."""
    return shown(name, 80) if isinstance(name, str) else "without a name"
