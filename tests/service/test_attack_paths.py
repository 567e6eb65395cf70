"""Ways from text of others to effects, by what a manifest says and does not say."""

from __future__ import annotations

from pathlib import Path

from safecase.catalogue.read import catalogue
from safecase.service.attack_paths import MOST_PATHS, fewest_cuts, paths
from safecase.service.read import from_bytes
from safecase.service.schema import Manifest

BASE = """\
safecase: 1
service: {id: s}
ai: {kind: [llm]}
deployment: {exposure: internal}
memory: {kind: none}
data: [{id: d, classes: [personal]}]
outputs: [{to: human}]
"""
QUIET = "{id: t, effect: read, untrusted: false, egress: false, origin: own}"


def manifest(more: str, base: str = BASE) -> Manifest:
    return from_bytes((base + more).encode(), Path("safecase.yaml")).manifest


def ids(more: str, base: str = BASE) -> set[str]:
    return {path.id for path in paths(manifest(more, base))}


def test_no_text_of_others_no_way() -> None:
    assert ids("tools: [{id: t, effect: pay, approval: none, untrusted: false, egress: true, origin: own}]\n") == set()


def test_the_three_together_are_a_way_out_and_none_without_one_of_them() -> None:
    rag = "rag: {sources: [{id: web, trust: untrusted}]}\n"
    out = f"tools: [{QUIET.replace('egress: false', 'egress: true')}]\n"
    assert "source web>out by t" in ids(rag + out)
    assert ids(rag.replace("untrusted", "internal") + out) == set()
    assert ids(rag + f"tools: [{QUIET}]\n") == set()
    assert ids(rag + out, BASE.replace("personal", "public")) == set()


def test_an_approval_of_each_call_closes_the_way_to_an_effect() -> None:
    tool = "tools: [{id: t, effect: send, approval: none, untrusted: false, egress: false}]\n"
    public = BASE.replace("internal", "public")
    assert "users>tool t" in ids(tool, public)
    assert "users>tool t" not in ids(tool.replace("approval: none", "approval: each"), public)
    assert "users>tool t" in ids(tool.replace("approval: none", "approval: once"), public)


def test_what_is_not_said_counts_as_worse_and_is_named() -> None:
    (path,) = [p for p in paths(manifest("tools: [{id: t, effect: exec}]\n")) if p.id == "tool t answers>tool t"]
    assert path.assumed == ("tools.0.untrusted", "tools.0.approval")
    assert path.end.severity == "critical"


def test_a_description_that_its_maker_may_change_is_an_entry_that_pinning_closes() -> None:
    tool = "tools: [{id: t, effect: send, approval: none, untrusted: false, origin: third_party, pinned: false}]\n"
    (path,) = [p for p in paths(manifest(tool)) if p.end.id == "tool t"]
    assert path.entry.cuts == ("SC-16",)
    assert "tool t describes>tool t" not in ids(tool.replace("pinned: false", "pinned: true"))


def test_sinks_and_memory() -> None:
    public = BASE.replace("internal", "public").replace("{to: human}", "{to: sql}, {to: html, verified: true}")
    assert ids("", public) == {"users>sink sql"}
    kept = public.replace("{kind: none}", "{kind: persistent, scope: user}")
    assert "users>memory kept" in ids("", kept)


def test_no_model_of_language_no_way() -> None:
    assert ids("tools: [{id: t, effect: pay}]\n", BASE.replace("[llm]", "[tabular]")) == set()


def test_fewest_cuts_close_every_way() -> None:
    public = BASE.replace("internal", "public").replace("{to: human}", "{to: html}")
    found = paths(manifest("tools: [{id: t, effect: exec, approval: none, egress: true}]\n", public))
    cuts = fewest_cuts(found)
    assert cuts.proven
    assert all(set(path.cuts) & set(cuts.chosen) for path in found)
    assert len(cuts.chosen) < len({one for path in found for one in path.cuts})


def test_every_id_is_one_of_the_catalogue_and_every_way_can_be_closed() -> None:
    public = BASE.replace("internal", "public").replace("{to: human}", "{to: html}, {to: shell}, {to: actuator}")
    public = public.replace("{kind: none}", "{kind: persistent}")
    tools = "".join(
        f"  - {{id: {effect}, effect: {effect}, origin: third_party}}\n"
        for effect in ("read", "write", "exec", "pay", "send", "actuate")
    )
    rag = "rag: {sources: [{id: web}]}\n"
    found = paths(manifest(f"{rag}tools:\n{tools}", public))
    rows = catalogue()
    assert {one for path in found for one in path.threats} <= set(rows.threats)
    assert {one for path in found for one in (*path.cuts, *path.entry.weakens)} <= set(rows.controls)
    assert all(path.cuts and path.end.mend for path in found)
    assert [p.end.severity for p in found] == sorted(
        (p.end.severity for p in found), key=("critical", "high", "medium", "low").index
    )


def test_a_thousand_tools_are_bounded() -> None:
    tools = "".join(f"  - {{id: t{n}, effect: exec}}\n" for n in range(1000))
    found = paths(manifest(f"tools:\n{tools}"))
    assert len(found) == MOST_PATHS
    assert fewest_cuts(found).chosen
