"""Who looks at which format that is no archive and no pickle: the reader of each, by the format's name.

A reader is imported when a file of its format is met: most scans meet one or two of them.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from safecase.readers.archives import unpacking
from safecase.readers.artifacts.report import Problems
from safecase.readers.pickles.policy import Policy
from safecase.readers.pickles.scan import ScanSession


class FileLooker(Protocol):
    """Who looks into a file of a folder, and asks for what lies within it."""

    policy: Policy
    problems: Problems
    budget: unpacking.Budget
    members: int
    folder: str | None

    @property
    def session(self) -> ScanSession:
        """The scan of all pickles of the file."""

    def look(self, file: BinaryIO, size: int, name: str, member: str, kind: Any) -> None:
        """Look into a member."""

    def text(self, file: BinaryIO, size: int, name: str, member: str) -> None:
        """Judge a text."""


Reader = Callable[[FileLooker, BinaryIO, int, str], object]


def _gguf(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    """Look at the header, and at the templates that a server renders."""
    from safecase.readers.artifacts.code import chat_templates
    from safecase.readers.artifacts.tensors import gguf_header

    for template in gguf_header.check_gguf(file, size, looker.problems, member).templates:
        chat_templates.check_template(template, looker.problems, member)


def _hdf5(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    from safecase.readers.artifacts.graphs import keras_hdf5

    def pickled(content: bytes, name: str) -> None:
        where = f"{member}@{name}" if member else f"@{name}"
        looker.session.look_streams(io.BytesIO(content), len(content), where, surely=False)

    keras_hdf5.check_hdf5(file, size, looker.problems, looker.policy, member, pickled)


def _npy_object(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    """Behind the header of an array of objects lies one pickle."""
    from safecase.readers.artifacts.tensors import numpy_arrays

    start = numpy_arrays.check_npy(file, size, looker.problems, member)
    if 0 < start < size:
        looker.session.look_streams(unpacking.section(file, start, size - start), size - start, member, surely=True)


def _onnx(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    from safecase.readers.artifacts.graphs import onnx

    folder = None if member or looker.folder is None else Path(looker.folder)
    onnx.check_onnx(file, size, looker.problems, member, folder)


def _r_data(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    from safecase.readers.artifacts import archived
    from safecase.readers.artifacts.tensors import r_data

    if unpacking.compression_of(unpacking.peek(file, 16)):
        archived.look_into_compressed(looker, file, size, "", member)
    else:
        r_data.check_r_data(file, size, looker.problems, member)


def _llamafile(looker: FileLooker, _file: BinaryIO, _size: int, member: str) -> None:
    message = "a llamafile is a program, which its user starts"
    looker.problems.add("program.llamafile", "suspicious", message, member=member)


def _function(name: str) -> Callable[..., object]:
    """Give a function of this package by `folder.module.function`."""
    module, _, function = name.rpartition(".")
    found: Callable[..., object] = getattr(importlib.import_module(f"safecase.readers.artifacts.{module}"), function)
    return found


def _plain(name: str) -> Reader:
    """Give the reader that needs the bytes alone."""
    return lambda looker, file, size, member: _function(name)(file, size, looker.problems, member)


def _naming(name: str) -> Reader:
    """Give the reader that judges names of Python, too."""
    return lambda looker, file, size, member: _function(name)(file, size, looker.problems, looker.policy, member)


READERS: Final[dict[str, Reader]] = {
    "catboost": _plain("tensors.boosted_trees.check_catboost"),
    "catboost_json": _plain("tensors.boosted_trees.check_catboost_json"),
    "coreml": _plain("graphs.coreml.check_coreml"),
    "coreml_package": _plain("graphs.coreml.check_package"),
    "executorch": _plain("graphs.executorch.check_executorch"),
    "ggml": _plain("tensors.gguf_header.check_ggml"),
    "gguf": _gguf,
    "hdf5": _hdf5,
    "keras_json": _naming("graphs.keras.check_architecture"),
    "lightgbm": _plain("tensors.boosted_trees.check_lightgbm"),
    "llamafile": _llamafile,
    "npy": _plain("tensors.numpy_arrays.check_npy"),
    "npy_object": _npy_object,
    "onnx": _onnx,
    "openvino": _plain("tensors.xml_models.check_xml"),
    "pmml": _plain("tensors.xml_models.check_xml"),
    "rds": _r_data,
    "safetensors": _plain("tensors.tensor_headers.check_safetensors"),
    "tf_saved_model": _naming("graphs.tensorflow.check_tensorflow"),
    "tflite": _plain("graphs.tflite.check_tflite"),
    "xgboost_json": _plain("tensors.boosted_trees.check_xgboost_json"),
    "xgboost_ubj": _plain("tensors.boosted_trees.check_xgboost_ubj"),
}
