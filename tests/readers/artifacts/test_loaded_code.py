"""Code is judged where a loader of models imports it, and left alone where it is an application's."""

from __future__ import annotations

from pathlib import Path

import pytest

from safecase.measures.supply_chain.scanning import Options, scan_paths

BAD = "import os\nos.system('true')\n"
BUILDER = "import datasets, os\n\nclass Set(datasets.GeneratorBasedBuilder):\n    pass\n\nos.system('true')\n"
MODEL = '{"model_type": "bert", "architectures": ["BertModel"]}'


def verdict(folder: Path, files: dict[str, str]) -> str:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return next(iter(scan_paths([str(folder)], Options()))).verdict


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"tool.py": BAD}, "clean"),
        ({"app/main.py": BAD, "config.json": '{"port": 80}'}, "clean"),
        ({"helpers.py": BAD, "config.json": MODEL}, "malicious"),
        ({"code/deep/helpers.py": BAD, "config.json": MODEL}, "malicious"),
        ({"handler.py": BAD}, "malicious"),
        ({"modeling_tulip.py": BAD}, "malicious"),
        ({"tulips/tulips.py": BUILDER}, "malicious"),
        ({"pyproject.toml": "", "src/run.py": BAD, "src/data/config.json": MODEL}, "clean"),
        ({"pyproject.toml": "", "src/data/config.json": MODEL, "src/data/x.py": BAD}, "clean"),
        ({"helpers.py": "import torch\n", "config.json": MODEL}, "clean"),
    ],
)
def test_where_code_lies_decides_whether_it_is_a_models(files: dict[str, str], wanted: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, files) == wanted


def test_a_source_that_is_named_by_itself_is_judged(tmp_path: Path) -> None:
    (tmp_path / "tool.py").write_text(BAD)
    assert next(iter(scan_paths([str(tmp_path / "tool.py")], Options()))).verdict == "malicious"


ELF = b"\x7fELF\x02\x01\x01" + bytes(200)


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"lib.so": ELF}, "suspicious"),
        ({"lib.so": ELF, "model.safetensors": b"\x02\0\0\0\0\0\0\0{}"}, "suspicious"),
        ({"pkg/__init__.py": b"", "pkg/fast.so": ELF}, "clean"),
        ({"pyproject.toml": b"", "bin/tool": ELF, "models/m.safetensors": b"\x02\0\0\0\0\0\0\0{}"}, "clean"),
        ({"Makefile": b"", "bin/tool": ELF, "models/m.pkl": b"\x80\x04K\x01.", "models/lib.so": ELF}, "suspicious"),
        ({"Makefile": b"", "models/pytorch_model.bin": ELF}, "malicious"),
    ],
)
def test_programs_belong_to_software_and_not_to_models(files: dict[str, bytes], wanted: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert next(iter(scan_paths([str(tmp_path)], Options()))).verdict == wanted
