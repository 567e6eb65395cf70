"""What the name of an argument says of the value in it."""

from __future__ import annotations

import functools
import re
from typing import Final, Literal, TypeAlias

Meant: TypeAlias = Literal["recipient", "url", "path", "account", "amount", "place", "text"]
"""`place`: where something goes, a person, an address or a file. `text`: anything; what stands in it is judged."""

_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_KINDS: Final[dict[Meant, frozenset[str]]] = {
    "account": frozenset(
        {
            "account", "accounts", "acct", "iban", "bic", "swift", "wallet", "wallets", "card", "routing", "sortcode",
            "payee", "payees", "beneficiary", "beneficiaries", "creditor", "debtor",
        }
    ),
    "url": frozenset(
        {
            "url", "urls", "uri", "uris", "link", "links", "href", "host", "hosts", "hostname", "hostnames", "domain",
            "domains", "server", "servers", "endpoint", "endpoints", "webhook", "webhooks", "callback", "redirect",
            "site", "website", "proxy", "remote", "repo", "repository", "feed", "ip", "addr",
        }
    ),
    "path": frozenset(
        {
            "path", "paths", "file", "files", "filename", "filenames", "filepath", "folder", "folders", "dir", "dirs",
            "directory", "directories", "cwd", "workdir", "attachment", "attachments",
        }
    ),
    "place": frozenset(
        {
            "destination", "destinations", "dest", "dst", "target", "targets", "address", "addresses", "bucket",
        }
    ),
    "recipient": frozenset(
        {
            "to", "cc", "bcc", "recipient", "recipients", "receiver", "receivers", "addressee", "email", "emails",
            "mail", "mailbox", "invitee", "invitees", "invite", "attendee", "attendees", "participant", "participants",
            "member", "members", "user", "users", "username", "usernames", "handle", "handles", "contact", "contacts",
            "channel", "channels", "forward", "phone", "telephone", "tel", "mobile", "msisdn", "sms", "whatsapp",
            "group", "groups", "room", "chat", "assignee", "assignees", "reviewer", "reviewers", "owner", "owners",
            "collaborator", "collaborators", "grantee", "principal", "delegate", "share", "shared", "guest", "guests",
            "person", "people", "customer", "sendto", "replyto",
        }
    ),
    "amount": frozenset(["amount", "sum", "total", "amounts"]),
}  # fmt: skip
_TEXT_LAST: Final = frozenset(
        {
            "message", "messages", "query", "prompt", "text", "texts", "input", "content", "contents", "body",
            "subject", "title", "description", "type", "types", "format", "agent", "role", "count", "size", "limit",
            "language", "lang", "encoding", "mode", "status", "state", "label", "labels", "tag", "tags", "note",
            "notes", "comment", "reason", "timeout", "template", "version", "preference", "preferences", "timezone",
            "html", "markdown", "code", "summary", "filter", "kind", "category", "index", "length", "currency", "story",
        }
    )  # fmt: skip
_NO_PLACE: Final = frozenset(
        {
            "date", "time", "day", "year", "month", "valid", "until", "max", "min", "limit", "page", "price", "start",
            "end", "up", "row", "line",
        }
    )  # fmt: skip


@functools.lru_cache(4096)
def meant(key: str) -> Meant:
    """Say what stands in an argument of this name."""
    words = [part.lower() for part in _PARTS.findall(key[:100])]
    if not words or words[-1] in _TEXT_LAST:
        return "text"
    # An opaque number of a file is no path; one of a person or an account still is whom it names.
    numbered = words[-1] in ("id", "ids")
    for kind, names in _KINDS.items():
        if names.isdisjoint(words):
            continue
        if (numbered and kind == "path") or (kind == "recipient" and not _NO_PLACE.isdisjoint(words)):
            continue
        return kind
    return "text"
