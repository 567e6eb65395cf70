"""Where Python code fetches models from a hub: which repository, at which revision; read, never run."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from safecase.vocabulary import Place

MOST_BYTES = 2_000_000
MOST_LOADS = 500

LIBRARIES = frozenset(
    {
        "transformers",
        "huggingface_hub",
        "diffusers",
        "sentence_transformers",
        "peft",
        "optimum",
        "setfit",
        "timm",
        "open_clip",
        "faster_whisper",
        "vllm",
        "langchain_huggingface",
        "accelerate",
        "adapters",
        "auto_gptq",
        "gliner",
        "spacy_transformers",
    }
)
"""A file that imports none of these means something else by the same words."""

_CALLS: Mapping[str, tuple[str, ...]] = {
    "from_pretrained": ("pretrained_model_name_or_path", "repo_id", "model_id", "pretrained_model_name"),
    "hf_hub_download": ("repo_id",),
    "snapshot_download": ("repo_id",),
    "load_lora_weights": ("pretrained_model_name_or_path_or_dict",),
    "SentenceTransformer": ("model_name_or_path",),
    "CrossEncoder": ("model_name_or_path", "model_name"),
    "HuggingFaceEmbeddings": ("model_name",),
    "WhisperModel": ("model_size_or_path",),
    "LLM": ("model",),
    "pipeline": ("model",),
}
"""Calls that fetch a model, and the names under which they take the repository."""
_NOT_FIRST = frozenset({"pipeline"})
"""Calls whose first argument is something else."""
_FILES = (".bin", ".pt", ".pth", ".ckpt", ".safetensors", ".gguf", ".onnx", ".json", ".h5", ".tar", ".zip")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)


class Load(NamedTuple):
    """One call that fetches a model."""

    call: str
    repository: str
    """`org/name`, or `name`; empty where the code decides while it runs."""
    revision: str | None
    """What it is pinned to; None where nothing is said, empty where the code decides while it runs."""
    place: Place


class NotPython(Exception):  # noqa: N818  an answer of this reader, not a crash
    """The text is not Python that this interpreter can read."""


def loads_in(content: bytes, file: str) -> tuple[Load, ...]:
    """Give the calls in a file (`.py` or `.ipynb`) that fetch models; raises NotPython."""
    if file.endswith(".ipynb"):
        found: list[Load] = []
        names: dict[str, str] = {}
        tree_imports = False
        for cell in _cells(content):
            tree = _parsed(_MAGIC.sub("pass", cell).encode(), file)
            tree_imports = tree_imports or _imports(tree)
            names |= _constants(tree)
            # A cell's lines are not those of the file.
            found += [load._replace(place=Place(file=file)) for load in _loads(tree, names, file)]
        return tuple(found[:MOST_LOADS]) if tree_imports else ()
    if not any(name.encode() in content for name in LIBRARIES):
        return ()
    tree = _parsed(content, file)
    return tuple(_loads(tree, _constants(tree), file))[:MOST_LOADS] if _imports(tree) else ()


def _parsed(content: bytes, file: str) -> ast.Module:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the strings of others
            return ast.parse(content, filename=file)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as why:
        raise NotPython(type(why).__name__) from why


def _cells(content: bytes) -> Iterator[str]:
    try:
        notebook = json.loads(content)
        cells = notebook["cells"]
        for cell in cells:
            if cell.get("cell_type") == "code":
                source = cell.get("source", "")
                yield source if isinstance(source, str) else "".join(source)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as why:
        raise NotPython("no notebook") from why


def _imports(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        named = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
        if any(name.partition(".")[0] in LIBRARIES for name in named):
            return True
    return False


def _constants(tree: ast.Module) -> dict[str, str]:
    """Names that are given one text in the whole file, and no other."""
    found: dict[str, str | None] = {}
    for node in ast.walk(tree):
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign | ast.AugAssign | ast.For | ast.NamedExpr)
            else []
        )
        value = getattr(node, "value", None)
        text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = (
                    text if target.id not in found and isinstance(node, ast.Assign | ast.AnnAssign) else None
                )
        if isinstance(node, ast.arg):
            found[node.arg] = None
    return {name: text for name, text in found.items() if text is not None}


def _loads(tree: ast.Module, names: Mapping[str, str], file: str) -> Iterator[Load]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    renamed = _renamed(tree)
    for node in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        call = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        call = renamed.get(call, call)
        if call in _CALLS:
            given = _given(node, call)
            if given is None:
                continue
            repository = _text(given, names)
            if (repository is not None and not _may_be_fetched(repository)) or _stays_here(node):
                continue
            said = next((k.value for k in node.keywords if k.arg == "revision"), None)
            revision = None if said is None or _is_none(said) else _text(said, names) or ""
            if any(k.arg is None for k in node.keywords) and said is None:
                revision = ""  # `**kwargs` may say it
            place = Place(file=file, line=node.lineno, column=node.col_offset + 1)
            yield Load(call, repository or "", revision, place)


def _renamed(tree: ast.Module) -> dict[str, str]:
    """`from huggingface_hub import snapshot_download as fetch`."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {a.asname: a.name for node in found for a in node.names if a.asname and a.name in _CALLS}


def _given(node: ast.Call, call: str) -> ast.expr | None:
    for keyword in node.keywords:
        if keyword.arg in _CALLS[call]:
            return keyword.value
    if node.args and call not in _NOT_FIRST and not isinstance(node.args[0], ast.Starred):
        return node.args[0]
    return node.args[1] if call in _NOT_FIRST and len(node.args) > 1 else None


def _text(node: ast.expr, names: Mapping[str, str]) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    return names.get(node.id) if isinstance(node, ast.Name) else None


def _stays_here(node: ast.Call) -> bool:
    """`local_files_only=True`: what is not on the machine yet is not fetched."""
    said = (k.value for k in node.keywords if k.arg == "local_files_only")
    return any(isinstance(value, ast.Constant) and value.value is True for value in said)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _may_be_fetched(name: str) -> bool:
    """A name that is no path of a file or a folder."""
    return _REPOSITORY.fullmatch(name) is not None and not name.endswith(_FILES)
