"""List the classes that pickles of a framework's own objects may name, from its wheels or from where it is installed.

    python tools/list_framework_classes.py WHEELS_DIR [PYTHON]    # writes readers/pickles/frameworks/*.json

PYTHON is an interpreter with frameworks installed: those that no wheel holds are read there, and it is asked for the
classes of compiled modules, which have no source.

Sources are parsed and never imported, so that wheels of many versions and of other Pythons can be read at once. A class
is left out where what an unpickler may call of it (its making, its state, its container methods) reaches a capability:
a process, a file, a network, an interpreter, a thread. What is reached is followed through the methods of the class,
its bases and the functions of its package, a few steps deep.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

TARGET: Final = Path(__file__).parents[1] / "src/safecase/readers/pickles/frameworks"

FRAMEWORKS: Final[dict[str, tuple[str, ...]]] = {
    "numpy": ("numpy.polynomial",),
    "sklearn": ("sklearn",),
    "scipy": ("scipy.stats", "scipy.sparse", "scipy.interpolate", "scipy.spatial", "scipy.signal", "scipy.optimize"),
    "pandas": ("pandas.core", "pandas._libs", "pandas.tseries"),
    "torch": (
        "torch.nn",
        "torch.optim",
        "torch.ao.nn",
        "torch.ao.quantization",
        "torch.quantization",
        "torch.distributions",
        "torch.utils.data.sampler",
        "torch.utils.data.dataset",
    ),
    "torchvision": ("torchvision.models", "torchvision.transforms", "torchvision.ops"),
    "torchaudio": ("torchaudio.models", "torchaudio.transforms"),
    "torch_geometric": ("torch_geometric.nn", "torch_geometric.data"),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "transformers": ("transformers",),
    "ultralytics": ("ultralytics.nn", "ultralytics.utils", "ultralytics.yolo", "ultralytics.models"),
    "timm": ("timm.models", "timm.layers"),
    "sentence_transformers": ("sentence_transformers",),
    "peft": ("peft",),
    "diffusers": ("diffusers.models", "diffusers.schedulers", "diffusers.configuration_utils"),
    "accelerate": ("accelerate",),
    "pytorch_lightning": ("pytorch_lightning",),
    "lightning": ("lightning",),
    "lightning_fabric": ("lightning_fabric",),
    "statsmodels": ("statsmodels",),
    "imblearn": ("imblearn",),
    "category_encoders": ("category_encoders",),
    "omegaconf": ("omegaconf",),
    "stable_baselines3": ("stable_baselines3",),
    "gymnasium": ("gymnasium.spaces",),
    "gensim": ("gensim.models", "gensim.corpora", "gensim.similarities"),
    "skorch": ("skorch",),
    "hdbscan": ("hdbscan",),
    "umap": ("umap",),
    "lifelines": ("lifelines",),
    "sktime": ("sktime",),
    "spacy": ("spacy.vocab", "spacy.tokens", "spacy.lang"),
    "fastai": ("fastai",),
    "fasttransform": ("fasttransform",),
    "fastcore": ("fastcore.foundation", "fastcore.transform", "fastcore.dispatch"),
    "easydict": ("easydict",),
    "addict": ("addict",),
    "mmengine": ("mmengine.config", "mmengine.logging"),
    "flair": ("flair.data", "flair.models", "flair.embeddings"),
    "tabpfn": ("tabpfn",),
    "pytorch_tabnet": ("pytorch_tabnet",),
    "ngboost": ("ngboost",),
    "pmdarima": ("pmdarima",),
    "tslearn": ("tslearn",),
    "mlxtend": ("mlxtend",),
    "sklearn_crfsuite": ("sklearn_crfsuite",),
    "nltk": ("nltk.tokenize", "nltk.stem", "nltk.classify", "nltk.tag", "nltk.probability"),
}
"""By top-level package: the packages whose classes its own objects are made of."""

PASSED_OVER: Final = re.compile(
    r"(^|\.)(tests?|testing|_testing|conftest|externals|datasets|examples?|cli|commands|hub|__main__|setup|benchmarks?)(\.|$)"
)
NAMED: Final = frozenset({"numpy", "scipy", "sklearn", "statsmodels", "imblearn", "xgboost", "lightgbm"})
"""Frameworks whose objects keep functions of theirs: scorers, kernels, losses. Those are named and never called."""

TELLING: Final = re.compile(
    r"load|save|read|write|open|fetch|file|dump|exec|eval|run|import|download|url|shell|system|popen|path|txt|regex"
)
"""Names of functions that promise more than arithmetic, whatever is seen of their source."""

CALLED: Final = frozenset(
    {
        "__new__", "__init__", "__post_init__", "__setstate__", "__setattr__", "__setitem__", "__call__", "__del__",
        "__getattr__", "__hash__", "__eq__", "append", "extend", "add", "update", "_reconstruct", "_missing_",
    }
)  # fmt: skip
"""What an unpickler, or the containers that it fills, may call of an instance."""

CAPABILITIES: Final = frozenset(
    {
        "os", "subprocess", "shutil", "socket", "ctypes", "cffi", "importlib", "runpy", "pty", "urllib", "http",
        "requests", "httpx", "ftplib", "smtplib", "tempfile", "multiprocessing", "threading", "concurrent", "pickle",
        "cPickle", "dill", "cloudpickle", "marshal", "shelve", "code", "glob", "mmap", "sqlite3", "webbrowser", "imp",
        "huggingface_hub", "fsspec", "asyncio", "signal", "atexit", "zipfile", "tarfile", "pathlib",
    }
)  # fmt: skip
CAPABLE_BASES: Final = CAPABILITIES - {"pathlib", "pickle"} | {
    "joblib",
    "logging",
    "io",
    "socketserver",
    "cmd",
    "unittest",
}
"""A class of these that a framework extends makes its own do what it does."""

HARMLESS: Final = re.compile(
    r"(os\.(path\.(join|basename|dirname|splitext|sep|abspath|expanduser|normpath|exists|isfile|isdir)|environ.*|sep|getenv|cpu_count|name|linesep|fspath|PathLike)"
    r"|importlib\.(metadata.*|util\.find_spec)|urllib\.parse.*|http\.HTTPStatus.*|pathlib\.(Path|PurePath|PosixPath)"
    r"|threading\.(Lock|RLock|local|current_thread|get_ident)|multiprocessing\.cpu_count)\Z"
)
BUILTINS: Final = frozenset({"open", "exec", "eval", "compile", "__import__", "input", "breakpoint", "execfile"})
MOST_STEPS: Final = 3


class Module(NamedTuple):
    """A parsed source file."""

    name: str
    tree: ast.Module
    imports: dict[str, str]
    """What a name at its top level stands for, dotted."""
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
    classes: dict[str, ast.ClassDef]


def classes_of(sources: Iterable[tuple[str, bytes]], packages: tuple[str, ...]) -> dict[str, list[str]]:
    """Give the names by module that may be listed; `sources` are dotted module names and their code."""
    modules = {name: parsed for name, code in sources if (parsed := _parse(name, code)) is not None}
    reach = _Reach(modules)
    found: dict[str, list[str]] = {}
    for name, module in sorted(modules.items()):
        if not any(name == p or name.startswith(p + ".") for p in packages) or PASSED_OVER.search(name):
            continue
        names = [c for c in module.classes if not reach.of_class(module, c)]
        names += [n for n in _named_tuples(module.tree) if n not in names]
        if names:
            found[name] = sorted(names)
    return found


def functions_of(sources: Iterable[tuple[str, bytes]], packages: tuple[str, ...]) -> dict[str, list[str]]:
    """Give the names of functions, by module, that reach no capability."""
    modules = {name: parsed for name, code in sources if (parsed := _parse(name, code)) is not None}
    reach = _Reach(modules)
    found: dict[str, list[str]] = {}
    for name, module in sorted(modules.items()):
        if any(name == p or name.startswith(p + ".") for p in packages) and not PASSED_OVER.search(name):
            names = sorted(
                f for f in module.functions if not TELLING.search(f) and not reach.of_function(module, f, MOST_STEPS)
            )
            if names:
                found[name] = names
    return found


def _parse(name: str, code: bytes) -> Module | None:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None
    imports: dict[str, str] = {}
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    classes: dict[str, ast.ClassDef] = {}
    for node in _top_level(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.update(_imported(node, name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            classes[node.name] = node
            for inner in node.body:
                if isinstance(inner, ast.ClassDef):
                    classes[f"{node.name}.{inner.name}"] = inner
    return Module(name, tree, imports, functions, classes)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            yield from _top_level(node.body)
            yield from _top_level(node.orelse)
            for handler in getattr(node, "handlers", []):
                yield from _top_level(handler.body)
        else:
            yield node


def _imported(node: ast.Import | ast.ImportFrom, module: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (
                (alias.asname or alias.name.partition(".")[0]),
                (alias.name if alias.asname else alias.name.partition(".")[0]),
            )
        return
    base = node.module or ""
    if node.level:
        parts = module.split(".")[: -node.level]
        base = ".".join([*parts, base] if base else parts)
    for alias in node.names:
        yield alias.asname or alias.name, f"{base}.{alias.name}"


def _named_tuples(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            maker = node.value.func
            name = maker.attr if isinstance(maker, ast.Attribute) else getattr(maker, "id", "")
            if name in ("namedtuple", "NamedTuple"):
                yield node.targets[0].id


class _Reach:
    """Which capabilities the methods of a class reach."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._modules = modules
        self._known: dict[tuple[str, str], set[str]] = {}
        self._functions: dict[tuple[str, str, int], set[str]] = {}

    def of_class(self, module: Module, name: str, seen: frozenset[str] = frozenset()) -> set[str]:
        """Give the capabilities that making an instance, and giving it a state, may reach."""
        key = (module.name, name)
        if key in self._known:
            return self._known[key]
        if f"{module.name}.{name}" in seen or len(seen) > 20:
            return set()
        node = module.classes[name]
        methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
        reached: set[str] = set()
        done: set[str] = set()
        waiting = [m for m in methods if m in CALLED]
        while waiting:
            at = waiting.pop()
            if at in done:
                continue
            done.add(at)
            found, own = self._of_body(module, methods[at], MOST_STEPS)
            reached |= found
            waiting.extend(m for m in own if m in methods)
        for base in _bases(node):
            resolved = self._resolve(module, base)
            if resolved is not None and resolved[1] in resolved[0].classes:
                reached |= self.of_class(*resolved, seen | {f"{module.name}.{name}"})
            elif (full := module.imports.get(base.partition(".")[0], "")).partition(".")[0] in CAPABLE_BASES:
                reached.add(full)
        self._known[key] = reached
        return reached

    def _of_body(self, module: Module, node: ast.AST, steps: int) -> tuple[set[str], set[str]]:
        """Give capabilities, and which methods of its own object it calls."""
        reached: set[str] = set()
        own: set[str] = set()
        local: dict[str, str] = {}
        for part in ast.walk(node):
            if isinstance(part, ast.Import | ast.ImportFrom):
                local.update(_imported(part, module.name))
        for part in ast.walk(node):
            if not isinstance(part, ast.Call):
                continue
            dotted = _dotted(part.func)
            if dotted.startswith("self."):
                own.add(dotted.split(".")[1])
                continue
            head, _, rest = dotted.partition(".")
            full = local.get(head) or module.imports.get(head)
            if full is None:
                if head in BUILTINS and not rest:
                    reached.add(head)
                elif steps and not rest and head in module.functions:
                    reached |= self.of_function(module, head, steps - 1)
                continue
            full = f"{full}.{rest}" if rest else full
            if full.partition(".")[0] in CAPABILITIES and not HARMLESS.match(full):
                reached.add(full)
            elif steps:
                resolved = self._resolve(module, dotted)
                if resolved is not None and resolved[1] in resolved[0].functions:
                    reached |= self.of_function(*resolved, steps - 1)
        return reached, own

    def of_function(self, module: Module, name: str, steps: int) -> set[str]:
        """Give the capabilities that calling a function may reach."""
        key = (module.name, name, steps)
        if key not in self._functions:
            self._functions[key] = set()
            self._functions[key] = self._of_body(module, module.functions[name], steps)[0]
        return self._functions[key]

    def _resolve(self, module: Module, dotted: str, depth: int = 0) -> tuple[Module, str] | None:
        """Find where a name of a module is defined, through re-exports."""
        if depth > 4 or not dotted:
            return None
        if dotted in module.classes or dotted in module.functions:
            return module, dotted
        head, _, rest = dotted.partition(".")
        full = module.imports.get(head)
        if full is None:
            return None
        full = f"{full}.{rest}" if rest else full
        parent, _, name = full.rpartition(".")
        for candidate in (parent, f"{parent}.__init__"):
            target = self._modules.get(candidate)
            if target is not None and target is not module:
                return self._resolve(target, name, depth + 1)
        return None


def _bases(node: ast.ClassDef) -> Iterator[str]:
    """Name the bases of a class, those within `with_metaclass(…)` and `Generic[…]` too."""
    for base in node.bases:
        if isinstance(base, ast.Call):
            yield from (_dotted(a) for a in base.args)
        else:
            yield _dotted(base.value if isinstance(base, ast.Subscript) else base)


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


# sources


def wheel_sources(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Give the modules of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith((".py", ".pyx")) and ".dist-info/" not in name:
                yield _module_name(name), archive.read(name)


def _tops(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name.partition("/")[0] for name in archive.namelist()}


def installed_sources(package: str, site: Path) -> Iterator[tuple[str, bytes]]:
    """Give the modules of a package where it is installed."""
    for path in sorted((site / package).rglob("*.py")):
        yield _module_name(str(path.relative_to(site))), path.read_bytes()


def _module_name(path: str) -> str:
    parts = list(Path(path).with_suffix("").parts)
    if ".data" in parts[0] and len(parts) > 2:
        parts = parts[2:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Lists:
    """The lists as they grow, wheel by wheel."""

    def __init__(self) -> None:
        self.classes: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.functions: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.versions: dict[str, set[str]] = defaultdict(set)

    def add(self, top: str, version: str, sources: list[tuple[str, bytes]]) -> None:
        """Add what one version of a framework has."""
        for module, names in classes_of(sources, FRAMEWORKS[top]).items():
            self.classes[top][module].update(names)
        for module, names in functions_of(sources, (top,)).items() if top in NAMED else ():
            self.functions[top][module].update(names)
        self.versions[top].add(version)

    def add_wheel(self, wheel: Path) -> None:
        """Add every framework that a wheel holds."""
        if not _tops(wheel) & set(FRAMEWORKS):
            return
        sources = list(wheel_sources(wheel))
        for top in sorted({name.partition(".")[0] for name, _ in sources} & set(FRAMEWORKS)):
            self.add(top, wheel.name.split("-")[1], [(n, c) for n, c in sources if n.partition(".")[0] == top])

    def add_compiled(self, top: str, compiled: Mapping[str, list[str]]) -> None:
        """Add what an interpreter told of compiled modules; numpy gives all that is public its own name."""
        public = set(compiled.get("public", ()))
        for module, names in compiled.items():
            kind, _, name = module.rpartition(":")
            if kind == "ufuncs":
                self.functions[top]["numpy" if top == "numpy" else name].update(names)
            elif module != "public":
                self.classes[top][module].update(n for n in names if not n.startswith("__pyx"))
        if top == "numpy":
            harmless = {name for names in self.functions[top].values() for name in names}
            kept = self.functions[top]["numpy"] | (harmless & public)
            self.functions[top] = defaultdict(set, {"numpy": kept})

    def write(self, target: Path) -> None:
        """Write a file for each framework."""
        target.mkdir(exist_ok=True)
        for top, modules in self.classes.items():
            listed = {
                "about": f"Classes of {top} that its own pickles name; made by tools/list_framework_classes.py.",
                "versions": sorted(self.versions[top]),
                "classes": {module: sorted(names) for module, names in sorted(modules.items())},
                "functions": {m: sorted(names) for m, names in sorted(self.functions[top].items())},
            }
            text = json.dumps(listed, separators=(",", ":")).replace('],"', '],\n"')
            (target / f"{top}.json").write_text(text + "\n")


_ASK_FOR_COMPILED: Final = """
import importlib, inspect, json, pathlib, sys
top = importlib.import_module(sys.argv[1])
site = pathlib.Path(top.__file__).parents[1]
found = {"": [top.__version__, str(site)]}
for path in sorted((site / sys.argv[1]).rglob("*.so")):
    name = ".".join(path.relative_to(site).parts)[: -len("".join(path.suffixes))] if path.suffixes else ""
    name = ".".join([*path.relative_to(site).parts[:-1], path.name.partition(".")[0]])
    try:
        module = importlib.import_module(name)
    except Exception:
        continue
    found[name] = [n for n, c in vars(module).items() if inspect.isclass(c) and c.__module__ == name]
    ufuncs = [n for n, u in vars(module).items() if type(u).__name__ == "ufunc"]
    if ufuncs:
        found["ufuncs:" + name] = ufuncs
found["public"] = [n for n in getattr(top, "__all__", ())]
print(json.dumps(found))
"""


def compiled_classes(python: str, top: str) -> dict[str, list[str]]:
    """Ask an interpreter for the classes of a framework's compiled modules; `""` has its version and where it lies."""
    answer = subprocess.run([python, "-c", _ASK_FOR_COMPILED, top], capture_output=True, text=True, check=False)
    found: dict[str, list[str]] = json.loads(answer.stdout) if answer.returncode == 0 else {}
    wanted = FRAMEWORKS[top]
    return {
        m: n
        for m, n in found.items()
        if m in ("", "public")
        or m.startswith("ufuncs:")
        or (n and any(m == p or m.startswith(p + ".") for p in wanted))
    }


def main(arguments: list[str]) -> int:
    """Write the lists; `--only a,b` writes those of some frameworks."""
    if arguments[0] == "--only":
        wanted = arguments[1].split(",")
        for top in set(FRAMEWORKS) - set(wanted):
            del FRAMEWORKS[top]
        arguments = arguments[2:]
    lists = Lists()
    for wheel in sorted(Path(arguments[0]).glob("*.whl")):
        lists.add_wheel(wheel)
        print(wheel.name)
    for python in arguments[1:]:
        for top in FRAMEWORKS:
            compiled = compiled_classes(python, top)
            if "" not in compiled:
                continue
            version, site = compiled.pop("")
            if top not in lists.classes:
                lists.add(top, version, list(installed_sources(top, Path(site))))
            lists.add_compiled(top, compiled)
            print(top, version, len(compiled), "compiled modules")
    lists.write(TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
