"""`rag.acl`: retrieval gives a user only what the user may read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.protection.retrieval import Asking, UnparsableError, askings
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place

MOST_BYTES = 1_000_000
MOST_NAMED = 5
_SKIPPED = re.compile(r"(^|/)(tests?|testing|examples?|docs?)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
_FILTER = (
    'pass the user\'s rights to the store: `filter={"groups": {"$in": user.groups}}`, or a namespace of each tenant'
)


@check("rag.acl", control="AI-11", severity="critical", reads=("rag",))
def retrieval_narrowed(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Every question to the document store is narrowed, inside of the query, to what the user may read.

    ## Why it matters
    A model retells whatever is put before it. Where retrieval finds a document that the user may not open, no sentence
    in a prompt keeps it back; and a filter behind the search leaves the best of what was forbidden out of the count,
    and in the log.

    ## How it is checked
    `rag.per_user_acl` must say that rights are enforced in the query: false fails, unsaid is unknown. Then the code is
    asked whether it shows: every call in Python that asks a store (`similarity_search`, `query_points`, `as_retriever`;
    `query`, `search` and `retrieve` in a file that imports a store) has an argument that narrows it (`filter`, `where`,
    `namespace`, `expr` and their like) with a value that is made at that moment. None, or one that is the same for
    everybody, fails; arguments that are handed on unseen (`**options`) are unknown, and so is code without any such
    call. That the value really is the user's, that the store obeys, and that a deleted document is gone, is not
    tested. Tests and examples are left out.

    ## How to mend it
    Write who may read into each document's metadata when it is indexed, and filter by the user's groups in the query.

    ## References
    LLM09:2026; AML.M0031 (ATLAS 5.6.0); CWE-863; CWE-639; EU AI Act Art. 15(5); GDPR Art. 32.
    """
    said = ctx.manifest.rag.per_user_acl if ctx.manifest.rag is not None else None
    place = ctx.place("rag.per_user_acl")
    if said is False:
        told = "rag.per_user_acl says that rights are not enforced in the query"
        yield retrieval_narrowed.failed(repository, told, rule="declared", place=place, mend=_FILTER)
    elif said is None:
        told = "whether rights are enforced in the query is not said"
        mend = "say it: `rag: {per_user_acl: true}`"
        yield retrieval_narrowed.unknown(repository, told, rule="declared", place=place, mend=mend)
    found, unread = _askings(repository, ctx)
    for path, asking in found:
        finding = _finding(repository, path, asking)
        if finding is not None:
            yield finding
    if unread:
        told = f"{len(unread)} Python files were not read: {', '.join(shown(path) for path in unread[:MOST_NAMED])}"
        mend = "see that they are Python of a supported version and below 1 MB"
        yield retrieval_narrowed.unknown(repository, told, rule="unread", place=Place(file=unread[0]), mend=mend)
    if not found:
        told = "no question to a document store was found in Python code"
        mend = "show by a test that a user finds nothing of others, and attest it"
        yield retrieval_narrowed.unknown(repository, told, rule="none", mend=mend)
    elif said and not unread and all(one.narrowed for _, one in found):
        told = f"each of {len(found)} questions to a document store is narrowed by a value of the moment"
        yield retrieval_narrowed.passed(repository, told, place=Place(file=found[0][0], line=found[0][1].line))


def _finding(repository: Repository, path: str, asking: Asking) -> Finding | None:
    place, key = Place(file=path, line=asking.line), f"{asking.call}:{asking.narrowed}"
    if asking.narrowed:
        return None
    if asking.hidden:
        told = f"{shown(path)}: whether `{asking.call}` is narrowed is not seen, since its arguments are handed on"
        mend = "write the filter where the store is asked"
        return retrieval_narrowed.unknown(repository, told, rule="hidden", key=key, place=place, mend=mend)
    how = "to the same for everybody" if asking.constant else "by nothing"
    told = f"{shown(path)}: `{asking.call}` is narrowed {how}"
    return retrieval_narrowed.failed(repository, told, rule="query", key=key, place=place, mend=_FILTER)


def _askings(repository: Repository, ctx: Context) -> tuple[list[tuple[str, Asking]], list[str]]:
    found: list[tuple[str, Asking]] = []
    unread: list[str] = []
    for path in repository.files:
        if not path.endswith(".py") or _SKIPPED.search(path):
            continue
        try:
            with ctx.path(path).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES or ctx.remaining() < 1:
                raise UnparsableError
            found += [(path, one) for one in askings(content.decode("utf-8-sig", "replace"))]
        except (OSError, CollectError, UnparsableError):
            unread.append(path)
    return found, unread
