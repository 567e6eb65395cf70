"""Arguments, flags and unpicklers by which a model brings its own code, and their harmless look-alikes."""

from __future__ import annotations

import json

import pytest

from safecase.readers.model_loads import NotPython
from safecase.readers.unsafe_loads import in_code, in_settings


def ways(code: str) -> list[str]:
    return [load.way for load in in_code(code.encode(), "a.py")]


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("m = AutoModel.from_pretrained('a/b', trust_remote_code=True)", ["remote_code"]),
        ("m = AutoModel.from_pretrained('a/b', trust_remote_code=False)", []),
        ("m = AutoModel.from_pretrained('a/b', trust_remote_code=flag)", []),
        ("d = load_dataset('a/b', trust_remote_code=True)", ["remote_code"]),
        ("import torch\nm = torch.hub.load('a/b', 'm')", ["hub_code"]),
        ("from torch import hub as h\nm = h.load('a/b', 'm')", ["hub_code"]),
        ("import torch\nm = torch.hub.load('here', 'm', source='local')", []),
        ("import torch\nm = torch.load('a.pt', weights_only=False)", ["unsafe_mode"]),
        ("import torch\nm = torch.load('a.pt', weights_only=True)", []),
        ("import torch\nm = torch.load('a.pt')", ["unsaid"]),
        ("import json\nm = json.load(f)", []),
        ("import keras\nm = keras.models.load_model('a', safe_mode=False)", ["unsafe_mode"]),
        ("import keras\nkeras.config.enable_unsafe_deserialization()", ["unsafe_mode"]),
        ("p = DiffusionPipeline.from_pretrained('a/b', custom_pipeline='c/d')", ["remote_code"]),
        ("import numpy as np\nx = np.load('a.npy', allow_pickle=True)", ["unpickles"]),
        ("s = FAISS.load_local('a', e, allow_dangerous_deserialization=True)", ["unpickles"]),
        ("import joblib\np = hf_hub_download('a/b', 'm.joblib')\nm = joblib.load(p)", ["unpickles"]),
        ("import joblib\nm = joblib.load('own.joblib')", []),
        ("import pickle\nm = pickle.load(open(hf_hub_download('a/b', 'm.pkl'), 'rb'))", ["unpickles"]),
        ("import pickle\nwith open(hf_hub_download('a', 'b'), 'rb') as f:\n    m = pickle.load(f)", ["unpickles"]),
        ("import pickle\nwith open('cache', 'rb') as f:\n    m = pickle.load(f)", []),
        ("# trust_remote_code=True\ns = 'trust_remote_code=True'", []),
    ],
)
def test_what_code_lets_in(code: str, wanted: list[str]) -> None:
    assert ways(code) == wanted


def test_notebooks_are_read_cell_by_cell() -> None:
    cells = [
        {"cell_type": "code", "source": ["!pip install x\n", "import torch"]},
        {"cell_type": "markdown", "source": "trust_remote_code=True"},
        {"cell_type": "code", "source": "torch.hub.load('a/b', 'm')"},
    ]
    found = in_code(json.dumps({"cells": cells}).encode(), "a.ipynb")
    assert [load.way for load in found] == ["hub_code"]


@pytest.mark.parametrize("content", [b"def (", b"\0", b"(" * 10_000])
def test_what_is_no_python_is_said(content: bytes) -> None:
    with pytest.raises(NotPython):
        in_code(content, "a.py")
    with pytest.raises(NotPython):
        in_code(content, "a.ipynb")


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("command: vllm serve a/b --trust-remote-code", 1),
        ('CMD ["--trust-remote-code"]', 1),
        ("args: --trust_remote_code=true", 1),
        ("args: --trust-remote-code false", 0),
        ("ENV TRUST_REMOTE_CODE=true", 1),
        ("TRUST_REMOTE_CODE: 'false'", 0),
        ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1", 1),
        ("# --trust-remote-code", 0),
        ("--no-trust-remote-code", 0),
    ],
)
def test_what_settings_let_in(line: str, count: int) -> None:
    assert len(in_settings(line.encode(), "compose.yaml")) == count
