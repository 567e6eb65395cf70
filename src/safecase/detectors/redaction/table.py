"""Which placeholder stands for which value, for as long as a session lasts and nowhere but in memory."""

from __future__ import annotations

import hmac
from typing import NoReturn

from safecase.detectors.redaction.kinds import Kind

MOST_VALUES = 20_000
MOST_CHARACTERS = 4_000_000
"""Of more, placeholders have no number and cannot be restored: memory is bounded and nothing passes."""


class Table:
    """The values of a session; neither its text form nor a pickle shows any."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._placeholders: dict[bytes, str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._characters = 0

    def __repr__(self) -> str:
        return f"<Table of {len(self._values)} values>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the values of a session stay in memory")

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, placeholder: str) -> bool:
        return placeholder in self._values

    def placeholder(self, kind: Kind, value: str) -> str:
        """Give a value's placeholder, the same for the same value."""
        # The length keeps two pairs of label and value from reading the same.
        named = f"{len(kind.label)}:{kind.label}{value}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, named, "sha256")
        known = self._placeholders.get(digest)
        if known is not None:
            return known
        if len(self._values) >= MOST_VALUES or self._characters + len(value) > MOST_CHARACTERS:
            return final(kind)
        number = self._counts[kind.label] = self._counts.get(kind.label, 0) + 1
        made = self._placeholders[digest] = f"<{kind.label}_{number}>"
        self._values[made] = value
        self._characters += len(value)
        return made

    def value(self, placeholder: str) -> str:
        """Give what a placeholder stands for; itself, if it is none of ours."""
        return self._values.get(placeholder, placeholder)


def final(kind: Kind) -> str:
    """Give the placeholder without a number, which stands for nothing that could come back."""
    return f"<{kind.label}>"
