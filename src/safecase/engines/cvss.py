"""How severe a flaw is, by its CVSS vector: the base score of version 3, and a cautious reading of version 4.

Version 4 scores come from a table of 270 rows that is not held here: a vector of version 4 is read by what it says of
access and of damage, and never lower than that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from safecase.vocabulary import Severity

LONGEST = 400

_ATTACK = {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2}
_COMPLEXITY = {"L": 0.77, "H": 0.44}
_PRIVILEGES = {"N": 0.85, "L": 0.62, "H": 0.27}
_PRIVILEGES_CHANGED = {"N": 0.85, "L": 0.68, "H": 0.5}
_INTERACTION = {"N": 0.85, "R": 0.62}
_DAMAGE = {"H": 0.56, "L": 0.22, "N": 0.0}


def _metrics(text: str) -> Mapping[str, frozenset[str]]:
    """Read `AV:NALP E:XHFPU`: each metric with its values, of one letter unless they stand in parentheses."""
    return {
        name: frozenset(values.strip("()").split(",") if values.startswith("(") else values)
        for name, _, values in (part.partition(":") for part in text.split())
    }


_METRICS3 = _metrics(
    "AV:NALP AC:LH PR:NLH UI:NR S:UC C:NLH I:NLH A:NLH E:XHFPU RL:XUWTO RC:XCRU CR:XHML IR:XHML AR:XHML"
    " MAV:XNALP MAC:XLH MPR:XNLH MUI:XNR MS:XUC MC:XNLH MI:XNLH MA:XNLH"
)
_METRICS4 = _metrics(
    "AV:NALP AC:LH AT:NP PR:NLH UI:NPA VC:HLN VI:HLN VA:HLN SC:HLN SI:HLN SA:HLN E:XAPU CR:XHML IR:XHML AR:XHML"
    " MAV:XNALP MAC:XLH MAT:XNP MPR:XNLH MUI:XNPA MVC:XHLN MVI:XHLN MVA:XHLN MSC:XHLN MSI:XSHLN MSA:XSHLN"
    " S:XNP AU:XNY R:XAUI V:XDC RE:XLMH U:(X,Clear,Green,Amber,Red)"
)
"""All metrics with their values: CVSS 3.1, table 15; CVSS 4.0, table 23."""


def severity_of(vector: str) -> Severity | None:
    """Give the severity that a CVSS vector of version 3 or 4 stands for; None where it is none."""
    head, _, rest = vector[:LONGEST].strip().partition("/")
    told = [part.partition(":")[::2] for part in rest.split("/")]
    metrics = dict(told)
    if len(metrics) < len(told):
        return None  # a metric stands in it twice: which one holds is anyone's guess
    known = _METRICS4 if head == "CVSS:4.0" else _METRICS3
    if any(value not in known.get(name, ()) for name, value in told):
        return None  # a vector that says what no vector can say may mean anything
    if head in ("CVSS:3.0", "CVSS:3.1"):
        score = _score3(metrics)
        return None if score is None else rating(score)
    return _reading4(metrics) if head == "CVSS:4.0" else None


def rating(score: float) -> Severity:
    """Give the word for a score (CVSS 3.1, section 5)."""
    if score >= 9:
        return "critical"
    if score >= 7:
        return "high"
    return "medium" if score >= 4 else "low" if score > 0 else "info"


def _score3(metrics: Mapping[str, str]) -> float | None:
    """The base score by the formulas of CVSS 3.1, section 7.1."""
    try:
        changed = {"U": False, "C": True}[metrics["S"]]
        damage = 1 - math.prod(1 - _DAMAGE[metrics[name]] for name in ("C", "I", "A"))
        privileges = (_PRIVILEGES_CHANGED if changed else _PRIVILEGES)[metrics["PR"]]
        reach = 8.22 * _ATTACK[metrics["AV"]] * _COMPLEXITY[metrics["AC"]] * privileges * _INTERACTION[metrics["UI"]]
    except KeyError:
        return None
    impact = 7.52 * (damage - 0.029) - 3.25 * (damage - 0.02) ** 15 if changed else 6.42 * damage
    if impact <= 0:
        return 0.0
    return _up(min((impact + reach) * (1.08 if changed else 1), 10))


def _up(score: float) -> float:
    """Round up to one digit, as appendix A of CVSS 3.1 does it: without the noise of floating point."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


def _reading4(metrics: Mapping[str, str]) -> Severity | None:
    if not {"AV", "AC", "PR", "UI", "VC", "VI", "VA"} <= set(metrics):
        return None
    damage = [metrics.get(name, "N") for name in ("VC", "VI", "VA", "SC", "SI", "SA")]
    if "H" in damage:
        open_to_all = metrics["AV"] == "N" and metrics["PR"] == "N" and metrics["UI"] == "N"
        return "critical" if open_to_all and damage[:3].count("H") >= 2 else "high"
    return "medium" if "L" in damage else "info"
