"""From a policy and a case to the gate's answer, and how it reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from safecase.assess import baseline as baselines
from safecase.assess.assessment import Prepared, Wishes, conclude, planned_again, prepare
from safecase.assess.gate import Gate, gate
from safecase.assess.policy import Policy, in_scope, of_file, of_revision, of_working_tree, ruled_by
from safecase.assess.tailor import tailor
from safecase.cli import assessing
from safecase.errors import UsageError
from safecase.evidence import keys
from safecase.evidence.trust import Trust
from safecase.readers.text import shown
from safecase.service.facts import facts_by_key
from safecase.service.read import ServiceDescription
from safecase.vocabulary import Case


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
) -> Judged:
    """Assess by the policy's rules and answer."""
    known_gaps = _known_gaps(policy, baseline, service.manifest.service.id)
    ruled = ruled_by(service, policy)
    # What came with the change, its ledger and its memory of digests, proves nothing of the change.
    prepared = prepare(ruled, wishes._replace(remember_digests=False, trust=_trust(key)))
    if policy.service is not None and not policy.own:
        there = tailor(facts_by_key(policy.service.facts, prepared.inventory.facts), prepared.catalogue)
        decisions = in_scope(prepared.decisions, {d.control: d for d in there}, policy.source)
        prepared = planned_again(prepared, decisions)
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
    )
    return Judged(case, prepared, answer)


def _trust(key: str | None) -> Trust:
    """Whose evidence counts: of the key that is named, or else our own and what this run collects."""
    if key is not None:
        return Trust((keys.trusted_by(key),), this_run=False)
    return Trust(tuple(signer.fingerprint for signer in keys.own()))


def _known_gaps(policy: Policy, baseline: Path | None, service: str) -> tuple[str, ...]:
    if baseline is not None:
        if not baseline.is_file():
            raise UsageError(f"the baseline {baseline} does not exist", mend=f"safecase baseline -o {baseline}")
        return baselines.from_bytes(baseline.read_bytes(), str(baseline), service).gaps
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
