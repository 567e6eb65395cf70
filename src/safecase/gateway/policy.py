"""What a gateway lets through, and to whom: the block `protection.gateway` of safecase.yaml, or a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from safecase.errors import UsageError
from safecase.readers import yaml_places
from safecase.readers.text import shown
from safecase.vocabulary import Noun

Origin: TypeAlias = Literal["system", "developer", "user", "tool", "retrieved", "assistant"]
Api: TypeAlias = Literal["openai", "anthropic"]
Fail: TypeAlias = Literal["closed", "open"]
Names: TypeAlias = tuple[str, ...]

MOST_BYTES: Final = 1_000_000


class UpstreamPolicy(Noun, frozen=True):
    """One provider, or one server of models."""

    id: str
    url: Annotated[str, Meta(pattern=r"^https?://", description="Base URL; for OpenAI-compatible ones ending in /v1.")]
    api: Api = "openai"
    key: Annotated[str, Meta(description="Its credential as a reference: `${env:NAME}` or `${file:path}`.")] = ""
    models: Annotated[Names, Meta(description="Names and globs of models that it answers for.")] = ("*",)
    rename: Annotated[dict[str, str], Meta(description="Model names as the upstream calls them.")] = {}
    connect_s: Annotated[float, Meta(gt=0, le=120)] = 5.0
    first_byte_s: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    idle_s: Annotated[float, Meta(gt=0, le=3600, description="Between two pieces of a stream.")] = 60.0
    retries: Annotated[int, Meta(ge=0, le=5)] = 1
    fallback: Annotated[Names, Meta(description="Upstreams that are asked next when this one fails.")] = ()
    prices: Annotated[
        dict[str, tuple[float, float]], Meta(description="Money for a million tokens in and out, by model glob.")
    ] = {}


class RedactionPolicy(Noun, frozen=True):
    """Secrets and personal data become placeholders on the way out of the house, and come back in the answer."""

    on: bool = True
    labels: Annotated[Names, Meta(description="What is replaced; empty for everything that is known.")] = ()
    restore: Annotated[bool, Meta(description="Put the values back into the answer to whoever sent them.")] = True
    fail: Fail = "closed"


class InjectionPolicy(Noun, frozen=True):
    """What happens to texts that look like an attack on the model."""

    on: bool = True
    fpr: Annotated[
        float, Meta(ge=0.0001, le=0.2, description="The rate of false alarms that the threshold is for.")
    ] = 0.01
    threshold: Annotated[
        float | None, Meta(description="The score that is too high; left out, the calibration's or the shipped one.")
    ] = None
    calibration: Annotated[str, Meta(description="A file that `safecase protect calibrate` wrote.")] = ""
    block: Annotated[tuple[Origin, ...], Meta(description="Origins whose texts are refused; others are flagged.")] = (
        "user",
        "tool",
        "retrieved",
    )
    stage: Annotated[
        Literal["auto", "first", "both"],
        Meta(description="`both` also asks the neural stage, beside the upstream; `auto` with `guard-ml` installed."),
    ] = "auto"
    fail: Fail = "closed"


class EgressBlock(Noun, frozen=True):
    """Where links and images of answers may lead."""

    on: bool = True
    allowed_hosts: Annotated[
        Names, Meta(description="Hosts that links may lead to: `docs.x.example`, `*.x.example`.")
    ] = ()
    html: Annotated[
        Literal["escape", "keep"], Meta(description="What becomes of markup that could run or fetch something.")
    ] = "escape"
    fail: Fail = "closed"


class CanaryPolicy(Noun, frozen=True):
    """Words that are planted in prompts and documents and must never come out."""

    words: Annotated[
        Names, Meta(description="References (`${env:NAME}`, `${file:path}`) or the words themselves.")
    ] = ()
    fail: Fail = "closed"


class ToolsPolicy(Noun, frozen=True):
    """Which tools a model may call, and with what."""

    on: bool = True
    default: Literal["allow", "deny", "approve"] = "allow"
    rules: Annotated[
        tuple[dict[str, Any], ...], Meta(description="By tool: call (allow, deny, approve), schema, arguments.")
    ] = ()
    allowed: Annotated[Names, Meta(description="Addresses, hosts and folders that need no asking in any tool.")] = ()
    trusted_tools: Annotated[Names, Meta(description="Tools whose answers nobody else can write into.")] = ()
    fail: Fail = "closed"


class GuardsPolicy(Noun, frozen=True):
    """All guards; one that is not wanted is switched off by its name, and the matrix at the start says so."""

    redaction: RedactionPolicy = RedactionPolicy()
    injection: InjectionPolicy = InjectionPolicy()
    egress: EgressBlock = EgressBlock()
    canary: CanaryPolicy = CanaryPolicy()
    tools: ToolsPolicy = ToolsPolicy()


class LimitsPolicy(Noun, frozen=True):
    """What one request may be, and how many there may be at once."""

    body_bytes: Annotated[int, Meta(ge=1000, le=100_000_000)] = 4_000_000
    answer_bytes: Annotated[int, Meta(ge=1000, le=1_000_000_000)] = 20_000_000
    output_tokens: Annotated[int, Meta(ge=1, description="The most that a request may ask for.")] | None = None
    depth: Annotated[int, Meta(ge=4, le=200)] = 64
    media: Annotated[
        Literal["pass", "block"],
        Meta(description="Whether pictures, sounds and files may pass in requests: no guard reads them."),
    ] = "pass"
    at_once: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    requests_per_minute: (
        Annotated[int, Meta(ge=1, description="Of each key that has no such limit of its own.")] | None
    ) = None

    store: Annotated[
        str,
        Meta(
            description="A Valkey or Redis server that leases the limits of keys to many machines, as `redis://…`, "
            "`rediss://…` or a reference to that; empty: a file beside the keys, for the workers of one machine."
        ),
    ] = ""
    store_prefix: Annotated[str, Meta(min_length=1, max_length=100, description="How names begin there.")] = "safecase"


class TelemetryPolicy(Noun, frozen=True):
    """Spans of OpenTelemetry, by its conventions for generative AI."""

    otlp: Annotated[
        str, Meta(pattern=r"^(https?://.+)?$", description="A collector, `http://127.0.0.1:4318`; empty for no spans.")
    ] = ""
    pass_on: Annotated[bool, Meta(description="Hand the trace's id on to the upstream.")] = False


class CachePolicy(Noun, frozen=True):
    """Answers that are given again to the same key for the very same request."""

    on: bool = False
    seconds: Annotated[float, Meta(gt=0, le=86_400)] = 300.0
    entries: Annotated[int, Meta(ge=1, le=100_000)] = 1000


class LogPolicy(Noun, frozen=True):
    """The log of events."""

    folder: Annotated[str, Meta(description="Where its segments lie.")] = ".safecase/gateway"
    texts: Annotated[bool, Meta(description="Keep prompts and answers, too. Off: only what guards said of them.")] = (
        False
    )
    segment_bytes: Annotated[int, Meta(ge=10_000)] = 64_000_000


class McpPolicy(Noun, frozen=True):
    """What MCP servers may do behind `safecase gateway mcp`, beside what `guards.tools` and `guards.injection` say."""

    server_requests: Annotated[
        tuple[Literal["sampling/createMessage", "elicitation/create", "roots/list"], ...],
        Meta(description="What servers may ask of clients; nothing unless it is named here."),
    ] = ()
    redact: Annotated[
        Names, Meta(description="Kinds of values that become placeholders on their way to a server: SECRET, EMAIL …")
    ] = ("SECRET",)
    unseen: Annotated[
        Literal["remove", "block", "flag"], Meta(description="What becomes of characters that nobody sees in answers.")
    ] = "remove"
    approved: Annotated[
        Names, Meta(description="Digests of calls that somebody approved, as the refusal names them.")
    ] = ()
    origins: Annotated[
        Names, Meta(description="Origins of web pages that may use the proxy, beside those of this machine.")
    ] = ()


class GatewayPolicy(Noun, frozen=True):
    """A whole gateway."""

    upstreams: tuple[UpstreamPolicy, ...] = ()
    service: str = ""
    guards: GuardsPolicy = GuardsPolicy()
    limits: LimitsPolicy = LimitsPolicy()
    cache: CachePolicy = CachePolicy()
    log: LogPolicy = LogPolicy()
    telemetry: TelemetryPolicy = TelemetryPolicy()
    mcp: McpPolicy = McpPolicy()
    shadow: Annotated[bool, Meta(description="Say what guards would do, and let everything through.")] = False


def policy_of(value: dict[str, Any], where: str) -> GatewayPolicy:
    """Read a policy from plain values; raises `UsageError` with the place of the first fault."""
    try:
        policy = msgspec.convert(value, GatewayPolicy)
    except msgspec.ValidationError as why:
        raise UsageError(f"{where}: {why}", mend="`safecase schema --gateway` prints what a policy may say") from why
    ids = [upstream.id for upstream in policy.upstreams]
    for upstream in policy.upstreams:
        if ids.count(upstream.id) > 1:
            raise UsageError(f"{where}: two upstreams are called {shown(upstream.id)}", mend="give each its own id")
        for other in upstream.fallback:
            if other not in ids:
                raise UsageError(
                    f"{where}: the fallback {shown(other)} of {shown(upstream.id)} is no upstream",
                    mend="correct its id",
                )
    return policy


def read_policy(path: Path) -> GatewayPolicy:
    """Read a policy from a file (YAML); raises `UsageError`, `ManifestError`."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    value = yaml_places.read(content, str(path), most_bytes=MOST_BYTES, any_keys=True).value
    if not isinstance(value, dict):
        raise UsageError(f"{shown(str(path))} is no mapping", mend="begin with `upstreams:`")
    return policy_of(value, str(path))
