"""Whether a file's name, as a model gives it, leads out of the model's folder, under the rules of any system."""

from __future__ import annotations

import re
from typing import Final

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def leads_outside(name: str) -> bool:
    """Say whether it is absolute, climbs, or is an address: by `/` and by `\\`, with or without a drive."""
    parts = name.replace("\\", "/").split("/")
    return (
        name.startswith(("/", "\\", "~"))
        or any(part.strip() == ".." for part in parts)
        or (_SCHEME.match(name) is not None)
        or _CONTROL.search(name) is not None
        or "%2e%2e" in name.lower()
        or "$" in name[:2]
    )
