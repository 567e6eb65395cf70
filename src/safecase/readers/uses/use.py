"""What a use of AI is: one thing found in a repository, with the file and line where it stands."""

from __future__ import annotations

from typing import Literal, TypeAlias

from safecase.vocabulary import Noun

Kind: TypeAlias = Literal[
    "package",
    "llm_client",
    "llm_endpoint",
    "model",
    "agent",
    "tool",
    "vector_store",
    "model_server",
    "model_artifact",
    "training_run",
    "mcp_server",
    "env_var",
    "dataset",
    "memory",
    "source",
    "exposure",
    "program",
    "accelerator",
]

KINDS: tuple[Kind, ...] = (
    "package",
    "llm_client",
    "llm_endpoint",
    "model",
    "agent",
    "tool",
    "vector_store",
    "model_server",
    "model_artifact",
    "training_run",
    "mcp_server",
    "env_var",
)
"""The kinds of an inventory of AI; the others only help to draft a manifest."""

Confidence: TypeAlias = Literal["high", "medium", "low"]
"""`high`: the code or the file says so. `medium`: a name and its value do. `low`: a test, a document or an example."""

Hosting: TypeAlias = Literal["", "saas_api", "managed_cloud", "self_hosted", "edge"]


class Use(Noun, frozen=True):
    """One use of AI."""

    kind: Kind
    name: str
    """The library, provider, tool, store, image, server or variable; of a model, what calls it."""
    path: str
    line: int
    model: str = ""
    """A model's name, `org/name`, or a file."""
    confidence: Confidence = "high"
    provider: str = ""
    """Who runs the model: `openai`; empty where it runs here, or where that is not said."""
    makes: str = ""
    """The kind of AI that it gives away: a value of `ai.kind`."""
    hosting: Hosting = ""
    revision: str = ""
    origin: Literal["", "own", "hub", "provider", "third_party", "public_registry", "public"] = ""
    pinned: bool | None = None
    effect: str = ""
    """Of a tool: a value of `tools.effect`."""
    because: str = ""
    """What a guess rests on."""
    egress: bool | None = None
    url: str = ""
    version: str = ""


class Unread(Noun, frozen=True):
    """A file that was not looked at, or not wholly, and why."""

    path: str
    why: str


class Uses(Noun, frozen=True):
    """The inventory of a repository: deterministic, sorted by file and line."""

    uses: tuple[Use, ...]
    unread: tuple[Unread, ...]
    looked: int
    """How many files were read."""
    deployments: tuple[str, ...] = ()
    """Files that say how it is deployed: Compose, Kubernetes, Terraform."""
