"""The embedded language model, served on loopback by a process of its own."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from safecase.targets.embedded.children import announce, live_with_parent

HOST = "127.0.0.1"
ALIAS = "smollm2-135m"
"""Without it the replies would carry the file's path."""

MOST_TOKENS = 256
"""Of one reply. It keeps a demonstration short; a service's own cap is a setting of the service."""


def main() -> None:
    """Serve until told to stop or until the parent is gone."""
    parent = os.getppid()
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    # The runtime gives one bare error for a missing file and for everything else.
    if not arguments.model.is_file():
        parser.error(f"{arguments.model.name} is no file")
    server = _serve(arguments.model, arguments.threads)
    announce(int(server.listening_address.rpartition(":")[2]))
    live_with_parent(parent)


def _serve(model: Path, threads: int) -> Any:  # xllamacpp has no types
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.model_alias = {ALIAS}
    settings.hostnames = [HOST]
    settings.port = 0
    settings.n_ctx = 4096
    settings.n_parallel = 1
    settings.n_predict = MOST_TOKENS
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.n_threads_http = 2
    settings.verbosity = 0
    settings.warmup = False
    settings.ui = False
    settings.endpoint_slots = False
    settings.cache_ram_mib = 0
    settings.offline = True
    settings.fit_params = False
    settings.n_gpu_layers = 0
    return xllamacpp.Server(settings)


if __name__ == "__main__":
    main()
