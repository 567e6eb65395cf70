"""The gateway before the demo's bot: `safecase gateway run` on a free port, gone when its parent is gone."""

from __future__ import annotations

import argparse
import json
import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

from safecase.demo.loopback import HOST
from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.targets.embedded.children import announce, end_with_parent

PROGRAM = "safecase.cli"
"""Run, never imported: the demo lies below the command line and beside the gateway."""

KEY_SECONDS = 30.0


def make_key(keys: Path, environment: dict[str, str]) -> str:
    """Make the key that the demo's client presents, as anybody makes one; raises CollectError."""
    command = [sys.executable, "-P", "-m", PROGRAM, "gateway", "keys", "create", "demo"]
    try:
        made = subprocess.run(
            [*command, "--keys", str(keys), "--format", "json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, **environment},
            timeout=KEY_SECONDS,
            check=True,
        )
        return str(json.loads(made.stdout)["key"])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError) as why:
        said = getattr(why, "stderr", None) or b""
        told = shown(said.decode("utf-8", "replace").strip(), 300) or type(why).__name__
        raise CollectError(f"no key of the gateway could be made: {told}") from why


def main() -> None:
    """Serve until told to stop or until the parent is gone."""
    parent = os.getppid()
    parser = argparse.ArgumentParser()
    parser.add_argument("--service", type=Path, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--keys", type=Path, required=True)
    arguments = parser.parse_args()
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    end_with_parent(parent)
    announce(port)
    sys.argv = ["safecase", "gateway", "run", "--policy", str(arguments.service), "--keys", str(arguments.keys)]
    sys.argv += ["--upstream", arguments.upstream, "--upstream-key-env", "HALBRAD_API_KEY"]
    sys.argv += ["--listen", f"{HOST}:{port}"]
    runpy.run_module(PROGRAM, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
