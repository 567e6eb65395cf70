"""`repo.discover`: no AI runs that the manifest does not tell of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from safecase.checks import Context, check
from safecase.measures.threat_modelling.declared import Declared, differences
from safecase.readers.text import shown
from safecase.readers.uses import KINDS, Unread, Use, Uses, find
from safecase.readers.uses.inventory import is_aside
from safecase.service.subjects import Repository
from safecase.vocabulary import Digest, Finding, Place

MOST_FINDINGS = 100
MOST_NAMED = 5
READS = ("ai", "deployment", "models", "rag", "tools", "components", "supply_chain.vendors", "settings.exclude")
_WORDS = {
    "llm_client": ("provider", "models: with origin: provider"),
    "llm_endpoint": ("address of a provider", "models: with origin: provider"),
    "model": ("model", "models:"),
    "model_artifact": ("model file", "models: with file:"),
    "tool": ("tool", "tools:"),
    "mcp_server": ("MCP server", "tools: with via: mcp"),
    "vector_store": ("vector store", "rag: with store:"),
    "model_server": ("model server", "models:, with hosting: self_hosted or a component"),
    "agent": ("agent", "ai: with agents:"),
}


@check("repo.discover", control="TM-01", severity="medium", reads=READS)
def inventory_complete(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Every model, provider, tool, vector store and MCP server in the repository is in the manifest.

    ## Why it matters
    What nobody wrote down nobody judges: threats, duties and controls all follow from the manifest. A second provider
    in a helper script, an MCP server in the settings of an editor or a model from a hub gets data, rights and updates
    that no one decided about. Such AI comes in by a single import.

    ## How it is checked
    Code is read by its syntax, so that a comment, a text or a mere name counts for nothing: imports and calls of nearly
    200 AI libraries in Python, notebooks, JavaScript and TypeScript; models that are named in calls and defaults;
    images in Compose, Kubernetes and Dockerfiles; resources of Terraform; settings of MCP clients; model files by their
    bytes. What runs and is not declared fails, with its file and line. What is declared and found nowhere is told as
    unknown, for it may be gone or run elsewhere. Tests, examples and documents are left out. A file that could not be
    read is named and leaves it unproven. Nothing is run, no value of a variable is read, and what is composed at run
    time (a model's name from a database, a module's from a variable) is not seen; nor is AI outside of this repository.

    ## How to mend it
    Declare what is named, or take it out of the code. `safecase init --dry-run` prints what it would declare. What
    belongs to another service is named under `settings.exclude`.

    ## References
    LLM04:2026; ASI04; ATLAS AML.M0023; NIST AI RMF 1.0 MAP 1.1; EU AI Act Art. 26.
    """
    uses = find(ctx.root, repository.files)
    running = [use for use in uses.uses if use.confidence != "low" and use.kind in KINDS]
    kept = ctx.keep(_listing(uses), name="inventory.json", media_type="application/json")
    declared = Declared(ctx.manifest)
    undeclared, unseen = differences(running, declared)
    for use in undeclared[:MOST_FINDINGS]:
        yield _undeclared(repository, use, declared, kept)
    if len(undeclared) > MOST_FINDINGS:
        yield inventory_complete.failed(
            repository,
            f"{len(undeclared) - MOST_FINDINGS} more are not declared, and are not listed",
            kept,
            rule="more",
            mend="safecase init --dry-run prints what it would declare",
        )
    yield from _unseen(repository, ctx, unseen, kept)
    unread = [one for one in uses.unread if not is_aside(one.path)]
    if unread:
        yield _unread(repository, unread, kept)
    if not uses.looked and not running:
        yield inventory_complete.unknown(
            repository,
            "there is no code, image or setting to look at",
            kept,
            rule="nothing",
            mend="put safecase.yaml into the repository of the service",
        )
    elif not (undeclared or unseen or unread):
        yield inventory_complete.passed(
            repository, f"all of {len(running)} uses of AI in {uses.looked} files are declared", kept
        )


def _unseen(repository: Repository, ctx: Context, unseen: Sequence[tuple[str, str]], kept: Digest) -> Iterator[Finding]:
    for key, name in unseen:
        yield inventory_complete.unknown(
            repository,
            f"`{shown(name, 80)}` is declared and was found nowhere in the repository",
            kept,
            rule="unseen",
            key=f"{key}:{name}"[:200],
            place=ctx.place(key),
            mend="take it out if it is gone; if it runs elsewhere, assess it from there",
        )


def _unread(repository: Repository, unread: Sequence[Unread], kept: Digest) -> Finding:
    named = "; ".join(f"{shown(one.path)} ({shown(one.why, 100)})" for one in unread[:MOST_NAMED])
    more = f" and {len(unread) - MOST_NAMED} more" if len(unread) > MOST_NAMED else ""
    return inventory_complete.unknown(
        repository,
        f"could not be read: {named}{more}",
        kept,
        rule="unread",
        place=Place(file=unread[0].path),
        mend="mend them, or name them under settings.exclude if they are no part of the service",
    )


def _undeclared(repository: Repository, use: Use, declared: Declared, kept: Digest) -> Finding:
    words, where = _WORDS[use.kind]
    name = use.model if use.kind in ("model", "model_artifact") else use.name
    none = " although the manifest says that there is no AI (ai.kind: none)" if declared.says_none else ""
    return inventory_complete.failed(
        repository,
        f"the {words} {shown(name, 100)} is used and not declared{none}",
        kept,
        rule=f"undeclared.{use.kind}",
        key=name[:200],
        place=Place(file=use.path, line=use.line),
        severity="high" if declared.says_none or use.kind == "mcp_server" else None,
        mend=f"declare it under {where}, or take it out",
    )


def _listing(uses: Uses) -> bytes:
    rows = [
        {"kind": u.kind, "name": u.name, "model": u.model, "path": u.path, "line": u.line, "confidence": u.confidence}
        for u in uses.uses
        if u.kind in KINDS
    ]
    unread = [{"path": one.path, "why": one.why} for one in uses.unread]
    return json.dumps({"looked": uses.looked, "uses": rows, "unread": unread}, indent=1).encode("utf-8", "replace")
