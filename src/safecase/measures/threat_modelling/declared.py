"""What a manifest declares, held against what was found: what is missing on either side."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from safecase.readers.uses import Use, known
from safecase.service.draft_models import same
from safecase.service.schema import Endpoint, Manifest

_LOCAL = frozenset({"faiss", "annoy", "hnswlib", "usearch", "in-process", "chromadb", "lancedb", "sqlite-vec", "txtai"})
_HERE = ("in-process", "in_process", "in-memory", "memory", "local", "embedded")


class Declared:
    """The names of a manifest, made comparable."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.says_none = tuple(manifest.ai.kind) == ("none",)
        endpoint = manifest.deployment.endpoint
        asked = endpoint.model if isinstance(endpoint, Endpoint) else ""
        self.models = {same(name) for one in manifest.models for name in (one.id, one.source) if name}
        self.models |= {same(asked)} if asked else set()
        self.files = tuple(posixpath.normpath(one.file) for one in manifest.models if one.file)
        self.providers = {who for name in self.models if (who := _provider(name))}
        remote = [one for one in manifest.models if one.origin in ("provider", "vendor")]
        self.open_provider = any(not (_provider(same(one.id)) or _provider(same(one.source))) for one in remote)
        """A model of a provider is declared whom neither its id nor its source names."""
        self.vendors = {_plain(word) for one in manifest.supply_chain.vendors for word in (one.id, one.name)}
        self.tools = {_plain(one.id) for one in manifest.tools}
        self.parts = {_plain(one.id) for one in manifest.components}
        store = manifest.rag.store if manifest.rag else ""
        self.stores = {_plain(store)} if store else set()

    def has(self, use: Use) -> bool:
        """Say whether a use is declared."""
        match use.kind:
            case "model":
                return self._model(use.model)
            case "model_artifact":
                return self._file(use.model) or self._model(posixpath.basename(use.model))
            case "llm_client" | "llm_endpoint":
                return self._provider(use)
            case "tool" | "mcp_server":
                return use.because == "offered" or _plain(use.name) in self.tools | self.parts
            case "vector_store":
                return self._store(use.name)
            case "model_server":
                run_here = self.manifest.deployment.hosting in ("self_hosted", "edge", "managed_cloud")
                return (run_here and bool(self.manifest.models)) or _near(use.name, self.parts)
            case "agent":
                return bool(self.manifest.ai.agents) or self.manifest.ai.autonomy is not None or bool(self.tools)
            case _:
                return True

    def _model(self, name: str) -> bool:
        wanted = same(name)
        short = wanted.rpartition("/")[2]
        # A dated name is declared by the undated one, and the other way round.
        return any(
            wanted == one or short == one.rpartition("/")[2] or _dated(one, wanted) or _dated(wanted, one)
            for one in self.models
        )

    def _file(self, path: str) -> bool:
        wanted = posixpath.normpath(path)
        return any(
            file == "."
            or wanted == file
            or wanted.startswith(file + "/")
            or posixpath.basename(file) == posixpath.basename(wanted)
            for file in self.files
        )

    def _provider(self, use: Use) -> bool:
        if not use.provider:  # litellm, ollama: the model's own name says who answers
            return bool(self.manifest.models)
        who = _plain(use.provider)
        if use.provider in self.providers or who in self.vendors or _near(who, {_plain(m) for m in self.models}):
            return True
        return self.open_provider

    def _store(self, name: str) -> bool:
        plain = _plain(name)
        if _near(plain, self.stores | self.parts):
            return True
        return name in _LOCAL and any(_plain(word) in self.stores for word in _HERE)


def differences(uses: Sequence[Use], declared: Declared) -> tuple[list[Use], list[tuple[str, str]]]:
    """Give the uses that are not declared, each once, and what is declared and nowhere used: its key and name."""
    missing: dict[tuple[str, str], Use] = {}
    for use in uses:
        if not declared.has(use) or (declared.says_none and use.kind in ("llm_client", "model", "agent")):
            missing.setdefault((use.kind, _plain(use.model or use.name)), use)
    return list(missing.values()), list(_unseen(uses, declared))


def _unseen(uses: Sequence[Use], declared: Declared) -> Iterable[tuple[str, str]]:
    manifest = declared.manifest
    models = {same(u.model) for u in uses if u.kind in ("model", "model_artifact") and u.model}
    providers = {u.provider for u in uses if u.provider}
    open_named = any(u.kind in ("llm_client", "llm_endpoint", "env_var", "model_server") for u in uses)
    for index, one in enumerate(manifest.models):
        names = {same(name) for name in (one.id, one.source) if name}
        seen = any(
            _dated(a, b) or _dated(b, a) or a.rpartition("/")[2] == b.rpartition("/")[2] for a in names for b in models
        )
        by_setting = open_named and one.origin in ("provider", "vendor", None)
        ours = one.file or one.origin == "own"
        if not (seen or by_setting or ours or any(_provider(name) in providers for name in names if _provider(name))):
            yield f"models.{index}", one.id
    found = {_plain(u.name) for u in uses if u.kind in ("tool", "mcp_server", "agent")}
    for index, tool in enumerate(manifest.tools):
        if _plain(tool.id) not in found:
            yield f"tools.{index}", tool.id
    stores = [u for u in uses if u.kind == "vector_store"]
    store = manifest.rag.store if manifest.rag else ""
    if store and _plain(store) not in {_plain(word) for word in _HERE} and not any(declared.has(u) for u in stores):
        yield "rag.store", store


def _dated(longer: str, shorter: str) -> bool:
    """Say whether one name is the other with a day or a version behind it."""
    return longer == shorter or bool(shorter and re.fullmatch(re.escape(shorter) + r"[-@:](latest|\d[\w.:-]*)", longer))


def _provider(name: str) -> str:
    if name in known.providers():
        return name
    row = known.model_name(name)
    return row.provider if row else ""


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def _near(name: str, others: Iterable[str]) -> bool:
    plain = _plain(name)
    stem = re.sub(r"(client|db|ai)$", "", plain)
    return any(other and (plain in other or (len(stem) > 3 and stem in other) or other in plain) for other in others)
