"""What kind of model file something is, by its bytes: its name says nothing that a loader would rely on.

`identify` reads a bounded beginning (and the end, where a zip's directory lies). `is_weight_file` is the quick question
that is asked of every file of a repository: a model, or a pickle, which runs code as one would. Plain numbers (`.npy`
without objects, `.npz` of such) and bytes that no loader of models knows are not.
"""

from __future__ import annotations

import ast
import os
import re
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from safecase.errors import CollectError
from safecase.readers.archives import unpacking, zip_members
from safecase.readers.artifacts.report import Deadline, Problems
from safecase.readers.pickles.scan import seems_pickle
from safecase.vocabulary import Noun

PREFIX: Final = 4096
MOST_MEMBERS_NAMED: Final = 10_000

OPENED: Final = frozenset(
    {
        ".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".p", ".joblib", ".jl", ".dill", ".h5", ".hdf5", ".keras",
        ".onnx", ".gguf", ".ggml", ".safetensors", ".npy", ".npz", ".pb", ".tflite", ".mlmodel", ".skops", ".model",
        ".ubj", ".pmml", ".rds", ".rda", ".llamafile", ".task", ".mar", ".zip", ".gz", ".z", ".bz2", ".xz", ".lzma",
        ".t7", ".nemo", ".params", ".weights", ".dat", ".data", ".sav", ".tar", ".bst", ".xgb", ".lgb", ".cbm",
    }
)  # fmt: skip
"""Suffixes of files whose content is worth a look."""

ONLY_MODELS: Final = frozenset(
    {
        ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".keras", ".onnx", ".gguf", ".ggml", ".safetensors",
        ".skops", ".mlmodel", ".tflite", ".llamafile",
    }
)  # fmt: skip
"""Suffixes that promise a model: such a file counts even where its content is not recognised, so that it is told."""

_NOT_MODELS: Final = frozenset({"unknown", "empty", "npy", "npz", "zip", "tar", "compressed", "seven_zip"})
_SAFE: Final = frozenset(
    {
        "safetensors", "gguf", "onnx", "npy", "npz", "xgboost_json", "xgboost_ubj", "lightgbm", "tflite", "pmml",
        "openvino", "catboost", "skops",
    }
)  # fmt: skip
_HIDES_PICKLE: Final = frozenset(
    {
        "pickle", "joblib", "pytorch_zip", "torchscript", "pytorch_legacy", "pytorch_tar", "npy_object", "npz_object",
        "zip", "tar", "compressed", "keras_v3", "skops", "torch_archive", "model_zip", "unknown",
    }
)  # fmt: skip
_LEGACY_MAGIC: Final = bytes.fromhex("6cfc9c46f9206aa85019")
_IMPORTS: Final = re.compile(rb"[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n")
_ML_MEMBERS: Final = re.compile(r"\.(pkl|pickle|pt|pth|bin|joblib|h5|keras|onnx|safetensors|gguf|npy|tflite)\Z")


class WeightFormat(Noun, frozen=True):
    """What a file is, told by its content."""

    name: str
    safe: bool
    """Its ordinary loader cannot run code that it carries."""
    can_hide_pickle: bool
    detail: str = ""


def identify(path: Path) -> WeightFormat:
    """Tell a file's format by its bytes; raises `CollectError` where it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - Path.stat is the same, and slower
            raise CollectError(f"{path.name} is no regular file", mend="keep model files as plain files")
        with path.open("rb") as file:
            return identify_stream(file, os.fstat(file.fileno()).st_size, path.name)
    except OSError as why:
        raise CollectError(f"{path.name} cannot be read: {why.strerror}", mend="give the right to read it") from why


def identify_stream(file: BinaryIO, size: int, name: str) -> WeightFormat:
    """Tell the format of a file or of an archive's member."""
    prefix = unpacking.peek(file, PREFIX)
    kind, detail = _by_prefix(prefix, size, name)
    if kind == "zip?" or (kind == "unknown" and zip_members.is_zip(file, size)):
        kind, detail = _zip_kind(file, size)
    if kind == "unknown" and _is_onnx(file, size):
        kind = "onnx"
    return WeightFormat(name=kind, safe=kind in _SAFE, can_hide_pickle=kind in _HIDES_PICKLE, detail=detail)


def is_weight_file(path: Path) -> bool:
    """Say whether a file holds a model, or a pickle: cheap enough to be asked of every file of a repository."""
    suffix = path.suffix.lower()
    # A name like `weights.2024-10-01` or `checkpoint-500` has no suffix that means anything.
    plain = not suffix or (not suffix[1:].isalpha() and suffix not in OPENED)
    if not plain and suffix not in OPENED:
        return False
    try:
        found = os.stat(path)  # noqa: PTH116
        if not stat.S_ISREG(found.st_mode) or found.st_size == 0 or (plain and found.st_size <= 64):
            return False
        with path.open("rb") as file:
            prefix = file.read(64) if plain else b""
            return looks_like_weights(path, prefix) if plain else _counts(file, found.st_size, path)
    except OSError:
        return suffix in ONLY_MODELS


def looks_like_weights(path: Path, prefix: bytes) -> bool:
    """Say by its first 64 bytes whether a file without a telling suffix is a model or a pickle."""
    kind, _ = _magic(prefix, path.name)
    if kind in ("zip?", "hdf5", "compressed"):
        return identify(path).name not in _NOT_MODELS
    if kind != "unknown":
        return kind not in _NOT_MODELS
    # Text files begin with letters that are opcodes, too: only a header or a name to import makes a pickle of them.
    telling = prefix[:1] == b"\x80" or prefix[8:9] == b"{" or _IMPORTS.search(prefix) is not None
    return telling and _by_opcodes(prefix, 0, path.name)[0] != "unknown"


def _counts(file: BinaryIO, size: int, path: Path) -> bool:
    return path.suffix.lower() in ONLY_MODELS or identify_stream(file, size, path.name).name not in _NOT_MODELS


def _by_prefix(prefix: bytes, size: int, name: str) -> tuple[str, str]:
    if not size:
        return "empty", ""
    kind, detail = _magic(prefix, name)
    if kind == "compressed":
        inner = unpacking.unpacked_prefix(prefix, detail)
        if not inner and detail in ("zlib", "lzma"):
            # Two or three bytes are no proof.
            return _by_opcodes(prefix, size, name)
        inner_kind, _ = _by_prefix(inner, len(inner), name) if inner else ("unknown", "")
        kind = {"pickle": "joblib", "joblib": "joblib", "rds": "rds"}.get(inner_kind, "compressed")
        return kind, f"{detail}, {inner_kind}" if inner_kind != "unknown" else detail
    return _by_opcodes(prefix, size, name) if kind == "unknown" else (kind, detail)


def _by_opcodes(prefix: bytes, size: int, name: str) -> tuple[str, str]:
    claimed = int.from_bytes(prefix[:8], "little") < 2**40 or name.endswith(".safetensors")
    if prefix[8:10] in (b'{"', b"{}", b"{ ") and claimed:
        return "safetensors", ""
    if seems_pickle(prefix, size):
        return _pickle_kind(prefix, name)
    return "unknown", "" if prefix.strip(b"\0") else "only zeros"


def _magic(prefix: bytes, name: str) -> tuple[str, str]:
    for kind, at, magic in _MAGIC:
        if prefix[at : at + len(magic)] == magic:
            return kind, ""
    if prefix.startswith(b"\x93NUMPY"):
        return ("npy_object" if _holds_objects(prefix) else "npy"), ""
    if unpacking.is_tar(prefix):
        return ("pytorch_tar" if b"sys_info" in prefix or b"storages" in prefix[:100] else "tar"), ""
    if prefix.startswith(b"{") and b"learner" in prefix[:64]:
        return ("xgboost_ubj" if prefix[1:2] == b"L" else "xgboost_json"), ""
    if prefix[:64].lstrip().startswith((b"<?xml", b"<PMML", b"<net")):
        return _xml_kind(prefix), ""
    if name.endswith((".pb", ".pbtxt")) and prefix[:1] in (b"\x08", b"\x0a"):
        return "tf_saved_model", "" if name.endswith("saved_model.pb") else "graph"
    if name.endswith(".mlmodel") and prefix[:1] == b"\x08":
        return "coreml", ""
    compression = unpacking.compression_of(prefix)
    return ("compressed", compression) if compression else ("unknown", "")


_MAGIC: Final[tuple[tuple[str, int, bytes], ...]] = (
    ("zip?", 0, b"PK\x03\x04"),
    ("zip?", 0, b"PK\x05\x06"),
    ("gguf", 0, b"GGUF"),
    ("hdf5", 0, b"\x89HDF\r\n\x1a\n"),
    ("hdf5", 512, b"\x89HDF\r\n\x1a\n"),
    ("tflite", 4, b"TFL3"),
    ("lightgbm", 0, b"tree\nversion="),
    ("llamafile", 0, b"MZqFpD"),
    ("rds", 0, b"X\n\x00\x00\x00"),
    ("rds", 0, b"RDX2\n"),
    ("rds", 0, b"RDX3\n"),
    ("executorch", 4, b"ET12"),
    ("seven_zip", 0, b"7z\xbc\xaf\x27\x1c"),
    ("catboost", 0, b"CBM1"),
    ("lfs_pointer", 0, b"version https://git-lfs"),
)


def _xml_kind(prefix: bytes) -> str:
    if b"<PMML" in prefix:
        return "pmml"
    return "openvino" if b"<net" in prefix and b"<layers" in prefix else "unknown"


def _pickle_kind(prefix: bytes, name: str) -> tuple[str, str]:
    if _LEGACY_MAGIC in prefix[:32]:
        return "pytorch_legacy", ""
    protocol = prefix[1] if prefix[0] == 0x80 else 0
    joblib = name.endswith(".joblib") or b"joblib" in prefix
    return ("joblib" if joblib else "pickle"), f"protocol {protocol}"


def _holds_objects(prefix: bytes) -> bool:
    """Say whether an array's type has an `O` anywhere; a header that is not all here, or is no literal, might."""
    start, width = (10, 2) if prefix[6:7] == b"\x01" else (12, 4)
    end = start + int.from_bytes(prefix[8 : 8 + width], "little")
    try:
        descr = ast.literal_eval(prefix[start:end].decode("latin-1").strip())["descr"] if end <= len(prefix) else "O"
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError, KeyError):
        return True
    waiting = [descr]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            # A field is its name, its type and its shape; only the type matters.
            waiting.extend(field[1] if isinstance(field, tuple) and len(field) > 1 else "O" for field in part)
        elif isinstance(part, tuple) and part:
            waiting.append(part[0])
        elif not isinstance(part, str) or "O" in part:
            return True
    return False


def _zip_kind(file: BinaryIO, size: int) -> tuple[str, str]:
    try:
        members = zip_members.zip_members(file, size, Problems())
    except unpacking.Unreadable as why:
        return "zip", str(why)
    names = {m.name for m in members[:MOST_MEMBERS_NAMED]}
    last = {PurePosixPath(n).name for n in names}
    inside = {"/".join(PurePosixPath(n).parts[1:]) for n in names} | names
    if "MAR-INF/MANIFEST.json" in names:
        return "torch_archive", "TorchServe"
    if "config.json" in names and any(n.endswith(".h5") for n in names):
        return "keras_v3", ""
    if "schema.json" in names:
        return "skops", ""
    if "constants.pkl" in last or any(n.startswith("code/") for n in inside):
        return "torchscript", ""
    if "data.pkl" in last:
        return "pytorch_zip", ""
    if names and all(n.endswith(".npy") for n in names):
        return _npz_kind(file, members), ""
    return ("zip", "") if not any(_ML_MEMBERS.search(n) for n in names) else ("model_zip", "an archive of model files")


def _npz_kind(file: BinaryIO, members: list[zip_members.Member]) -> str:
    budget = unpacking.Budget(Deadline(5.0), 64 * 1024 * 1024)
    for member in members[:1000]:
        try:
            opened, _ = zip_members.open_member(file, member, budget, PREFIX)
            prefix = opened.read(PREFIX)
        except unpacking.Unreadable:
            return "npz_object"
        if not prefix.startswith(b"\x93NUMPY") or _holds_objects(prefix):
            return "npz_object"
    return "npz"


def _is_onnx(file: BinaryIO, size: int) -> bool:
    """ONNX has no magic: it is one when every field up to the end is one of ModelProto's, and a graph is among them."""
    file.seek(0)
    at, graph, first = 0, False, True
    for _ in range(64):
        if at >= size:
            break
        head = unpacking.peek_at(file, at, 12)
        tag, used = unpacking.varint(head, 0)
        value, used = unpacking.varint(head, used) if used else (0, 0)
        if not used or (first and not (tag == 8 and 1 <= value <= 32)):
            return False
        first = False
        if tag not in _ONNX_TAGS:
            return False
        graph = graph or tag == 58
        at += used + (value if tag & 7 == 2 else 0)
    return graph and at == size


_ONNX_TAGS: Final = frozenset({8, 18, 26, 34, 40, 50, 58, 66, 114, 162, 202, 210})
"""ModelProto's fields 1-8, 14, 20, 25, 26 with their wire types."""
