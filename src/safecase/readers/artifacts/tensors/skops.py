"""The schema of a skops file: JSON whose nodes name what the loader imports, and often calls.

Each kind of node imports in its own way, and the user is shown a name that need not be the one that is imported. So
every node is judged by what its loader does, and a node whose two names differ is judged for that alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.pickles.policy import Policy
from safecase.readers.text import shown

MOST_NODES: Final = 2_000_000

_CALLS: Final = frozenset(
    {
        "DictNode", "DefaultDictNode", "ListNode", "SetNode", "TupleNode", "ConstructorFromReduceNode", "NdArrayNode",
        "MaskedArrayNode", "RandomStateNode", "RandomGeneratorNode", "SparseMatrixNode", "TreeNode", "LossNode",
        "QuantileForestNode", "ReduceNode", "ObjectNode", "PartialNode", "BytesNode", "BytearrayNode", "SliceNode",
        "DTypeNode", "_DictWithDeprecatedKeysNode", "SGDNode", "BunchNode",
    }
)  # fmt: skip
"""Nodes whose loader calls what they name, or makes an instance of it."""

_NAMES: Final = frozenset({"FunctionNode", "TypeNode"})
_MADE: Final[dict[str, frozenset[str]]] = {
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}),
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "ListNode": frozenset({"builtins.list"}),
    "SetNode": frozenset({"builtins.set", "builtins.frozenset"}),
    "PartialNode": frozenset({"functools.partial"}),
    "BytesNode": frozenset({"builtins.bytes"}),
    "BytearrayNode": frozenset({"builtins.bytearray"}),
    "SliceNode": frozenset({"builtins.slice"}),
}
"""What honest files name in nodes that stand for one type."""

_OPERATORS: Final = frozenset({"attrgetter", "itemgetter"})
_GENERATORS: Final = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})
_PLAIN_FUNCTIONS: Final = re.compile(
    r"(numpy(\.(_?core|ma|linalg|lib)(\.\w+)*)?|scipy\.(special|stats|linalg|spatial)(\.\w+)*"
    r"|sklearn\.(metrics|feature_selection|preprocessing|gaussian_process|neighbors|linear_model|ensemble|utils)(\.\w+)*"
    r"|math|_?operator)\.[a-z]\w*"
)
"""Functions of numbers, which transformers and kernels are made of."""

_PLAIN_CLASSES: Final = re.compile(
    r"(sklearn(?!\.(datasets|externals|utils\._testing|utils\._mocking))(\.\w+)+|scipy\.(sparse|stats|spatial)(\.\w+)*"
    r"|numpy(\.(_?core|ma|random))?(\.\w+)?|quantile_forest(\.\w+)*|lightgbm\.sklearn|xgboost\.sklearn"
    r"|catboost\.core)\.(?!memmap|DataSource|NpzFile)_?[A-Z]\w*"
)
"""Classes of the libraries whose models skops keeps."""

_METHODS: Final = re.compile(r"(fit|partial_fit|predict|transform|score|inverse_transform|decision_function)(_\w+)?")


def check_schema(content: bytes, problems: Problems, policy: Policy, member: str) -> int:
    """Judge every node of the schema; gives their number."""
    try:
        schema = json.loads(content)
    except (ValueError, RecursionError):
        problems.add("skops.schema", "error", "the schema is no JSON", member=member)
        return 0
    schema_check = _Check(schema, problems, policy, member)
    count = 0
    for node in _nodes(schema):
        count += 1
        schema_check.node(node)
    if count >= MOST_NODES:
        problems.add("skops.schema", "error", f"more than {MOST_NODES} nodes: not judged", member=member)
    return count


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    waiting, left = [schema], MOST_NODES
    while waiting and left:
        left -= 1
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


class _Check:
    """One schema while it is judged."""

    def __init__(self, schema: Any, problems: Problems, policy: Policy, member: str) -> None:
        self._schema, self._problems, self._policy, self._member = schema, problems, policy, member

    def node(self, node: dict[str, Any]) -> None:
        """Judge a node by what its loader imports."""
        loader = node.get("__loader__")
        module, name, content = node.get("__module__"), node.get("__class__"), node.get("content")
        if isinstance(content, dict) and isinstance(content.get("module_path"), str):
            # The first protocol of skops told a function's own place in its content.
            self._imported(content["module_path"], str(content.get("function")), called=False)
            if name in ("function", "ufunc", "builtin_function_or_method", "type"):
                return
        if not isinstance(module, str) or not isinstance(name, str) or loader in ("JsonNode", "CachedNode"):
            return
        if loader == "OperatorFuncNode":
            self._operator(module, name)
        elif loader == "MethodNode":
            self._method(module, name, content)
        elif f"{module}.{name}" not in _MADE.get(str(loader), ()):
            self._imported(module, name, called=loader not in _NAMES)
            self._known(str(loader), f"{module}.{name}")
        if loader == "RandomGeneratorNode":
            self._generator(content)

    def _known(self, loader: str, full: str) -> None:
        if loader not in ("None", *_CALLS, *_NAMES):
            message = f"a node for {shown(full)} has the loader {shown(loader)}, which skops does not have"
            self._tell("node", "suspicious", message, loader)

    def _operator(self, module: str, name: str) -> None:
        # The loader takes the name from `operator`, whatever module the node shows.
        if module != "operator":
            message = f"it shows {shown(f'{module}.{name}')}, and loads {shown(f'operator.{name}')}"
            self._tell("agreement", "malicious", message, f"operator {module}.{name}")
        if name not in _OPERATORS:
            message = f"it makes {shown(f'operator.{name}')}, which calls what the file names"
            self._tell("operator", "malicious" if name != "methodcaller" else "suspicious", message, name)

    def _method(self, module: str, name: str, content: Any) -> None:
        owner = content.get("obj") if isinstance(content, dict) else None
        method = content.get("func") if isinstance(content, dict) else None
        owned = (owner.get("__module__"), owner.get("__class__")) if isinstance(owner, dict) else None
        if owned != (module, name):
            message = f"it shows a method of {shown(f'{module}.{name}')}, and takes it from something else"
            self._tell("agreement", "malicious", message, f"method {module}.{name}")
        if not isinstance(method, str) or method.startswith("_") or "." in method:
            self._tell("method", "malicious", f"it takes the method {shown(str(method))}", str(method))
        elif not _METHODS.fullmatch(method):
            self._tell("method", "suspicious", f"it takes the method {shown(f'{module}.{name}.{method}')}", method)

    def _generator(self, content: Any) -> None:
        """The bit generator's name is taken from `numpy.random` and called."""
        name: Any = content
        for key in ("bit_generator", "content", "bit_generator", "content"):
            name = name.get(key) if isinstance(name, dict) else None
            if isinstance(name, dict) and name.get("__loader__") == "CachedNode":
                name = self._cached(name.get("__id__"))
        if name is not None and str(name).strip('"') not in _GENERATORS:
            message = f"it takes {shown(f'numpy.random.{name}')} for a generator of random numbers, and calls it"
            self._tell("generator", "malicious", message, str(name))

    def _cached(self, number: Any) -> dict[str, Any] | None:
        """Find the node that a later one stands for."""
        found = (n for n in _nodes(self._schema) if n.get("__id__") == number and n.get("__loader__") != "CachedNode")
        return next(found, None)

    def _imported(self, module: str, name: str, *, called: bool) -> None:
        meant_module, meant_name, ruling = self._policy.judge(module, name)
        full = f"{meant_module}.{meant_name}"
        if ruling == "dangerous":
            self._tell("name", "malicious", f"it names {shown(full)}, which can do harm by its nature", full)
        elif ruling == "ruled" and called:
            self._tell("name", "suspicious", f"it calls {shown(full)} with arguments of its own", full)
        elif ruling == "library" and not _PLAIN_CLASSES.fullmatch(f"{module}.{name}"):
            self._library(f"{module}.{name}", full, called=called)
        elif ruling == "project":
            self._tell("name", "suspicious", f"it names {shown(full)}", full)

    def _library(self, told: str, full: str, *, called: bool) -> None:
        plain = bool(_PLAIN_FUNCTIONS.fullmatch(told))
        if called:
            self._tell("name", "suspicious" if plain else "malicious", f"it calls {shown(full)}", full)
        elif not plain:
            self._tell("name", "suspicious", f"it names {shown(full)}", full)

    def _tell(self, rule: str, says: FileVerdict, message: str, key: str) -> None:
        self._problems.add(f"skops.{rule}", says, message, member=self._member, key=key)
