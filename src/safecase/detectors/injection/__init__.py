"""Does a text try to take over the model that reads it? A score, and what it comes from.

The weights are data in this package (`weights.bin`), made by `safecase protect train` as the model card beside them
says; nothing is downloaded, and nothing in them can run. A classifier lowers the number of attacks and raises alarms;
it guarantees nothing against somebody who tries again and again. What does is in the other guards.
"""

from __future__ import annotations

from safecase.detectors.injection.score import Scored, score, threshold_for
from safecase.detectors.injection.stages import Stage, Stages, stages

__all__ = ["Scored", "Stage", "Stages", "score", "stages", "threshold_for"]
