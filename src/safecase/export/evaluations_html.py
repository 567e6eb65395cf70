"""What came of test sets as pages that a person reads: no script, nothing loaded, depth behind `<details>`."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from safecase import __version__
from safecase.export import evaluations
from safecase.export.html import Scale
from safecase.measures.testing.suites.results import FEWEST_OF_A_SLICE, percent
from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.suites.comparing import Comparison
    from safecase.measures.testing.suites.results import Result

LONGEST: Final = 4000
LONGEST_NAME: Final = 80
MOST_ROWS: Final = 2000
"""On the page, the worst first; the JSON has all."""
_ORDER: Final = ("fail", "flaky", "error", "pass")
_LOOK: Final = {
    "pass": "pass",
    "better": "pass",
    "fail": "fail",
    "worse": "fail",
    "flaky": "stale",
    "error": "unknown",
    "too_few": "unknown",
    "not_shown": "unknown",
}
_TONE: Final = {
    "pass": "holds",
    "better": "holds",
    "not_worse": "holds",
    "fail": "fails",
    "worse": "fails",
    "too_few": "unproven",
}


def render(found: Result) -> bytes:
    """Write the page of a result: the same result gives the same bytes."""
    rows = sorted(found.rows, key=lambda row: _ORDER.index(row.verdict))
    return page(
        "evaluation.html.j2",
        found=found,
        name=_named(found.suite),
        slices=sorted(found.slices, key=lambda one: (one is not found.worst, one.share)),
        rows=rows[:MOST_ROWS],
        left_out=len(rows) - MOST_ROWS,
        counts={kind: sum(row.verdict == kind for row in rows) for kind in _ORDER},
    )


def render_comparison(found: Comparison) -> bytes:
    """Write the page of a comparison."""
    return page("comparison.html.j2", found=found, name=_named(found.new))


def page(template: str, **values: Any) -> bytes:
    """Fill a template that extends `evaluation_page.html.j2`, the same for all results of tests."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    style = resources.files("safecase.export").joinpath("templates/case.css").read_text("utf-8")
    pages = Environment(
        loader=PackageLoader("safecase.export"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals |= {"percent": percent, "between": evaluations.between, "words": evaluations.words}
    pages.globals |= {"points": evaluations.points, "span": evaluations.span, "scale": _scale}
    pages.globals |= {
        "look": _LOOK,
        "tone": _TONE,
        "MOST_ROWS": MOST_ROWS,
        "FEWEST": FEWEST_OF_A_SLICE,
        "version": __version__,
    }
    pages.globals |= {
        "style": Markup(style),  # noqa: S704 - it is ours
        "style_digest": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    }
    return pages.get_template(template).render(values).encode("utf-8", "backslashreplace") + b"\n"


def _scale(share: float, low: float, high: float, threshold: float | None) -> Scale:
    wanted = None if threshold is None else round(100 * threshold, 2)
    return Scale(round(100 * share, 2), round(100 * low, 2), round(100 * high, 2), wanted)


def _named(text: str) -> str:
    return shown(" ".join(text.split()), LONGEST_NAME)


def _shown(value: Any) -> Any:  # whatever a template prints
    """Escape what the browser or an editor would act upon, in everything that the template prints."""
    if isinstance(value, (int, float)) or hasattr(value, "__html__"):
        return value
    told = "\n".join(shown(line, LONGEST) for line in str(value)[: LONGEST + 1].split("\n"))
    return told.replace(" %", "\u00a0%")  # no line ends between a number and its unit
