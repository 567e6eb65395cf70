"""Find credentials in text: known formats with what can be checked of them, and assignments to secret-like names.

Every rule has words that must be in the text before its pattern is tried, and every repetition is bounded and none is
nested, so that the time grows with the text alone. A value is never given back; `masked` shows at most its first four
and last two characters.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
import urllib.parse
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from safecase.vocabulary import Noun


class Secret(Noun, frozen=True):
    """Something that looks like a credential."""

    rule: str
    label: str
    start: int
    end: int
    masked: str
    tag: str
    """Tells two secrets of a file apart; too short to confirm a guess, the shorter the easier the value is to guess."""
    known: bool
    """Of a known format; otherwise told by the name that it is assigned to."""


class Rule(NamedTuple):
    """One kind of credential."""

    rule: str
    label: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    within: bool
    """A word stands somewhere in it; otherwise each match begins with one, and only there it is tried."""


def _rule(
    rule: str,
    label: str,
    words: str,
    pattern: str,
    valid: Callable[[str], bool] = lambda _: True,
    *,
    within: bool = False,
) -> Rule:
    return Rule(rule, label, tuple(words.split()), re.compile(pattern), valid, within)


def _github_checksum(token: str) -> bool:
    """The last six characters of a GitHub token are the CRC-32 of the rest in base 62 (GitHub's token format, 2021)."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    value, check = zlib.crc32(token[4:-6].encode()), ""
    while value:
        value, rest = divmod(value, 62)
        check = digits[rest] + check
    return check.rjust(6, "0") == token[-6:]


def _is_jwt(token: str) -> bool:
    head = token.partition(".")[0]
    try:
        decoded = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        return False
    return isinstance(decoded, dict) and "alg" in decoded and not token.partition(".")[2].startswith(_SAMPLE_CLAIMS)


_SAMPLE_CLAIMS = "eyJzdWIiOiIxMjM0NTY3ODkwI"
"""The token of every tutorial: its subject is 1234567890, whatever it is signed with."""


def _has_body(block: str) -> bool:
    body = "".join(re.split(r"\\n|\\r|\s|\"|'|\+", block.split("-----")[2]))
    return len(body) >= 40 and entropy(body) > 3.5


def _real_password(url: str) -> bool:
    login, _, host = url.partition("://")[2].rpartition("@")
    if re.search(r"(^|\.)example(\.|$)", host):
        return False  # RFC 2606: nobody's host
    password = urllib.parse.unquote(login.partition(":")[2])
    words = re.findall(r"[a-z]{2,}", password.lower())
    weak = all(word in _WEAK for word in words) and not any(c.isdigit() for c in password)
    return len(password) >= 4 and not is_placeholder(password) and not weak


def _is_login(header: str) -> bool:
    """HTTP's Basic is `user:password` in base64; words such as "Basic authentication" decode to noise."""
    try:
        login = base64.b64decode(header.rpartition(" ")[2], validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        return False
    password = login.partition(":")[2]
    return login.isprintable() and len(password) >= 4 and not is_placeholder(login) and password.lower() not in _WEAK


_WEAK = {
    "password",
    "pass",
    "passwd",
    "postgres",
    "root",
    "admin",
    "user",
    "guest",
    "secret",
    "redis",
    "mysql",
    "test",
    "username",
    "pwd",
}
"""Passwords of examples and of databases on one's own machine: everybody knows them, so they keep nothing."""

_TOLD_BY_VALIDITY = ("private-key", "url-password", "basic-login")
"""Rules whose own test says all: neither entropy nor placeholders of the whole value matter."""

_END = r"(?![A-Za-z0-9_-])"
_START = r"(?<![A-Za-z0-9_-])"

RULES: tuple[Rule, ...] = (
    _rule("anthropic", "an Anthropic API key", "sk-ant-", _START + r"sk-ant-[a-z0-9]{2,10}-[A-Za-z0-9_-]{80,120}" + _END),
    _rule("openai", "an OpenAI API key", "sk-", _START + r"sk-(?:proj-|svcacct-|admin-)?(?=[A-Za-z0-9_-]{0,160}[0-9])[A-Za-z0-9_-]{20,170}T3BlbkFJ[A-Za-z0-9_-]{20,120}" + _END),
    _rule("openai-project", "an OpenAI project key", "sk-proj- sk-svcacct-", _START + r"sk-(?:proj|svcacct)-[A-Za-z0-9_-]{40,180}" + _END),
    _rule("sk-key", "an API key (sk-…)", "sk-", _START + r"sk-(?!ant-|proj-|svcacct-)(?:or-v1-)?(?=[A-Za-z0-9]{0,60}[0-9])[A-Za-z0-9]{32,64}" + _END),
    _rule("langfuse", "a Langfuse secret key", "sk-lf-", _START + r"sk-lf-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}" + _END),
    _rule("huggingface", "a Hugging Face token", "hf_", _START + r"hf_[A-Za-z]{34}" + _END),
    _rule("aws-key-id", "an AWS access key id", "AKIA ASIA", r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])"),
    _rule("aws-secret", "an AWS secret access key", "aws AWS", r"(?i:aws_?secret_?(?:access_?)?key)[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", within=True),
    _rule("google", "a Google API key", "AIza", _START + r"AIza[A-Za-z0-9_-]{35}" + _END),
    _rule("google-oauth", "a Google OAuth client secret", "GOCSPX-", _START + r"GOCSPX-[A-Za-z0-9_-]{28}" + _END),
    _rule("github", "a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", _START + r"gh[pousr]_[A-Za-z0-9]{36}" + _END, _github_checksum),
    _rule("github-fine", "a GitHub fine-grained token", "github_pat_", _START + r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}" + _END),
    _rule("gitlab", "a GitLab token", "glpat-", _START + r"glpat-[A-Za-z0-9_-]{20,60}" + _END),
    _rule("slack", "a Slack token", "xoxb- xoxp- xoxa- xoxr- xapp-", _START + r"(?:xox[bpar]|xapp)-[0-9A-Za-z-]{20,120}" + _END),
    _rule("slack-webhook", "a Slack webhook", "hooks.slack.com", r"https://hooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24}"),
    _rule("stripe", "a Stripe live key", "sk_live_ rk_live_", _START + r"[sr]k_live_[A-Za-z0-9]{20,120}" + _END),
    _rule("sendgrid", "a SendGrid key", "SG.", _START + r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}" + _END),
    _rule("npm", "an npm token", "npm_", _START + r"npm_[A-Za-z0-9]{36}" + _END),
    _rule("pypi", "a PyPI token", "pypi-", _START + r"pypi-AgE[A-Za-z0-9_-]{50,250}" + _END),
    _rule("groq", "a Groq key", "gsk_", _START + r"gsk_[A-Za-z0-9]{48,56}" + _END),
    _rule("replicate", "a Replicate token", "r8_", _START + r"r8_[A-Za-z0-9]{37}" + _END),
    _rule("perplexity", "a Perplexity key", "pplx-", _START + r"pplx-[A-Za-z0-9]{40,60}" + _END),
    _rule("pinecone", "a Pinecone key", "pcsk_", _START + r"pcsk_[A-Za-z0-9_]{50,90}" + _END),
    _rule("langsmith", "a LangSmith key", "lsv2_", _START + r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}" + _END),
    _rule("xai", "an xAI key", "xai-", _START + r"xai-[A-Za-z0-9]{70,90}" + _END),
    _rule("nvidia", "an NVIDIA API key", "nvapi-", _START + r"nvapi-[A-Za-z0-9_-]{60,70}" + _END),
    _rule("tavily", "a Tavily key", "tvly-", _START + r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}" + _END),
    _rule("wandb", "a Weights & Biases key", "wandb_v1_", _START + r"wandb_v1_[A-Za-z0-9_]{60,90}" + _END),
    _rule("twilio", "a Twilio API key", "SK", r"(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    _rule("telegram", "a Telegram bot token", ":AA", r"(?<![A-Za-z0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{33}" + _END, within=True),
    _rule("digitalocean", "a DigitalOcean token", "dop_v1_ doo_v1_", _START + r"do[op]_v1_[0-9a-f]{64}" + _END),
    _rule("docker", "a Docker Hub token", "dckr_pat_", _START + r"dckr_pat_[A-Za-z0-9_-]{27}" + _END),
    _rule("vault", "a Vault token", "hvs.", _START + r"hvs\.[A-Za-z0-9_-]{90,120}" + _END),
    _rule("databricks", "a Databricks token", "dapi", _START + r"dapi[0-9a-f]{32}(?:-\d)?" + _END),
    _rule("azure-storage", "an Azure storage key", "AccountKey=", r"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)"),
    _rule("azure-key", "an Azure AI key", "JQQJ99", r"(?<![A-Za-z0-9])[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}(?![A-Za-z0-9])", within=True),
    _rule("basic-login", "a login in a header", "Basic", r"\bBasic (?P<value>[A-Za-z0-9+/]{12,200}={0,2})(?![A-Za-z0-9+/=])", _is_login),
    _rule("jwt", "a JSON Web Token", "eyJ", r"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20,1000}" + _END, _is_jwt),
    _rule("private-key", "a private key", "-----BEGIN", r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY-----[^-]{40,8000}-----END", _has_body),
    _rule("url-password", "a password in a URL", "://", r"\b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|https?|ftp)(?:\+[a-z0-9]{1,12})?://[^\s:/@\"'`<>{}$()]{1,64}:[^\s:/@\"'`<>{}$()]{3,100}@[A-Za-z0-9.-]{1,200}", _real_password, within=True),
)  # fmt: skip

_NAMES = ("passw", "pwd", "secret", "token", "api_key", "api-key", "apikey", "access_key", "access-key", "accesskey",
          "auth_key", "authkey", "private_key", "privatekey", "credential")  # fmt: skip
_NAMED = re.compile(
    r"(?<!::)(?:passwo?r?d|pwd|secret|token|api[_-]?key|access[_-]?key|auth_?key|private_?key|credential)"
    r"(?P<rest>[A-Za-z0-9_]{0,24})[\"'\]]{0,2}[ \t]{0,6}(?:=>|:=|[:=])[ \t]{0,6}"
    r"(?:[bru]?(?P<quote>[\"'])(?P<quoted>[^\"'\s\\]{8,200})(?P=quote)|(?P<bare>[A-Za-z0-9+/=_-]{16,200})[ \t]{0,6}(?:[\r\n#;]|\Z))",
    re.IGNORECASE,
)
_IN_ENV_FILE = re.compile(
    r"(?:PASSWO?R?D|PWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|AUTH_?KEY|PRIVATE_?KEY|CREDENTIAL)"
    r"(?P<rest>[A-Z0-9_]{0,24})=(?P<bare>[^\s\"'`#;,()<>\[\]{}\\]{10,200})[ \t]{0,6}(?:[\r\n]|\Z)"
)
"""`DB_PASSWORD=…`, as shells and containers read it: signs need no quotes there."""
_NOT_THE_VALUE = re.compile(
    r"(?i)^_?(?:file|path|name|url|uri|id|type|env|var|ref|header|prefix|length|len|size|ttl|field|param|regex|pattern|hint|help|class|source|expires?\w*|count|limit|s)$"
)

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
"""Far more often the name of a key than a key."""

_PLACEHOLDER = re.compile(
    r"(?i)example|changeme|change[-_]me|placeholder|dummy|sample|redacted|your[-_]?|[-_]here|insert|todo|fake|mock|(?-i:xxx|XXX)|\*\*\*|\.\.\.|…"
    r"|<|>|\$\{|\$\(|\{\{|%\(|^\$|^@|deadbeef|test|foobar|lorem|abcdef|012345|123456|qwert|notasecret|undefined|unset"
)


def find(text: str) -> Iterator[Secret]:
    """Yield what looks like a credential, in the order of the text; of two that overlap the known format."""
    taken = bytearray()
    found: list[Secret] = []
    for rule in RULES:
        found.extend(_known(rule, text, taken))
    found.extend(_assigned(text, taken))
    yield from sorted(found, key=lambda secret: secret.start)


def is_placeholder(value: str) -> bool:
    """Say whether a value stands for one that a reader is to fill in, or is made up of one thing repeated."""
    if _PLACEHOLDER.search(value):
        return True
    return Counter(value).most_common(1)[0][1] > 0.5 * len(value)


def entropy(text: str) -> float:
    """Give the Shannon entropy in bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values()) if text else 0.0


def _known(rule: Rule, text: str, taken: bytearray) -> Iterator[Secret]:
    group = "value" if "value" in rule.pattern.groupindex else 0
    for found in _matches(rule, text):
        value, (start, end) = found[group], found.span(group)
        if _is_taken(start, end, taken) or not rule.valid(found[0]):
            continue
        if rule.rule not in _TOLD_BY_VALIDITY and (is_placeholder(value[-40:]) or entropy(value[-40:]) < 3):
            continue
        _take(start, end, taken)
        yield _secret(rule.rule, rule.label, value, start, end, known=True)


def _matches(rule: Rule, text: str) -> Iterator[re.Match[str]]:
    """Looking for words is many times faster than looking for a pattern."""
    if rule.within:
        if any(word in text for word in rule.words):
            yield from rule.pattern.finditer(text)
        return
    for word in rule.words:
        at = text.find(word)
        while at >= 0:
            found = rule.pattern.match(text, at)
            if found is not None:
                yield found
            at = text.find(word, found.end() if found else at + 1)


def _assigned(text: str, taken: bytearray) -> Iterator[Secret]:
    """Look behind each secret-like name only: a line of megabytes costs no more than its names."""
    # Lowering İ makes two characters of one, and positions must stay.
    lowered = (text if text.isascii() else text.replace("\u0130", "i")).lower()
    for name in _NAMES:
        at = lowered.find(name)
        while at >= 0:
            found = _NAMED.match(text, at) or _IN_ENV_FILE.match(text, at)
            secret = _assigned_in(found, taken) if found else None
            if secret is not None:
                yield secret
            at = lowered.find(name, at + 1)


def _assigned_in(found: re.Match[str], taken: bytearray) -> Secret | None:
    group = "quoted" if found.groupdict().get("quoted") else "bare"
    value, (start, end) = found[group], found.span(group)
    if _NOT_THE_VALUE.match(found["rest"]) or _is_taken(start, end, taken):
        return None
    if not _looks_random(value, quoted=group == "quoted"):
        return None
    _take(start, end, taken)
    return _secret("assignment", "a secret in an assignment", value, start, end, known=False)


def _looks_random(value: str, *, quoted: bool) -> bool:
    """A password has letters and digits mixed in a way that names, paths, words and expressions have not."""
    if is_placeholder(value) or _UUID.fullmatch(value) or "://" in value or value.startswith(("/", "./", "../", "--")):
        return False
    letters, digits = sum(c.isalpha() for c in value), sum(c.isdigit() for c in value)
    if letters < 3 or digits < 2:
        return False
    parts = [part for part in re.split(r"[-_./:,;@+ ]", value) if part]
    if all(part.isdigit() or part.isalpha() or re.fullmatch(r"[A-Za-z]+\d{1,3}", part) for part in parts):
        return False  # words and numbers: a name, a version, a date
    mixed = any(c.islower() for c in value) and any(c.isupper() for c in value)
    if not quoted and not (mixed or re.fullmatch(r"[0-9a-f]{32,}", value)):
        return False
    if re.search(r"[(\[{%]|\w\.\w+\.\w", value):
        return False  # an expression or a format
    return entropy(value) >= (3.0 if len(value) < 16 else 3.5 if mixed else 3.2)


def _is_taken(start: int, end: int, taken: bytearray) -> bool:
    return taken.find(1, start, end) >= 0


def _take(start: int, end: int, taken: bytearray) -> None:
    if len(taken) < end:
        taken.extend(bytes(end - len(taken)))
    taken[start:end] = b"\x01" * (end - start)


def _secret(rule: str, label: str, value: str, start: int, end: int, *, known: bool) -> Secret:
    masked = f"{value[:4]}…{value[-2:]}" if len(value) >= 20 and rule != "private-key" and known else "…"
    # A person's password can be guessed from a list: twelve bits leave hundreds of each list's words standing.
    length = 5 if known and rule not in ("url-password", "basic-login") else 3
    tag = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:length]
    return Secret(rule=rule, label=label, start=start, end=end, masked=masked, tag=tag, known=known)
