"""Read a text in all ways: layer by layer, within bounds."""

from __future__ import annotations

from typing import Final, NamedTuple

from safecase.detectors.views.disguises import undisguised, unleeted, unspaced
from safecase.detectors.views.encodings import decoded
from safecase.detectors.views.view import View

DEPTH: Final = 3
MOST_VIEWS: Final = 64
SLACK: Final = 4096


class Views(NamedTuple):
    """All readings of a text."""

    found: tuple[View, ...]
    whole: bool
    """False: there was more to decode than the bounds let."""


def views(text: str) -> Views:
    """Give all readings: together no more than four times the text, and three layers deep."""
    plain = undisguised(text)
    first = View(plain.text, (), offsets=plain.offsets)
    found = [first]
    room = 4 * len(text) + SLACK
    layer = [first]
    if plain.tags.strip():
        layer.append(View(plain.tags, ("tag characters",), region=plain.tags_at))
    if plain.smuggled:
        layer.append(View(plain.smuggled, ("variation selectors",), region=plain.smuggled_at))
    found += layer[1:]
    seen = {view.text for view in found}
    whole = True
    for depth in range(DEPTH + 1):
        inner: list[View] = []
        for view in layer:
            for one in _inside(view, last=depth == DEPTH):
                if not one.how:
                    whole = False
                    continue
                if one.text in seen:
                    continue
                room -= len(one.text)
                if room < 0 or len(found) >= MOST_VIEWS:
                    return Views(tuple(found), False)
                seen.add(one.text)
                found.append(one)
                inner.append(one)
        layer = inner
        if not layer:
            break
    return Views(tuple(found), whole)


def _inside(view: View, *, last: bool) -> list[View]:
    found: list[View] = []
    text = view.text
    for joined, start, end in unspaced(text):
        found.append(View(joined, (*view.how, "spaced letters"), region=(start, end), inside=view))
    letters = unleeted(text)
    if letters != text:
        offsets = range(len(text)) if len(letters) == len(text) else None
        found.append(View(letters, (*view.how, "leet"), offsets=offsets, inside=view))
    if not last:
        for one in decoded(text):
            if not one.how:
                found.append(View("", ()))
                continue
            plain = undisguised(one.text).text
            found.append(View(plain, (*view.how, *one.how), region=(one.start, one.end), inside=view))
    return found
