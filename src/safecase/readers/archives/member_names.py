"""Names of members that would leave the folder they are unpacked to."""

from __future__ import annotations

import re
from typing import Final

_DRIVE: Final = re.compile(r"[A-Za-z]:[/\\]")


def leads_out(name: str) -> str:
    """Say how a member's name leads out of the folder that it is unpacked to; empty where it does not."""
    if ".." in name.replace("\\", "/").split("/"):
        return "goes up out of the archive"
    if name.startswith(("/", "\\")):
        return "begins at the root"
    return "begins with a drive" if _DRIVE.match(name) else ""
