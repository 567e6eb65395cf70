"""From a policy and a case to the gate's answer, and how it reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from safecase import plugins
from safecase.assess import baseline as baselines
from safecase.assess.assessment import Prepared, Wishes, conclude, planned_again, prepare
from safecase.assess.gate import Deciding, Gate, doubt, gate
from safecase.assess.policy import (
    Policy,
    discovered_by,
    doubts,
    in_scope,
    of_file,
    of_revision,
    of_working_tree,
    ruled_by,
)
from safecase.assess.tailor import tailor
from safecase.cli import assessing
from safecase.errors import UsageError
from safecase.evidence.trust import trusted
from safecase.readers import regular_files
from safecase.readers.text import shown
from safecase.service.facts import facts_by_key
from safecase.service.read import ServiceDescription
from safecase.vocabulary import Case

MOST_BASELINE = 16 * 1024 * 1024


class Judged(NamedTuple):
    """A case and the gate's answer to it."""

    case: Case
    prepared: Prepared
    answer: Gate


def policy_of(service: ServiceDescription, wanted: str | None) -> Policy:
    """Find the rules: a manifest's file, a git revision, or the working tree."""
    if wanted is None:
        return of_working_tree(service)
    # A change may add a file of any name: only what ends like a manifest is one, everything else is a revision.
    path = Path(wanted)
    named = path.suffix in (".yaml", ".yml") and path.is_file()
    return of_file(path) if named else of_revision(service, wanted)


def judge(
    service: ServiceDescription,
    policy: Policy,
    wishes: Wishes,
    *,
    profile: str | None,
    baseline: Path | None,
    key: str | None,
    new: bool = False,
) -> Judged:
    """Assess by the policy's rules and answer; `new` says that a person knows it to be a new service."""
    known_gaps = _known_gaps(policy, baseline, service.manifest.service.id)
    ruled = ruled_by(service, policy)
    if not wishes.local_code:
        plugins.refuse(ruled.manifest)
    # What came with the change, its ledger and its memory of digests, proves nothing of the change.
    prepared = prepare(ruled, wishes._replace(remember_digests=False, trust=trusted(key)))
    if policy.service is not None and not policy.own:
        discovered = discovered_by(policy, prepared.inventory.facts)
        there = tailor(facts_by_key(policy.service.facts, discovered), prepared.catalogue)
        decisions = in_scope(prepared.decisions, {d.control: d for d in there}, policy.source)
        prepared = planned_again(prepared, decisions)
    if not policy.own:
        vouched = {a.control: a for a in sorted(policy.attestations, key=lambda a: a.expires)}
        prepared = prepared._replace(attestations=vouched)
    assessing.run_shown(prepared)
    case = conclude(prepared, notes=(f"the gate's rules come from {policy.source}",))
    name = profile or ruled.manifest.gate.profile
    asked = prepared.catalogue.profiles[name]
    if key is not None:
        asked = msgspec.structs.replace(asked, signed=True)
    answer = gate(
        case,
        asked,
        name=name,
        source=policy.source,
        known_gaps=known_gaps,
        untrusted=_untrusted(prepared, key),
        doubts=(*doubts(service, policy, new=new), *map(_unloaded, plugins.notes())),
    )
    return Judged(case, prepared, answer)


def _unloaded(reason: str) -> Deciding:
    """What a broken plug-in would have looked at, nobody looked at."""
    title = "Every plug-in that is installed can be loaded"
    return doubt("plug-ins", title, reason, "mend it or remove it: safecase plugins")


def _known_gaps(policy: Policy, baseline: Path | None, service: str) -> tuple[str, ...]:
    if baseline is not None:
        if not baseline.is_file():
            raise UsageError(f"the baseline {baseline} does not exist", mend=f"safecase baseline -o {baseline}")
        return baselines.from_bytes(
            regular_files.read(baseline, most=MOST_BASELINE, follow=True), str(baseline), service
        ).gaps
    if policy.baseline is not None:
        return baselines.from_bytes(policy.baseline, f"the baseline of {policy.source}", service).gaps
    return ()


def _untrusted(prepared: Prepared, key: str | None) -> str:
    """Say why the ledger's signature does not count; empty when it does."""
    verified = prepared.ledger.verify(key=key)
    if verified.trusted:
        return ""
    if not verified.ok:
        return verified.reason
    signer = verified.signer
    return f"the ledger is signed by {signer}, which is not trusted" if signer else "the ledger is not signed"


def as_json(answer: Gate) -> Mapping[str, object]:
    """Give what the contract adds to the case: policy, allowed, deciding."""
    return {
        "policy": {"profile": answer.profile, "source": answer.source, "known_gaps": answer.known},
        "allowed": answer.allowed,
        "deciding": [msgspec.to_builtins(item) for item in answer.deciding],
    }


def as_text(case: Case, answer: Gate) -> str:
    """Say it on a screen: the answer, what decides it, and what to do."""
    word = {True: "go", False: "no-go", None: "could not be judged"}[answer.allowed]
    lines = [f"{shown(case.name)}: {word} (profile {answer.profile}, rules from {answer.source})"]
    if answer.known:
        lines.append(f"{answer.known} open claims are known to the baseline and do not block.")
    for item in answer.deciding:
        lines += ["", f"{item.control}  {item.title}: {item.state} ({item.severity})", f"  {shown(item.why, 300)}"]
        if item.mend:
            lines.append(f"  mend: {shown(item.mend, 300)}")
    return "\n".join(lines) + "\n"
