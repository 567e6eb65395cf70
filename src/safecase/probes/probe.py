"""What a family of attacks is, and how its texts are made: templates and slots, drawn with a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from safecase.probes.oracles import Oracle
from safecase.readers.conversations import Conversation, Next, Tool
from safecase.readers.suites import Row
from safecase.vocabulary import Noun

T = TypeVar("T")


class ProbeFacts(Noun, frozen=True):
    """What is known of the service that is attacked."""

    canary: str = ""
    """A text planted in its hidden context; it never stands in an attack."""
    system_prompts: tuple[str, ...] = ()
    """Its hidden instructions themselves, where there is no canary to look for."""
    ordinary: tuple[str, ...] = ()
    """What it answers to innocent questions: what stands in there is no secret."""
    identities: tuple[str, ...] = ()
    """As whom it can be asked; the first is the one that attacks unless an attack says otherwise."""
    owned: tuple[tuple[str, ...], ...] = ()
    """Of each identity, texts that nobody else may see."""
    tools: tuple[Tool, ...] = ()
    """What it may call."""
    golden: tuple[Row, ...] = ()
    """Ordinary cases that must come out right."""
    takes_tools: bool = True
    """False where it turns away messages of tools, so that no attack can come by them."""
    takes_pictures: bool = False
    """True where it answers a question with a picture."""
    most_characters: int = 20_000
    """The longest answer that is in order."""
    most_seconds: float | None = None
    """The slowest answer that is in order; None where nobody said."""


class Attack(Noun, frozen=True):
    """One attempt: what is said, and how to see that it worked."""

    weakness: str
    variant: str
    conversation: Conversation
    oracle: Oracle
    tools: tuple[Tool, ...] = ()
    """What the model is told that it may call."""
    then: tuple[Next, ...] = ()
    """What is said further, each once the reply before it is there."""
    identity: str = ""
    """As whom the first thing is said; empty for whoever the target takes us for."""
    max_tokens: int | None = None
    """Of each reply; None for as many as a leak needs to show."""


class Probe(Noun, frozen=True):
    """A family of attacks on one weakness."""

    weakness: str
    """Its slug; several families may look for one weakness."""
    title: str
    references: tuple[str, ...]
    mend: str
    attacks: Callable[[random.Random, ProbeFacts], Iterator[Attack]]
    """Gives attacks without end, or none where nothing would show that one worked."""
    threats: tuple[str, ...] = ()
    """Ids of the catalogue's threats of which it is a way."""
    id: str = ""
    """Tells it from other families of its weakness; empty where it is the only one."""
    pictures: bool = False
    """Its attacks come in pictures."""

    @property
    def name(self) -> str:
        """Give what it is called."""
        return self.id or self.weakness


def turns(rng: random.Random, choices: Sequence[T]) -> Iterator[T]:
    """Give every choice once, in random order, again and again: no variant is left out of a small sample."""
    while choices:
        yield from rng.sample(choices, len(choices))


def filled(rng: random.Random, template: str, slots: Mapping[str, Sequence[str]]) -> str:
    """Fill each `{slot}` of a template with one of its choices."""
    chosen = {name: rng.choice(choices) for name, choices in slots.items()}
    return template.format_map(chosen)
