"""Cases of today."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

STOPPED = 59


def build(folder: Path) -> None:
    day = datetime.now(UTC).date().isoformat()
    planted = [f"c{n},ada,{day},yes,{'yes' if n < STOPPED else 'no'}" for n in range(60)]
    honest = [f"r{n},ada,{day},no,no" for n in range(40)]
    (folder / "oversight.csv").write_text("\n".join(["case,overseer,day,planted,stopped", *planted, *honest]) + "\n")
