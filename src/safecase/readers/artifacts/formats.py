"""What kind of model file something is, by its bytes: its name says nothing that a loader would rely on.

`identify` reads a bounded beginning (and the end, where a zip's directory lies). `is_weight_file` is the quick question
that is asked of every file of a repository: a model, or a pickle, which runs code as one would. Plain numbers (`.npy`
without objects, `.npz` of such) and bytes that no loader of models knows are not.
"""

from __future__ import annotations

import ast
import codecs
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from safecase.errors import CollectError
from safecase.readers.archives import other_archives, tar_members, unpacking, zip_members
from safecase.readers.artifacts import programs
from safecase.readers.artifacts.graphs import graph_text
from safecase.readers.artifacts.graphs.protobuf_kinds import protobuf_kind
from safecase.readers.artifacts.tensors import hdf5, r_stream, xml_models
from safecase.readers.pickles.scan import seems_pickle
from safecase.vocabulary import Noun

PREFIX: Final = 4096
SMALL: Final = 1024 * 1024
"""Bytes of a file that is read at once."""
MOST_MEMBERS_NAMED: Final = 10_000

PICKLES: Final = frozenset({"pickle", "joblib", "pytorch_legacy"})
ZIPS: Final = frozenset(
    {
        "zip", "model_zip", "pytorch_zip", "torchscript", "torch_archive", "torch_package", "torch_export",
        "keras_v3", "skops", "npz", "npz_object", "python_package",
        "java_package",
    }
)  # fmt: skip
ARCHIVES: Final = ZIPS | {"tar", "pytorch_tar", "seven_zip", "compressed", "joblib"}
"""Formats that hold members."""

OPENED: Final = frozenset(
    {
        ".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".p", ".joblib", ".jl", ".dill", ".h5", ".hdf5", ".keras",
        ".onnx", ".gguf", ".ggml", ".safetensors", ".npy", ".npz", ".pb", ".tflite", ".mlmodel", ".skops", ".model",
        ".ubj", ".pmml", ".rds", ".rda", ".llamafile", ".task", ".mar", ".zip", ".gz", ".z", ".bz2", ".xz", ".lzma",
        ".t7", ".nemo", ".params", ".weights", ".dat", ".data", ".sav", ".tar", ".bst", ".xgb", ".lgb", ".cbm",
        ".pte", ".meta", ".pbtxt", ".rdata", ".xml",
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

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
"""Without O_NONBLOCK, to open a FIFO is to wait for who writes to it."""

_TEXT_CONTROLS: Final = b"\t\n\v\f\r\b\x1b"
_CONTROLS: Final = bytes(range(32)) + b"\x7f"
_NOT_MODELS: Final = frozenset(
    {
        "unknown", "text", "empty", "npy", "npz", "zip", "tar", "compressed", "seven_zip", "tf_fingerprint",
        "tf_checkpoint_index", "tf_checkpoint_data", "coreml_package",
    }
)  # fmt: skip
_PROGRAMS: Final = frozenset({"program", "other_archive", "python_package", "java_package"})
_SAFE: Final = frozenset(
    {
        "safetensors", "gguf", "onnx", "npy", "npz", "xgboost_json", "xgboost_ubj", "lightgbm", "tflite", "pmml",
        "openvino", "catboost", "catboost_json", "skops", "ggml", "tf_fingerprint", "tf_checkpoint_index",
        "tf_checkpoint_data", "coreml_package", "coreml_weights",
    }
)  # fmt: skip
_HIDES_PICKLE: Final = frozenset(
    {
        "pickle", "joblib", "pytorch_zip", "torchscript", "pytorch_legacy", "pytorch_tar", "npy_object", "npz_object",
        "zip", "tar", "compressed", "keras_v3", "skops", "torch_archive", "torch_package", "torch_export",
        "model_zip", "unknown",
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
    with opened(path) as (file, size):
        return identify_stream(file, size, path.name)


@contextmanager
def opened(path: Path | str) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file, with its size; raises `CollectError` where it is none or cannot be read.

    A small one is read at once: those who look into it go back and forth.
    """
    try:
        handle = os.open(path, _FLAGS)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise CollectError(f"{_last(path)} is no regular file", mend="keep model files as plain files")
            content = _read(handle, found.st_size) if found.st_size <= SMALL else None
            if content is None:
                with open(handle, "rb", closefd=False) as file:
                    yield file, found.st_size
        finally:
            os.close(handle)
        if content is not None:
            yield io.BytesIO(content), len(content)
    except OSError as why:
        raise CollectError(f"{_last(path)} cannot be read: {why.strerror}", mend="give the right to read it") from why


def _read(handle: int, size: int) -> bytes | None:
    """Read a small file; None where it has grown meanwhile."""
    content = os.read(handle, size + 1)
    while len(content) < size and (more := os.read(handle, size - len(content))):
        content += more
    return content if len(content) <= size else None


def _last(path: Path | str) -> str:
    return str(path).rpartition("/")[2]


def identify_stream(file: BinaryIO, size: int, name: str) -> WeightFormat:
    """Tell the format of a file or of an archive's member."""
    prefix = unpacking.peek(file, PREFIX)
    kind, detail = _by_prefix(prefix, size, name)
    if kind == "zip?" or (kind == "unknown" and zip_members.is_zip(file, size)):
        kind, detail = _zip_kind(file, size)
    if kind == "xml?":
        kind = xml_models.xml_kind(file, size)
        kind = "text" if kind == "unknown" else kind
    elif kind == "unknown":
        kind, detail = _without_magic(file, size, name, detail)
    return WeightFormat(name=kind, safe=kind in _SAFE, can_hide_pickle=kind in _HIDES_PICKLE, detail=detail)


def _without_magic(file: BinaryIO, size: int, name: str, detail: str) -> tuple[str, str]:
    """Tell a format that has no magic by its structure; only then by its name."""
    kind, told = protobuf_kind(file, size)
    if kind != "unknown":
        return kind, told
    if size > 48 and unpacking.peek_at(file, size - 8, 8) == _SSTABLE:
        return "tf_checkpoint_index", ""
    if any(unpacking.peek_at(file, at, 8) == hdf5.SIGNATURE for at in _USER_BLOCKS if at < size):
        return "hdf5", ""
    if _SHARD.search(name):
        return "tf_checkpoint_data", ""
    prefix = unpacking.peek(file, 2)
    if name.endswith(".pb") and prefix[:1] in (b"\x08", b"\x0a"):
        return "tf_saved_model", ""
    if name.endswith(".mlmodel") and prefix[:1] == b"\x08":
        return "coreml", ""
    if name.endswith(".safetensors") and size > 8 and detail != "only zeros":
        return "safetensors", ""
    return ("text", "") if is_text(unpacking.peek(file, PREFIX)) else ("unknown", detail)


def is_text(prefix: bytes) -> bool:
    """Say whether a file that begins so is a text, in UTF-8, in UTF-16 with its mark, or nearly all ASCII."""
    if prefix.startswith((b"\xff\xfe", b"\xfe\xff")):
        return b"\n\0" in prefix or b"\0\n" in prefix or b" \0" in prefix or b"\0 " in prefix
    plain = prefix.translate(None, _TEXT_CONTROLS)
    if not prefix or plain.translate(None, _CONTROLS) != plain:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(prefix)
    except UnicodeDecodeError:
        return sum(byte < 128 for byte in prefix) > 0.9 * len(prefix)
    return True


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
    kind, _ = _magic(prefix)
    if kind in ("zip?", "xml?", "hdf5", "compressed"):
        return identify(path).name not in _NOT_MODELS | _PROGRAMS
    if kind != "unknown":
        # A program without a suffix is a program; only under the name of a model is it one in disguise.
        return kind not in _NOT_MODELS | _PROGRAMS
    # Text files begin with letters that are opcodes, too: only a header or a name to import makes a pickle of them.
    telling = prefix[:1] == b"\x80" or prefix[8:9] == b"{" or _IMPORTS.search(prefix) is not None
    return telling and _by_opcodes(prefix, 0, path.name)[0] != "unknown"


def seems_model(prefix: bytes) -> bool:
    """Say whether a member of an archive may be a model by its beginning: a magic, or a message of protobuf."""
    # The first fields of every known message are 1 and 2, numbers or texts.
    return prefix[:1] in (b"\x08", b"\x0a", b"\x12") or _magic(prefix)[0] != "unknown"


def _counts(file: BinaryIO, size: int, path: Path) -> bool:
    return path.suffix.lower() in ONLY_MODELS or identify_stream(file, size, path.name).name not in _NOT_MODELS


def _by_prefix(prefix: bytes, size: int, name: str) -> tuple[str, str]:
    if not size:
        return "empty", ""
    kind, detail = _magic(prefix)
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


def _magic(prefix: bytes) -> tuple[str, str]:
    for kind, at, magic in _MAGIC:
        if prefix[at : at + len(magic)] == magic:
            return kind, ""
    if (found := _program_or_archive(prefix)) is not None:
        return found
    if prefix.startswith(b"\x93NUMPY"):
        return ("npy_object" if _holds_objects(prefix) else "npy"), ""
    if prefix.startswith(b"{") and b"learner" in prefix[:64]:
        return ("xgboost_ubj" if prefix[1:2] == b"L" else "xgboost_json"), ""
    if xml_models.seems_xml(prefix):
        return "xml?", ""
    if graph_text.is_graph_text(prefix):
        return "tf_saved_model", "text"
    if r_stream.is_r_data(prefix):
        return "rds", ""
    if prefix[:64].lstrip()[:1] == b"{":
        for kind, pattern in _JSON:
            if pattern.search(prefix):
                return kind, ""
    compression = unpacking.compression_of(prefix)
    return ("compressed", compression) if compression else ("unknown", "")


def _program_or_archive(prefix: bytes) -> tuple[str, str] | None:
    if (program := programs.program_of(prefix)) is not None:
        return "program", program.what
    if archive := other_archives.other_archive(prefix):
        return "other_archive", archive
    if tar_members.is_tar(prefix):
        return ("pytorch_tar" if b"sys_info" in prefix or b"storages" in prefix[:100] else "tar"), ""
    return None


_MAGIC: Final[tuple[tuple[str, int, bytes], ...]] = (
    ("zip?", 0, b"PK\x03\x04"),
    ("zip?", 0, b"PK\x05\x06"),
    ("gguf", 0, b"GGUF"),
    ("hdf5", 0, b"\x89HDF\r\n\x1a\n"),
    ("hdf5", 512, b"\x89HDF\r\n\x1a\n"),
    ("hdf5", 1024, b"\x89HDF\r\n\x1a\n"),
    ("hdf5", 2048, b"\x89HDF\r\n\x1a\n"),
    ("tflite", 4, b"TFL3"),
    ("lightgbm", 0, b"tree\nversion="),
    ("llamafile", 0, b"MZqFpD"),
    ("executorch", 4, b"ET12"),
    ("seven_zip", 0, b"7z\xbc\xaf\x27\x1c"),
    ("catboost", 0, b"CBM1"),
    ("coreml_weights", 64, b"\xef\xbe\xad\xde"),
    ("ggml", 0, b"lmgg"),
    ("ggml", 0, b"fmgg"),
    ("ggml", 0, b"tjgg"),
    ("lfs_pointer", 0, b"version https://git-lfs"),
)


_SSTABLE: Final = bytes.fromhex("57fb808b247547db")
"""The end of the index of a TensorFlow checkpoint."""

_USER_BLOCKS: Final = tuple(4096 << power for power in range(9))
"""Where HDF5 may begin behind bytes of somebody else's; the first places are among the magics."""

_SHARD: Final = re.compile(r"\.data-\d{5}-of-\d{5}\Z")
"""The numbers of such a checkpoint have no structure of their own: the index alone tells it."""

_JSON: Final = (
    (
        "catboost_json",
        re.compile(
            rb'\A\s*{\s*"(features_info|model_info)"\s*:.{0,4000}"(borders|feature_index|model_guid|params)"', re.S
        ),
    ),
    ("coreml_package", re.compile(rb'"itemInfoEntries"\s*:')),
    (
        "keras_json",
        re.compile(rb'\A\s*{\s*("(class_name|module|keras_version|backend)"\s*:.{0,200}?)?"class_name"\s*:', re.S),
    ),
)
"""JSON that is a model's by the words in its beginning."""


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
        members = zip_members.listed(file, size)
    except unpacking.Unreadable as why:
        return "zip", str(why)
    # What tells a kind stands first or last.
    names = {m.name for m in (*members[:MOST_MEMBERS_NAMED], *members[MOST_MEMBERS_NAMED:][-MOST_MEMBERS_NAMED:])}
    last = {n.rpartition("/")[2] for n in names}
    inside = {n.partition("/")[2] for n in names} | names
    if "MAR-INF/MANIFEST.json" in names:
        return "torch_archive", "TorchServe"
    if any(n.endswith(("/.data/extern_modules", "/.data/python_version")) for n in names):
        return "torch_package", ""
    if any(n.endswith("/archive_format") or n == "serialized_exported_program.json" for n in names):
        return "torch_export", ""
    if any(n.endswith((".dist-info/WHEEL", "EGG-INFO/PKG-INFO")) for n in names):
        return "python_package", ""
    if "META-INF/MANIFEST.MF" in names and any(n.endswith(".class") for n in names):
        return "java_package", ""
    weights = any(n.endswith((".h5", ".weights.npz")) or n == "metadata.json" for n in names)
    if "config.json" in names and weights:
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
    for member in members[:1000]:
        try:
            prefix = zip_members.beginning(file, member, PREFIX)
        except unpacking.Unreadable:
            return "npz_object"
        if not prefix.startswith(b"\x93NUMPY") or _holds_objects(prefix):
            return "npz_object"
    return "npz"
