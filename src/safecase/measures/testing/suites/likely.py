"""What asking test sets is likely to cost, before their files are read."""

from __future__ import annotations

from typing import Final

from safecase.checks import Estimate
from safecase.service.schema import Manifest

ROWS: Final = 50
"""A guess: how many rows there are is not known before the file is read."""


def cost(manifest: Manifest, calls: int, tokens_a_call: int = 400) -> Estimate:
    """Give the estimate of so many calls, at the declared price."""
    attacks, tokens = manifest.testing.attacks, calls * tokens_a_call
    return Estimate(
        calls=calls,
        tokens=tokens,
        money=tokens / 1000 * attacks.price_per_1000_tokens,
        currency=attacks.currency if attacks.price_per_1000_tokens else "",
        seconds=min(float(calls), manifest.settings.check_seconds),
    )
