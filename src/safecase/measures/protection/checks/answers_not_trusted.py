"""`code.sink`: no answer of a model is run, put into a query, or shown as a page's own code."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.protection.answers import Flow, UnparsableError, look_at
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place, Severity

MOST_BYTES = 1_000_000
MOST_FILES = 20_000
MOST_NAMED = 5
MOST_SCRIPTS = 200
"""Places of one file that are looked at."""
_SKIPPED = re.compile(r"(^|/)(tests?|testing|examples?|docs?)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
_PAGES = (".html", ".htm", ".jinja", ".jinja2", ".j2")
_SCRIPTS = (".js", ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".html", ".htm")
_RAW_HTML = re.compile(
    r"(?:\.(?:inner|outer)HTML\s*\+?=(?!=)|insertAdjacentHTML\(|dangerouslySetInnerHTML=\{\{\s*__html:|v-html=|\{@html)"
    r"(?P<what>[^\n;]{1,200})"
)
_ANSWERISH = re.compile(r"answer|reply|completion|assistant|llm|generated|message\.content", re.IGNORECASE)
_CLEANED = re.compile(r"sanitiz|purify|escape|encode", re.IGNORECASE)
_SINKS: Mapping[str, tuple[str, Severity, str]] = {
    "run": (
        "is run",
        "critical",
        "never run it: let the model choose among your own functions, with checked arguments",
    ),
    "query": ("becomes a query", "critical", "write the query yourself and bind what the model gave as parameters"),
    "page": ("becomes a page's own code", "high", "let the template escape it, or clean it (nh3.clean) before"),
    "template": ("is shown without escaping", "high", "take out `|safe`, or clean it (nh3.clean) before"),
}


class Look(NamedTuple):
    """What became of the files."""

    calls: int
    flows: tuple[tuple[str, Flow], ...]
    unread: tuple[str, ...]
    python: int


@check("code.sink", control="AI-03", severity="high", version=2)
def answers_not_trusted(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """No answer of a model is run, becomes a query, or is put into a page as it is.

    ## Why it matters
    An answer holds what some text before the model wanted it to hold. Where it is evaluated, joined into SQL or written
    into a page unescaped, whoever wrote that text runs code on your machine, reads your tables, or acts in your users'
    browsers.

    ## How it is checked
    Python files are read by their syntax tree, and never run. The answer of a model's call (the usual clients: OpenAI,
    Anthropic, LiteLLM, LangChain, Ollama, Gemini, Bedrock and others) is followed through assignments, expressions and
    loops within a function, and through functions of the same file that return it. It must not reach `eval`, `exec`,
    `os.system`, a program that is started by it, the text of a query (`execute`, `raw`), `Markup`, `mark_safe`,
    `render_template_string`, `unsafe_allow_html`, or a template that shows it with `|safe` or with autoescape off.
    Escaping, cleaning and conversions to a number end the way. Tests, examples and documents are left out.

    A first form, on purpose narrow: what crosses files, callbacks, containers and object attributes set elsewhere is
    not seen, so that a pass says that the plain ways are closed. Of JavaScript and pages only `innerHTML` and its like
    are looked for, with a name that sounds like an answer: unknown. Without any model's call in Python it is unknown.

    ## How to mend it
    Treat an answer like a stranger's upload: parse it against a schema, bind it as a parameter, escape it.

    ## References
    LLM10:2026; ASI05:2026; AML.M0033 (ATLAS 5.6.0); CWE-94; CWE-78; CWE-89; CWE-79; CWE-116.
    """
    look = _look(repository, ctx)
    pages = {path: _text(ctx, path) or "" for path in repository.files if path.endswith(_PAGES)} if look.flows else {}
    findings = [f for path, flow in look.flows for f in _of_flow(repository, path, flow, pages)]
    findings += _raw_html(repository, ctx)
    if look.unread:
        named = ", ".join(shown(path) for path in look.unread[:MOST_NAMED])
        told = f"{len(look.unread)} Python files were not read: {named}"
        mend = "see that they are Python of a supported version and below 1 MB"
        findings.append(
            answers_not_trusted.unknown(
                repository, told, rule="sink.unread", place=Place(file=look.unread[0]), mend=mend
            )
        )
    if not look.calls:
        told = f"no model's call was found in {look.python} Python files; other languages are not followed"
        mend = "look at where answers go by hand, and attest it"
        findings.append(answers_not_trusted.unknown(repository, told, rule="sink.none", mend=mend))
    yield from findings
    if not findings:
        told = f"the answers of {look.calls} model calls in {look.python} Python files reach nothing that runs them"
        yield answers_not_trusted.passed(repository, told)


def _look(repository: Repository, ctx: Context) -> Look:
    calls = python = 0
    flows: list[tuple[str, Flow]] = []
    unread: list[str] = []
    for path in repository.files:
        if not path.endswith(".py") or _SKIPPED.search(path):
            continue
        text = _text(ctx, path) if python < MOST_FILES and ctx.remaining() > 1 else None
        try:
            if text is None:
                raise UnparsableError
            looked = look_at(text)
        except UnparsableError:
            unread.append(path)
            continue
        python += 1
        calls += looked.calls
        flows += [(path, flow) for flow in looked.flows]
    return Look(calls, tuple(flows), tuple(unread), python)


def _text(ctx: Context, path: str) -> str | None:
    try:
        with ctx.path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, CollectError):
        return None
    return None if len(content) > MOST_BYTES else content.decode("utf-8-sig", "replace")


def _of_flow(repository: Repository, path: str, flow: Flow, pages: Mapping[str, str]) -> Iterator[Finding]:
    where = ""
    if flow.kind == "template":
        where = _unescaped(flow, pages)
        if not where:
            return
    what, severity, mend = _SINKS[flow.kind]
    told = f"the model's answer of line {flow.source} {what} by {shown(flow.sink, 40)} in line {flow.line}"
    yield answers_not_trusted.failed(
        repository,
        f"{shown(path)}: {told}" + (f" ({where})" if where else ""),
        rule=f"sink.{flow.kind}",
        key=f"{flow.sink}:{flow.name}:{flow.source - flow.line}",
        place=Place(file=path, line=flow.line),
        severity=severity,
        mend=mend,
    )


def _unescaped(flow: Flow, pages: Mapping[str, str]) -> str:
    """Say where a template shows a name without escaping; empty where it escapes it."""
    name = re.escape(flow.name)
    safe = re.compile(rf"\{{\{{[^{{}}\n]{{0,100}}\b{name}\b[^{{}}\n]{{0,100}}\|\s*safe\b")
    bare = re.compile(rf"\{{\{{[^{{}}\n]{{0,100}}\b{name}\b")
    for page, text in pages.items():
        if page == flow.template or page.endswith("/" + flow.template):
            found = safe.search(text)
            if found is None and re.search(r"\{%-?\s*autoescape\s+(?:false|off)", text):
                found = bare.search(text)
            if found is not None:
                return f"{shown(page)}:{text.count(chr(10), 0, found.start()) + 1}"
    return ""


def _raw_html(repository: Repository, ctx: Context) -> Iterator[Finding]:
    for path in repository.files:
        if not path.endswith(_SCRIPTS) or _SKIPPED.search(path) or ".min." in path:
            continue
        text = _text(ctx, path) or ""
        for found in itertools.islice(_RAW_HTML.finditer(text), MOST_SCRIPTS):
            if _ANSWERISH.search(found["what"]) and not _CLEANED.search(found["what"]):
                line = text.count("\n", 0, found.start()) + 1
                yield answers_not_trusted.unknown(
                    repository,
                    f"{shown(path)} writes what sounds like an answer into a page as HTML",
                    rule="sink.script",
                    key=shown(found["what"].strip(), 60),
                    place=Place(file=path, line=line),
                    mend="write it as text (textContent), or clean it (DOMPurify)",
                )
