"""The code of a TorchScript archive: no Python, but it can name operators that read and write files, or native code."""

from __future__ import annotations

import re
from typing import Final

from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

_STRINGS: Final = re.compile(
    rb"'''.*?'''|\"\"\".*?\"\"\"|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|#[^\n]*", re.DOTALL
)
_CALLS: Final = re.compile(rb"\b(?:torch|ops)(?:\.\w+)+(?=\s*\()")
_CLASSES: Final = re.compile(rb"\btorch\.classes\.(\w+)\.(\w+)")
_BYTECODE: Final = re.compile(rb"(?:X(..)\x00\x00|\x8c(.))(\w+)::(\w+)", re.DOTALL)

_FILES: Final = frozenset({"save", "load", "from_file", "_save", "_load", "load_library", "write_file", "read_file"})
"""Operators that read or write a file whose name the archive gives."""

_NAMESPACES: Final = frozenset(
    {
        "aten", "prim", "prims", "quantized", "_quantized", "quantized_decomposed", "mkldnn", "mkldnn_prepacked",
        "onednn", "prepacked", "xnnpack", "sparse", "static_runtime", "vulkan", "vulkan_prepack", "metal",
        "metal_prepack", "inductor", "profiler", "cuda", "torchvision", "torchaudio", "torchtext", "image", "nnc",
        "_nnapi", "torch_scatter", "torch_sparse", "torch_cluster", "tensorexpr", "_caffe2", "rnn", "higher_order",
    }
)  # fmt: skip
"""Namespaces of operators that PyTorch and its own libraries bring."""

_CLASS_NAMESPACES: Final = frozenset(
    {
        "quantized",
        "xnnpack",
        "mkldnn",
        "rnn",
        "sparse",
        "vulkan",
        "metal",
        "_nnapi",
        "torchtext",
        "torchaudio",
        "onednn",
    }
)


def check_code(content: bytes, problems: Problems, member: str) -> None:
    """Judge the operators and classes that a file of code names."""
    code = _STRINGS.sub(b"''", content)
    for hit in _CALLS.finditer(code):
        _call(hit.group().decode().split("."), problems, member)
    for hit in _CLASSES.finditer(code):
        _class(hit.group(1).decode(), hit.group(2).decode(), problems, member)


def check_bytecode(content: bytes, problems: Problems, member: str) -> None:
    """Judge the operators that the bytecode for mobile devices lists."""
    for hit in _BYTECODE.finditer(content):
        length = int.from_bytes(hit.group(1) or hit.group(2), "little")
        namespace, name = hit.group(3).decode(), hit.group(4).decode()
        if length >= len(namespace) + 2 + len(name):
            _call(["ops", namespace, name[: length - len(namespace) - 2]], problems, member)


def reads_files(parts: list[str]) -> bool:
    """Say whether an operator reads or writes files; `parts` are those of its dotted name."""
    return len(parts) > 1 and parts[-1] in _FILES and (parts[0] == "torch" or parts[1] in ("aten", "prim", "image"))


def strange_namespace(namespace: str) -> bool:
    """Say whether operators of this namespace come from outside of PyTorch."""
    return namespace not in _NAMESPACES


def _call(parts: list[str], problems: Problems, member: str) -> None:
    name = ".".join(parts)
    if parts[0] == "torch" and len(parts) > 1 and parts[1] == "classes":
        return
    if reads_files(parts):
        message = f"its code calls {shown(name)}, which reads or writes a file"
        # Pictures are read by name in honest pipelines, too.
        says: FileVerdict = "suspicious" if parts[1] == "image" else "malicious"
        problems.add("torchscript.file", says, message, member=member, key=name)
    elif parts[0] == "ops" and len(parts) > 2 and strange_namespace(parts[1]):
        message = f"its code calls {shown(name)}, an operator that comes from native code outside of PyTorch"
        problems.add("torchscript.operator", "suspicious", message, member=member, key=name)


def _class(namespace: str, name: str, problems: Problems, member: str) -> None:
    if namespace not in _CLASS_NAMESPACES:
        message = (
            f"its code makes {shown(f'torch.classes.{namespace}.{name}')}, a class of native code outside of PyTorch"
        )
        problems.add("torchscript.class", "suspicious", message, member=member, key=f"{namespace}.{name}")
