"""All the ways in which a text can be read: as it stands once disguises are taken off, and what is encoded in it.

views(text).found[0]            the text itself, normalised
views(text).found[1:]           what was hidden in it: base64, tag characters, spaced letters …
view.place(start, end)          where a part of a view stands in the original text
"""

from __future__ import annotations

from safecase.detectors.views.reading import Views, views
from safecase.detectors.views.view import View

__all__ = ["View", "Views", "views"]
