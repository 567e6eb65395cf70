"""The lists of what frameworks' own pickles may name are those of the frameworks that are really installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from safecase.readers.pickles.policy import Policy

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import list_framework_classes as lists

pytestmark = pytest.mark.heavy


def site_of(top: str) -> Path:
    found = importlib.util.find_spec(top)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{top} is not installed (make heavy)")
    return Path(next(iter(found.submodule_search_locations))).parent


@pytest.mark.parametrize(
    "top", ["sklearn", "scipy", "pandas", "torch", "xgboost", "lightgbm", "catboost", "statsmodels"]
)
def test_every_harmless_class_of_an_installed_framework_is_allowed(top: str) -> None:
    found = lists.classes_of(lists.installed_sources(top, site_of(top)), lists.FRAMEWORKS[top])
    assert sum(map(len, found.values())) > 10
    policy = Policy()
    missing = [
        f"{m}.{n}" for m, names in found.items() for n in names if policy.judge(m, n)[2] not in ("allowed", "ruled")
    ]
    assert not missing, f"run tools/list_framework_classes.py: {missing[:10]}"


@pytest.mark.parametrize("top", ["sklearn", "scipy", "pandas", "statsmodels"])
def test_every_class_of_a_compiled_module_is_allowed(top: str) -> None:
    site_of(top)
    compiled = lists.compiled_classes(sys.executable, top)
    policy = Policy()
    missing = [
        f"{module}.{name}"
        for module, names in compiled.items()
        if module and ":" not in module and module != "public"
        for name in names
        if not name.startswith("__pyx") and policy.judge(module, name)[2] != "allowed"
    ]
    assert not missing, f"run tools/list_framework_classes.py: {missing[:10]}"


@pytest.mark.parametrize(
    "name",
    [
        "sklearn.utils.parallel.Parallel",
        "sklearn.datasets._base.fetch_file",
        "scipy.io._mmio.mmread",
        "pandas.io.pickle.read_pickle",
        "pandas.core.computation.eval.eval",
        "torch.hub.load",
        "torch.utils.cpp_extension.load_inline",
        "torch.nn.modules.module.os",
        "numpy.load",
        "numpy.fromfile",
        "numpy.memmap",
        "numpy.lib.npyio.NpzFile",
        "lightgbm.basic._load_lib",
        "transformers.dynamic_module_utils.get_class_from_dynamic_module",
        "fastai.torch_core.load_learner",
    ],
)
def test_what_can_do_harm_is_on_no_list(name: str) -> None:
    module, _, last = name.rpartition(".")
    assert Policy().judge(module, last)[2] not in ("allowed", "named", "ruled")
