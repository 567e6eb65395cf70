"""Ids of others: which are well-formed, and of which edition. What is wrong is told, never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from safecase.catalogue.read import Editions

ATLAS_MERGED = frozenset({"AML.T0019", "AML.T0058", "AML.T0104"})
"""Techniques of ATLAS that its next content version merged into others."""

CSA_DOMAINS = frozenset(
    {
        "A&A", "AIS", "BCR", "CCC", "CEK", "DCS", "DSP", "GRC", "HRS",
        "I&S", "IAM", "IPY", "LOG", "MDS", "SEF", "STA", "TVM", "UEM",
    }
)  # fmt: skip
"""Domains of the CSA AI Controls Matrix 1.0."""

_NAMED = ("LLM", "ASI", "ML0", "ML1", "NISTAML", "DSGAI")
"""Lists that are short enough for the catalogue to hold every name of them: what is not there does not exist."""

_FORMS: Mapping[str, re.Pattern[str]] = {
    "OWASP Top 10 for LLM applications": re.compile(r"LLM(0[1-9]|10):(?P<edition>\d{4})"),
    "OWASP Top 10 for agentic applications": re.compile(r"ASI(0[1-9]|10):(?P<edition>\d{4})"),
    "OWASP Machine Learning Top 10": re.compile(r"ML(0[1-9]|10):(?P<edition>\d{4})"),
    "OWASP GenAI data security": re.compile(r"DSGAI(0[1-9]|1\d|2[01]):(?P<edition>\d{4})"),
    "MITRE ATLAS": re.compile(r"AML\.(M00[0-3]\d|T0\d{3}(\.\d{3})?)"),
    "NIST AI 100-2": re.compile(r"NISTAML\.0[1-5]\d"),
    "CWE": re.compile(r"CWE-\d{1,5}"),
    "EU AI Act": re.compile(r"eu-aia:\d+(\.(\d+[a-z]?|[a-z]{1,2}))*"),
    "GDPR": re.compile(r"gdpr:\d+"),
    "Cyber Resilience Act": re.compile(r"cra"),
    "NIST AI RMF": re.compile(r"nist-ai-rmf-(?P<edition>1\.0)/(GOVERN|MAP|MEASURE|MANAGE)-\d\.\d+"),
    "ISO/IEC 42001": re.compile(r"iso-42001:(?P<edition>2023)/A(\.\d+)+"),
    "OWASP AISVS": re.compile(r"aisvs-(?P<edition>1\.0)/C([1-9]|1[0-2])"),
    "CSA AI Controls Matrix": re.compile(r"csa-aicm-(?P<edition>1\.0)/(?P<domain>[A-Z&]+)"),
}
_EDITIONS = {
    "OWASP Top 10 for LLM applications": "owasp-llm",
    "OWASP Top 10 for agentic applications": "owasp-asi",
    "OWASP Machine Learning Top 10": "owasp-ml",
    "OWASP GenAI data security": "owasp-dsgai",
}


def source_of(id_: str) -> str | None:
    """Say whose id it is; None where no list has ids of this form."""
    return next((source for source, form in _FORMS.items() if form.fullmatch(id_)), None)


def fault_of(id_: str, editions: Editions) -> str:
    """Say what is wrong with an id of others; empty where nothing is."""
    if id_ in editions.topics:
        return ""
    source = source_of(id_)
    if source is None:
        bare = any(form.fullmatch(f"{id_}:2026") for form in _FORMS.values())
        return "bears no edition" if bare else "is no id of a list that is known"
    found = _FORMS[source].fullmatch(id_)
    assert found is not None
    wanted = editions.editions.get(_EDITIONS.get(source, ""))
    if wanted is not None and found["edition"] != wanted:
        return f"is of the edition {found['edition']}; the catalogue keeps to {wanted}"
    if id_ in ATLAS_MERGED:
        return "was merged into another technique"
    if source == "CSA AI Controls Matrix" and found["domain"] not in CSA_DOMAINS:
        return "names no domain of the CSA AI Controls Matrix"
    if id_.startswith(_NAMED) and id_ not in editions.names:
        return f"is no id of {source}"
    return ""
