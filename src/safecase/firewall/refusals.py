"""What a client is told instead of bytes: a status and the words that the clients of the hub act upon and print."""

from __future__ import annotations

import unicodedata
from typing import Final, Literal, TypeAlias

from safecase.errors import SafecaseError
from safecase.readers.text import shown

Code: TypeAlias = Literal["", "GatedRepo", "EntryNotFound", "RepoNotFound", "RevisionNotFound"]

LONGEST: Final = 900
"""Characters of a reason: it travels in a header, which servers and proxies cut at a few kilobytes."""


class Refusal(SafecaseError):  # noqa: N818  it is an answer, no fault of ours
    """An answer other than the bytes that were asked for.

    `code` is what the client makes its own error of: `GatedRepo` is printed with our reason, `EntryNotFound` makes a
    loader look for the next file.
    """

    def __init__(self, status: int, code: Code, reason: str, *, action: str = "refuse", retry_s: int = 0) -> None:
        super().__init__(reason)
        self.status = status
        self.code: Code = code
        self.action = action
        """For the log: `refuse`, `hide`, `absent`, `wait`, `upstream`."""
        self.retry_s = retry_s

    @property
    def reason(self) -> str:
        """The reason in one line of ASCII."""
        return one_line(self.message)


def one_line(text: str) -> str:
    """Make a text fit for a header: ASCII, one line, bounded."""
    plain = unicodedata.normalize("NFKD", shown(text, LONGEST).replace("\u2026", "..."))
    return plain.encode("ascii", "replace").decode()


def bad_name(reason: str) -> Refusal:
    """Refuse a name that cannot be one."""
    return Refusal(400, "", f"safecase firewall: {reason}")


def by_policy(reason: str) -> Refusal:
    """Refuse by policy: the client prints the reason."""
    return Refusal(403, "GatedRepo", f"refused by the safecase firewall: {reason}")


def hidden(reason: str) -> Refusal:
    """Say that there is no such file, so that a loader takes the safe one beside it."""
    return Refusal(404, "EntryNotFound", f"hidden by the safecase firewall: {reason}", action="hide")


def upstream_failed(reason: str, *, status: int = 502, retry_s: int = 0) -> Refusal:
    """Say that the hub could not be asked: nothing was judged. It may be worth asking again after `retry_s`."""
    return Refusal(status, "", f"safecase firewall: {reason}", action="upstream", retry_s=retry_s)


def not_yet(reason: str, *, retry_s: int = 1) -> Refusal:
    """Ask to come again: the file is being fetched or scanned."""
    return Refusal(429, "", f"safecase firewall: {reason}", action="wait", retry_s=retry_s)
