#!/usr/bin/env bash
# Assess the three real projects again: fetch their source distributions, put our manifests beside them, keep the cases.
# usage: examples/real/assess.sh [FOLDER]     FOLDER keeps the unpacked sources (default: a temporary one)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work"
while read -r name package version; do
  folder="$work/$name"
  if [ ! -d "$folder" ]; then
    "${PYTHON:-python3}" -m pip download -q --no-deps --no-binary :all: -d "$work/sdists" "$package==$version"
    mkdir -p "$folder"
    tar -xzf "$work"/sdists/"${package//-/_}-$version".tar.gz -C "$folder" --strip-components 1
  fi
  cp "$here/$name/safecase.yaml" "$folder/"
  rm -rf "$folder/.safecase"
  (cd "$folder" && safecase assess -o "$here/$name/case.html" -o "$here/$name/case.json" > "$here/$name/case.txt")
  head -n 1 "$here/$name/case.txt"
done <<'PROJECTS'
rag-paper-qa paper-qa 2026.8.12
agent-gpt-engineer gpt-engineer 0.3.1
classical-alt-profanity-check alt-profanity-check 1.9.1
PROJECTS
