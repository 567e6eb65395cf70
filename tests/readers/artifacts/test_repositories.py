"""What lies beside weights is judged together: what is named, and whether it is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest

from safecase.readers.artifacts.report import Problems, worst
from safecase.readers.artifacts.repositories import check_repository
from safecase.readers.artifacts.texts import check_text


def folder(**files: str) -> str:
    problems = Problems()
    contents = {name.replace("__", "/").replace("_dot_", "."): text.encode() for name, text in files.items()}
    readers: dict[str, Callable[[], bytes]] = {name: partial(bytes, content) for name, content in contents.items()}
    check_repository(readers, problems)
    for name, content in contents.items():
        check_text(name, content, problems, name)
    return worst(problems.all())


AUTO = json.dumps({"auto_map": {"AutoModel": "modeling_x.M"}})


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({"config_dot_json": AUTO}, "suspicious"),
        ({"config_dot_json": AUTO, "modeling_x_dot_py": "class M: pass"}, "clean"),
        ({"config_dot_json": AUTO, "modeling_x_dot_py": "import os\nos.system('id')"}, "malicious"),
        ({"config_dot_json": json.dumps({"auto_map": {"AutoModel": "a/b--m.C"}})}, "suspicious"),
        ({"config_dot_json": "{}", "lib_dot_so": ""}, "suspicious"),
        ({"config_dot_json": "{}", "x_dot_pyc": ""}, "suspicious"),
        ({"config_dot_json": '{"hidden_size": 64}'}, "clean"),
        ({"MLmodel": "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"}, "clean"),
        ({"MLmodel": "flavors:\n  python_function:\n    loader_module: nowhere_known\n"}, "suspicious"),
        ({"model_index_dot_json": '{"unet": ["diffusers", "UNet2DConditionModel"]}'}, "clean"),
        ({"model_index_dot_json": '{"unet": ["elsewhere", "Net"]}'}, "suspicious"),
        ({"modules_dot_json": '[{"type": "sentence_transformers.models.Pooling"}]'}, "clean"),
        ({"modules_dot_json": '[{"type": "os.system"}]'}, "malicious"),
        ({"a_dot_yaml": "x: !!python/object/apply:os.system ['id']"}, "malicious"),
        ({"a_dot_yaml": "x: !!python/tuple [1, 2]\ny: ${oc.env:HOME}"}, "clean"),
        ({"a_dot_yaml": "m:\n  _target_: torch.nn.Linear"}, "clean"),
        ({"a_dot_yaml": "m:\n  _target_: builtins.eval"}, "malicious"),
        ({"requirements_dot_txt": "torch==2.1\n"}, "clean"),
        ({"requirements_dot_txt": "--extra-index-url https://index.example/simple\nx"}, "suspicious"),
        ({"x_dot_pth": "import os; os.system('id')"}, "malicious"),
        ({"t_dot_csv": 'a,b\n=WEBSERVICE("http://x"),1\n'}, "suspicious"),
        ({"t_dot_csv": "a,b\n-1,+2\n"}, "clean"),
    ],
)
def test_a_folder_is_judged_as_its_loader_would_act(files: dict[str, str], verdict: str) -> None:
    assert folder(**files) == verdict
