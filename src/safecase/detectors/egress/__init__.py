"""What keeps an answer from carrying data out: links, images and markup that lead to hosts nobody allowed.

An answer's URLs are what leads out of it, whatever markup they stand in. So every URL is found, wherever and however it
is written, and taken apart unless it may stay; and markup that runs or fetches something loses its first bracket.
"""

from __future__ import annotations

from safecase.detectors.egress.filtering import EgressStream, Filtered, filter_text
from safecase.detectors.egress.policy import Blocked, EgressPolicy

__all__ = ["Blocked", "EgressPolicy", "EgressStream", "Filtered", "filter_text"]
