"""Which sources of models are approved, and whether a model is pinned so that it cannot change behind its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from urllib.parse import urlsplit

from safecase.service.schema import Manifest, ModelBlock, Vendor

COMMIT = re.compile(r"[0-9a-f]{40}")
HUBS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_DATED = re.compile(r"(?<!\d)(20\d{2}-?[01]\d-?[0-3]\d|\d{4})(?!\d)|[@:]v?\d+(\.\d+)*$|-\d{3}$")
"""How providers name a version of a model that stays: a day, or a number behind a sign."""


class Source(NamedTuple):
    """Where a model comes from, in one form."""

    name: str
    """`hf:org/name`, a URL, or the provider's name."""
    revision: str


class Approval(NamedTuple):
    """Whether a source counts, and why."""

    holds: bool
    why: str


def source_of(model: ModelBlock) -> Source:
    """Give the source of a declared model: addresses of the hub and `org/name` become `hf:org/name`."""
    return normalised(model.source, hub=model.origin == "hub", revision=model.revision)


def normalised(text: str, *, hub: bool = False, revision: str = "") -> Source:
    """Give a source in one form; a revision may stand behind `@`, or in the hub's address."""
    text = text.strip()
    parts = _split(text)
    if parts is not None:
        host, path = parts
        if host in HUBS:
            steps = [step for step in path.split("/") if step]
            if steps[:1] in (["datasets"], ["spaces"]) or len(steps) < 2:
                return Source(text, revision)
            at = steps[3] if len(steps) > 3 and steps[2] in ("tree", "blob", "resolve") else ""
            return Source(f"hf:{steps[0]}/{steps[1]}", revision or at)
        return Source(text, revision)
    name, _, at = text.partition("@")
    if name.startswith("hf:") or (hub and re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name)):
        return Source(f"hf:{name.removeprefix('hf:')}", revision or at)
    return Source(text, revision)


def approval(source: Source, model: ModelBlock | None, manifest: Manifest, today: date) -> Approval:
    """Say whether a source is one that the manifest approves of."""
    listed = manifest.supply_chain.sources
    vendor = _vendor(source, model, manifest.supply_chain.vendors)
    if vendor is not None and vendor.approved_until and vendor.approved_until < today.isoformat():
        return Approval(False, f"the approval of {vendor.id} ended on {vendor.approved_until}")
    for entry in listed:
        if _covers(entry, source):
            return Approval(True, f"supply_chain.sources lists {entry}")
    if vendor is not None and vendor.approved_until:
        return Approval(True, f"{vendor.id} is approved until {vendor.approved_until}")
    if vendor is not None and vendor.id in listed:
        return Approval(True, f"supply_chain.sources lists {vendor.id}")
    if vendor is not None:
        return Approval(False, f"nobody said until when {vendor.id} is approved (approved_until)")
    return Approval(False, "no entry of supply_chain.sources covers it" if listed else "supply_chain.sources is empty")


def pinned(source: Source, model: ModelBlock) -> str:
    """Say by what a model is pinned; empty where it may change behind its name."""
    if model.sha256:
        return "sha256"
    if COMMIT.fullmatch(source.revision.lower()):
        return f"revision {source.revision[:12]}"
    if model.origin in ("provider", "vendor") and not source.name.startswith("hf:"):
        # An API names versions its own way: no bytes are here to be hashed.
        named = source.revision or (source.name if _DATED.search(source.name) else "")
        return f"the version {named}" if named and named not in ("latest", "main", "stable") else ""
    return ""


def _covers(entry: str, source: Source) -> bool:
    """An organisation covers its models, a URL covers what lies below it, and a name covers itself."""
    wanted = normalised(entry).name
    if wanted.startswith("hf:") and source.name.startswith("hf:"):
        return _same_or_below(wanted.lower().rstrip("/"), source.name.lower())
    mine, theirs = _split(wanted), _split(source.name)
    if mine is not None and theirs is not None:
        same_scheme = wanted.partition(":")[0].lower() == source.name.partition(":")[0].lower()
        return same_scheme and mine[0] == theirs[0] and _same_or_below(mine[1].rstrip("/"), theirs[1])
    return wanted == source.name


def _same_or_below(above: str, below: str) -> bool:
    return ".." not in below.split("/") and (below == above or below.startswith(above + "/"))


def _split(text: str) -> tuple[str, str] | None:
    """Host (with its port) and path of an address; None where it is none."""
    if "://" not in text:
        return None
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    return (parts.hostname or "").lower() + port, parts.path


def _vendor(source: Source, model: ModelBlock | None, vendors: Sequence[Vendor]) -> Vendor | None:
    """Who supplies it: named before a sign (`acme:chat-2`, `acme/chat-2`), or said to provide it."""
    names = {source.name} | ({model.id} if model is not None and model.origin != "hub" else set())
    for vendor in vendors:
        if source.name == vendor.id or source.name.startswith((f"{vendor.id}:", f"{vendor.id}/")):
            return vendor
        if names & set(vendor.provides):
            return vendor
    return None
