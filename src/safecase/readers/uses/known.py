"""What is known of AI libraries, models, images and names: `known.yaml`, read once."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import resources

import msgspec

from safecase.readers.uses.use import Hosting, Kind
from safecase.vocabulary import Noun

DATED_HUB = re.compile(r"[0-9a-f]{40}\Z")
_NEAR = re.compile(
    r"(localhost|127\.|\[::1\]|0\.0\.0\.0|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\."
    r"|[a-z0-9_-]+(:\d+)?\Z|[\w.-]+\.(local|internal|svc|svc\.cluster\.local|lan)(:\d+)?\Z)"
)
_URL = re.compile(r"https?://", re.IGNORECASE)


class Library(Noun, frozen=True):
    """A library, and what its use gives away."""

    name: str = ""
    kind: Kind = "package"
    provider: str = ""
    hosting: Hosting = ""
    makes: str = ""
    guessed: bool = False
    outputs: str = ""
    trains: bool = False
    imports: tuple[str, ...] | None = None
    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()


class ModelName(Noun, frozen=True):
    """Names of models that tell who answers."""

    pattern: str
    provider: str
    makes: str
    hosting: Hosting = ""


class Models(Noun, frozen=True):
    """How models are called."""

    heads: tuple[str, ...]
    starts: tuple[str, ...]
    names: tuple[ModelName, ...]
    prefixes: Mapping[str, str]
    dated: str
    fetched: tuple[str, ...]
    """Suffixes of files that are models wherever they are fetched from."""


class Calls(Noun, frozen=True):
    """Callables by their last name."""

    hub: Mapping[str, tuple[str, ...]]
    files: Mapping[str, tuple[str, ...]]
    file_suffixes: tuple[str, ...]
    train: Mapping[str, str]
    finetune: frozenset[str]
    agents: frozenset[str]
    tool_marks: frozenset[str]
    tool_makers: Mapping[str, str]
    tool_classes: frozenset[str]
    ready_tools: Mapping[str, str]
    searches_the_web: frozenset[str]
    stores: Mapping[str, str]
    sources: Mapping[str, str]
    memories: Mapping[str, str]
    mcp_clients: frozenset[str]
    mcp_servers: frozenset[str]
    data_frames: frozenset[str]
    hub_data: Mapping[str, tuple[str, ...]]
    sklearn_data: frozenset[str]
    model_classes: Mapping[str, str]
    tasks: Mapping[str, str]


class Part(Noun, frozen=True):
    """What an image or a resource is."""

    kind: Kind
    name: str
    provider: str = ""
    makes: str = ""


class Environment(Noun, frozen=True):
    """Names of variables."""

    prefixes: tuple[str, ...]
    address: str


class Known(Noun, frozen=True):
    """All of it."""

    libraries: Mapping[str, Library]
    everyday: tuple[str, ...]
    models: Models
    calls: Calls
    effects: Mapping[str, tuple[str, ...]]
    images: Mapping[str, Part]
    terraform: Mapping[str, Part]
    environment: Environment
    hosts: Mapping[str, str]


@functools.cache
def known() -> Known:
    """Read the shipped data."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = (resources.files(__package__) / "known.yaml").read_bytes()
    found = msgspec.convert(yaml.load(content, Loader=loader), Known)  # noqa: S506 a safe loader
    named = {name: msgspec.structs.replace(row, name=name) for name, row in found.libraries.items()}
    return msgspec.structs.replace(found, libraries=named)


@functools.cache
def by_import() -> Mapping[str, Library]:
    """Libraries by their dotted modules."""
    return {
        module: row
        for row in known().libraries.values()
        for module in (row.imports if row.imports is not None else (row.name.replace("-", "_"),))
    }


@functools.cache
def by_package() -> Mapping[str, Library]:
    """Libraries by their names on PyPI, normalised (PEP 503)."""
    rows = known().libraries.values()
    return {re.sub(r"[-_.]+", "-", name).lower(): row for row in rows for name in (row.name, *row.pypi)}


@functools.cache
def by_npm() -> Mapping[str, Library]:
    """Libraries by their names in JavaScript."""
    return {name: row for row in known().libraries.values() for name in row.npm}


def library_of(dotted: str) -> Library | None:
    """Give the library of a dotted name, by its longest known module."""
    rows = by_import()
    while dotted:
        if dotted in rows:
            return rows[dotted]
        dotted = dotted.rpartition(".")[0]
    return None


def library_of_npm(module: str) -> Library | None:
    """Give the library of a JavaScript module (`openai/resources`, `@langchain/openai`)."""
    parts = module.split("/")
    return by_npm().get("/".join(parts[:2] if module.startswith("@") else parts[:1]))


_BY_CLOUDS = frozenset({"bedrock", "rekognition", "textract", "comprehend", "sagemaker"})
_COMMON = frozenset(
    {"api", "com", "ai", "co", "x", "xyz", "router", "together", "replicate", "stability", "io", "azure"}
)


@functools.cache
def interesting() -> frozenset[bytes]:
    """Words of which one stands in every file that is worth a parse: a file without any is passed over unread."""
    rows = known()
    words = {module.partition(".")[0] for module in by_import()} - set(rows.everyday)
    words |= {part for host in rows.hosts for part in host.split(".")} - _COMMON
    words |= {suffix[1:] for suffix in rows.models.fetched}
    return frozenset(word.encode() for word in words | {*rows.models.heads, *_BY_CLOUDS, "subprocess"})


@functools.cache
def providers() -> frozenset[str]:
    """Who answers over a network."""
    rows = known()
    named = {row.provider for row in rows.libraries.values()} | {row.provider for row in rows.models.names}
    return frozenset(named | set(rows.hosts.values()) | set(rows.models.prefixes.values())) - {""}


@functools.cache
def everyday() -> frozenset[bytes]:
    """Names of modules that count behind `import` only."""
    return frozenset(word.encode() for word in known().everyday)


@functools.cache
def packages_of_scripts() -> tuple[bytes, ...]:
    """Names of JavaScript libraries as they stand in an import, with the quote before them."""
    return tuple(quote + name.encode() for name in by_npm() for quote in (b'"', b"'"))


@functools.cache
def images() -> tuple[bytes, ...]:
    """Names of images, without what stands for any."""
    return tuple(name.removesuffix("*").encode() for name in known().images)


@functools.cache
def starts() -> tuple[bytes, ...]:
    """Beginnings of models' names that are looked for as they stand."""
    return tuple(start.encode() for start in known().models.starts)


@functools.cache
def environment_prefixes() -> tuple[bytes, ...]:
    """How the names of AI variables start."""
    return tuple(prefix.encode() for prefix in known().environment.prefixes)


@functools.cache
def _name_patterns() -> tuple[tuple[re.Pattern[str], ModelName], ...]:
    return tuple((re.compile(row.pattern + r"\Z", re.IGNORECASE), row) for row in known().models.names)


@functools.lru_cache(maxsize=4096)
def model_name(text: str) -> ModelName | None:
    """Say whose model a name names; None where it is no known name (`openai/gpt-4o`, `gpt-4o`, `claude-3-5-sonnet`)."""
    if not 2 <= len(text) <= 120 or text != text.strip() or " " in text:
        return None
    head, sign, rest = text.partition("/")
    if not sign:
        head, sign, rest = text.partition(":")
    prefixes = known().models.prefixes
    if sign and len(rest) > 2 and head in prefixes:
        inner = model_name(rest)
        makes = inner.makes if inner else "llm"
        hosted: Hosting = "managed_cloud" if prefixes[head] in ("aws", "azure") else ""
        return ModelName(pattern="", provider=prefixes[head], makes=makes, hosting=hosted)
    return next((row for pattern, row in _name_patterns() if pattern.match(text)), None)


def is_dated(text: str) -> bool:
    """Say whether a provider's name of a model is a snapshot that stays as it is."""
    return re.search(known().models.dated, text) is not None


def image(text: str) -> Part | None:
    """Say what a container image is, by its name without registry, tag and digest."""
    name = text.partition("@")[0]
    name = name[: name.rfind(":")] if ":" in name.rpartition("/")[2] else name
    parts = name.lower().split("/")
    if len(parts) > 2 or (len(parts) == 2 and ("." in parts[0] or ":" in parts[0])):
        parts = parts[-2:] if len(parts) > 2 else parts
    short = "/".join(parts)
    rows = known().images
    row = rows.get(short) or rows.get(f"{parts[0]}/*" if len(parts) == 2 else "")
    if row is not None and not row.name:
        return msgspec.structs.replace(row, name=parts[-1])
    return row


def resource(kind: str) -> Part | None:
    """Say what a Terraform type is, by the longest known start."""
    rows = known().terraform
    best = max((start for start in rows if kind.startswith(start)), key=len, default="")
    return rows.get(best)


def variable(name: str) -> bool:
    """Say whether a variable of the environment is one of AI, by its name."""
    return name.startswith(known().environment.prefixes) and len(name) <= 80


def address(name: str) -> bool:
    """Say whether a variable holds the address of a model."""
    return re.search(known().environment.address, name) is not None


def host(url: str) -> str:
    """Say which provider answers at a URL; empty where none that is known does."""
    if not _URL.match(url):
        return ""
    named = re.split(r"[/?#\s]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2].partition(":")[0].lower()
    rows = known().hosts
    return next((who for end, who in rows.items() if named == end or named.endswith(("." + end, "-" + end))), "")


def is_near(url: str) -> bool:
    """Say whether a URL leads to this machine or its own network, by its host's name alone."""
    named = re.split(r"[/?#\s]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2].lower()
    return re.match(_NEAR, named) is not None


def without_secrets(url: str) -> str:
    """Give a URL without the parts that may carry a credential: user, password, query, fragment."""
    scheme, sign, rest = url.partition("://")
    rest = re.split(r"[?#\s]", rest, maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    return (scheme + sign + authority.rpartition("@")[2] + slash + path)[:200]


def effect_of(name: str) -> tuple[str, str]:
    """Guess what a tool does by the words of its name: the effect, and what the guess rests on."""
    words = [w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    effects = known().effects
    if words and words[0] in effects["read"]:
        return "read", f"effect by its name ({words[0]})"
    for effect in effects["order"]:
        hit = next((word for word in words if word in effects[effect]), None)
        if hit:
            return effect, f"effect by its name ({hit})"
    return "write", "effect: its name tells nothing, so the worse"
