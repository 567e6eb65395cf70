"""Cases whose every text from outside is an attack, for what must hold of any export."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from safecase.vocabulary import Case, Claim, Finding, Place
from tests.export.sample import sample

FEW = settings(max_examples=50, deadline=None)

NASTY = (
    "\n::error file=a::b",
    "%0A::error::x",
    "%0D%0a",
    "]]>",
    "--><script>alert(1)</script>",
    "| a | b |\n| - | - |",
    "```\nrm -rf\n```",
    "`",
    "``",
    "[click](https://evil.example)",
    "![x](https://evil.example/p.png)",
    "<img src=x onerror=alert(1)>",
    "</details>",
    "@octocat #1 www.evil.example https://evil.example",
    "$a$ {0} {{x}}",
    "\x1b[31mred\x07\x00\u202e\ufffe\ud800",
    "a,b:c::d",
    "&amp;<![CDATA[",
    "# head",
)
texts = st.one_of(
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(NASTY), min_size=1, max_size=4).map("".join),
    st.text(st.characters(), max_size=60),
)
files = st.one_of(texts, st.sampled_from(["a b/ü.py", "/etc/passwd", "../up.py", "c:d.txt", "a%20b", "caf\udce9.py"]))
places = st.none() | st.builds(
    lambda file, line, column: Place(file=file, line=line, column=column), files, st.integers(0, 9), st.integers(0, 9)
)
severities = st.sampled_from(["info", "low", "medium", "high", "critical"])


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    return Finding(
        check=draw(st.one_of(st.sampled_from(["model.scan", "lock.check"]), texts)),
        subject=draw(texts),
        verdict=draw(st.sampled_from(["pass", "fail", "unknown"])),
        message=draw(texts),
        mend=draw(texts),
        severity=draw(severities),
        place=draw(places),
        rule=draw(texts),
        key=draw(texts),
    )


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    return Claim(
        control=draw(st.one_of(st.sampled_from(["SC-04", "SC-11", "TM-02"]), texts)),
        title=draw(texts),
        measure=draw(st.sampled_from(["testing", "supply_chain", "training"])),
        severity=draw(severities),
        state=draw(st.sampled_from(["supported", "contested", "unsupported", "stale", "accepted", "not_applicable"])),
        because=tuple(draw(st.lists(texts, max_size=2))),
        findings=tuple(draw(st.lists(findings(), max_size=3))),
        expires=draw(st.none() | texts),
        looked=draw(st.booleans()),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    found = tuple(draw(st.lists(claims(), max_size=4)))
    text = draw(texts)
    return sample(found, service=text, name=draw(texts), notes=(text,) * 2, questions=(text,), catalogue=text)


answers = st.none() | st.builds(
    lambda allowed, text: {
        "policy": {"profile": text, "source": text, "known_gaps": 2},
        "allowed": allowed,
        "deciding": [
            {
                "control": text,
                "title": text,
                "severity": "high",
                "state": "contested",
                "why": text,
                "mend": text,
                "blocks": True,
            }
        ],
    },
    st.sampled_from([True, False, None]),
    texts,
)
