"""Names of functions and classes in configurations, which a loader imports and calls."""

from __future__ import annotations

import functools
import re
import sys
from typing import Final

from safecase.readers.artifacts.code.python_capabilities import canonical, capability
from safecase.readers.artifacts.report import FileVerdict
from safecase.readers.pickles.policy import Policy

_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")
_PLAIN: Final = frozenset(
    {
        "argparse.Namespace", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.Path", "pathlib.PurePosixPath",
        "collections.OrderedDict", "collections.defaultdict", "datetime.timedelta", "datetime.datetime",
        "datetime.date", "functools.partial", "builtins.int", "builtins.float", "builtins.str", "builtins.list",
        "builtins.dict", "builtins.tuple", "builtins.set", "builtins.bool", "int", "float", "str", "list", "dict",
        "tuple", "set", "bool", "builtins.range", "builtins.slice", "range", "slice", "builtins.bytes", "copy.deepcopy",
        "copy.copy", "os.path.join", "os.getcwd", "random.seed", "math.prod",
        "operator.attrgetter", "fractions.Fraction",
        "uuid.UUID", "enum.Enum", "decimal.Decimal", "logging.getLogger", "time.time", "re.compile", "zip", "map",
        "builtins.len", "builtins.max", "builtins.min", "builtins.sum", "math.sqrt", "math.log", "random.Random",
    }
)  # fmt: skip
_RUNS: Final = frozenset(
    {
        "getattr",
        "setattr",
        "open",
        "input",
        "__import__",
        "importlib.import_module",
        "breakpoint",
        "globals",
        "vars",
        "delattr",
        "io.open",
        "codecs.open",
    }
)


def judge_callable(name: str) -> FileVerdict:
    """Say how bad it is that a configuration has a name imported and called."""
    if not _NAME.match(name) or name in _PLAIN:
        return "clean"
    plain = canonical(name)
    if capability(plain) is not None or plain in _RUNS:
        return "malicious"
    if plain in _PLAIN:
        return "clean"
    module, _, last = plain.rpartition(".")
    top = module.partition(".")[0]
    if not module:
        return "clean" if top == "" else "suspicious"
    if _policy().judge(module, last)[2] == "dangerous":
        return "malicious"
    # Of Python's own modules, models call hardly any; everything else is a library or the model's own.
    return "suspicious" if top in sys.stdlib_module_names else "clean"


@functools.cache
def _policy() -> Policy:
    return Policy()
