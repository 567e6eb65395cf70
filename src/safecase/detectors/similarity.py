"""How alike two texts are: in what they mean, by the encoder of the extra `guard-ml`, or only in their letters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from safecase.detectors.injection.neural import network
from safecase.detectors.injection.neural.wordpiece import WordPieces

_LAYER: Final = "/layers.2/last/LayerNormalization_output_0"
"""The third of six layers: what comes after was trained to find attacks, and has forgotten much of what texts mean."""
_ORDINARY: Final = (
    "The shop is open every day except on Sunday.",
    "You can pay by card or in cash.",
    "I am sorry, but I cannot help with that.",
    "The report was finished last week.",
    "How do I change my password?",
    "Water boils at a hundred degrees.",
    "She plays the piano in the evening.",
    "The train to the city leaves from platform two.",
    "Please send us a copy of your passport.",
    "Prices include all taxes and fees.",
    "The new version mends several errors.",
    "Our team will call you tomorrow.",
    "Rice is cooked for about twenty minutes.",
    "The law was changed by parliament in spring.",
    "Your account has been closed.",
    "He lives in a small house near the sea.",
)
"""What these have in common all texts have, and it is taken away before two are compared."""
_MOST_CHARACTERS: Final = 20_000


def available() -> bool:
    """Say whether the encoder can be run here."""
    return network.available()


@cache
def encoder() -> Callable[[str, str], float]:
    """Give the cosine of two texts' vectors: some 0 for texts of other things, 0.45 and more for paraphrases.

    It reads English best, and does not tell yes from no, nor one number from another.
    """
    return _Encoder().alike


def ngrams(one: str, other: str, size: int = 3) -> float:
    """Give the cosine of two texts' letter triples: the same words in the same forms, nothing of sense."""
    first, second = _counts(one, size), _counts(other, size)
    both = math.sqrt(sum(n * n for n in first.values()) * sum(n * n for n in second.values()))
    return sum(n * second[part] for part, n in first.items()) / both if both else 0.0


def _counts(text: str, size: int) -> Counter[str]:
    plain = f" {' '.join(text[:_MOST_CHARACTERS].casefold().split())} "
    return Counter(plain[at : at + size] for at in range(len(plain) - size + 1))


class _Encoder:
    def __init__(self) -> None:
        folder = resources.files(network.__package__)
        self._pieces = WordPieces(folder.joinpath("vocabulary.txt").read_text("utf-8").split("\n"))
        self._session = _opened(folder.joinpath("encoder.onnx").read_bytes())
        self._vectors: dict[str, Any] = {}
        vectors = [self._read(text) for text in _ORDINARY]
        self._middle = sum(vectors[1:], start=vectors[0]) / len(vectors)

    def alike(self, one: str, other: str) -> float:
        first, second = self._vector(one), self._vector(other)
        both = math.sqrt(float(first @ first) * float(second @ second))
        return float(first @ second) / both if both else 0.0

    def _vector(self, text: str) -> Any:
        if text not in self._vectors:
            self._vectors[text] = self._read(text[:_MOST_CHARACTERS]) - self._middle
        return self._vectors[text]

    def _read(self, text: str) -> Any:
        """Give the mean of all pieces' vectors; long texts are read in parts."""
        import numpy as np

        numbers = self._pieces.numbers(text)
        inside = network.LENGTH - 2
        parts = [numbers[at : at + inside] for at in range(0, max(1, len(numbers)), inside)][: network.MOST_WINDOWS]
        read = [self._part(part) for part in parts]
        return np.average([vectors.mean(0) for vectors in read], axis=0, weights=[len(vectors) for vectors in read])

    def _part(self, numbers: Sequence[int]) -> Any:
        import numpy as np

        row = np.array([[self._pieces.begin, *numbers, self._pieces.end]], dtype=np.int64)
        return self._session.run([_LAYER], {"pieces": row})[0][0]


def _opened(content: bytes) -> Any:  # onnxruntime's session
    """Open the encoder with one more output. In protobuf, a message that comes twice is merged: so this adds to it."""
    name = _field(1, _LAYER.encode())
    graph = _field(12, name)  # GraphProto.output
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    more = content + _field(7, graph)  # ModelProto.graph
    return onnxruntime.InferenceSession(more, options, providers=["CPUExecutionProvider"])


def _field(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content
