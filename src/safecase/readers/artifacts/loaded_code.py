"""Which Python files a loader of models imports: by their names, by the classes that they define, by where they lie.

The code of an application starts programs and talks to servers, and is nobody's model. What a model hub, a model server
or a loader imports because it lies beside weights is another matter.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from typing import Final

_NAMES: Final = re.compile(
    r"(\A|/)((custom_)?(handler|inference|serve|service|predict|predictor|loader|pipeline|model|generate)"
    r"|(modeling|configuration|tokenization|processing|image_processing|feature_extraction)_\w+|hubconf"
    r"|sitecustomize|usercustomize|python_model|entrypoint|model_handler)\.py\Z"
)
"""Sources that servers and hubs import by their name."""

_CLASSES: Final = re.compile(
    rb"^[ \t]*class\s+(EndpointHandler\b|InferenceHandler\b|TritonPythonModel\b"
    rb"|\w+\s*\([^)]{0,300}\b(GeneratorBasedBuilder|ArrowBasedBuilder|BeamBasedBuilder|DatasetBuilder|PreTrainedModel|PretrainedConfig|PreTrainedTokenizer\w*"
    rb"|ProcessorMixin|DiffusionPipeline|PythonModel|BaseHandler|SchedulerMixin|ModelMixin)\b)",
    re.MULTILINE,
)
"""What hubs, servers and libraries look for in a source, and then make an instance of."""

_PACKAGES: Final = frozenset({"pyproject.toml", "setup.py", "setup.cfg"})
_SOFTWARE: Final = re.compile(
    r"(\A|/)(pyproject\.toml|setup\.py|setup\.cfg|package\.json|go\.mod|Cargo\.toml|Makefile|pom\.xml|pyvenv\.cfg"
    r"|[^/]+\.dist-info/[^/]+|__init__\.py)\Z"
)
_MOST_SEARCHED: Final = 1024 * 1024
_DEEPEST: Final = 3
"""Folders between a model's configuration and code that counts as its own."""


def is_loaded(path: str, content: bytes) -> bool:
    """Say whether a source is imported for its name, or for a class in it."""
    return bool(_NAMES.search(path.lower()) or _CLASSES.search(content[:_MOST_SEARCHED]))


def beside_models(paths: Collection[str], models: Collection[str]) -> list[str]:
    """Give the sources below folders of models; `models` are those that hold a model's configuration."""
    return [path for path in below_models(paths, models) if path.endswith(".py")]


def below_models(paths: Collection[str], models: Collection[str]) -> list[str]:
    """Give what lies in folders of models, or not far below them.

    A package that is installed has such files, too (test data, templates): below its own root nothing is a model's.
    """
    packages = {posixpath.dirname(path) for path in paths if posixpath.basename(path) in _PACKAGES}
    found = []
    known = frozenset(paths)
    for path in paths:
        above = _above(posixpath.dirname(path))
        if _is_compiled_beside_its_source(path, known):
            continue
        if any(folder in models for folder in above[: _DEEPEST + 1]) and not any(f in packages for f in above):
            found.append(path)
    return found


def _is_compiled_beside_its_source(path: str, known: Collection[str]) -> bool:
    """Python keeps what it compiled in `__pycache__`, by the name of the source."""
    folder, _, name = path.rpartition("/")
    above, _, last = folder.rpartition("/")
    source = name.partition(".")[0] + ".py"
    return last == "__pycache__" and (f"{above}/{source}" if above else source) in known


def is_software(paths: Collection[str]) -> bool:
    """Say whether files are those of a program that is built, installed or worked on: it has programs of its own."""
    return any(_SOFTWARE.search(path) for path in paths)


def _above(folder: str) -> list[str]:
    """Give a folder and all above it, the nearest first."""
    found = [folder]
    while folder:
        folder = posixpath.dirname(folder)
        found.append(folder)
    return found
