"""What must not be shared between production and the rest: credentials, places of data, namespaces."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit

from safecase.readers.environments import Environment, Setting, word_of
from safecase.readers.text import shown
from safecase.vocabulary import Place, Severity

Held: TypeAlias = Literal["credential", "place", "namespace"]

_CREDENTIAL = re.compile(
    r"(^|[_.-])(password|passwd|pass|pwd|secret|token|api[_-]?key|access[_-]?key([_-]?id)?|private[_-]?key|credentials?"
    r"|secret[_-]?(arn|id|name|key))$",
    re.IGNORECASE,
)
_STORED = re.compile(
    r"arn:aws:(secretsmanager|ssm|kms):|projects/[^/]{1,100}/secrets/|https://[\w-]{1,100}\.vault\.azure\.net/"
    r"|(op|vault|ref\+\w{1,20})://?|secret/data/"
)
"""How stores of secrets name one: two environments that name the same one share it."""
_OF_LANGUAGE = re.compile(r"(^|[_.-])(max|min|eos|pad|bos|unk|num|stop|mask|sep|cls)_?tokens?$", re.IGNORECASE)
"""Settings of a language model that are called tokens and are no credentials."""
_NAMES_A_SECRET = re.compile(r"\d{1,20}|[a-z]{2,20}([-_.][a-z]{2,20}){1,6}", re.IGNORECASE)
"""A number, or words in a row (`openai-api-key`): what a secret is called, and not one."""
_NO_VALUE = re.compile(
    r".*(os\.environ|getenv\(|process\.env|\bconfig\(|\benv\(|secrets?\[|\$\{|\$\(|\{\{|<[^>]{1,60}>|\*\*\*|change.?me|example|placeholder|dummy|redacted|your[_-]).*|\$[A-Z_]{1,80}|",
    re.IGNORECASE | re.DOTALL,
)
_LEAST_CREDENTIAL = 8
_PASSWORD_OF_URL = re.compile(
    r"[a-z][\w+.-]{0,30}://[^\s:/@\"'<>]{0,200}:([^\s/\"'<>]{1,300})@(?!sha(?:256|512):)", re.IGNORECASE
)
"""What stands between a user and a host; an image with a tag and a digest looks like one."""
_PASSWORD_OF_LIST = re.compile(
    r"(?:^|[;&?,\s])(?:password|passwd|pwd|account[ ]?key|shared[ ]?access[ ]?key)\s{0,3}=\s{0,3}([^\s;&,\"']{1,300})",
    re.IGNORECASE,
)
"""A password of a connection string that lists its parts (`host=…;password=…`)."""
_STANDS_FOR = re.compile(r".*([{}]|%\().*|[A-Z][A-Z_]*|([x*.-])\2*", re.DOTALL)
"""What is put in later, or was taken out."""
_SCHEMES = (
    r"postgres(?:ql)?(?:\+\w{1,20})?|mysql(?:\+\w{1,20})?|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|kafka|mssql|oracle|"
    r"clickhouse|snowflake|bigquery|qdrant|milvus|s3a?|gs|gcs|abfss?|wasbs?|jdbc:\w{1,20}"
)
DATA_URL = re.compile(rf"(?<![\w+])(?:{_SCHEMES})://[^\s\"'<>`,;)]{{1,300}}", re.IGNORECASE)
_BUCKETS = re.compile(r"(s3a?|gs|gcs|abfss?|wasbs?)://", re.IGNORECASE)
_HOSTING = re.compile(
    r"(^|[_.-])(db|database|postgres|pg|mysql|mongo|redis|sql|qdrant|milvus|weaviate|chroma|opensearch|elastic|vector|"
    r"warehouse|kafka|broker|store)\w{0,20}[_.-]?(host|hostname|server|endpoint|url|uri|address)$|^(pghost|dbhost)$",
    re.IGNORECASE,
)
_BUCKET = re.compile(r"(^|[_.-])(bucket|bucket[_-]?name|storage[_-]?account|container[_-]?name)$", re.IGNORECASE)
_DEBUG = re.compile(r"(^|_)debug$", re.IGNORECASE)
_NAMES_IT = re.compile(r"^(\w{1,30}_)?(env|environment|stage)$", re.IGNORECASE)
_REST: tuple[Environment, ...] = ("development", "test")
_TRUE = frozenset({"1", "true", "yes", "on"})
_SECRET_REFERENCES = frozenset({"secretKeyRef", "secretRef", "secretName"})


class Shared(NamedTuple):
    """Something that two environments must not both use."""

    held: Held
    value: str
    """Compared, and never shown where it is a credential."""
    told: str
    setting: Setting
    same_everywhere: bool = True
    """The same name means the same thing, wherever it is used: `db` is another host in each network."""


class Mixed(NamedTuple):
    """A way in which production and the rest are not apart."""

    rule: str
    key: str
    told: str
    place: Place
    severity: Severity
    mend: str


def mixed(by_environment: dict[Environment, list[Setting]]) -> Iterator[Mixed]:
    """Yield where production and the rest share something, or one names what is the other's."""
    production = by_environment.get("production", [])
    others = [(name, setting) for name in _REST for setting in by_environment.get(name, [])]
    yield from _careless(production)
    yield from _led_astray([s for _, s in others], "production")
    for other in _REST:
        yield from _led_astray(production, other)
    theirs: dict[tuple[Held, str], tuple[Environment, Shared]] = {}
    for name, setting in others:
        for one in _held(setting):
            if one.same_everywhere:
                theirs.setdefault((one.held, one.value), (name, one))
    told: set[tuple[str, str]] = set()
    for setting in production:
        for one in _held(setting):
            match = theirs.get((one.held, one.value))
            if match is not None and (one.held, one.value) not in told:
                told.add((one.held, one.value))
                yield _shared(one, *match)


def data_of_production(text: str) -> Iterator[tuple[int, str]]:
    """Yield the offset and the name of each address of production data in a text."""
    for found in DATA_URL.finditer(text):
        host = _host(found[0])
        if host and _named_for(host) == "production":
            yield found.start(), host


def _careless(production: Sequence[Setting]) -> Iterator[Mixed]:
    for setting in production:
        value = setting.value.lower()
        if _DEBUG.search(setting.name) and value in _TRUE:
            told = f"{shown(setting.name)} is on in production: errors show code, settings and prompts"
            yield Mixed("debug", setting.name, told, setting.place, "high", f"set {shown(setting.name)} to 0")
        elif _NAMES_IT.match(setting.name) and value.isalpha() and word_of(value) in ("development", "test"):
            told = f"{shown(setting.name)} is {shown(value)} in production's own file"
            yield Mixed("named", setting.name, told, setting.place, "medium", "name it production")


def _led_astray(settings: Sequence[Setting], other: Environment) -> Iterator[Mixed]:
    """Settings of one environment that name a place, or a stored secret, of another."""
    for setting in settings:
        for one in _held(setting):
            name = one.value if one.held != "credential" or one.setting.value == one.value else ""
            if one.held != "namespace" and name and _named_for(name) == other:
                yield Mixed(
                    f"uses-{other}",
                    f"{setting.name}#{one.told}",
                    f"{shown(setting.name)} leads to {one.told}, which is named for {other}",
                    setting.place,
                    "high" if other == "production" else "medium",
                    f"give it one of its own; only {other} itself should reach {one.told}",
                )


def _shared(one: Shared, name: Environment, other: Shared) -> Mixed:
    return Mixed(
        f"same-{one.held}",
        f"{one.setting.name}#{one.told}",
        f"{one.told} is production's and {name}'s ({other.setting.place})",
        one.setting.place,
        "medium" if one.held == "namespace" else "high",
        {
            "credential": f"make one for each environment, and revoke the one that {name} has seen",
            "place": f"give {name} a place of its own, with made-up or redacted data",
            "namespace": "give each environment a namespace, better a cluster, of its own",
        }[one.held],
    )


def _held(setting: Setting) -> Iterator[Shared]:
    """What a setting holds that may not be shared."""
    value = setting.value.strip()
    if _is_namespace(setting):
        yield Shared("namespace", value, f"the namespace {shown(value)}", setting)
        return
    if setting.path[-1:] and setting.path[-1] in _SECRET_REFERENCES and setting.name == "name":
        # The same name in two namespaces is two secrets: only what it is named for tells.
        yield Shared("credential", value, f"the secret {shown(value)}", setting, same_everywhere=False)
        return
    # The digest of a password is that of the same one in a setting of its own.
    passwords = _passwords(value)
    for password in passwords:
        yield Shared("credential", _digest(password), f"the password in {shown(setting.name)}", setting)
    if _STORED.search(value):
        # The address of a stored secret may bear a password or a token: it is compared, and never printed.
        yield Shared("credential", _digest(value), f"the stored secret that {shown(setting.name)} names", setting)
    elif not passwords and _is_credential(setting.name, value) and _is_secret(value):
        yield Shared("credential", _digest(value), f"the value of {shown(setting.name)}", setting)
    host = _place_in(setting, value)
    if host:
        bucket = _BUCKET.search(setting.name) is not None or _BUCKETS.match(value) is not None
        yield Shared("place", host, shown(host), setting, same_everywhere=bucket or _is_somewhere(host))


def _is_credential(name: str, value: str) -> bool:
    return bool(_CREDENTIAL.search(name)) and not (_OF_LANGUAGE.search(name) or _NAMES_A_SECRET.fullmatch(value))


def _is_secret(value: str) -> bool:
    return len(value) >= _LEAST_CREDENTIAL and not _NO_VALUE.fullmatch(value)


def _passwords(value: str) -> tuple[str, ...]:
    """Give the passwords inside of connection strings, whatever host they are for."""
    found = {unquote(match[1]) for match in _PASSWORD_OF_URL.finditer(value)}
    found |= {match[1] for match in _PASSWORD_OF_LIST.finditer(value)}
    return tuple(sorted(one for one in found if _is_secret(one) and not _STANDS_FOR.fullmatch(one)))


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def _place_in(setting: Setting, value: str) -> str:
    """Give the host or the bucket that a setting names; empty where it names none."""
    found = DATA_URL.search(value)
    if found:
        return _host(found[0])
    if _NO_VALUE.fullmatch(value):
        return ""
    if _BUCKET.search(setting.name) and re.fullmatch(r"[a-z0-9][a-z0-9._-]{2,62}", value):
        return value
    return _host(value if "://" in value else f"x://{value}") if _HOSTING.search(setting.name) else ""


def _host(url: str) -> str:
    """Host or bucket of an address, in lower case; empty where it is put in later."""
    try:
        host = urlsplit(url.removeprefix("jdbc:")).hostname or ""
    except ValueError:
        return ""
    return "" if "$" in host or "{" in host else host.rstrip(".")


def _named_for(name: str) -> Environment | None:
    """Say for which environment a host or a secret is named; a host's last label (`.test`, `.dev`) says nothing."""
    return word_of(name.rpartition(".")[0] or name)


def _is_somewhere(host: str) -> bool:
    """Say whether a host means the same from everywhere."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return (
            "." in host and not host.endswith((".local", ".localhost", ".internal")) and host != "host.docker.internal"
        )


def _is_namespace(setting: Setting) -> bool:
    ours = setting.name == "namespace" and setting.path[-1:] in ((), ("metadata",))
    return ours and not setting.value.startswith("kube-") and not setting.value.endswith("-system")
