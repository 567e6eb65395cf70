"""Write the catalogue's YAML once more as the JSON that programs read, or check that both say the same.

usage: python tools/compile_catalogue.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from safecase.catalogue.read import COMPILED, compile_

DATA = Path(__file__).parents[1] / "src" / "safecase" / "catalogue" / "data"


def main() -> int:
    """Write the file; with --check only compare."""
    content, file = compile_(DATA), DATA / COMPILED
    if "--check" not in sys.argv:
        file.write_bytes(content)
    elif not file.is_file() or file.read_bytes() != content:
        print(f"error: {COMPILED} was made of other rows\nmend: make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
