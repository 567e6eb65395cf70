"""Where Python code asks a document store, and whether the asking is narrowed by what the user may see."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from typing import NamedTuple

STORES = frozenset({
    "chromadb", "qdrant_client", "pinecone", "weaviate", "pymilvus", "faiss", "lancedb", "pgvector", "opensearchpy",
    "elasticsearch", "redisvl", "vespa", "marqo", "langchain", "langchain_core", "langchain_community",
    "langchain_chroma", "langchain_qdrant", "langchain_pinecone", "langchain_postgres", "langchain_milvus",
    "llama_index", "haystack", "txtai",
})  # fmt: skip
"""Packages one of which a file imports before a general word such as `query` counts as asking a store."""

_SURE = frozenset({
    "similarity_search", "asimilarity_search", "similarity_search_with_score", "similarity_search_by_vector",
    "max_marginal_relevance_search", "get_relevant_documents", "aget_relevant_documents", "as_retriever",
    "as_query_engine", "query_points",
})  # fmt: skip
_WITH_STORE = frozenset(
    {"query", "search", "retrieve", "aretrieve", "knn_search", "near_text", "near_vector", "hybrid"}
)
_NARROWS = frozenset({
    "filter", "filters", "where", "where_document", "namespace", "query_filter", "expr", "partition_names", "tenant",
    "post_filter", "pre_filter", "search_filter", "filter_expression",
})  # fmt: skip
"""Arguments that can narrow a question; the last ones only where their value is no constant."""


class Asking(NamedTuple):
    """One place where a store is asked."""

    call: str
    line: int
    narrowed: str
    """The argument that narrows it by a value of the moment; empty where none does."""
    constant: bool
    """An argument narrows it, to the same for everybody."""
    hidden: bool
    """Arguments are handed on (`**kwargs`), and may hold a filter."""


class UnparsableError(ValueError):
    """The text is no Python that this Python reads."""


def askings(source: str) -> tuple[Asking, ...]:
    """Give every place where Python source asks a document store."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = list(ast.walk(ast.parse(source)))
            imported = {name for node in nodes for name in _packages(node)}
            fixed = _constants(nodes)
            found = [_asking(node, bool(imported & STORES), fixed) for node in nodes if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as why:
        raise UnparsableError(type(why).__name__) from why
    return tuple(sorted(one for one in found if one is not None))


def _asking(call: ast.Call, store: bool, fixed: set[str]) -> Asking | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name not in _SURE and not (store and name in _WITH_STORE):
        return None
    narrowed, constant, hidden = "", False, False
    for keyword in call.keywords:
        if keyword.arg is None:
            hidden = True
        for key, value in _narrowing(keyword.arg or "", keyword.value):
            if _is_constant(value, fixed):
                constant = True
            else:
                narrowed = narrowed or key
    return Asking(name, call.lineno, narrowed, constant, hidden)


def _narrowing(name: str, value: ast.expr) -> list[tuple[str, ast.expr]]:
    """Give an argument that narrows, also where it stands in `search_kwargs={"filter": …}`."""
    if name in _NARROWS:
        return [(name, value)]
    if name in ("search_kwargs", "kwargs", "body", "params") and isinstance(value, ast.Dict):
        pairs = zip(value.keys, value.values, strict=True)
        return [(k.value, v) for k, v in pairs if isinstance(k, ast.Constant) and k.value in _NARROWS]
    return []


def _is_constant(value: ast.expr, fixed: set[str]) -> bool:
    """Say whether an expression is the same for everybody: nothing in it comes from the moment."""
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    # `Filter(must=[…])` alone says nothing: its class is a name, and no value.
    return not {name for name in names - fixed - _MAKERS if not name[:1].isupper()}


_MAKERS = {"dict", "list", "tuple", "set", "str", "models", "rest"}


def _constants(nodes: Sequence[ast.AST]) -> set[str]:
    """Give the names that are only ever bound to constants, or to lists and mappings of constants."""
    bound = [
        (name, value)
        for node in nodes
        if isinstance(node, ast.Assign) and len(node.targets) == 1
        for name, value in [(node.targets[0], node.value)]
        if isinstance(name, ast.Name)
    ]
    moving = {name.id for name, value in bound if not _is_made_of_constants(value)}
    return {name.id for name, _ in bound} - moving


def _is_made_of_constants(value: ast.expr) -> bool:
    return all(isinstance(node, _FIXED) for node in ast.walk(value))


_FIXED = (ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.expr_context, ast.UnaryOp, ast.unaryop)


def _packages(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name.partition(".")[0] for name in names]
        case ast.ImportFrom(module=str() as module):
            return [module.partition(".")[0]]
    return []
