"""What the gate may be told by the change it judges: nothing. Its rules come from another revision or file.

A change must not wave itself through. So the profile, the exceptions, the baseline, the attestations and every setting
that a check reads come from the policy (the target branch), and a control that applies there applies here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from safecase.errors import UsageError
from safecase.readers.repository import ask_git
from safecase.service.read import ServiceDescription, from_bytes
from safecase.service.schema import Manifest
from safecase.vocabulary import Decision

RULED = ("gate", "exceptions", "settings", "testing", "infrastructure", "supply_chain")
"""Blocks of the manifest that say how strictly it is looked: they come from the policy."""


class Policy(NamedTuple):
    """The rules of the gate, and where they come from."""

    source: str
    service: ServiceDescription | None
    """The description of the service by the policy; None where it has none yet (a new service)."""
    baseline: bytes | None
    own: bool
    """They are those of the working tree itself."""


def of_working_tree(service: ServiceDescription) -> Policy:
    """Take the rules of the working tree: for a person at home, not for a pipeline."""
    name = service.manifest.gate.baseline
    file = service.root / name
    baseline = file.read_bytes() if name and file.is_file() else None
    if name and baseline is None:
        raise UsageError(f"the baseline {name} does not exist", mend=f"safecase baseline -o {name}")
    return Policy("the working tree", service, baseline, own=True)


def of_file(path: Path) -> Policy:
    """Take the rules from another manifest, for instance one that a security team keeps."""
    service = from_bytes(path.read_bytes(), path)
    name = service.manifest.gate.baseline
    file = path.parent / name
    return Policy(str(path), service, file.read_bytes() if name and file.is_file() else None, own=False)


def of_revision(service: ServiceDescription, revision: str) -> Policy:
    """Take the rules of a git revision, such as the branch that a change is to be merged into."""
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is no revision", mend="name a branch, a tag or a commit")
    if ask_git(service.root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise UsageError(
            f"git knows no revision {revision!r} here",
            mend=f"git fetch origin {revision.removeprefix('origin/')}, and check out with its history",
        )
    content = ask_git(service.root, "show", f"{revision}:./{service.file}")
    if content is None:
        return Policy(f"{revision} (it has no {service.file} yet)", None, None, own=False)
    ruled = from_bytes(content, service.path)
    name = ruled.manifest.gate.baseline
    return Policy(revision, ruled, ask_git(service.root, "show", f"{revision}:./{name}") if name else None, own=False)


def ruled_by(service: ServiceDescription, policy: Policy) -> ServiceDescription:
    """Give the service with every rule taken from the policy."""
    if policy.own:
        return service
    rules = policy.service.manifest if policy.service else Manifest(safecase=1, service=service.manifest.service)
    manifest = msgspec.structs.replace(service.manifest, **{name: getattr(rules, name) for name in RULED})
    return msgspec.structs.replace(service, manifest=manifest)


def in_scope(here: Iterable[Decision], there: Mapping[str, Decision], source: str) -> tuple[Decision, ...]:
    """Keep a control in scope that applies by the policy's facts: a change of facts is reviewed before it counts."""

    def kept(decision: Decision) -> Decision:
        other = there.get(decision.control)
        if decision.applies or other is None or not other.applies:
            return decision
        because = (f"it applies by {source}, and this change takes it out of scope", *other.because)
        return msgspec.structs.replace(decision, applies=True, because=because)

    return tuple(kept(decision) for decision in here)
