"""What looks at one text and says which parts of it are of a kind: one file a kind."""

from __future__ import annotations

from safecase.detectors.detector import Detector
from safecase.detectors.personal_data import personal_data
from safecase.detectors.secrets import secrets

DETECTORS: tuple[Detector, ...] = (secrets, personal_data)
"""Those that are shipped; `safecase.plugins.detectors()` gives those of plug-ins, too."""
