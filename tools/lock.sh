#!/usr/bin/env bash
# Resolve what `make` installs: names, versions and hashes, and nothing that belongs to one machine.
set -euo pipefail
cd "$(dirname "$0")/.."
compile=(.tools/bin/uv pip compile -q --universal --generate-hashes --no-annotate --no-emit-index-url
  --custom-compile-command 'make lock' --python-version 3.11)
"${compile[@]}" --extra demo --extra firewall --extra gateway --extra otel --extra redis --extra risk --extra sigstore --group dev --group model pyproject.toml -o requirements/dev.txt "$@"
"${compile[@]}" --extra guard-ml --extra ray --extra train --extra train-neural pyproject.toml -o requirements/train.txt "$@"
echo 'uv==0.13.9' | "${compile[@]}" - -o requirements/uv.txt
if grep -nE '://|^-|file:' requirements/{dev,train,uv}.txt; then
  echo 'error: the lock names a registry, an option or a path of this machine' >&2
  exit 1
fi
