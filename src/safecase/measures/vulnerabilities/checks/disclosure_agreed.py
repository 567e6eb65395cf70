"""`vdp.lint`: a disclosure policy tells those who find flaws what to expect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place

DEFAULTS = ("security.md", ".github/security.md", "docs/security.md", "security.rst")
MOST_BYTES = 500_000
LONG = 400
"""Characters from which on a text without a single known word is in another language rather than empty."""


class Part(NamedTuple):
    """Something that a policy must say."""

    rule: str
    wants: str
    pattern: re.Pattern[str]
    mend: str


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_DAYS = re.compile(
    r"(?:respond|reply|repl(?:y|ies)|answer|acknowledg|confirm|hear (?:back )?from|get back|react|triage)[^.!?]{0,120}?"
    r"\b(\d{1,3}|one|two|three|five|seven|ten|fourteen|thirty)\s+(?:business |working |calendar )?(hour|day|week)s?\b"
    r"|\b(\d{1,3}|one|two|three|five|seven|ten|fourteen|thirty)\s+(?:business |working |calendar )?(hour|day|week)s?\b"
    r"[^.!?]{0,120}?(?:respond|reply|answer|acknowledg|confirm|triage)",
    re.IGNORECASE,
)
_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "five": 5, "seven": 7, "ten": 10, "fourteen": 14, "thirty": 30,
}  # fmt: skip
PARTS = (
    Part(
        "scope",
        "what is in scope",
        _words(
            r"\b(?:in|out of|outside (?:of )?the) scope\b|\bscope\b|\bsupported versions?\b|\bcovers\b|\bapplies to\b"
        ),
        "say which services, versions and models it covers, and what it does not",
    ),
    Part(
        "report",
        "how to report",
        _words(
            r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+|https://\S{4,}"
            r"|\bprivate vulnerability reporting\b|\breport a vulnerability\b[^.]{0,40}\b(?:button|tab)\b"
        ),
        "give an address: a mailbox that somebody reads, or a form",
    ),
    Part("answer", "in how many days an answer comes", _DAYS, "promise a first answer in so many days"),
    Part(
        "harbour",
        "that those who act in good faith are safe",
        _words(
            r"\bsafe[- ]harbou?r\b"
            r"|\b(?:not|never|no)\b[^.]{0,60}\b(?:legal action|prosecut|lawsuit|sue|law enforcement)"
            r"|\bgood[- ]faith\b[^.]{0,120}\b(?:authori[sz]ed|permitted|allowed|lawful|not)\b"
        ),
        "promise no legal action against research in good faith that follows the policy",
    ),
    Part(
        "ai",
        "that flaws of the AI count",
        _words(
            r"\bprompt[- ]injection|\bjailbreak|\btraining data\b"
            r"|\bmodel (?:extraction|theft|inversion|output|behaviou?r)"
            r"|\b(?:AI|LLM|machine[- ]learning|language model)s?\b"
        ),
        "say that prompt injection, leaks of the prompt or of training data, and unsafe actions of agents count",
    ),
    Part(
        "bias",
        "that bias and harmful answers can be reported",
        _words(r"\bbias|\bdiscriminat|\bunfair|\bfairness\b|\bharmful (?:answer|output|content|response)"),
        "say that bias and harmful answers can be reported, and where",
    ),
)
_PLACEHOLDER = _words(
    r"\bTODO\b|\bTBD\b|\[(?:insert|your)[^\]]{0,60}\]|<(?:insert|your|email)[^>]{0,60}>|@example\.(?:com|org)\b"
    r"|use this section to tell people|tell them where to go"
)


@check(
    "vdp.lint",
    control="VH-03",
    severity="low",
    version=2,
    reads=("vulnerabilities",),
    files=("vulnerabilities.policy",),
)
def disclosure_agreed(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """A disclosure policy says what is in scope, how to report, when an answer comes, and that reporters are safe.

    ## Why it matters
    Who finds a flaw weighs a report against silence and against a sale. A policy that promises an answer and no lawyers
    decides it. Flaws of AI have no place in ordinary policies, and reports of bias have no place at all: unless they
    are named, people take them for out of scope.

    ## How it is checked
    The policy is the file under `vulnerabilities.policy`, or SECURITY.md (also below .github/ and docs/). It must say
    six things: the scope; how to report; in how many days a first answer comes, and where
    `vulnerabilities.first_answer_days` is said, not in more than that; safe harbour; that flaws of the AI count; that
    bias and harmful answers can be reported. Comments and code blocks do not count, and left-over placeholders are
    found. It goes by English words: a long text in which none of them stands is unknown, and so is an address, since
    nothing is fetched. Whether the promises are kept is another control's matter.

    ## How to mend it
    Write the part that is missing; one sentence each is enough.

    ## References
    ISO/IEC 29147:2018; RFC 9116 (Policy); Regulation (EU) 2024/2847 Annex I Part II(5); EU AI Act Art. 15(5).
    """
    declared = ctx.manifest.vulnerabilities.policy
    if "://" in declared:
        yield disclosure_agreed.unknown(
            repository,
            f"the policy is at {shown(declared)}, and nothing is fetched",
            place=ctx.place("vulnerabilities.policy"),
            mend="keep the policy's text in the repository and name that file",
        )
        return
    name = declared or next((p for p in repository.files if p.lower() in DEFAULTS), "")
    if not name:
        yield disclosure_agreed.failed(
            repository,
            "there is no disclosure policy",
            rule="policy",
            place=ctx.place("vulnerabilities"),
            mend="write SECURITY.md: scope, how to report, days to an answer, safe harbour, AI flaws and bias",
        )
        return
    text = _readable(_text(ctx, name))
    if len(text) >= LONG and not any(part.pattern.search(text) for part in PARTS if part.rule != "report"):
        yield disclosure_agreed.unknown(
            repository,
            f"{shown(name)} has none of the words that are looked for; it may not be in English",
            place=Place(file=name, line=1),
            mend="add an English version, or attest what it says",
        )
        return
    for part in PARTS:
        yield _finding(repository, ctx, name, text, part)
    left = _PLACEHOLDER.search(text)
    if left:
        yield disclosure_agreed.failed(
            repository,
            f"{shown(name)} still has a placeholder: {shown(left[0], 60)}",
            rule="placeholder",
            place=_place(name, text, left.start()),
            mend="fill it in",
        )


def _finding(repository: Repository, ctx: Context, name: str, text: str, part: Part) -> Finding:
    found = next((f for f in part.pattern.finditer(text) if not _is_refused(text, f, part)), None)
    if found is None:
        told = f"{shown(name)} does not say {part.wants}"
        return disclosure_agreed.failed(
            repository, told, rule=part.rule, place=Place(file=name, line=1), mend=part.mend
        )
    place = _place(name, text, found.start())
    promised = ctx.manifest.vulnerabilities.first_answer_days
    if part.rule == "answer" and promised is not None and _days(found) > promised:
        told = f"{shown(name)} promises an answer in {_days(found):g} days, the manifest in {promised}"
        mend = "write the same into both"
        return disclosure_agreed.failed(repository, told, rule=part.rule, place=place, mend=mend)
    return disclosure_agreed.passed(repository, f"{shown(name)} says {part.wants}", rule=part.rule, place=place)


_REFUSALS = _words(
    r"\b(?:do|does|will|can) (?:not|never)\b|\b(?:don|won|doesn|can)['’]t\b|\bcannot\b|\bnever\b"
    r"|\bno (?:reports?|answers?|responses?|repl(?:y|ies))\b"
)


def _is_refused(text: str, found: re.Match[str], part: Part) -> bool:
    """Say whether the sentence says no before the words: "we do not answer within 3 days" promises nothing.

    A promise of no legal action is a no by nature, and what is out of scope is said with one.
    """
    if part.rule in ("harbour", "scope"):
        return False
    start = max(text.rfind(mark, 0, found.start()) for mark in (". ", "\n\n", "! ", "; ", "\n- ", "\n* ", "\n#"))
    return _REFUSALS.search(text, max(0, start), found.start()) is not None


def _days(found: re.Match[str]) -> float:
    number, unit = (found[1], found[2]) if found[1] else (found[3], found[4])
    count = _NUMBERS.get(number.lower()) or int(number)
    return count * {"hour": 1 / 24, "day": 1, "week": 7}[unit.lower()]


def _text(ctx: Context, name: str) -> str:
    try:
        with ctx.path(name).open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8-sig", "replace")
    except OSError as why:
        raise CollectError(
            f"{shown(name)} cannot be read: {why.strerror}", mend="correct vulnerabilities.policy"
        ) from why


def _readable(text: str) -> str:
    """Blank what nobody reads (comments, code blocks), so that lines keep their numbers."""

    def blank(found: re.Match[str]) -> str:
        return "\n" * found[0].count("\n")

    text = re.sub(r"<!--.*?(?:-->|\Z)", blank, text, flags=re.DOTALL)
    return re.sub(r"^(```|~~~).*?(?:^\1[^\n]*$|\Z)", blank, text, flags=re.DOTALL | re.MULTILINE)


def _place(name: str, text: str, at: int) -> Place:
    return Place(file=name, line=text.count("\n", 0, at) + 1)
