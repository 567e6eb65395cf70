"""Two cases of one service side by side: which claims moved."""

from __future__ import annotations

from safecase.vocabulary import Case


def compared(before: Case, after: Case, *, width: int = 80, unicode: bool = True) -> str:
    """Tell the verdicts and every claim whose state is another now, in lines of at most `width` characters."""
    arrow = "→" if unicode else "->"
    was = {claim.control: claim.state for claim in before.claims}
    lines = ["", f"What changed: {before.verdict} {arrow} {after.verdict}"]
    for claim in after.claims:
        if was.get(claim.control, "not_applicable") != claim.state:
            moved = f"{was.get(claim.control, 'not there')} {arrow} {claim.state}"
            lines.append(f"  {claim.control:<6} {moved:<28} {claim.title}"[:width])
    still = [
        claim.control for claim in after.claims if claim.state == "contested" and was.get(claim.control) == "contested"
    ]
    if still:
        lines.append(f"Still contested: {', '.join(still)}"[:width])
    return "\n".join(lines) + "\n"
