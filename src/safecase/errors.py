"""Everything that Safecase raises on purpose.

    SafecaseError            a sentence, a place, a mend
    ├── UsageError           exit 2   the command line asks for something that is not there
    ├── ManifestError        exit 2   safecase.yaml (or a file that it names) is wrong; carries all faults at once
    ├── CollectError         exit 3   a subject could not be looked at: unreachable, unreadable, too large
    └── EvidenceError        exit 4   recorded evidence was changed, or can not be kept

A message says what was met and where; a mend says what to type. A traceback is a defect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from safecase.vocabulary import Place


class SafecaseError(Exception):
    """Something is wrong that a person can mend."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, mend: str = "", place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.place = place


class UsageError(SafecaseError):
    """The command line asks for something that is not there."""


class CollectError(SafecaseError):
    """A subject could not be looked at; the finding that comes of it is `unknown`."""

    exit_code = 3


class EvidenceError(SafecaseError):
    """Recorded evidence was changed, or evidence can not be kept.

    A full disk is exit 3 (nothing was recorded and nothing was lost); a changed ledger is exit 4.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        mend: str = "",
        place: Place | None = None,
        first_bad: int | None = None,
        exit_code: int = 4,
    ) -> None:
        super().__init__(message, mend=mend, place=place)
        self.first_bad = first_bad
        self.exit_code = exit_code  # type: ignore[misc]  # narrower than the class's for a full disk


class ManifestError(SafecaseError):
    """A file that people write is wrong; `faults` holds every fault of it, in the order of the file."""

    def __init__(self, faults: Sequence[SafecaseError], *, lines: Sequence[str] = ()) -> None:
        first = faults[0]
        super().__init__(first.message, mend=first.mend, place=first.place)
        self.faults = tuple(faults)
        self.lines = tuple(lines)
