"""From what is declared to a target that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from safecase.errors import CollectError
from safecase.service.schema import Endpoint
from safecase.targets.dialects import DIALECTS
from safecase.targets.permission import allowed
from safecase.targets.remote import RemoteTarget
from safecase.targets.target import AsyncTarget
from safecase.targets.wire import Wire


def open_endpoint(
    endpoint: Endpoint, *, secret: Callable[[str], str], owned: Sequence[str], at_once: int
) -> AsyncTarget:
    """Open the declared endpoint; raises CollectError where it may not, or cannot, be asked.

    `secret` resolves references, `owned` are the hosts of `--i-own-this-target`.
    """
    if endpoint.api != "openai":
        raise CollectError(
            f"an endpoint of kind {endpoint.api} cannot be asked yet",
            mend="put an OpenAI-compatible route in front of it, and say `api: openai`",
        )
    key = secret(endpoint.key)
    if key and not (key.isascii() and key.isprintable()):
        raise CollectError("the endpoint's key has signs that no header can carry", mend="correct the key")
    wire = Wire(allowed(secret(endpoint.url), owned), most=at_once, timeout_s=endpoint.timeout_s)
    identities = {"": {"authorization": f"Bearer {key}"}} if key else None
    return RemoteTarget(wire, DIALECTS["chat"], model=endpoint.model, identities=identities)
