"""Who looks at which format that is no archive and no pickle: the reader of each, by the format's name."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from safecase.readers.archives import unpacking
from safecase.readers.artifacts import (
    archived,
    boosted_trees,
    chat_templates,
    coreml,
    executorch,
    gguf_header,
    keras,
    keras_hdf5,
    numpy_arrays,
    onnx,
    r_data,
    tensor_headers,
    tensorflow,
    tflite,
    xml_models,
)


class FileLooker(archived.Looker, Protocol):
    """Who looks into a file of a folder."""

    folder: Path | None


Reader = Callable[[FileLooker, BinaryIO, int, str], object]


def _gguf(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    """Look at the header, and at the templates that a server renders."""
    for template in gguf_header.check_gguf(file, size, looker.problems, member).templates:
        chat_templates.check_template(template, looker.problems, member)


def _hdf5(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    def pickled(content: bytes, name: str) -> None:
        where = f"{member}@{name}" if member else f"@{name}"
        looker.session.look_streams(io.BytesIO(content), len(content), where, surely=False)

    keras_hdf5.check_hdf5(file, size, looker.problems, looker.policy, member, pickled)


def _npy_object(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    """Behind the header of an array of objects lies one pickle."""
    start = numpy_arrays.check_npy(file, size, looker.problems, member)
    if 0 < start < size:
        looker.session.look_streams(unpacking.section(file, start, size - start), size - start, member, surely=True)


def _onnx(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    onnx.check_onnx(file, size, looker.problems, member, None if member else looker.folder)


def _r_data(looker: FileLooker, file: BinaryIO, size: int, member: str) -> None:
    if unpacking.compression_of(unpacking.peek(file, 16)):
        archived.look_into_compressed(looker, file, size, "", member)
    else:
        r_data.check_r_data(file, size, looker.problems, member)


def _llamafile(looker: FileLooker, _file: BinaryIO, _size: int, member: str) -> None:
    message = "a llamafile is a program, which its user starts"
    looker.problems.add("program.llamafile", "suspicious", message, member=member)


def _plain(check: Callable[..., object]) -> Reader:
    """Give the reader that needs the bytes alone."""
    return lambda looker, file, size, member: check(file, size, looker.problems, member)


def _naming(check: Callable[..., object]) -> Reader:
    """Give the reader that judges names of Python, too."""
    return lambda looker, file, size, member: check(file, size, looker.problems, looker.policy, member)


READERS: Final[dict[str, Reader]] = {
    "catboost": _plain(boosted_trees.check_catboost),
    "catboost_json": _plain(boosted_trees.check_catboost_json),
    "coreml": _plain(coreml.check_coreml),
    "coreml_package": _plain(coreml.check_package),
    "executorch": _plain(executorch.check_executorch),
    "ggml": _plain(gguf_header.check_ggml),
    "gguf": _gguf,
    "hdf5": _hdf5,
    "keras_json": _naming(keras.check_architecture),
    "lightgbm": _plain(boosted_trees.check_lightgbm),
    "llamafile": _llamafile,
    "npy": _plain(numpy_arrays.check_npy),
    "npy_object": _npy_object,
    "onnx": _onnx,
    "openvino": _plain(xml_models.check_xml),
    "pmml": _plain(xml_models.check_xml),
    "rds": _r_data,
    "safetensors": _plain(tensor_headers.check_safetensors),
    "tf_saved_model": _naming(tensorflow.check_tensorflow),
    "tflite": _plain(tflite.check_tflite),
    "xgboost_json": _plain(boosted_trees.check_xgboost_json),
    "xgboost_ubj": _plain(boosted_trees.check_xgboost_ubj),
}
