"""`example.csv`: the claims of a case as comma-separated values, for a spreadsheet."""

from __future__ import annotations

import csv
import io

from safecase.vocabulary import Case

HEAD = ("service", "control", "title", "measure", "severity", "state", "because")


def render(case: Case) -> bytes:
    """Give a line a claim."""
    page = io.StringIO(newline="")
    lines = csv.writer(page)
    lines.writerow(HEAD)
    for claim in case.claims:
        row = (case.service, claim.control, claim.title, claim.measure, claim.severity, claim.state)
        lines.writerow([_cell(text) for text in (*row, "; ".join(claim.because))])
    return page.getvalue().encode()


def _cell(text: str) -> str:
    """A cell that begins like a formula is a text all the same (CWE-1236)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
