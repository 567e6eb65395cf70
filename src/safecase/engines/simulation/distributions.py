"""Distributions as people write them, checked when they are read, and drawn by numpy.

Each is a number or a mapping with one word: `{pert: [1, 2, 5]}`, `{lognormal90: [1000, 50000]}`. Moments are the closed
ones, where there are any: what a simulation says is held against them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from safecase.errors import SafecaseError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Draws: TypeAlias = "NDArray[np.float64]"
"""A number for each year, or for each event."""
Steps: TypeAlias = tuple[str | int, ...]
"""The way to a value in a model: keys and list indexes."""

Z90: Final = 3.2897072539029435
"""The width of the middle 90 % of a normal distribution, in standard deviations."""
GREATEST: Final = 1e150
"""Numbers beyond it would overflow when they are squared."""


class ModelError(SafecaseError):
    """A model that cannot be simulated; `steps` lead to the value that is wrong."""

    def __init__(self, message: str, steps: Steps, *, mend: str) -> None:
        super().__init__(message, mend=mend)
        self.steps = steps


class Distribution(NamedTuple):
    """A distribution that can be drawn from."""

    kind: str
    parameters: tuple[float, ...]
    mean: float
    """Infinite where there is none."""
    variance: float
    """Infinite where there is none."""
    draw: Callable[[np.random.Generator, int], Draws]
    low: float = -math.inf
    """No draw is less."""
    high: float = math.inf

    @property
    def certain(self) -> bool:
        """Whether it is a mere number."""
        return self.kind == "const"


def number(value: Any, steps: Steps) -> float:
    """Take a finite number; text, truth values, NaN and infinities are refused."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ModelError("a number is wanted here", steps, mend="write a number, like 0.25 or 1200")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found) or abs(found) > GREATEST:
        what = "is not a number (NaN)" if math.isnan(found) else f"is not below {GREATEST:g}"
        raise ModelError(f"the value {what}", steps, mend="write a finite number")
    return found


def share(value: Any, steps: Steps) -> float:
    """Take a probability or a share: a number from 0 to 1."""
    found = number(value, steps)
    if not 0 <= found <= 1:
        raise ModelError(
            f"{found:g} is no probability: it lies outside 0 to 1", steps, mend="write it as 0.25 for 25 %"
        )
    return found


def distribution(value: Any, steps: Steps, *, least: float = -math.inf, most: float = math.inf) -> Distribution:
    """Read a distribution; where it is only allowed between `least` and `most`, what can fall outside is refused."""
    found = _read(value, steps)
    if found.low < least or found.high > most:
        if most == 1 and least == 0:
            told, mend = "a probability is wanted, and this may lie outside 0 to 1", "keep its ends within 0 to 1"
        else:
            told, mend = f"it may be less than {least:g}", "write a distribution that cannot be negative"
        if found.certain:
            told = (
                f"{found.mean:g} lies outside {least:g} to {most:g}"
                if most < math.inf
                else f"{found.mean:g} is negative"
            )
        raise ModelError(told, steps, mend=mend)
    return found


def _read(value: Any, steps: Steps) -> Distribution:
    if not isinstance(value, Mapping):
        return constant(number(value, steps))
    words = [word for word in value if word in _READERS]
    if len(words) != 1:
        import difflib

        near = next((n for word in value for n in difflib.get_close_matches(str(word), _READERS, 1)), "")
        told = "several distributions at once" if words else "no distribution that is known"
        hint = f"; did you mean {near}?" if near and not words else ""
        raise ModelError(f"{told}{hint}", steps, mend=f"one of {', '.join(_READERS)}")
    word = words[0]
    extra = [str(key) for key in value if key != word and not (word == "pert" and key == "lambda")]
    if extra:
        raise ModelError(f"{word} does not take {extra[0]!r}", (*steps, extra[0]), mend=f"take {extra[0]} out")
    return _READERS[word](value[word], value, (*steps, word))


def constant(value: float) -> Distribution:
    """Make a distribution of a number."""

    def draw(_: np.random.Generator, n: int) -> Draws:
        import numpy as np

        return np.full(n, value)

    return Distribution("const", (value,), value, 0.0, draw, value, value)


def _numbers(value: Any, count: int, names: str, steps: Steps) -> tuple[float, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != count:
        raise ModelError(f"{count} numbers are wanted: [{names}]", steps, mend=f"write [{names}]")
    return tuple(number(one, (*steps, at)) for at, one in enumerate(value))


def _fields(value: Any, names: Sequence[str], steps: Steps) -> tuple[float, ...]:
    if not isinstance(value, Mapping):
        raise ModelError(f"a mapping is wanted: {', '.join(names)}", steps, mend=f"write {{{': …, '.join(names)}: …}}")
    for key in value:
        if key not in names:
            raise ModelError(f"{key!r} is not known here", (*steps, str(key)), mend=f"write {', '.join(names)}")
    for name in names:
        if name not in value:
            raise ModelError(f"{name} is missing", steps, mend=f"add `{name}: `")
    return tuple(number(value[name], (*steps, name)) for name in names)


def _positive(found: float, name: str, steps: Steps) -> None:
    if found <= 0:
        raise ModelError(f"{name} is {found:g}; it must be greater than 0", steps, mend="write a positive number")


def _const(value: Any, _: Mapping[str, Any], steps: Steps) -> Distribution:
    return constant(number(value, steps))


def _uniform(value: Any, _: Mapping[str, Any], steps: Steps) -> Distribution:
    a, b = _numbers(value, 2, "low, high", steps)
    if a > b:
        raise ModelError(f"the low end {a:g} lies above the high end {b:g}", steps, mend="swap them")
    return Distribution("uniform", (a, b), (a + b) / 2, (b - a) ** 2 / 12, lambda rng, n: rng.uniform(a, b, n), a, b)


def _pert(value: Any, whole: Mapping[str, Any], steps: Steps) -> Distribution:
    low, mode, high = _numbers(value, 3, "low, mode, high", steps)
    if not low <= mode <= high:
        raise ModelError(
            f"the mode {mode:g} lies outside {low:g} to {high:g}", steps, mend="write [low, mode, high] in this order"
        )
    weight = number(whole["lambda"], (*steps[:-1], "lambda")) if "lambda" in whole else 4.0
    _positive(weight, "lambda", (*steps[:-1], "lambda"))
    if low == high:
        return constant(low)
    a = 1 + weight * (mode - low) / (high - low)
    b = 1 + weight * (high - mode) / (high - low)
    width = high - low
    mean = low + width * a / (a + b)
    variance = width**2 * a * b / ((a + b) ** 2 * (a + b + 1))
    return Distribution(
        "pert", (low, mode, high, weight), mean, variance, lambda rng, n: low + width * rng.beta(a, b, n), low, high
    )


def _normal(value: Any, _: Mapping[str, Any], steps: Steps) -> Distribution:
    mean, sd = _numbers(value, 2, "mean, sd", steps)
    if sd < 0:
        raise ModelError(f"the standard deviation is {sd:g}", steps, mend="write a number of 0 or more")
    if sd == 0:
        return constant(mean)
    return Distribution("normal", (mean, sd), mean, sd**2, lambda rng, n: rng.normal(mean, sd, n))


def _lognormal_of(mu: float, sigma: float, steps: Steps) -> Distribution:
    if sigma < 0:
        raise ModelError(f"sigma is {sigma:g}", steps, mend="write a number of 0 or more")
    if 2 * mu + 2 * sigma**2 > math.log(GREATEST):
        raise ModelError("its spread is too great to be simulated", steps, mend="narrow it: mu and sigma are of logs")
    mean = math.exp(mu + sigma**2 / 2)
    return Distribution(
        "lognormal",
        (mu, sigma),
        mean,
        math.expm1(sigma**2) * mean**2,
        lambda rng, n: rng.lognormal(mu, sigma, n),
        0.0,
    )


def _lognormal(value: Any, _: Mapping[str, Any], steps: Steps) -> Distribution:
    mu, sigma = _fields(value, ("mu", "sigma"), steps)
    return _lognormal_of(mu, sigma, steps)


def _lognormal90(value: Any, _: Mapping[str, Any], steps: Steps) -> Distribution:
    low, high = _numbers(value, 2, "p5, p95", steps)
    _positive(low, "p5", (*steps, 0))
    if low > high:
        raise ModelError(f"p5 {low:g} lies above p95 {high:g}", steps, mend="swap them")
    return _lognormal_of((math.log(low) + math.log(high)) / 2, (math.log(high) - math.log(low)) / Z90, steps)


def _exponential(value: Any, _: Mapping[str, Any], steps: Steps) -> Distribution:
    (mean,) = _fields(value, ("mean",), steps)
    _positive(mean, "mean", (*steps, "mean"))
    return Distribution("exponential", (mean,), mean, mean**2, lambda rng, n: rng.exponential(mean, n), 0.0)


def _gamma(value: Any, _: Mapping[str, Any], steps: Steps) -> Distribution:
    shape, rate = _fields(value, ("shape", "rate"), steps)
    _positive(shape, "shape", (*steps, "shape"))
    _positive(rate, "rate", (*steps, "rate"))
    return Distribution(
        "gamma", (shape, rate), shape / rate, shape / rate**2, lambda rng, n: rng.gamma(shape, 1 / rate, n), 0.0
    )


def _pareto(value: Any, _: Mapping[str, Any], steps: Steps) -> Distribution:
    alpha, xm = _fields(value, ("alpha", "xm"), steps)
    _positive(alpha, "alpha", (*steps, "alpha"))
    _positive(xm, "xm", (*steps, "xm"))
    mean = alpha * xm / (alpha - 1) if alpha > 1 else math.inf
    variance = xm**2 * alpha / ((alpha - 1) ** 2 * (alpha - 2)) if alpha > 2 else math.inf
    return Distribution("pareto", (alpha, xm), mean, variance, lambda rng, n: xm * (1 + rng.pareto(alpha, n)), xm)


def _poisson(value: Any, _: Mapping[str, Any], steps: Steps) -> Distribution:
    rate = distribution(value, steps, least=0.0)

    def draw(rng: np.random.Generator, n: int) -> Draws:
        rates = rate.mean if rate.certain else rate.draw(rng, n)
        return rng.poisson(rates, n).astype("float64")

    if rate.mean > MOST_EVENTS:
        raise ModelError(f"{rate.mean:g} events a year", steps, mend=f"write at most {MOST_EVENTS:g}")
    return Distribution("poisson", (rate.mean,), rate.mean, rate.mean + rate.variance, draw, 0.0)


MOST_EVENTS: Final = 1e9
"""Events of one kind in a year."""

_READERS: Final[Mapping[str, Callable[[Any, Mapping[str, Any], Steps], Distribution]]] = {
    "const": _const,
    "uniform": _uniform,
    "pert": _pert,
    "normal": _normal,
    "lognormal": _lognormal,
    "lognormal90": _lognormal90,
    "exponential": _exponential,
    "gamma": _gamma,
    "pareto": _pareto,
    "poisson": _poisson,
}
