"""Which names in a Keras configuration are its own ordinary ones, and which texts are code in disguise."""

from __future__ import annotations

import base64
import binascii
import enum
import re
from typing import Final

from safecase.readers.artifacts.report import FileVerdict

_ROOT: Final = re.compile(
    r"(?:tensorflow(?:\.python|\._api\.v[12])?\.)?(keras|keras_core|tf_keras|keras_hub|keras_nlp|keras_cv|"
    r"keras_tuner|keras_preprocessing)(?:\.|\Z)"
)
_BETWEEN: Final = frozenset({"src", "api", "_tf_keras", "keras", "v1", "v2", "legacy", "_legacy", "experimental"})
_FUNCTION_AREAS: Final = frozenset(
    {"activations", "losses", "metrics", "initializers", "regularizers", "constraints", "ops"}
)
_CLASS_AREAS: Final = _FUNCTION_AREAS | {
    "layers", "models", "optimizers", "dtype_policies", "mixed_precision", "quantizers", "random", "engine", "trainers",
    "distillation", "premade_models", "premade", "tokenizers", "samplers", "feature_column", "distribution",
    "legacy_tf_layers", "optimizer_v1", "optimizer_v2",
}  # fmt: skip
_CLASS: Final = re.compile(r"_?[A-Z]\w*\Z")
_FUNCTION: Final = re.compile(r"[A-Za-z]\w*\Z")
_CLASSES_ELSEWHERE: Final = frozenset({"FeatureSpace", "Cross", "Feature", "KerasTensor", "Variable", "KerasVariable"})

_TF_AREAS: Final = frozenset(
    {
        "math", "nn", "linalg", "signal", "strings", "sparse", "ragged", "image", "bitwise", "random", "quantization",
        "sets", "__operators__", "experimental", "dtypes", "keras", "feature_column", "autodiff", "audio",
    }
)  # fmt: skip
_TF_CALLS_OUT: Final = re.compile(
    r"(^|\.)(io|raw_ops|py_function|py_func|numpy_function|load_library|load_op_library|load_file_system_library|"
    r"saved_model|data|train|summary|distribute|sysconfig|autograph|eager|profiler|tpu|lookup|utils|"
    r"read_file|write_file|matching_files|print|print_v2|get_file)(\.|$)"
)


class Named(enum.Enum):
    """Whose a name is."""

    ORDINARY = "what models of Keras are made of"
    UNUSUAL = "part of Keras, and no part of models"
    FOREIGN = "no part of Keras"


def in_keras(module: str, name: str, is_function: bool) -> Named:
    """Say whose a name is."""
    root = _ROOT.match(module)
    if root is None:
        tensors = module.startswith("tensorflow.python.") and name.endswith(("Spec", "Wrapper", "TensorShape", "DType"))
        return Named.ORDINARY if tensors and _CLASS.match(name) else Named.FOREIGN
    parts = [p for p in module[root.end() :].split(".") if p and p not in _BETWEEN]
    area = parts[0] if parts else ""
    if is_function:
        own = area in _FUNCTION_AREAS or (root[1] != "keras" and area in _CLASS_AREAS)
        return Named.ORDINARY if own and _FUNCTION.match(name) else Named.UNUSUAL
    if name.startswith("__") and name.endswith("__"):
        return Named.ORDINARY
    if area == "backend":
        # Optimisers have a class of their own for each backend.
        area = next((p for p in parts if p in _CLASS_AREAS), area)
    beside = root[1] not in ("keras", "keras_core", "tf_keras")
    if _CLASS.match(name) and (not area or area in _CLASS_AREAS or beside or name in _CLASSES_ELSEWHERE):
        return Named.ORDINARY
    return Named.UNUSUAL


def tf_function(name: str) -> FileVerdict:
    """Judge a function of TensorFlow that a layer calls by its public name."""
    bare = name.removeprefix("tf.").removeprefix("tensorflow.")
    while bare.startswith(("compat.v1.", "compat.v2.", "_api.v2.", "_api.v1.", "python.")):
        bare = bare.partition(".")[2]
    if _TF_CALLS_OUT.search(bare):
        return "malicious"
    area = bare.partition(".")[0]
    return "clean" if "." not in bare or area in _TF_AREAS else "suspicious"


def hidden_code(text: str) -> bool:
    """Say whether a text is a marshalled code object in base 64."""
    stripped = "".join(text[:4000].split())
    if not stripped.startswith(("4w", "Y")) or len(stripped) < 40:
        return False
    try:
        head = base64.b64decode(stripped[:40], validate=True)
    except (binascii.Error, ValueError):
        return False
    # A code object (its reference bit set or not), whose counts of arguments are small numbers.
    counts = [int.from_bytes(head[at : at + 4], "little") for at in (1, 5, 9)]
    return head[:1] in (b"\xe3", b"c") and all(count < 256 for count in counts)
