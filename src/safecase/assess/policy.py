"""What the gate may be told by the change it judges: nothing. Its rules come from another revision or file.

A change must not wave itself through. So the profile, the exceptions, the baseline, the attestations, the endpoint that
is asked and every setting that a check reads come from the policy (the target branch), and a control that applies there
applies here too. What describes the service itself (models, tools, data) is what is judged: it stays the change's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from safecase.assess.gate import Deciding, doubt
from safecase.assess.revision import Revision
from safecase.errors import UsageError
from safecase.evidence import attestations
from safecase.service.read import ServiceDescription, endpoint_of, from_bytes
from safecase.service.schema import DeploymentBlock, Manifest
from safecase.vocabulary import Attestation, Decision, Fact

RULED = ("gate", "exceptions", "settings", "testing", "infrastructure", "supply_chain", "maintenance")
"""Blocks of the manifest that say how strictly it is looked: they come from the policy."""


class Policy(NamedTuple):
    """The rules of the gate, and where they come from."""

    source: str
    service: ServiceDescription | None
    """The description of the service by the policy; None where it has none yet (a new service)."""
    baseline: bytes | None
    own: bool
    """They are those of the working tree itself."""
    attestations: tuple[Attestation, ...] = ()
    """Those that count, where the rules are not the working tree's own."""
    discovered: tuple[Fact, ...] = ()
    """What the policy's own files say, where it is a revision."""


def of_working_tree(service: ServiceDescription) -> Policy:
    """Take the rules of the working tree: for a person at home, not for a pipeline."""
    name = service.manifest.gate.baseline
    file = service.root / name
    baseline = file.read_bytes() if name and file.is_file() else None
    if name and baseline is None:
        raise UsageError(f"the baseline {name} does not exist", mend=f"safecase baseline -o {name}")
    return Policy("the working tree", service, baseline, own=True)


def of_file(path: Path) -> Policy:
    """Take the rules from another manifest, for instance one that a security team keeps, and what lies beside it."""
    service = from_bytes(path.read_bytes(), path)
    name = service.manifest.gate.baseline
    file = path.parent / name
    baseline = file.read_bytes() if name and file.is_file() else None
    given = attestations.read(service.root / service.manifest.settings.attestations, service.root)
    return Policy(str(path), service, baseline, own=False, attestations=given)


def of_revision(service: ServiceDescription, name: str) -> Policy:
    """Take the rules of a git revision, such as the branch that a change is to be merged into."""
    revision = Revision.of(service.root, name)
    found = revision.manifest(service)
    if found is None:
        return Policy(f"{name} (it does not know this service yet)", None, None, own=False)
    ruled, folder = found
    baseline = ruled.manifest.gate.baseline
    return Policy(
        name,
        ruled,
        revision.content(folder, baseline) if baseline else None,
        own=False,
        attestations=revision.attestations(folder, ruled.manifest.settings.attestations),
        discovered=revision.discovered(folder),
    )


def ruled_by(service: ServiceDescription, policy: Policy) -> ServiceDescription:
    """Give the service with every rule taken from the policy."""
    if policy.own:
        return service
    own = service.manifest
    rules = policy.service.manifest if policy.service else Manifest(safecase=1, service=own.service)
    prompts = tuple(p for p in rules.ai.system_prompts if (service.root / p).is_file())
    manifest = msgspec.structs.replace(
        own,
        ai=msgspec.structs.replace(own.ai, system_prompts=_union(own.ai.system_prompts, prompts)),
        deployment=_deployment(own, rules),
        training=msgspec.structs.replace(own.training, modules=rules.training.modules or own.training.modules),
        **{name: getattr(rules, name) for name in RULED},
    )
    return msgspec.structs.replace(service, manifest=manifest)


def _deployment(own: Manifest, rules: Manifest) -> DeploymentBlock:
    """Ask what the policy asks, at the routes of both, and look at the manifests of both."""
    here, there = endpoint_of(own), endpoint_of(rules)
    if there is not None and here is not None:
        there = msgspec.structs.replace(there, routes=_union(there.routes, here.routes))
    manifests = _union(own.deployment.manifests, rules.deployment.manifests)
    return msgspec.structs.replace(own.deployment, endpoint=there or own.deployment.endpoint, manifests=manifests)


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def doubts(service: ServiceDescription, policy: Policy, *, new: bool) -> tuple[Deciding, ...]:
    """Say why the change cannot be judged by this policy; `new` says that a person knows it to be a new service."""
    if policy.own:
        return ()
    if policy.service is None:
        mend = "merge its safecase.yaml first; where nobody has judged it yet, say --new-service"
        why = f"there are no rules to judge this change by: {policy.source}"
        return () if new else (doubt("policy", "The service is known to the policy", why, mend),)
    found = []
    here, there = endpoint_of(service.manifest), endpoint_of(policy.service.manifest)
    if here and there and (here.url, here.api, here.model) != (there.url, there.api, there.model):
        why = f"this change declares another endpoint than {policy.source}, whose own was asked"
        mend = f"let people merge the endpoint first, or ask it with its rules: safecase gate --policy {service.file}"
        found.append(doubt("endpoint", "The endpoint is that of the policy", why, mend))
    gone = [p for p in policy.service.manifest.ai.system_prompts if not (service.root / p).is_file()]
    if gone:
        why = f"this change takes away {', '.join(gone[:5])}, a system prompt by {policy.source}"
        mend = "keep the file, or let people merge the move first"
        found.append(doubt("system-prompts", "The system prompts are those of the policy", why, mend))
    return tuple(found)


def discovered_by(policy: Policy, here: Iterable[Fact]) -> tuple[Fact, ...]:
    """Give the larger of what is found here and in the policy's files: deleting a file decides nothing by itself."""
    there = {fact.key: fact for fact in policy.discovered}

    def larger(fact: Fact) -> Fact:
        other = there.get(fact.key)
        return other if other is not None and _count(other) > _count(fact) else fact

    return tuple(larger(fact) for fact in here)


def _count(fact: Fact) -> int:
    return fact.value if isinstance(fact.value, int) else 0


def in_scope(here: Iterable[Decision], there: Mapping[str, Decision], source: str) -> tuple[Decision, ...]:
    """Keep a control in scope that applies by the policy's facts: a change of facts is reviewed before it counts."""

    def kept(decision: Decision) -> Decision:
        other = there.get(decision.control)
        if decision.applies or other is None or not other.applies:
            return decision
        because = (f"it applies by {source}, and this change takes it out of scope", *other.because)
        return msgspec.structs.replace(decision, applies=True, because=because)

    return tuple(kept(decision) for decision in here)
