"""How text that somebody else wrote reaches an effect, or takes private data out: all through the model. Pure.

A model cannot be relied on to tell orders from data, so whatever of others reaches its context may speak for it. What
counts as cutting a path is therefore only what holds whatever the model does: an approval, a sandbox, an egress filter,
an output that is encoded, a definition that is pinned. Guards before the model weaken a path and cut none.
What the manifest does not say counts as the worse value, and is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from safecase.engines.hitting_sets import Hitting, smallest
from safecase.service.schema import Manifest, ToolBlock
from safecase.vocabulary import Severity

Goal: TypeAlias = Literal["effect", "way_out", "sink", "memory"]
MOST_PATHS = 500
SENSITIVE = frozenset({"personal", "special", "biometric", "financial", "credentials", "secret"})
_SINKS = ("html", "sql", "shell", "code", "actuator")
_WORST: dict[str, Severity] = {
    "exec": "critical", "pay": "critical", "actuate": "critical", "send": "high", "write": "high",
}  # fmt: skip
_THREATS: dict[str, tuple[str, ...]] = {
    "exec": ("T32", "T26"), "pay": ("T29", "T26"), "send": ("T26", "T25"), "write": ("T28", "T26"),
    "actuate": ("T80", "T26"),
}  # fmt: skip


class Entry(NamedTuple):
    """Where text of others comes in."""

    id: str
    told: str
    threats: tuple[str, ...]
    assumed: tuple[str, ...]
    """Keys of the manifest that nobody said and that would close it."""
    cuts: tuple[str, ...] = ()
    weakens: tuple[str, ...] = ()


class End(NamedTuple):
    """What it may do there."""

    id: str
    goal: Goal
    told: str
    severity: Severity
    threats: tuple[str, ...]
    assumed: tuple[str, ...]
    cuts: tuple[str, ...]
    mend: str


class Path(NamedTuple):
    """A way from an entry to an end."""

    id: str
    """The same as long as its two ends keep their names."""
    entry: Entry
    end: End

    @property
    def steps(self) -> tuple[str, ...]:
        """The way in words."""
        return (self.entry.told, "the model's context", self.end.told)

    @property
    def assumed(self) -> tuple[str, ...]:
        """Keys that nobody said; with them the path might not exist."""
        return tuple(dict.fromkeys((*self.entry.assumed, *self.end.assumed)))

    @property
    def cuts(self) -> tuple[str, ...]:
        """Controls each of which closes the path, whatever the model does."""
        return tuple(dict.fromkeys((*self.entry.cuts, *self.end.cuts)))

    @property
    def threats(self) -> tuple[str, ...]:
        """Rows of the catalogue that it is a case of."""
        return tuple(dict.fromkeys((*self.entry.threats, *self.end.threats)))


def paths(manifest: Manifest) -> tuple[Path, ...]:
    """Give every path, the worst first; at most `MOST_PATHS`."""
    if manifest.ai.kind and not {"llm", "vlm"} & set(manifest.ai.kind):
        return ()
    order = ("critical", "high", "medium", "low", "info")
    ends = sorted(_ends(manifest), key=lambda end: (order.index(end.severity), end.id))
    found = (Path(f"{entry.id}>{end.id}", entry, end) for end in ends for entry in _entries(manifest))
    return tuple(path for path, _ in zip(found, range(MOST_PATHS), strict=False))


def fewest_cuts(found: tuple[Path, ...]) -> Hitting:
    """Give the smallest set of controls that closes all paths."""
    return smallest(path.cuts for path in found)


def _entries(manifest: Manifest) -> Iterator[Entry]:
    """Users, documents, results and descriptions of tools, memory: whose text reaches the context."""
    exposure = manifest.deployment.exposure
    if exposure in ("public", "authenticated", None):
        unsaid = () if exposure else ("deployment.exposure",)
        yield Entry("users", "what users write", ("T01",), unsaid, weakens=("AI-01",))
    for at, source in enumerate(manifest.rag.sources if manifest.rag else ()):
        strangers = source.trust in ("untrusted", "partner") or bool(set(source.writable_by) & {"public", "users"})
        if strangers or source.trust is None:
            unsaid = () if strangers else (f"rag.sources.{at}.trust",)
            told = f"documents of {source.id}"
            yield Entry(f"source {source.id}", told, ("T02", "T11"), unsaid, weakens=("AI-02", "AI-12"))
    if manifest.deployment.untrusted_documents:
        yield Entry("documents", "documents of strangers", ("T02", "T06"), (), weakens=("AI-02", "AI-12"))
    for at, tool in enumerate(manifest.tools):
        if tool.untrusted is not False:
            unsaid = () if tool.untrusted else (f"tools.{at}.untrusted",)
            yield Entry(f"tool {tool.id} answers", f"answers of {tool.id}", ("T41",), unsaid, weakens=("AI-02",))
        if tool.origin in ("third_party", "public_registry") and tool.pinned is not True:
            unsaid = () if tool.pinned is False else (f"tools.{at}.pinned",)
            told = f"the description of {tool.id}, which its maker may change"
            yield Entry(f"tool {tool.id} describes", told, ("T39", "T40"), unsaid, cuts=("SC-16",))
    memory = manifest.memory
    if memory.kind == "persistent" and (memory.scope in ("tenant", "global", None) or memory.writable_by):
        unsaid = () if memory.scope or memory.writable_by else ("memory.scope",)
        yield Entry("memory", "what others left in its memory", ("T36",), unsaid, cuts=("AI-16",))


def _ends(manifest: Manifest) -> Iterator[End]:
    """Tools with effect, private data with a way out, sinks that run what they get, a memory that keeps it."""
    for at, tool in enumerate(manifest.tools):
        if tool.effect != "read" and tool.approval not in ("each", "two_person"):
            yield _effect(at, tool)
    yield from _ways_out(manifest)
    for at, output in enumerate(manifest.outputs):
        if output.to in _SINKS and output.verified is not True:
            unsaid = () if output.verified is False else (f"outputs.{at}.verified",)
            severity: Severity = "critical" if output.to in ("shell", "actuator") else "high"
            cuts = ("AI-03", "AI-15") if output.to in ("shell", "code") else ("AI-03",)
            mend = f"encode or check what goes to {output.to}, and say outputs.{at}.verified: true"
            yield End(f"sink {output.to}", "sink", f"{output.to}, run as it is", severity, ("T17",), unsaid, cuts, mend)
    if manifest.memory.kind == "persistent":
        mend = "give each user a memory of their own, with rules for what enters it"
        told = "its memory, for later sessions"
        yield End("memory kept", "memory", told, "medium", ("T36", "T03"), (), ("AI-16",), mend)


def _effect(at: int, tool: ToolBlock) -> End:
    unsaid = () if tool.approval else (f"tools.{at}.approval",)
    cuts = ("AI-14", "AI-15") if tool.effect == "exec" else ("AI-14",)
    severity = _WORST[tool.effect]
    if tool.effect == "write" and tool.reversible:
        severity = "medium"
    mend = f"let a person approve each call: tools.{at}.approval: each"
    told = f"{tool.id}, which may {'run code' if tool.effect == 'exec' else tool.effect}"
    return End(f"tool {tool.id}", "effect", told, severity, _THREATS[tool.effect], unsaid, cuts, mend)


def _ways_out(manifest: Manifest) -> Iterator[End]:
    """Private data in reach, text of others and a way out together are enough: any one of them alone is not."""
    classes = {word for block in manifest.data for word in block.classes}
    private: list[str] = sorted(classes & SENSITIVE)
    unsaid: tuple[str, ...] = ()
    if not private and not any(block.classes for block in manifest.data):
        if manifest.data:
            return
        private, unsaid = ["data that nobody named"], ("data",)
    if not private:
        return
    what = ", ".join(private[:3])
    for at, tool in enumerate(manifest.tools):
        if tool.egress is not False:
            more = () if tool.egress else (f"tools.{at}.egress",)
            mend = f"take its way out, or list its destinations: tools.{at}.egress: false"
            told = f"{what} out by {tool.id}"
            yield End(
                f"out by {tool.id}", "way_out", told, "high", ("T27",), (*unsaid, *more), ("AI-04", "IN-07"), mend
            )
    for output in manifest.outputs:
        if output.to == "html" and output.verified is not True:
            mend = "allow links and images of listed hosts only"
            told = f"{what} out by a link or an image in the answer"
            yield End("out by html", "way_out", told, "high", ("T18",), unsaid, ("AI-03", "AI-04"), mend)
            return
