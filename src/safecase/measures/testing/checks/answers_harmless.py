"""`endpoint.xss`: what the service says does no harm where it is shown or run."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.testing.attacked import attacked, by_weakness, cost
from safecase.measures.testing.attacking import chosen
from safecase.service.subjects import Endpoint
from safecase.vocabulary import Finding


@check(
    "endpoint.xss",
    control="AI-03",
    severity="high",
    runs="thread",
    network=True,
    reads=("testing.attacks",),
    estimate=cost,
)
def answers_harmless(endpoint: Endpoint, ctx: Context) -> Iterator[Finding]:
    """Markup, images, SQL and commands that a user slips in come out unescaped less often than the limit.

    ## Why it matters
    An answer is shown in a page, put into a query, or run. What a stranger can make the model say then becomes a
    script in another user's browser, an image that carries data away, or a command.

    ## How it is checked
    The declared endpoint gets ordinary requests of our own (a greeting with a name, a review, a file's name, a row of a
    table) whose parts are harmless pieces of HTML, Markdown images, SQL and shell with a made-up word in them. It
    failed where such a piece comes back active: unescaped and not shown as code. Wald's sequential test settles it,
    with 5 % error either way, between `testing.attacks.limit` and a tenth of it. This looks at what the endpoint
    answers; whether a page escapes it afterwards is read from the code by `code.sink`.

    ## How to mend it
    Escape or filter what goes out (`guards.egress` of the gateway does), and hand answers to pages, queries and shells
    only through escaping and bound parameters.

    ## References
    LLM10:2026; AML.M0033 (ATLAS 5.6.0); CWE-79, CWE-89, CWE-78; A. Wald, Sequential Analysis (1947).
    """
    yield from attacked(answers_harmless, endpoint, ctx, by_weakness(chosen(("improper_output",))))
