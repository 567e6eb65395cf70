"""Judge the files of one model folder together: what its configurations name, and whether it lies there as said."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import yaml

from safecase.readers.artifacts import loaded_code
from safecase.readers.artifacts.agents import agent_skills
from safecase.readers.artifacts.code import model_configs
from safecase.readers.artifacts.code.named_callables import judge_callable
from safecase.readers.artifacts.code.python_code import check_python
from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_FILES: Final = 100_000
MOST_READ: Final = 4 * 1024 * 1024
Files = Mapping[str, Callable[[], bytes]]

_WEIGHTS: Final = (
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".gguf",
    ".onnx",
    ".h5",
    ".keras",
    ".pkl",
    ".joblib",
    ".msgpack",
    ".pb",
    ".tflite",
    ".npz",
)
_MARKS: Final = frozenset(
    {
        "config.json",
        "model_index.json",
        "mlmodel",
        "tokenizer_config.json",
        "adapter_config.json",
        "modules.json",
        "saved_model.pb",
    }
)
_MODEL_KEYS: Final = frozenset({"model_type", "architectures", "auto_map", "_class_name", "_diffusers_version"})
_NATIVE: Final = re.compile(r"\.(pyd|dll|dylib|exe)$|\.so(\.\d+)*$", re.IGNORECASE)
_STARTS: Final = frozenset({"sitecustomize.py", "usercustomize.py"})
_LIBRARIES: Final = frozenset(
    {
        "diffusers", "transformers", "onnxruntime", "sentence_transformers", "mlflow", "torch", "sklearn", "keras",
        "optimum", "peft", "timm", "tensorflow", "stable_diffusion", "paint_by_example", "shap_e", "deprecated",
        "kandinsky", "latent_diffusion", "flax", "paddlenlp", "ppdiffusers", "xgboost", "lightgbm", "catboost",
        "spacy", "prophet", "pmdarima", "statsmodels", "fastai", "h2o", "langchain", "llama_index", "openai", "pylate",
        "model2vec", "wan", "flux", "audioldm2", "unclip", "musicldm", "blip_diffusion",
    }
)  # fmt: skip
"""Libraries that the loaders of models take classes from, and their modules by which they are named."""


def check_repository(files: Files, problems: Problems) -> None:
    """Note what no file shows alone; `files` gives each path, with `/`, and how its content is read."""
    names = sorted(files)[:MOST_FILES]
    folder = _Folder({name: files[name] for name in names}, problems)
    for name in names:
        reader = _BY_NAME.get(posixpath.basename(name).lower())
        if reader is not None:
            reader(folder, name)
        elif name.endswith("config.json"):
            folder.configuration(name)
    folder.programs(names)
    folder.code(names)
    folder.skills(names)


class _Folder:
    """The files of one folder."""

    def __init__(self, files: Files, problems: Problems) -> None:
        self._files, self._problems = files, problems

    def configuration(self, name: str) -> None:
        """Code that `auto_map` names lies beside the file, or it is taken from wherever a loader finds it."""
        for reference in model_configs.code_references(self._json(name)):
            if "--" not in reference:
                self._module(name, reference.rpartition(".")[0] or reference)

    def pipeline(self, name: str) -> None:
        """A diffusion pipeline names a library for each part; one that is none is a module beside the file."""
        index = self._json(name)
        for key, entry in index.items() if isinstance(index, dict) else ():
            if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str):
                library = entry[0].removesuffix(".py")
                if library.partition(".")[0] in _LIBRARIES and not key.startswith("_"):
                    continue
                if not self._beside(name, library) and not key.startswith("_") and not self._parts(name, key):
                    message = (
                        f"the part {shown(key)} comes from {shown(library)}, which is neither a known library nor here"
                    )
                    self._problems.add("repo.import", "suspicious", message, member=name, key=library)
                elif self._beside(name, library):
                    self._module(name, library)

    def modules(self, name: str) -> None:
        """Sentence transformers import the type of each module."""
        listed = self._json(name)
        for entry in listed if isinstance(listed, list) else ():
            kind = entry.get("type") if isinstance(entry, dict) else None
            if isinstance(kind, str) and kind.partition(".")[0] not in _LIBRARIES:
                if judge_callable(kind) == "malicious":
                    message = f"a module is of the type {shown(kind)}, which does harm when it is made"
                    self._problems.add("repo.import", "malicious", message, member=name, key=kind)
                else:
                    self._module(name, kind.rpartition(".")[0])

    def mlflow(self, name: str) -> None:
        """MLflow imports the module that a flavour names, with the folder of code on its path."""
        for flavour in self._flavours(name):
            for key in ("loader_module", "model_class", "pyfunc_loader"):
                module = flavour.get(key)
                if isinstance(module, str) and module.partition(".")[0] not in _LIBRARIES:
                    self._loader(name, module)
            for key in ("code", "python_model", "data", "model_path", "artifacts", "env"):
                path = flavour.get(key)
                if isinstance(path, str) and (path.startswith("/") or ".." in path.split("/")):
                    message = f"{key} leads out of the folder, to {shown(path)}"
                    self._problems.add("repo.path", "suspicious", message, member=name, key=path)

    def _loader(self, name: str, module: str) -> None:
        folder = posixpath.dirname(name)
        for code in ("code", ""):
            inner = posixpath.join(folder, code)
            if self._beside(posixpath.join(inner, "x"), module):
                self._module(posixpath.join(inner, "x"), module)
                return
        says = (
            "malicious"
            if judge_callable(f"{module}.load") == "malicious" or judge_callable(module) == "malicious"
            else "suspicious"
        )
        message = f"it is loaded by the module {shown(module)}, which is neither a known library nor here"
        self._problems.add(
            "repo.import", "malicious" if says == "malicious" else "suspicious", message, member=name, key=module
        )

    def code(self, names: list[str]) -> None:
        """Code in a model's folder is there to be imported, whatever its name."""
        models = {posixpath.dirname(name) for name in names if self._is_model(name)}
        for name in loaded_code.beside_models(names, models) if models else ():
            content = self._read(name)
            if content is not None:
                check_python(content, name, self._problems, name)

    def _is_model(self, name: str) -> bool:
        last = posixpath.basename(name).lower()
        if last != "config.json":
            return last in _MARKS
        value = self._json(name)
        return isinstance(value, dict) and not _MODEL_KEYS.isdisjoint(value)

    def programs(self, names: list[str]) -> None:
        """Weights need no native code, and nothing that Python runs at its start."""
        if not any(n.lower().endswith(_WEIGHTS) or posixpath.basename(n).lower() in _MARKS for n in names):
            return
        if loaded_code.is_software(names):
            models = {posixpath.dirname(n) for n in names if n.lower().endswith(_WEIGHTS) or self._is_model(n)}
            names = loaded_code.below_models(names, models)
        for name in names:
            last = posixpath.basename(name).lower()
            if _NATIVE.search(last):
                message = f"native code lies among the files of a model: {shown(name)}"
                self._problems.add("repo.native", "suspicious", message, member=name)
            elif last.endswith((".pyc", ".pyo")):
                message = (
                    f"compiled Python lies among the files of a model, which shows nobody what it does: {shown(name)}"
                )
                self._problems.add("repo.bytecode", "suspicious", message, member=name)
            elif last in _STARTS:
                message = f"Python runs {shown(name)} whenever it starts, where the folder is on its path"
                self._problems.add("repo.starts", "suspicious", message, member=name)

    def skills(self, names: list[str]) -> None:
        """Scripts beside a skill are run by the agent that reads it."""
        roots = {posixpath.dirname(n) for n in names if posixpath.basename(n).lower() == "skill.md"}
        for name in names:
            if not any(not root or name.startswith(root + "/") for root in roots):
                continue
            content = self._read(name) if name.endswith(".py") or agent_skills.is_script(name) else None
            if content is None:
                continue
            if name.endswith(".py"):
                agent_skills.check_skill_code(content, name, self._problems, name)
            else:
                agent_skills.check_script(content.decode("utf-8", "replace"), self._problems, name)

    def _module(self, name: str, module: str) -> None:
        found = self._beside(name, module)
        if found is None:
            message = (
                f"it names code in {shown(module)}, which does not lie here: it comes from wherever a loader finds it"
            )
            self._problems.add("repo.missing_code", "suspicious", message, member=name, key=module)
            return
        content = self._read(found)
        if content is not None:
            check_python(content, found, self._problems, found)

    def _beside(self, name: str, module: str) -> str | None:
        path = posixpath.join(posixpath.dirname(name), module.replace(".", "/"))
        return next((p for p in (f"{path}.py", f"{path}/__init__.py", f"{path}/pipeline.py") if p in self._files), None)

    def _parts(self, name: str, key: str) -> bool:
        """Say whether code for a part of a pipeline lies in the part's folder."""
        folder = posixpath.join(posixpath.dirname(name), key) + "/"
        return any(path.startswith(folder) and path.endswith(".py") for path in self._files)

    def _flavours(self, name: str) -> Iterator[dict[str, Any]]:
        content = self._read(name) or b""
        try:
            value = yaml.safe_load(content) if content.count(b"&") < 100 and len(content) < 100_000 else None
        except (yaml.YAMLError, ValueError, RecursionError):
            return
        flavours = value.get("flavors") if isinstance(value, dict) else None
        for flavour in flavours.values() if isinstance(flavours, dict) else ():
            if isinstance(flavour, dict):
                yield flavour

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._read(name) or b"null")
        except (ValueError, RecursionError):
            return None

    def _read(self, name: str) -> bytes | None:
        content = self._files[name]()
        return content if len(content) <= MOST_READ else None


_BY_NAME: Final[Mapping[str, Callable[[_Folder, str], None]]] = {
    "config.json": _Folder.configuration,
    "model_index.json": _Folder.pipeline,
    "modules.json": _Folder.modules,
    "mlmodel": _Folder.mlflow,
}
