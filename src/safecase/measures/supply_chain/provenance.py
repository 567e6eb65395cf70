"""Where a model comes from, held against the policy of the manifest: each rule with its answer and its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

from safecase.engines.licences import standing
from safecase.engines.lookalikes import mistaken_for
from safecase.errors import CollectError
from safecase.measures.supply_chain.model_lock import differing, digests, owner_of, read_lock
from safecase.measures.supply_chain.signing.verify import verify
from safecase.measures.supply_chain.sources import Source, approval, pinned, source_of
from safecase.readers.artifacts import formats
from safecase.readers.model_signatures import NotRead, read_key
from safecase.readers.text import shown
from safecase.service.schema import Manifest, ModelAge, ModelBlock
from safecase.vocabulary import Noun

Verdict: TypeAlias = Literal["pass", "fail", "unknown"]


class Point(Noun, frozen=True):
    """One rule of the policy, and what came of it."""

    rule: str
    verdict: Verdict
    message: str
    mend: str = ""


class Provenance(Noun, frozen=True):
    """What is known of where a model comes from."""

    model: str
    source: str
    verdict: Verdict
    points: tuple[Point, ...]


def judge(model: ModelBlock, manifest: Manifest, root: Path, now: datetime) -> Provenance:
    """Hold a declared model against the policy; rules that the policy does not have are not asked."""
    source = source_of(model)
    points = (
        *_source(source, model, manifest, now),
        *_lookalike(source, manifest),
        *_pinned(source, model),
        *_bytes(model, root),
        *_formats(model, manifest, root),
        *_licence(model, manifest),
        *_signature(model, manifest, root, now),
        *first_seen(model, manifest, root, now),
    )
    verdicts = {point.verdict for point in points}
    worst: Verdict = "fail" if "fail" in verdicts else "unknown" if "unknown" in verdicts else "pass"
    return Provenance(model=model.id, source=source.name, verdict=worst, points=points)


@cache
def known_owners() -> tuple[str, ...]:
    """Give the names of well-known owners of models."""
    content = resources.files(__package__).joinpath("known_owners.yaml").read_bytes()
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return tuple(yaml.load(content, Loader=loader))  # noqa: S506 - a safe loader


def owner_mistaken_for(source: Source, manifest: Manifest) -> str:
    """Give the owner that this source's owner is likely to be taken for; empty where there is none."""
    if not source.name.startswith("hf:") or "/" not in source.name:
        return ""
    owner = source.name.removeprefix("hf:").partition("/")[0]
    ours = [s.removeprefix("hf:").partition("/")[0] for s in manifest.supply_chain.sources if s.startswith("hf:")]
    return "" if owner in ours else mistaken_for(owner, (*ours, *known_owners()))


def _source(source: Source, model: ModelBlock, manifest: Manifest, now: datetime) -> Iterator[Point]:
    if not source.name:
        own = model.origin == "own"
        message = "it was made here" if own else "nobody says where it comes from"
        yield Point(rule="source", verdict="pass" if own else "fail", message=message, mend="give models[].source")
        return
    found = approval(source, model, manifest, now.date())
    mend = "" if found.holds else "examine the source, then list it under supply_chain.sources"
    yield Point(rule="source", verdict="pass" if found.holds else "fail", message=found.why, mend=mend)


def _lookalike(source: Source, manifest: Manifest) -> Iterator[Point]:
    if other := owner_mistaken_for(source, manifest):
        message = f"its owner looks like {shown(other)}, and is another"
        mend = "if it is the one you mean, list it under supply_chain.sources; else correct the name"
        yield Point(rule="lookalike", verdict="fail", message=message, mend=mend)


def _pinned(source: Source, model: ModelBlock) -> Iterator[Point]:
    if model.origin == "own" and not source.name:
        return
    by = pinned(source, model)
    if by:
        yield Point(rule="pinned", verdict="pass", message=f"pinned by {by}")
    else:
        mend = "give its whole commit under revision, its sha256, or the provider's dated name"
        yield Point(rule="pinned", verdict="fail", message="what is behind its name may change", mend=mend)


def _bytes(model: ModelBlock, root: Path) -> Iterator[Point]:
    if not (model.file and model.sha256):
        return
    path = root / model.file
    if not path.is_file():
        message = f"{shown(model.file)} is no file that could be held against its sha256"
        yield Point(rule="bytes", verdict="unknown", message=message, mend="name the one file, or sign the folder")
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest == model.sha256:
        yield Point(rule="bytes", verdict="pass", message=f"its bytes have the digest {digest[:12]}…")
    else:
        message = f"its bytes have the digest {digest[:12]}…, and {model.sha256[:12]}… is declared"
        yield Point(rule="bytes", verdict="fail", message=message, mend="do not load it; fetch it anew")


def _formats(model: ModelBlock, manifest: Manifest, root: Path) -> Iterator[Point]:
    allowed = manifest.supply_chain.formats
    if not (allowed and model.file):
        return
    path = root / model.file
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else []
    wrong = {}
    for file in files[:10_000]:
        if formats.is_weight_file(file):
            kind = formats.identify(file).name
            if kind not in allowed:
                wrong[kind] = file.name
    if wrong:
        told = ", ".join(f"{shown(name)} is {kind}" for kind, name in sorted(wrong.items()))
        mend = "convert it (safecase supply convert), or list the format under supply_chain.formats"
        yield Point(rule="format", verdict="fail", message=told, mend=mend)
    elif files:
        yield Point(rule="format", verdict="pass", message=f"all weights are in {', '.join(allowed)}")


def _licence(model: ModelBlock, manifest: Manifest) -> Iterator[Point]:
    allowed = manifest.supply_chain.licences
    if model.origin == "own" and not model.license:
        return
    found = standing(model.license, allowed)
    if found == "unsaid":
        mend = "read its licence, and give it under models[].license"
        yield Point(rule="licence", verdict="fail", message="its licence is not said", mend=mend)
    elif allowed:
        verdict: Verdict = "pass" if found == "allowed" else "fail"
        mend = "" if found == "allowed" else "use another model, or have the licence read and listed"
        told = "is one that may be used" if found == "allowed" else "is not among those that may be used"
        yield Point(rule="licence", verdict=verdict, message=f"{shown(model.license)} {told}", mend=mend)


def _signature(model: ModelBlock, manifest: Manifest, root: Path, now: datetime) -> Iterator[Point]:
    policy = manifest.supply_chain
    if not (model.signature or policy.signers or policy.roots or policy.sigstore_root) or not model.file:
        return
    if not model.signature:
        message, mend = "it has no signature", "have it signed (safecase supply sign), and name models[].signature"
        yield Point(rule="signature", verdict="fail", message=message, mend=mend)
        return
    try:
        keys = [read_key(root / name, name) for name in policy.signers]
        roots: list[Any] = []
        if policy.roots:
            from safecase.measures.supply_chain.signing.certificates import read_roots

            roots = [one for name in policy.roots for one in read_roots(root / name, name)]
        found = verify(
            root / model.file,
            root / model.signature,
            keys=keys,
            roots=roots,
            identities=policy.identities,
            at=now,
            sigstore_root=root / policy.sigstore_root if policy.sigstore_root else None,
        )
    except NotRead as why:
        verdict: Verdict = "unknown" if why.known_form else "fail"
        message = f"{shown(model.signature)} does not count: {why.why}"
        yield Point(rule="signature", verdict=verdict, message=message, mend="find out who signed it, or sign it")
        return
    except (CollectError, OSError) as why:
        yield Point(rule="signature", verdict="unknown", message=shown(str(why), 300), mend="correct the path")
        return
    if found.differences:
        first = found.differences[0]
        count = len(found.differences)
        message = f"{count} files differ from what was signed: {first.told}"
        yield Point(rule="signature", verdict="fail", message=message, mend=first.mend)
    else:
        message = f"{found.files} files are as {shown(found.signer)} signed them"
        yield Point(rule="signature", verdict="pass", message=message)


def first_seen(model: ModelBlock, manifest: Manifest, root: Path, now: datetime) -> Iterator[Point]:
    """Hold a model against what was seen of it, and of its owner, the first time."""
    policy = manifest.supply_chain
    if not policy.model_lock:
        return
    lock = read_lock(root / policy.model_lock, policy.model_lock)
    mend = "look at it as at a stranger, then write it down: safecase supply provenance --write-lock"
    owner, source, seen = owner_of(model), source_of(model), lock.models.get(model.id)
    if owner and owner not in lock.owners:
        yield Point(rule="first-seen", verdict="fail", message=f"{shown(owner)} was never met before", mend=mend)
    elif owner:
        message = f"{shown(owner)} is known since {lock.owners[owner]}"
        yield Point(rule="first-seen", verdict="pass", message=message)
    if seen is None or (seen.source, seen.revision) != (source.name, source.revision):
        message = "this revision is not in the lock" if seen else "it is not in the lock"
        yield Point(rule="locked", verdict="fail", message=message, mend=mend)
        return
    if changed := differing(seen.files, dict(digests(model, root))):
        named = ", ".join(shown(name) for name in changed[:5])
        message = f"{len(changed)} files are not what was seen on {seen.first_seen}: {named}"
        yield Point(rule="locked", verdict="fail", message=message, mend="do not load it; fetch it anew")
    else:
        message = f"{len(seen.files)} files are as they were seen on {seen.first_seen}"
        yield Point(rule="locked", verdict="pass", message=message)
    if policy.model_age_days:
        yield _age(policy.model_age_days, (now.date() - seen.first_seen).days)


def _age(wanted: ModelAge, days: int) -> Point:
    if days < wanted.least:
        mend = "wait, or use the revision before it"
        message = f"its revision was first seen {days} days ago; {wanted.least} are wanted"
        return Point(rule="age", verdict="fail", message=message, mend=mend)
    if wanted.most is not None and days > wanted.most:
        mend = "look for a newer revision, or raise supply_chain.model_age_days.most"
        message = f"its revision was first seen {days} days ago; more than {wanted.most} are too many"
        return Point(rule="age", verdict="fail", message=message, mend=mend)
    return Point(rule="age", verdict="pass", message=f"its revision was first seen {days} days ago")
