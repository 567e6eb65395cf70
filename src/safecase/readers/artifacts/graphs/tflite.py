"""TensorFlow Lite: which operators a model calls beyond the built-in ones, and whether its offsets are true.

Field numbers are those of schema.fbs, version 3.
"""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from safecase.readers.artifacts.graphs.flatbuffers import Flatbuffer, Untrue
from safecase.readers.artifacts.graphs.tensorflow import capabilities, ordinary
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

MOST_OPTIONS: Final = 1024 * 1024
_CUSTOM: Final = 32
_KNOWN: Final = frozenset(
    {
        "TFLite_Detection_PostProcess", "AudioSpectrogram", "Mfcc", "NumericVerify", "HashtableFind", "HashtableImport",
        "HashtableSize", "Hashtable", "Atan2", "Sign", "Cumsum", "Roll", "Irfft2d", "Conv3d", "BucketizeOp",
        "Multinomial", "RandomStandardNormal", "RandomUniform", "ReadVariable", "AssignVariable", "VarHandle",
        "AvgPool3D", "MaxPool3D",
        "Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Landmarks2TransformMatrix",
        "Landmarks2TransformMatrixV2", "TransformLandmarks", "TransformTensor", "TransformTensorBilinear",
        "TransformTensorBilinearV2", "RoIToTransformMatrix", "Resampler", "edgetpu-custom-op", "ethos-u",
        "TFSentencepieceTokenizeOp", "RaggedTensorToTensor", "KmeansEmbeddingLookup", "UniversalSentenceEncoderPath",
        "NGRAMS", "SEQUENCE_STRING_PROJECTION", "StringProjection", "Predict", "Normalize", "ExtractFeatures",
        "CTCBeamSearchDecoder", "CircularBuffer", "SignalFFT", "SignalRfft", "SignalWindow", "SignalFilterBank",
        "SignalFilterBankLog", "SignalFilterBankSpectralSubtraction", "SignalFilterBankSquareRoot", "SignalFramer",
        "SignalOverlapAdd", "SignalPCAN", "SignalStacker", "SignalEnergy", "SignalFftAutoScale", "SignalIrfft",
        "SignalDelay", "DYNAMIC_UPDATE_SLICE", "GroupNorm", "InstanceNorm", "odml.rms_norm",
        "odml.scaled_dot_product_attention", "odml.update_kv_cache", "odml.runtime_bmm",
    }
)  # fmt: skip
"""Operators beside the built-in ones, that the runtime, its own libraries and the vendors of chips bring."""

_TFTEXT: Final = re.compile(r"(TFText>|TFLite_|odml\.|MlDrift|stablehlo\.|tfl\.)")
_PROGRAMS: Final = (b"\x7fELF", b"MZ\x90\x00", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!/")


def check_tflite(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Note operators from elsewhere, TensorFlow's own that do more than compute, and offsets that lead nowhere."""
    try:
        model = _Model(Flatbuffer(file, size), problems, member)
        model.operators()
        model.buffers()
        model.graphs()
    except Untrue as why:
        problems.add("tflite.header", "suspicious", f"its offsets are not true: {why}", member=member)


class _Model:
    def __init__(self, data: Flatbuffer, problems: Problems, member: str) -> None:
        self._data, self._problems, self._member = data, problems, member
        self._root = data.root()
        self._codes = 0
        self._buffers = 0

    def operators(self) -> None:
        data = self._data
        for code in data.tables(self._root, 1):
            self._codes += 1
            name = data.text(code, 1)
            if name and max(data.scalar(code, 0, 1), data.scalar(code, 3, 4)) in (_CUSTOM, 0):
                self._custom(name, code)

    def _custom(self, name: str, at: int) -> None:
        if name.startswith("Flex"):
            operator = name[4:]
            found = capabilities().get(operator)
            if found is not None and found.says != "clean":
                self._tell("tflite.operator", found.says, f"the operator {shown(name)}: {found.what}", at, name)
            elif found is None and operator not in ordinary() and not _TFTEXT.match(operator):
                self._foreign(name, at)
        elif name not in _KNOWN and not _TFTEXT.match(name):
            self._foreign(name, at)

    def _foreign(self, name: str, at: int) -> None:
        message = f"the operator {shown(name)} is native code from elsewhere"
        self._tell("tflite.custom", "suspicious", message, at, name)

    def buffers(self) -> None:
        data = self._data
        for buffer in data.tables(self._root, 4):
            self._buffers += 1
            start, length = data.span(buffer, 0)
            outside, size = data.scalar(buffer, 1, 8), data.scalar(buffer, 2, 8)
            if outside > 1 and outside + size > data.size:
                raise Untrue(f"a buffer of {size} bytes at byte {outside}")
            if length > 64 and data.raw(start, 4).startswith(_PROGRAMS[:1]):
                self._tell("tflite.program", "suspicious", "a buffer holds a program", start, str(start))

    def graphs(self) -> None:
        data = self._data
        for graph in data.tables(self._root, 2):
            for tensor in data.tables(graph, 0):
                data.span(tensor, 0, 4)
                if data.scalar(tensor, 2, 4) >= max(1, self._buffers):
                    raise Untrue("a tensor in a buffer that is not there")
            for operator in data.tables(graph, 3):
                if data.scalar(operator, 0, 4) >= self._codes:
                    raise Untrue("an operator that is not there")
                self._options(*data.span(operator, 5))

    def _options(self, start: int, length: int) -> None:
        """Judge the node of TensorFlow that the options of an operator carry: it is what runs, whatever its name."""
        if not length:
            return
        content = self._data.raw(start, min(length, MOST_OPTIONS))
        for operator, found in capabilities().items():
            if found.says == "clean":
                continue
            # A NodeDef tells its operator in field 2, as a text.
            if b"\x12" + bytes([len(operator)]) + operator.encode() in content:
                message = f"its options name the operator {operator}: {found.what}"
                self._tell("tflite.operator", found.says, message, start, operator)

    def _tell(self, rule: str, says: FileVerdict, message: str, at: int, key: str) -> None:
        self._problems.add(rule, says, message, offset=at, member=self._member, key=key[:200])
