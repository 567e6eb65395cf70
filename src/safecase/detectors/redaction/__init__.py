"""Credentials and personal data replaced by restorable placeholders, in whole texts and in streams."""

from __future__ import annotations

from safecase.detectors.redaction.kinds import LABELS
from safecase.detectors.redaction.redactor import Redacted, Redactor
from safecase.detectors.redaction.restore import RestoreStream
from safecase.detectors.redaction.stream import RedactionStream

__all__ = ["LABELS", "Redacted", "RedactionStream", "Redactor", "RestoreStream"]
