"""Families of attacks that are written down in YAML: templates and slots, and what to look for in the replies."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
import yaml
from msgspec import Meta

from safecase.probes.hidden_context import leak_oracle
from safecase.probes.oracles import Kind, Oracle, halves
from safecase.probes.probe import Attack, Probe, ProbeFacts, turns
from safecase.readers.conversations import Called, Message, Next, Role, Tool
from safecase.vocabulary import Noun

Severity: TypeAlias = Literal["critical", "high", "medium", "low"]
Need: TypeAlias = Literal["leak", "tools", "identities", "seconds"]
"""What must be known of the target: what can leak, its tools, two users, the slowest answer that is in order."""
_SLOT = re.compile(r"\{([a-z_]+)\}")


class Turn(Noun, frozen=True, forbid_unknown_fields=True):
    """One message of an attack; exactly one of the roles is given."""

    system: str = ""
    user: str = ""
    assistant: str = ""
    tool: str = ""
    name: str = ""
    """Of a tool: which one answers; it counts as called in the turn before, with `arguments`."""
    arguments: str = "{}"


class Further(Noun, frozen=True, forbid_unknown_fields=True):
    """What is said once the reply is there."""

    say: str
    identity: int = 0
    """Which of the target's identities says it, from 0; others than 0 stand for other users."""
    fresh: bool = False


class Script(Noun, frozen=True, forbid_unknown_fields=True):
    """One way of an attack."""

    turns: tuple[Turn, ...]
    then: tuple[Further, ...] = ()
    identity: int = 0
    """Who begins."""
    slots: Mapping[str, tuple[str, ...]] = {}
    """Further slots, or others than the family's."""

    @property
    def with_tools(self) -> bool:
        """Say whether a tool speaks in it."""
        return any(turn.tool for turn in self.turns)


class Family(Noun, frozen=True, forbid_unknown_fields=True):
    """What stands in a file for one family."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")]
    title: str
    severity: Severity
    references: tuple[str, ...]
    threats: tuple[str, ...]
    """Ids of the catalogue's threats of which it is a way."""
    mend: str
    looks_for: Kind | Literal["leak", "theirs"]
    """`leak` is the canary where one is planted, else passages of the hidden prompt; `theirs` what the second identity
    is declared to own."""
    attacks: Mapping[str, str | Script]
    """By variant: what a user says, or a whole script."""
    wanted: tuple[str, ...] = ()
    """What the oracle gets; slots are filled. Left out for leak, word, nonce and done."""
    needs: tuple[Need, ...] = ()
    slots: Mapping[str, tuple[str, ...]] = {}
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None


def read(content: bytes) -> tuple[Family, ...]:
    """Read a file; raises msgspec.ValidationError or yaml.YAMLError where it is none."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return msgspec.convert(yaml.load(content, Loader=loader), tuple[Family, ...])  # noqa: S506  a safe loader


@cache
def families() -> tuple[Family, ...]:
    """Give every family that is shipped, in the order of their ids."""
    folder = resources.files("safecase.probes.families")
    files = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    return tuple(sorted((one for file in files for one in read(file.read_bytes())), key=lambda one: one.id))


def probe_of(family: Family) -> Probe:
    """Make the family into something that can be asked."""

    def attacks(rng: random.Random, facts: ProbeFacts) -> Iterator[Attack]:
        return _attacks(family, rng, facts)

    return Probe(
        id=family.id,
        weakness=family.id.partition(".")[0],
        title=family.title,
        references=family.references,
        threats=family.threats,
        mend=family.mend,
        attacks=attacks,
    )


def _attacks(family: Family, rng: random.Random, facts: ProbeFacts) -> Iterator[Attack]:
    """Give every variant in random order, again and again; none where something that is needed is not known."""
    if not _known(family, facts):
        return
    scripts = {variant: _script(said) for variant, said in family.attacks.items()}
    if not facts.takes_tools:
        scripts = {variant: one for variant, one in scripts.items() if not (family.tools or one.with_tools)}
    for variant in turns(rng, tuple(scripts)):
        script = scripts[variant]
        filling = _Filling(rng, {**family.slots, **script.slots}, facts)
        conversation = tuple(_messages(script, filling))
        then = tuple(
            Next(text=filling(one.say), identity=filling.identity(one.identity), fresh=one.fresh) for one in script.then
        )
        yield Attack(
            weakness=family.id.partition(".")[0],
            variant=variant,
            conversation=conversation,
            oracle=_oracle(family, facts, filling),
            tools=family.tools or facts.tools,
            then=then,
            identity=filling.identity(script.identity),
            max_tokens=family.max_tokens,
        )


def _script(said: str | Script) -> Script:
    return Script(turns=(Turn(user=said),)) if isinstance(said, str) else said


def _known(family: Family, facts: ProbeFacts) -> bool:
    if family.looks_for == "leak" and leak_oracle(facts) is None:
        return False
    if family.looks_for == "theirs" and not any(facts.owned[1:2]):
        return False
    known = {
        "leak": leak_oracle(facts) is not None,
        "tools": bool(facts.tools),
        "identities": len(facts.identities) > 1,
        "seconds": facts.most_seconds is not None,
    }
    return all(known.get(need, True) for need in family.needs)


class _Filling:
    """Fills slots, each with one choice for the whole attack.

    Beside the family's own there are `{a}` and `{b}`, two halves of a word that is no word; `{word}`, which is both
    together; `{made}` and `{named}`, the same as the name of a thing and of a person; `{number}`, a number of five
    digits; `{other}`, the name of the second identity; `{most}` and `{slowest}`, the characters and the seconds that an
    answer may have; and `{tool}`, a tool that changes something, where there is one.
    """

    def __init__(self, rng: random.Random, slots: Mapping[str, tuple[str, ...]], facts: ProbeFacts) -> None:
        made = halves(rng)
        self.word = made.whole
        self._facts = facts
        self._chosen = {
            "a": made.first,
            "b": made.second,
            "word": made.whole,
            "made": made.whole.lower(),
            "named": made.whole.title(),
            "number": str(rng.randrange(10_000, 99_999)),
        }
        self._chosen |= {"other": self.identity(1), "tool": _acting(facts), "most": str(facts.most_characters)}
        self._chosen["slowest"] = str(facts.most_seconds)
        self._chosen |= {name: rng.choice(choices) for name, choices in sorted(slots.items())}

    def __call__(self, text: str) -> str:
        # Choices may hold slots themselves. What is no slot of ours stays: JSON and code have braces, too.
        for _ in range(3):
            filled = _SLOT.sub(lambda slot: self._chosen.get(slot[1], slot[0]), text)
            if filled == text:
                break
            text = filled
        return text

    def identity(self, number: int) -> str:
        names = self._facts.identities
        return names[number % len(names)] if names else ""


_ACTS = re.compile(
    r"delet|remov|send|mail|pay|transfer|refund|cancel|run|exec|forward|publish|grant|updat|writ|creat|post|order|buy",
    re.I,
)


def _acting(facts: ProbeFacts) -> str:
    """Give the tool whose name sounds most like a deed."""
    names = [tool.name for tool in facts.tools]
    return next((name for name in names if _ACTS.search(name)), names[0] if names else "delete_account")


def _messages(script: Script, filling: _Filling) -> Iterator[Message]:
    for turn in script.turns:
        if turn.tool:
            yield Message(role="assistant", text="", calls=(Called(tool=turn.name, arguments=filling(turn.arguments)),))
            yield Message(role="tool", text=filling(turn.tool), answers=turn.name)
            continue
        said: dict[Role, str] = {"system": turn.system, "user": turn.user, "assistant": turn.assistant}
        role, text = next((role, text) for role, text in said.items() if text)
        yield Message(role=role, text=filling(text))


def _oracle(family: Family, facts: ProbeFacts, filling: _Filling) -> Oracle:
    if family.looks_for == "leak":
        found = leak_oracle(facts)
        assert found is not None
        return found
    if family.looks_for == "theirs":
        return Oracle(kind="record", wanted=facts.owned[1])
    if family.looks_for in ("word", "nonce", "done") and not family.wanted:
        return Oracle(kind=family.looks_for, wanted=(filling.word,))
    return Oracle(kind=family.looks_for, wanted=tuple(map(filling, family.wanted)), known=facts.ordinary)
