"""The second, neural stage of the detector: a small encoder of eight-bit weights, which the extra `guard-ml` runs.

It reads what stands in a text as a whole, where the first stage counts words; the sum of both is better than either.
"""

from __future__ import annotations

from safecase.detectors.injection.neural.network import Network, available, shipped

__all__ = ["Network", "available", "shipped"]
