"""What uses of AI say of a service: its kinds of AI, where it runs, retrieval, tools, memory and outputs."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from safecase.readers.locks import normalised
from safecase.readers.text import shown
from safecase.readers.uses import known
from safecase.readers.uses.projects import Project
from safecase.readers.uses.use import Use
from safecase.service.drafted import Block, Drafted, Said, block, bounded, slug, unique

_LOCAL_STORES = frozenset({"faiss", "annoy", "hnswlib", "usearch", "in-process"})
_WORDS = (
    ("speech_gen", r"\btts\b|text.to.speech|voice (clon|conver|gener)"),
    ("speech", r"speech recogn|transcri|speech.to.text|\basr\b"),
    ("timeseries", r"forecast|time.?series"),
    ("recsys", r"recommend(er|ation)s?\b"),
    ("image_gen", r"text.to.image|image generation|generates? images"),
    ("llm", r"\bllms?\b|language model|chat ?bot|\bgpt\b|\brag\b"),
    ("vision", r"\bimages?\b|\bvision\b|object detection|segmentation|\bocr\b|\bfaces?\b"),
    ("sequence", r"sentiment|profan|offensive|text classif|named entit|\bnlp\b"),
    ("tabular", r"\bchurn\b|\bfraud\b|credit|scoring|classif|predict"),
)
"""What the words of a project's description give away, the most telling first."""
_GENERATES = frozenset({"llm", "vlm", "image_gen", "speech_gen"})


def at(use: Use) -> str:
    """Give the place of a use for a comment."""
    return f"{use.path}:{use.line}"


def kinds(made: Drafted, uses: Sequence[Use], project: Project) -> None:
    """Say `ai.kind` and `ai.agents`: each kind with its surest evidence."""
    first: dict[str, Use] = {}
    for use in sorted(uses, key=lambda u: (u.kind == "package", bool(u.because), u.confidence != "high")):
        if use.makes:
            first.setdefault(use.makes, use)
    if "vlm" in first and "llm" in first:
        del first["llm"]
    # A library that is mostly used for one kind says little beside one that is used for nothing else.
    sure = {k for k, u in first.items() if not u.because or u.kind in ("agent", "training_run")}
    trained = any(u.kind == "training_run" for u in uses)
    kept = {k: u for k, u in first.items() if k in sure or not sure or trained}
    row = known.by_package().get(normalised(project.name)) if project.name else None
    if row is not None and row.makes:
        made.values["ai.kind"] = Said(value=(row.makes,), place=str(project.name_place or ""))
    elif sure or (kept and trained):
        guess = "; ".join(f"{k}, since {u.because}" for k, u in kept.items() if u.because and k not in sure)
        more = tuple(map(at, kept.values()))
        made.values["ai.kind"] = Said(value=tuple(kept), place=more[0], more=more, guess=guess)
    else:
        _guessed_kind(made, uses, project, kept)
    _agents(made, uses)


def _guessed_kind(made: Drafted, uses: Sequence[Use], project: Project, weak: Mapping[str, Use]) -> None:
    """Where no code says the kind: the project's own words, what it asks to install, a model's file."""
    said = next((kind for kind, words in _WORDS if re.search(words, project.purpose, re.IGNORECASE)), None)
    ai = any(u.kind != "env_var" and u.kind != "program" for u in uses)
    declared = weak or _declared_only(uses)
    if said and ai and said not in declared:
        guess = "the project's own words" + (f", beside {', '.join(declared)}" if declared else "")
        made.values["ai.kind"] = Said(value=(said,), place=str(project.purpose_place or ""), guess=guess)
    elif declared:
        more = tuple(map(at, declared.values()))
        guess = "; ".join(u.because or f"{u.name} is for that" for u in declared.values())
        made.values["ai.kind"] = Said(value=tuple(declared), place=more[0], more=more, guess=guess)
    elif file := next((u for u in uses if u.kind == "model_artifact"), None):
        guess = "a model file, and nothing says of which kind"
        made.values["ai.kind"] = Said(value=("tabular",), place=at(file), guess=guess)


def _agents(made: Drafted, uses: Sequence[Use]) -> None:
    agents = sorted((u for u in uses if u.kind == "agent"), key=lambda u: u.path.count("/"))
    if agents:
        own = [u for u in agents if u.because == "made here"]
        guess = "as many as the code makes" if own else f"{agents[0].name} is for agents"
        count = len({u.name for u in own}) or 1
        made.values["ai.agents"] = Said(value=count, place=at((own or agents)[0]), guess=guess)


def _declared_only(uses: Iterable[Use]) -> dict[str, Use]:
    """Where no code that could be read uses AI, what is declared to be installed has to do."""
    rows = known.known().libraries
    declared = [u for u in uses if u.kind == "package" and u.name in rows and u.confidence == "high"]
    return {rows[u.name].makes: u for u in reversed(declared) if rows[u.name].makes and not rows[u.name].guessed}


def deployment(made: Drafted, uses: Sequence[Use], files: Sequence[str]) -> None:
    """Say where it runs, who reaches it, and which files deploy it."""
    where = _hosting(uses)
    if where is not None:
        hosting, use, why = where
        made.values["deployment.hosting"] = Said(value=hosting, place=at(use), guess=why)
    chips: dict[str, str] = {}
    for use in uses:
        if use.kind == "accelerator":
            chips.setdefault(use.name, at(use))
    if chips:
        made.values["deployment.accelerators"] = Said(value=tuple(chips), places=tuple(chips.values()))
    door = next((u for u in uses if u.kind == "exposure"), None)
    if door is not None:
        made.values["deployment.exposure"] = Said(value=door.name, place=at(door), guess=door.because)
    source = next((u for u in uses if _untrusted(u)), None)
    if source is not None:
        made.values["deployment.untrusted_documents"] = Said(
            value=True, place=at(source), guess=f"{source.name} brings in what strangers write"
        )
    folders = Counter(posixpath.dirname(path) for path in files)
    named = sorted(
        {folder if folder and folders[folder] > 2 else path for path in files for folder in [posixpath.dirname(path)]}
    )
    if named:
        made.say("deployment.manifests", tuple(named))


def _hosting(uses: Sequence[Use]) -> tuple[str, Use, str] | None:
    """Weigh: a server of models that is deployed decides; else what most of the models that generate do."""
    strong = [u for u in uses if u.kind not in ("env_var", "package", "vector_store", "exposure") and u.hosting]
    # A client of a provider that is sent to an address nearby speaks its language to a model of ours.
    near = [u for u in strong if u.kind == "llm_endpoint" and u.hosting == "self_hosted"]
    servers = [u for u in strong if u.kind == "model_server"] + near
    generate = [u for u in strong if u.makes in _GENERATES]
    here = [u for u in strong if u.hosting == "self_hosted" and (u.makes or u.kind == "model_artifact")]
    for group in (servers, generate, here, strong):
        if group:
            # One of each name: a client that is imported in ten files is one.
            each = {(u.hosting, u.model or u.provider or u.name): u for u in reversed(group)}
            votes = Counter(hosting for hosting, _ in each)
            best = max(votes, key=lambda hosting: (votes[hosting], hosting))
            use = next(u for u in group if u.hosting == best)
            other = next((u for u in strong if u.hosting != best), None)
            beside = f", beside {other.hosting} ({at(other)})" if other else ""
            return best, use, f"from {use.model or use.name}{beside}"
    weak = [u for u in uses if u.kind == "package" and u.hosting]
    return (weak[0].hosting, weak[0], f"{weak[0].name} runs models where it is installed") if weak else None


def _untrusted(use: Use) -> bool:
    return (use.kind == "source" and use.effect == "untrusted") or (
        use.kind == "tool" and use.egress is True and use.effect == "read"
    )


def endpoint(made: Drafted, uses: Sequence[Use]) -> None:
    """Refer to the address of our own model by the variable that it is read from; of a provider's, only tell."""
    by_code = [u for u in uses if u.kind == "llm_endpoint" and u.url.startswith("${env:") and not u.provider]
    by_name = [u for u in uses if u.kind == "env_var" and known.address(u.name)]
    if not by_code and not by_name:
        return
    use = (by_code or by_name)[0]
    url = use.url or f"${{env:{use.name}}}"
    hosting = made.values.get("deployment.hosting")
    if hosting is None or hosting.value != "self_hosted":
        made.notes.append(f"{at(use)}: a model's address is read from {url[6:-1]}; to test it, say deployment.endpoint")
        return
    stem = re.sub(r"(_API)?_(BASE_URL|BASE|URL|HOST|ENDPOINT|PROXY_URL)$", "", url[6:-1])
    names = {f"{stem}_API_KEY", f"{stem}_KEY", f"{stem}_TOKEN"}
    key = next((u for u in uses if u.kind == "env_var" and u.name in names), None)
    named = {u.model: u for u in uses if u.kind == "model" and u.makes in _GENERATES}
    guess = "the address that it asks, by its variable"
    made.values["deployment.endpoint.url"] = Said(value=url, place=at(use), guess=guess)
    if len(named) == 1:
        model = next(iter(named.values()))
        made.values["deployment.endpoint.model"] = Said(value=model.model, place=at(model))
    if key is not None:
        made.values["deployment.endpoint.key"] = Said(value=f"${{env:{key.name}}}", place=at(key))


def rag(made: Drafted, uses: Sequence[Use]) -> None:
    """Say the store of retrieval (one that code opens, else one it imports or that is deployed) and its sources."""
    stores = [u for u in uses if u.kind == "vector_store"]
    if stores:
        best = sorted(stores, key=lambda u: u.because != "made here")[0]
        others = sorted({u.name for u in stores} - {best.name})
        guess = f"one of {len(others) + 1}, beside {', '.join(others)}" if others else ""
        name = "in-process" if best.name in _LOCAL_STORES else best.name.removesuffix("-client")
        if name != best.name:
            guess = "; ".join(
                filter(None, [f"{best.name} keeps it in this process" if name == "in-process" else "", guess])
            )
        made.values["rag.store"] = Said(value=name, place=at(best), guess=guess)
    sources: dict[str, Use] = {}
    for use in uses:
        if use.kind == "source" and not use.makes:
            sources.setdefault(use.name, use)
    if sources and stores:
        made.blocks["rag.sources"] = bounded(
            [_source(name, use) for name, use in sources.items()], made.notes, "sources"
        )


def _source(name: str, use: Use) -> Block:
    trust = Said(value="untrusted", guess="anybody can write there") if use.effect == "untrusted" else None
    return block(id=Said(value=slug(name), place=at(use)), trust=trust)


def tools(uses: Sequence[Use], notes: list[str]) -> list[Block]:
    """Give a block for each tool and each MCP server that is called; a server that is offered is told."""
    found: dict[tuple[str, str], Use] = {}
    for use in uses:
        if use.kind == "tool" or (use.kind == "mcp_server" and use.because != "offered"):
            found.setdefault((use.kind, use.name), use)
        elif use.kind == "mcp_server":
            notes.append(f"{at(use)}: offers its tools to others by MCP as {use.name}")
    taken: set[str] = set()
    return bounded([_tool(use, unique(use.name, taken)) for use in found.values()], notes, "tools")


def _tool(use: Use, name: str) -> Block:
    mcp = use.kind == "mcp_server"
    origin = use.origin or ("own" if not mcp else "third_party")
    local = mcp and not use.url
    return block(
        id=Said(value=name, place=at(use)),
        effect=Said(value=use.effect or "write", guess=use.because or "effect"),
        via=Said(value="mcp") if mcp else None,
        origin=Said(value=origin) if origin in ("own", "third_party", "public_registry") else None,
        pinned=Said(value=use.pinned) if mcp and use.pinned is not None else None,
        egress=Said(value=True) if use.egress else None,
        url=Said(value=use.url) if use.url.startswith("http") else None,
        runs_on=Said(value="user_machine", guess="its settings start it where they lie")
        if local and use.path.endswith(".json")
        else None,
    )


def memory(made: Drafted, uses: Sequence[Use]) -> None:
    """Say what is remembered; what lasts beats what ends with a session."""
    found = [u for u in uses if u.kind == "memory"]
    lasting = [u for u in found if (u.effect or "persistent") == "persistent"]
    if found:
        use = (lasting or found)[0]
        made.values["memory.kind"] = Said(
            value="persistent" if lasting else "session", place=at(use), guess=f"from {use.name}"
        )


def outputs(uses: Sequence[Use]) -> list[Block]:
    """Say that answers go to a page where a library that makes pages is used."""
    rows = known.known().libraries
    page = next((u for u in uses if u.name in rows and rows[u.name].outputs), None)
    if page is None:
        return []
    return [block(to=Said(value="html", place=at(page), guess=f"{page.name} makes pages"))]


def hints(made: Drafted, uses: Sequence[Use]) -> dict[str, str]:
    """Give comments for what no reader can tell: which kind of AI, and whether a model decides what is run."""
    found: dict[str, str] = {}
    if "ai.kind" not in made.values:
        found["ai"] = "# ai: {kind: [...]}  # nothing told which kind of AI it is, if any: see safecase explain ai.kind"
    said = made.values.get("ai.kind")
    runs = next((u for u in uses if u.kind == "program"), None)
    if runs is not None and said is not None and {"llm", "vlm"} & set(said.value):
        where = shown(f"{runs.name} at {at(runs)}", 200)
        found["tools"] = f"# tools: [{{id: run-code, effect: exec}}]  # if a model decides what is run: {where}"
    return found
