"""What a call costs, in millionths of the currency: whole numbers, so that sums are exact."""

from __future__ import annotations

import fnmatch
import math

from safecase.gateway.policy import UpstreamPolicy


def price(upstream: UpstreamPolicy, model: str, tokens_in: int, tokens_out: int) -> int:
    """Give the price by the first glob that fits, rounded up; 0 where no price is known.

    Prices are for a million tokens, so that one token costs as many millionths.
    """
    for name, (inward, outward) in upstream.prices.items():
        if fnmatch.fnmatchcase(model, name):
            return math.ceil(tokens_in * inward + tokens_out * outward)
    return 0
