"""ExecuTorch programs: the libraries of operators and the delegates that they are handed to.

Field numbers are those of program.fbs (`ET12`).
"""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from safecase.readers.artifacts.graphs.flatbuffers import Flatbuffer, Untrue
from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

_LIBRARIES: Final = frozenset(
    {
        "aten", "executorch_prim", "quantized_decomposed", "dim_order_ops", "prim", "prims", "llama", "torchao",
        "quantized",
        "cadence", "cortex_m", "et_vk", "quant_fusion", "torchaudio", "bolt", "mkldnn", "et_copy", "executorch",
    }
)  # fmt: skip
_DELEGATES: Final = frozenset(
    {
        "XnnpackBackend", "CoreMLBackend", "MPSBackend", "QnnBackend", "VulkanBackend", "EthosUBackend", "ArmBackend",
        "TOSABackend", "VgfBackend", "NeuropilotBackend", "OpenvinoBackend", "NeutronBackend", "EnnBackend",
        "CadenceBackend", "BackendWithCompilerDemo", "MLXBackend", "WebGPUBackend", "NXPBackend",
    }
)  # fmt: skip
_NATIVE: Final = frozenset({"CudaBackend", "AotiBackend", "MetalBackend"})
"""Delegates whose blob is a shared library that is loaded as code."""

_NAMED: Final = re.compile(r"[A-Za-z_]\w*\Z")
_HEADER: Final = 8


def check_executorch(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Note operators and delegates that come from elsewhere, and offsets that lead nowhere."""
    data = Flatbuffer(file, size)
    try:
        _extended(data, size)
        root = data.root()
        for plan in data.tables(root, 1):
            for operator in data.tables(plan, 6):
                _operator(data.text(operator, 0), operator, problems, member)
            for delegate in data.tables(plan, 7):
                _delegate(data.text(delegate, 0), delegate, problems, member)
        for blob in data.tables(root, 3):
            start, length = data.span(blob, 0)
            if length > 64 and data.raw(start, 4) == b"\x7fELF":
                message = "what is handed to a delegate is a shared library"
                problems.add("executorch.program", "suspicious", message, offset=start, member=member, key=str(start))
    except Untrue as why:
        problems.add("executorch.header", "suspicious", f"its offsets are not true: {why}", member=member)


def _extended(data: Flatbuffer, size: int) -> None:
    """Hold the header that tells where program and segments lie against the file."""
    if data.raw(_HEADER, 4) != b"eh00":
        return
    program, segments = data.number(_HEADER + 8, 8), data.number(_HEADER + 16, 8)
    if program > size or segments > size:
        raise Untrue(f"a program of {program} bytes and segments at byte {segments}, in {size}")


def _operator(name: str, at: int, problems: Problems, member: str) -> None:
    library = name.partition("::")[0]
    if library not in _LIBRARIES:
        message = f"the operator {shown(name)} comes from a library that is no part of PyTorch"
        problems.add("executorch.operator", "suspicious", message, offset=at, member=member, key=name[:200])


def _delegate(name: str, at: int, problems: Problems, member: str) -> None:
    if name in _NATIVE:
        message = f"the delegate {shown(name)} loads native code out of the file"
    elif name not in _DELEGATES or not _NAMED.match(name):
        message = f"the delegate {shown(name)} is none that comes with ExecuTorch"
    else:
        return
    problems.add("executorch.delegate", "suspicious", message, offset=at, member=member, key=name[:200])
