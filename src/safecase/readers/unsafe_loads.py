"""Where code or settings let a model bring its own code: arguments, flags and unpicklers of what was just fetched."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from safecase.readers.model_loads import NotPython
from safecase.vocabulary import Place

MOST_BYTES: Final = 2_000_000
MOST_FOUND: Final = 500

Way: TypeAlias = Literal["remote_code", "hub_code", "unpickles", "unsafe_mode", "unsaid"]

_TRUE_ARGUMENTS: Final[Mapping[str, Way]] = {
    "trust_remote_code": "remote_code",
    "trust_repo": "hub_code",
    "allow_pickle": "unpickles",
    "dangerously_allow_pickle": "unpickles",
    "allow_dangerous_deserialization": "unpickles",
}
"""Arguments whose True gives a model, or its file, the right to run code."""

_FALSE_ARGUMENTS: Final[Mapping[str, Way]] = {"weights_only": "unsafe_mode", "safe_mode": "unsafe_mode"}
_ALWAYS: Final[Mapping[str, Way]] = {
    "torch.hub.load": "hub_code",
    "torch.hub.load_state_dict_from_url": "unsaid",
    "keras.config.enable_unsafe_deserialization": "unsafe_mode",
    "tf.keras.config.enable_unsafe_deserialization": "unsafe_mode",
    "keras.saving.enable_unsafe_deserialization": "unsafe_mode",
}
_CODE_ARGUMENTS: Final = frozenset({"custom_pipeline", "custom_generate"})
_UNPICKLERS: Final = frozenset(
    {
        "pickle.load", "pickle.loads", "cPickle.load", "_pickle.load", "dill.load", "dill.loads", "cloudpickle.load",
        "cloudpickle.loads", "joblib.load", "pandas.read_pickle", "torch.load", "skops.io.load", "shelve.open",
    }
)  # fmt: skip
_FETCHES: Final = frozenset(
    {"hf_hub_download", "snapshot_download", "cached_download", "urlretrieve", "download_url_to_file", "cached_file"}
)
_FLAGS: Final = re.compile(
    r"(?<![\w-])--trust[-_]remote[-_]code(?:[= ]+(?P<flag>\"?(?:true|false|1|0)\b))?"
    r"|\b(?:HF_)?(?:HUB_)?TRUST_REMOTE_CODE[\"']?\s*[:=]\s*[\"']?(?P<set>\w+)"
    r"|\bTORCH_FORCE_NO_WEIGHTS_ONLY_LOAD[\"']?\s*[:=]\s*[\"']?(?P<weights>\w+)"
    r"|\bVLLM_ALLOW_INSECURE_SERIALIZATION[\"']?\s*[:=]\s*[\"']?(?P<insecure>\w+)",
    re.IGNORECASE,
)
_NO: Final = frozenset({"false", "0", "no", "off"})
_MAGIC: Final = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)


class UnsafeLoad(NamedTuple):
    """One place where code may come with a model."""

    way: Way
    what: str
    """The call or the flag, as it stands there."""
    place: Place


def in_code(content: bytes, file: str) -> tuple[UnsafeLoad, ...]:
    """Look at a `.py` or `.ipynb` file; raises NotPython."""
    if not file.endswith(".ipynb"):
        return tuple(_in_tree(_parsed(content), file, exact=True))[:MOST_FOUND]
    try:
        cells = json.loads(content)["cells"]
        sources = ["".join(cell.get("source", "")) for cell in cells if cell.get("cell_type") == "code"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as why:
        raise NotPython("no notebook") from why
    whole = "\n".join(_MAGIC.sub("pass", source) for source in sources)
    return tuple(_in_tree(_parsed(whole.encode()), file, exact=False))[:MOST_FOUND]


def in_settings(content: bytes, file: str) -> tuple[UnsafeLoad, ...]:
    """Look at a Dockerfile, a Compose or Kubernetes file, a script, a file of variables."""
    found = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        if line.lstrip().startswith(("#", "//")):
            continue
        for match in _FLAGS.finditer(line[:10_000]):
            said = next((v for v in match.groupdict().values() if v is not None), "true").strip("\"'").lower()
            if said not in _NO:
                way: Way = "remote_code" if "trust" in match[0].lower() else "unsafe_mode"
                place = Place(file=file, line=number, column=match.start() + 1)
                found.append(UnsafeLoad(way, match[0].strip(), place))
    return tuple(found[:MOST_FOUND])


def _parsed(content: bytes) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as why:
        raise NotPython(type(why).__name__) from why


def _in_tree(tree: ast.Module, file: str, *, exact: bool) -> Iterator[UnsafeLoad]:
    imports = dict(_imports(tree))
    fetched = set(_fetched(tree))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        place = Place(file=file, line=node.lineno, column=node.col_offset + 1) if exact else Place(file=file)
        name = _resolved(node.func, imports)
        way = _way(node, name, fetched)
        if way is not None:
            yield UnsafeLoad(way[0], way[1], place)


def _way(node: ast.Call, name: str, fetched: set[str]) -> tuple[Way, str] | None:
    last = name.rpartition(".")[2]
    said = {k.arg: k.value for k in node.keywords if k.arg}
    for argument, value in said.items():
        constant = value.value if isinstance(value, ast.Constant) else None
        if argument in _TRUE_ARGUMENTS and constant is True:
            return _TRUE_ARGUMENTS[argument], f"{last}({argument}=True)"
        if argument in _FALSE_ARGUMENTS and constant is False:
            return _FALSE_ARGUMENTS[argument], f"{last}({argument}=False)"
        if argument in _CODE_ARGUMENTS and isinstance(constant, str):
            return "remote_code", f"{last}({argument}={constant!r})"
    if name in _ALWAYS:
        local = said.get("source")
        if name == "torch.hub.load" and isinstance(local, ast.Constant) and local.value == "local":
            return None
        weights = said.get("weights_only")
        if _ALWAYS[name] == "unsaid" and isinstance(weights, ast.Constant) and weights.value is True:
            return None
        return _ALWAYS[name], name
    if name in _UNPICKLERS and node.args and _is_fetched(node.args[0], fetched):
        weights = said.get("weights_only")
        if not (isinstance(weights, ast.Constant) and weights.value is True):
            return "unpickles", f"{name} of what was fetched"
    if name == "torch.load" and "weights_only" not in said:
        return "unsaid", "torch.load"
    return None


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or name, name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _resolved(node: ast.expr, imports: Mapping[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ".".join(["?", *reversed(parts)])
    return ".".join([imports.get(node.id, node.id), *reversed(parts)])


def _fetched(tree: ast.Module) -> Iterator[str]:
    """Names that are given what a download gives, or a file that is opened at such a name."""
    known: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _holds_fetch(node.value, known):
            known.update(t.id for t in node.targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.With):
            for item in node.items:
                if isinstance(item.optional_vars, ast.Name) and _holds_fetch(item.context_expr, known):
                    known.add(item.optional_vars.id)
    yield from known


def _holds_fetch(node: ast.expr, known: set[str]) -> bool:
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            last = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
            if last in _FETCHES:
                return True
        elif isinstance(part, ast.Name) and part.id in known:
            return True
    return False


def _is_fetched(node: ast.expr, fetched: set[str]) -> bool:
    return _holds_fetch(node, fetched)
