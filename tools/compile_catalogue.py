"""Write the catalogue's YAML once more as the JSON that programs read, and its JSON Schemas; or check that they agree.

usage: python tools/compile_catalogue.py [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from safecase.catalogue.read import COMPILED, compile_
from safecase.catalogue.schema import schemas

DATA = Path(__file__).parents[1] / "src" / "safecase" / "catalogue" / "data"


def made() -> dict[Path, bytes]:
    """Give every file that is made of the rows and of the nouns, with what it holds."""
    schema = {DATA / "schema" / f"{kind}.json": json.dumps(value, indent=1) for kind, value in schemas().items()}
    return {DATA / COMPILED: compile_(DATA), **{path: text.encode() + b"\n" for path, text in schema.items()}}


def main() -> int:
    """Write the files; with --check only compare."""
    drifted = []
    for path, content in made().items():
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        elif not path.is_file() or path.read_bytes() != content:
            drifted.append(path.name)
    if drifted:
        print(f"error: {', '.join(drifted)} was made of other rows\nmend: make docs", file=sys.stderr)
    return 1 if drifted else 0


if __name__ == "__main__":
    raise SystemExit(main())
