"""`prompt.lint`: reading out the system prompt gives an attacker nothing."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from safecase.checks import Context, check
from safecase.engines import secrets
from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Place, Severity

MOST_BYTES = 1_000_000
MOST_FINDINGS = 100
MOST_WEAK = 1_000
MOST_BEFORE = 200
SHORTEST_CANARY = 8
MOST_ADDRESSES = 3
"""So many addresses of people are a list of people."""


class Weak(NamedTuple):
    """Something in a prompt that must not get out."""

    rule: str
    message: str
    start: int
    severity: Severity
    mend: str


_CALLED = (
    r"(?:pass ?(?:word|code|phrase)|pin(?: code)?|secret (?:word|code|key|phrase)|access token|credentials?"
    r"|(?:api|access|vault|admin|door|master|staff|discount|coupon|voucher|promo|unlock|override) (?:discount )?"
    r"(?:key|code|token))"
)
_TOLD = re.compile(
    rf"\b(?:the |your |our |its )?(?P<called>{_CALLED})\b[^.\n]{{0,40}}?(?:\bis\b|=|:)[ \t]*"
    r"(?P<value>[\"'`“‘][^\"'`”’\n]{3,100}[\"'`”’]|\S{4,100})",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"\b(?:never|do not|don't|must not|may not|under no circumstances)\b[^.\n]{0,40}?"
    r"\b(?:reveal|tell|share|disclose|mention|repeat|say|give out|show|leak|output|print)\b(?P<rest>[^\n]{0,200})",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"'`“‘]([^\"'`”’\n]{4,100})[\"'`”’]")
_CODE = re.compile(r"(?<![\w$<{])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Z0-9][\w-]{5,80}(?![\w>}])")
_IT = re.compile(r"\s*(?:it|this|that|them|these|those|the (?:code|word|value|password|key))\b", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:gpt|iso|rfc|cve|http|sha|utf|aes|covid|din|iec|nist|llama|claude|gemini|tls)[-_]?\d", re.IGNORECASE
)
"""What looks like a code and is a name that everybody knows."""
_HOST = re.compile(
    r"(?<![\w.@-])(?:[a-z0-9](?:[a-z0-9-]{0,62})\.){1,6}"
    r"(?:internal|intranet|corp|lan|local|localdomain|private|home\.arpa|svc|cluster\.local)(?![\w-])",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}", re.ASCII)
_ROLES = re.compile(
    r"info|support|help|contact|sales|service|security|privacy|office|hello|team|press|billing|no-?reply|abuse|legal|jobs"
    r"|postmaster|webmaster|admin|bookings?|reception"
)
_ORDINARY = re.compile(
    r"not|never|required|wrong|correct|incorrect|secret|confidential|private|unknown|needed|valid|invalid|safe|always"
    r"|only|kept|stored|reset|changed|shared|known|given|asked|hidden|encrypted|being|something|that|what|none"
)


@check(
    "prompt.lint",
    control="AI-05",
    severity="high",
    reads=("ai.system_prompts", "testing.attacks"),
    files=("ai.system_prompts",),
)
def prompts_without_secrets(service: Service, ctx: Context) -> Iterator[Finding]:
    """System prompts hold no credential, no inner address and no people, and keep no secret by asking the model to.

    ## Why it matters
    Whatever stands before the model can be talked out of it: an instruction never to say something is read by whoever
    gets the prompt, together with what it protects. A prompt must be one that could be published tomorrow.

    ## How it is checked
    Each file of `ai.system_prompts` is searched for credentials (as `secret.scan` does it, passwords in addresses
    among them), for sentences that say what a password, code or key is, for orders never to reveal a value that is
    quoted or looks like a code, for names of inner hosts (`.internal`, `.corp`, `.svc` …) and private addresses, and
    for three or more addresses of people. The declared canary (`testing.attacks.canary`) is there to be looked for and
    may be kept by asking, as long as it is not called a code or a key of something. It goes by English words, and a
    secret that looks like an ordinary sentence is not found. Prompts that code puts together are seen only as far as
    they stand in these files.

    ## How to mend it
    Take it out. What only some may learn belongs behind a tool that asks for their rights; what nobody may learn does
    not belong before the model.

    ## References
    LLM08:2026; LLM02:2026; AML.T0056 (ATLAS 5.6.0); CWE-798; CWE-200; EU AI Act Art. 15(5).
    """
    names = ctx.manifest.ai.system_prompts
    if not names:
        mend = "name the files that hold them: `ai: {system_prompts: [prompts/system.md]}`"
        place = ctx.place("ai")
        yield prompts_without_secrets.unknown(service, "no system prompt is declared", place=place, mend=mend)
    canary = _canary(ctx)
    for name in names:
        yield from _of_prompt(service, ctx, name, canary)


def _of_prompt(service: Service, ctx: Context, name: str, canary: str) -> Iterator[Finding]:
    try:
        with ctx.path(name).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, CollectError) as why:
        told = f"{shown(name)} cannot be read: {shown(str(why), 120)}"
        mend = "correct ai.system_prompts"
        yield prompts_without_secrets.unknown(service, told, rule="unread", key=name, place=Place(file=name), mend=mend)
        return
    if len(content) > MOST_BYTES or b"\0" in content:
        told = f"{shown(name)} is no text, or larger than {MOST_BYTES // 10**6} MB"
        mend = "name the prompt's own file"
        yield prompts_without_secrets.unknown(service, told, rule="unread", key=name, place=Place(file=name), mend=mend)
        return
    text = content.decode("utf-8-sig", "replace")
    found = sorted(itertools.islice(_weak(text, canary), MOST_WEAK), key=lambda weak: (weak.start, weak.rule))[
        :MOST_FINDINGS
    ]
    for number, weak in enumerate(found):
        yield prompts_without_secrets.failed(
            service,
            f"{shown(name)} {weak.message}",
            rule=weak.rule,
            key=f"{weak.rule}:{sum(w.rule == weak.rule for w in found[:number])}",
            place=Place(file=name, line=text.count("\n", 0, weak.start) + 1),
            severity=weak.severity,
            mend=weak.mend,
        )
    if not found:
        told = f"{shown(name)} holds nothing that must not get out"
        yield prompts_without_secrets.passed(service, told, key=name, place=Place(file=name, line=1))


def _canary(ctx: Context) -> str:
    try:
        return ctx.secret(ctx.manifest.testing.attacks.canary).strip()
    except CollectError:
        return ""  # not given here: what it is is not known, and a find of it is one too many rather than too few


def _weak(text: str, canary: str) -> Iterator[Weak]:
    taken: list[tuple[int, int]] = []
    for secret in secrets.find(text):
        # Only the canary itself is no secret: what merely holds it, or a short word called one, may be a real one.
        if len(canary) < SHORTEST_CANARY or canary != text[secret.start : secret.end]:
            taken.append((secret.start, secret.end))
            told, mend = f"holds {secret.label} ({secret.masked})", "revoke it and take it out of the prompt"
            yield Weak("secret", told, secret.start, "critical", mend)
    yield from _told(text, taken)
    yield from _kept_by_asking(text, canary, taken)
    yield from _inner(text)
    people = {m[0].lower(): m.start() for m in _MAIL.finditer(text) if _is_person(m[0])}
    if len(people) >= MOST_ADDRESSES:
        told, mend = (
            f"lists the addresses of {len(people)} people",
            "take them out; let a tool look up whom to write to",
        )
        yield Weak("people", told, min(people.values()), "medium", mend)


def _told(text: str, taken: list[tuple[int, int]]) -> Iterator[Weak]:
    for found in _TOLD.finditer(text):
        start, end = found.span("value")
        value = found["value"].strip("\"'`“”‘’.,;)")
        if not _is_value(found["value"], value) or any(a < end and start < b for a, b in taken):
            continue
        taken.append((start, end))
        told = f"says what the {shown(found['called'].lower(), 40)} is"
        yield Weak("password", told, found.start(), "critical", "change it, and let a tool ask for it instead")


def _is_value(raw: str, value: str) -> bool:
    """Tell a value from the rest of a sentence: quoted, with a digit, or a single word that ends the sentence."""
    if (
        _ORDINARY.fullmatch(value.lower())
        or len(value) < 3
        or secrets.is_placeholder(value)
        or value.startswith(("{", "<", "$"))
    ):
        return False
    if raw[0] in "\"'`“‘" or any(c.isdigit() for c in value):
        return True
    return value.isupper() or raw.endswith((".", "!", ";"))


def _kept_by_asking(text: str, canary: str, taken: list[tuple[int, int]]) -> Iterator[Weak]:
    for found in _NEVER.finditer(text):
        for start, end, value in _values_meant(text, found):
            if value == canary or (" " in value and not any(c.isdigit() for c in value)) or _NAMED.match(value):
                continue  # a sentence that is not to be said is a matter of taste
            if not any(a < end and start < b for a, b in taken):
                taken.append((start, end))
                mend = "take the value out: what the model knows can be asked out of it"
                yield Weak("kept", "asks the model to keep a value to itself", found.start(), "high", mend)


def _values_meant(text: str, found: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    """Give the values that an order is about: behind it, or, where it says `it`, before it in the same paragraph."""
    start, part = found.start("rest"), found["rest"]
    if _IT.match(part):
        start = max(text.rfind("\n\n", 0, found.start()), found.start() - MOST_BEFORE, 0)
        part = text[start : found.start()]
    for value in (*_QUOTED.finditer(part), *_CODE.finditer(part)):
        yield start + value.start(), start + value.end(), value[1] if value.re is _QUOTED else value[0]


def _inner(text: str) -> Iterator[Weak]:
    mend = "take it out; configure it where the call is made"
    for found in _HOST.finditer(text):
        yield Weak("host", f"names an inner host ({shown(found[0])})", found.start(), "medium", mend)
    for found in _ADDRESS.finditer(text):
        try:
            address = ipaddress.ip_address(found[0])
        except ValueError:
            continue
        if address.is_private and not address.is_loopback and not address.is_unspecified and not _is_sample(address):
            yield Weak("host", f"names a private address ({found[0]})", found.start(), "medium", mend)


def _is_sample(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Addresses of documents (RFC 5737) are private to the library, and nobody's."""
    return str(address).startswith(("192.0.2.", "198.51.100.", "203.0.113."))


def _is_person(mail: str) -> bool:
    name, _, host = mail.lower().partition("@")
    return not _ROLES.fullmatch(name.partition("+")[0]) and not host.startswith("example.")
