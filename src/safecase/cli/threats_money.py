"""What `threats simulate` and `threats compare` share: reading a model with the places of what is wrong, and money."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from safecase.readers.yaml_places import Document
    from safecase.service.read import ServiceDescription
    from safecase.service.risk import RiskModel

Told = TypeVar("Told")
DRAWS = 100_000


def need_numpy() -> None:
    """Refuse at once where the extra is missing."""
    import importlib.util

    from safecase.errors import UsageError

    if importlib.util.find_spec("numpy") is None:
        raise UsageError("simulation needs numpy, which is not installed", mend="pip install 'safecase[risk]'")


def placed(work: Callable[[], Told], document: Document, within: tuple[str | int, ...] = ()) -> Told:
    """Do some work; a model that is wrong becomes an error with its file, line and column."""
    from safecase.engines.simulation.distributions import ModelError
    from safecase.errors import ManifestError

    try:
        return work()
    except ModelError as why:
        steps = (*within, *why.steps)
        field = ".".join(map(str, steps))
        message = f"{field}: {why.message}" if field else why.message
        fault = document.fault(message, steps, mend=why.mend)
        raise ManifestError([fault], lines=document.lines) from why


def model_of(path: Path) -> Document:
    """Read a model, YAML or JSON."""
    from safecase.errors import UsageError
    from safecase.readers import yaml_places

    try:
        with path.open("rb") as file:
            content = file.read(yaml_places.MOST_BYTES + 1)
    except OSError as why:
        raise UsageError(f"{path} cannot be read: {why.strerror}", mend="give the file of a model") from why
    return yaml_places.read(content, str(path))


def risk_of(service: ServiceDescription) -> RiskModel:
    """Give what the manifest says of money, with the effects that evidence supports."""
    from safecase.assess.threat_model import collected
    from safecase.errors import UsageError
    from safecase.service.risk import risk_model

    if not service.manifest.risk:
        raise UsageError(
            f"{service.file} says nothing of money",
            mend="add risk: with scenarios:, benefits:, costs: and alternative:, or give --model FILE",
        )
    case = collected(service)
    proven = {claim.control for claim in case.claims if claim.state == "supported"} if case is not None else set()
    return placed(lambda: risk_model(raw(service), proven), service.document, ("risk",))


def raw(service: ServiceDescription) -> Mapping[str, Any]:
    """Give `risk:` as it stands in the file."""
    value = service.document.value
    found = value.get("risk", {}) if isinstance(value, dict) else {}
    return found if isinstance(found, dict) else {}


def money(value: float | None, currency: str = "") -> str:
    """Tell an amount as people read it: 1,234,567 EUR."""
    if value is None:
        return "infinite"
    digits = 0 if abs(value) >= 100 else 2
    rounded = round(value, digits)
    told = f"{rounded + 0:,.{digits}f}"
    return f"{told} {currency}".rstrip()
