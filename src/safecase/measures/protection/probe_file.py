"""`safecase-probes.yaml`: what checks that ask the running service need and the manifest cannot say yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from safecase.checks import Context
from safecase.errors import CollectError, ManifestError
from safecase.measures.protection.agent_messages import Agent
from safecase.readers import yaml_places
from safecase.readers.text import shown
from safecase.readers.yaml_places import Steps
from safecase.targets.described import Identity
from safecase.vocabulary import Noun, Place

FILE: Final = "safecase-probes.yaml"
MOST_BYTES: Final = 200_000


class Said(Noun, frozen=True):
    """What the file may say; secrets are references (`${env:NAME}`, `${file:path}`)."""

    identities: Annotated[
        tuple[Identity, ...], Meta(description="Two users made for tests: id, and key, headers or body.")
    ] = ()
    agents: Annotated[tuple[Agent, ...], Meta(max_length=50, description="Agents, and how a listed sender signs.")] = ()
    media: Annotated[tuple[str, ...], Meta(description="Files or folders of media that the service made.")] = ()
    tool_keys: Annotated[Mapping[str, str], Meta(description="Bearer tokens for tools with a `url`, by id.")] = {}


class Probes(NamedTuple):
    """What the file says, and where."""

    said: Said
    document: yaml_places.Document | None

    def place(self, *steps: str | int) -> Place:
        """Say where something of it stands."""
        at: Steps = steps
        return self.document.key_place(at) if self.document is not None else Place(file=FILE)


def probes(ctx: Context) -> Probes:
    """Read the file beside safecase.yaml; says nothing where there is none, raises CollectError where it is wrong."""
    path = ctx.path(FILE)
    if not path.is_file():
        return Probes(Said(), None)
    try:
        with path.open("rb") as file:
            document = yaml_places.read(file.read(MOST_BYTES + 1), FILE, most_bytes=MOST_BYTES, any_keys=True)
        return Probes(msgspec.convert(document.value or {}, Said), document)
    except (ManifestError, msgspec.ValidationError, OSError) as why:
        told = f"{FILE} cannot be read: {shown(str(why), 200)}"
        raise CollectError(told, mend="it may hold identities, agents, media and tool_keys") from why
