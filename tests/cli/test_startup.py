"""What every call of the command line pays for: `--help` loads click and nothing else of weight."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("msgspec", "yaml", "httpx2", "jinja2", "cryptography", "jsonschema_rs", "platformdirs", "asyncio")


def loaded(*arguments: str) -> set[str]:
    program = (
        "import sys; from safecase.cli import _run; sys.argv[1:] = {!r}; _run(); print(*sys.modules, file=sys.stderr)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program.format(list(arguments))], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in answer.stderr.split()}


def test_help_loads_click_and_nothing_of_weight() -> None:
    assert loaded("--help") & set(HEAVY) == set()


def test_explaining_loads_no_check_no_network_and_no_cryptography() -> None:
    assert loaded("explain", "SC-04") & {"httpx2", "jinja2", "cryptography", "jsonschema_rs"} == set()
