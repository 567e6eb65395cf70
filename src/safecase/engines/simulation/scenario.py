"""A scenario as people write it: how often something happens, what each event costs, what controls take away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from safecase.engines.simulation.distributions import (
    MOST_EVENTS,
    Distribution,
    ModelError,
    Steps,
    constant,
    distribution,
    number,
)

PARTS: Final = ("frequency", "magnitude", "secondary")
_WORDS: Final = {
    "lef": "frequency", "tef": "frequency", "vulnerability": "frequency", "frequency": "frequency",
    "lm": "magnitude", "magnitude": "magnitude", "secondary": "secondary",
}  # fmt: skip


class Effect(NamedTuple):
    """What a control takes away: shares from 0 (nothing) to 1 (all)."""

    frequency: Distribution
    """Of the events."""
    magnitude: Distribution
    """Of what an event costs."""
    secondary: Distribution
    """Of the events' consequences by others: fines, claims, lost customers."""


class ControlModel(NamedTuple):
    """A control, what it does to a scenario, and what it costs a year."""

    id: str
    effect: Effect
    cost: Distribution


class Secondary(NamedTuple):
    """What others do because of an event: how likely, and what it costs."""

    probability: Distribution
    lm: Distribution


class Scenario(NamedTuple):
    """What may happen, how often and at what cost."""

    id: str
    rate: Distribution
    """Events that are tried in a year, or happen."""
    vulnerability: Distribution | tuple[Distribution, Distribution]
    """The share of tries that succeed; or capability and resistance, of which the first must be the greater."""
    lm: Distribution
    secondary: Secondary | None = None
    cap: float = math.inf
    """No event costs more."""
    controls: tuple[ControlModel, ...] = ()
    annual: Distribution | None = None
    """The year's loss where that is known as a whole."""


def read(value: Any, steps: Steps, name: str) -> Scenario:
    """Read a scenario; `name` is its id where it bears none."""
    if not isinstance(value, Mapping):
        raise ModelError("a scenario is a mapping", steps, mend="write lef: and lm:")
    known = {
        "id", "title", "lef", "tef", "vulnerability", "annual", "lm", "secondary", "cap_per_event", "control",
        "controls", "threat", "threats", "risk_group", "source", "owner",
    }  # fmt: skip
    _only(value, known, steps)
    id_ = value.get("id", name)
    if not isinstance(id_, str) or not id_:
        raise ModelError("an id is a text", (*steps, "id"), mend="write a short name")
    controls = tuple(_controls(value, steps))
    if "annual" in value:
        for word in ("lef", "tef", "lm", "secondary", "cap_per_event", "vulnerability"):
            if word in value:
                told = f"annual: says the whole year's loss; {word} says it again"
                raise ModelError(told, (*steps, word), mend=f"keep one of annual and {word}")
        annual = _loss(value["annual"], (*steps, "annual"))
        return Scenario(id_, constant(0), constant(1), constant(0), controls=controls, annual=annual)
    if "lef" in value and "tef" in value:
        raise ModelError("lef and tef say the frequency twice", (*steps, "tef"), mend="keep one of them")
    word = "lef" if "lef" in value else "tef"
    if word not in value:
        raise ModelError("it says nowhere how often it happens", steps, mend="add `lef:` (events a year)")
    if "lm" not in value:
        raise ModelError("it says nowhere what an event costs", steps, mend="add `lm:`")
    if word == "tef" and "vulnerability" not in value:
        told = "tef counts tries; how many of them succeed is not said"
        raise ModelError(told, steps, mend="add `vulnerability:`, or write lef instead of tef")
    vulnerability = _vulnerability(value.get("vulnerability", 1), (*steps, "vulnerability"))
    return Scenario(
        id=id_,
        rate=rate(value[word], (*steps, word)),
        vulnerability=vulnerability,
        lm=_loss(value["lm"], (*steps, "lm")),
        secondary=_secondary(value["secondary"], (*steps, "secondary")) if "secondary" in value else None,
        cap=_cap(value, steps),
        controls=controls,
    )


def rate(value: Any, steps: Steps) -> Distribution:
    """Read a rate of events: `{poisson: number | dist}`, or what may stand in it."""
    if isinstance(value, Mapping) and "poisson" in value:
        _only(value, {"poisson"}, steps)
        value, steps = value["poisson"], (*steps, "poisson")
    found = distribution(value, steps, least=0.0)
    if found.mean > MOST_EVENTS:
        raise ModelError(f"{found.mean:g} events a year", steps, mend=f"write at most {MOST_EVENTS:g}")
    return found


def _only(value: Mapping[str, Any], known: set[str], steps: Steps) -> None:
    import difflib

    for key in value:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            mend = f"did you mean {near[0]}?" if near else f"take it out; known are {', '.join(sorted(known))}"
            raise ModelError(f"{key!r} is not known here", (*steps, str(key)), mend=mend)


def _cap(value: Mapping[str, Any], steps: Steps) -> float:
    if "cap_per_event" not in value:
        return math.inf
    cap = number(value["cap_per_event"], (*steps, "cap_per_event"))
    if cap < 0:
        raise ModelError(f"a cap of {cap:g} is negative", (*steps, "cap_per_event"), mend="write a positive number")
    return cap


def _loss(value: Any, steps: Steps) -> Distribution:
    """A loss is no gain; of a normal distribution the lower end is let pass, and told as a warning."""
    found = distribution(value, steps)
    return found if found.kind == "normal" else distribution(value, steps, least=0.0)


def _secondary(value: Any, steps: Steps) -> Secondary:
    if not isinstance(value, Mapping):
        raise ModelError("a mapping is wanted: probability, lm", steps, mend="write {probability: 0.2, lm: …}")
    _only(value, {"probability", "lm"}, steps)
    for word in ("probability", "lm"):
        if word not in value:
            raise ModelError(f"{word} is missing", steps, mend=f"add `{word}: `")
    probability = distribution(value["probability"], (*steps, "probability"), least=0.0, most=1.0)
    return Secondary(probability, _loss(value["lm"], (*steps, "lm")))


def _vulnerability(value: Any, steps: Steps) -> Distribution | tuple[Distribution, Distribution]:
    if isinstance(value, Mapping) and ("tcap" in value or "rs" in value):
        return contest(value, steps)
    return distribution(value, steps, least=0.0, most=1.0)


def contest(value: Any, steps: Steps) -> tuple[Distribution, Distribution]:
    """Read `{tcap, rs}`: the capability of who tries, and the resistance against it."""
    if not isinstance(value, Mapping):
        raise ModelError("a mapping is wanted: tcap, rs", steps, mend="write {tcap: …, rs: …}")
    _only(value, {"tcap", "rs"}, steps)
    for word in ("tcap", "rs"):
        if word not in value:
            raise ModelError(f"{word} is missing", steps, mend=f"add `{word}: `")
    return distribution(value["tcap"], (*steps, "tcap")), distribution(value["rs"], (*steps, "rs"))


def _controls(value: Mapping[str, Any], steps: Steps) -> list[ControlModel]:
    if "control" in value and "controls" in value:
        raise ModelError("control and controls are said both", (*steps, "control"), mend="keep controls")
    rows, at = value.get("controls", []), (*steps, "controls")
    if "control" in value:
        rows, at = [value["control"]], (*steps, "control")
    if isinstance(rows, Mapping) or not isinstance(rows, Sequence) or isinstance(rows, str):
        raise ModelError("a list of controls is wanted", at, mend="write - {id: …, effect: …}")
    found: list[ControlModel] = []
    for index, row in enumerate(rows):
        here = at if "control" in value else (*at, index)
        if not isinstance(row, Mapping):
            raise ModelError("a control is a mapping", here, mend="write {id: …, effect: 0.5}")
        _only(row, {"id", "effect", "cost", "title", "on"}, here)
        if "effect" not in row:
            raise ModelError("its effect is missing", here, mend="add `effect: 0.5`: the share that it takes away")
        id_ = str(row.get("id", f"control-{index + 1}"))
        if id_ in {one.id for one in found}:
            raise ModelError(f"{id_} is there twice", (*here, "id"), mend="name each control once")
        cost = distribution(row.get("cost", 0), (*here, "cost"), least=0.0)
        found.append(ControlModel(id_, _effect(row["effect"], row.get("on"), (*here, "effect")), cost))
    return found


def _effect(value: Any, on: Any, steps: Steps) -> Effect:
    """A share alone takes events away; a mapping says of what: `{frequency: 0.3, magnitude: 0.5}`."""
    shares: dict[str, Distribution] = {}
    if isinstance(value, Mapping) and any(word in _WORDS for word in value):
        _only(value, set(_WORDS), steps)
        for word, one in value.items():
            if _WORDS[word] in shares:
                raise ModelError(f"{word} is said twice, by two names", (*steps, word), mend="keep one of them")
            shares[_WORDS[word]] = distribution(one, (*steps, word), least=0.0, most=1.0)
    else:
        part = _WORDS.get(str(on)) if on is not None else "frequency"
        if part is None:
            raise ModelError(
                f"{on!r} is no part of a scenario", (*steps[:-1], "on"), mend=f"one of {', '.join(_WORDS)}"
            )
        shares[part] = distribution(value, steps, least=0.0, most=1.0)
    return Effect(*(shares.get(part, constant(0.0)) for part in PARTS))


def warnings(scenario: Scenario) -> tuple[str, ...]:
    """Say what makes the numbers of a scenario doubtful."""
    found: list[str] = []
    sizes = {"lm": scenario.lm}
    if scenario.secondary is not None:
        sizes["secondary.lm"] = scenario.secondary.lm
    if scenario.annual is not None:
        sizes = {"annual": scenario.annual}
    for word, one in sizes.items():
        found += doubts(one, word, capped=scenario.cap < math.inf)
    return tuple(found)


def doubts(one: Distribution, word: str, *, capped: bool = False) -> tuple[str, ...]:
    """Say what a distribution does to the numbers that are made of it."""
    found: list[str] = []
    if one.mean == math.inf and not capped:
        found.append(f"{word} has an infinite mean and an infinite variance: mean and errors mean nothing; cap it")
    elif one.variance == math.inf and not capped:
        found.append(f"{word} has an infinite variance: the mean comes slowly, and its standard error means nothing")
    if one.kind == "normal":
        mean, sd = one.parameters
        below = math.erfc(mean / sd / math.sqrt(2)) / 2
        if below > 0.0001:
            found.append(f"{word} is negative in {below:.2%} of the draws: a lognormal or a PERT cannot be")
    return tuple(found)
