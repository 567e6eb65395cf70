"""The encoder at work: texts in, log odds out. Its weights are numbers in an ONNX graph of standard operators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib import resources, util
from typing import Any, Final

import msgspec

from safecase.detectors.injection.neural.wordpiece import WordPieces
from safecase.errors import UsageError
from safecase.vocabulary import Noun

LENGTH: Final = 128
"""Pieces that are read at once, begin and end among them."""
STEP: Final = 96
MOST_WINDOWS: Final = 24
"""So many parts of a long text are read: some 2,300 pieces, 9,000 characters of English."""
MANY_WINDOWS: Final = 0.3
"""As in the first stage: what the highest of many is by chance, for each factor of e."""


class Card(Noun, frozen=True):
    """What the weights are, and how they count."""

    version: str
    trained: str
    base: str
    """The model that they were fine-tuned from."""
    data: str
    """SHA-256 of the training data."""
    sources: dict[str, int]
    """How many texts it holds of which source."""
    steps: int
    seed: int
    share: float
    """What a log odd of this stage adds to one of the first."""
    thresholds: tuple[tuple[float, float, int], ...]
    """Rate of false alarms, score of both stages together, number of benign texts outside of training."""


class Network:
    """Weights in memory, ready to read."""

    def __init__(self, content: bytes, vocabulary: Sequence[str], card: Card) -> None:
        self.card = card
        self._pieces = WordPieces(vocabulary)
        self._session = _opened(content)

    def score(self, text: str) -> tuple[float, bool]:
        """Give the log odds of a text, the highest of its parts, and whether all of it was read.

        Takes 5 to 20 ms of CPU for each part; call it in a thread.
        """
        found, whole = parts(self._pieces.numbers(text))
        return joined([self._read(part) for part in found]), whole

    def _read(self, numbers: list[int]) -> float:
        import numpy as np

        row = np.array([[self._pieces.begin, *numbers, self._pieces.end]], dtype=np.int64)
        return float(self._session.run(None, {"pieces": row})[0][0])


def parts(numbers: list[int]) -> tuple[list[list[int]], bool]:
    """Cut the pieces of a text into parts that are read at once; false: the text goes on after the last."""
    inside = LENGTH - 2
    if len(numbers) <= inside:
        return [numbers], True
    starts = range(0, len(numbers) - inside + STEP, STEP)
    return [numbers[at : at + inside] for at in starts][:MOST_WINDOWS], len(starts) <= MOST_WINDOWS


def joined(odds: Sequence[float]) -> float:
    """Give the log odds of a text from those of its parts."""
    return max([odds[0], *(one - MANY_WINDOWS * math.log(len(odds)) for one in odds[1:])])


def available() -> bool:
    """Say whether the extra `guard-ml` is installed."""
    return util.find_spec("onnxruntime") is not None


@cache
def shipped() -> Network:
    """Give the network that comes with the package; raises `UsageError` without the extra `guard-ml`."""
    if not available():
        raise UsageError("the neural stage needs onnxruntime", mend="pip install 'safecase[guard-ml]'")
    folder = resources.files(__package__)
    card = msgspec.json.decode(folder.joinpath("card.json").read_bytes(), type=Card)
    vocabulary = folder.joinpath("vocabulary.txt").read_text("utf-8").split("\n")
    return Network(folder.joinpath("encoder.onnx").read_bytes(), vocabulary, card)


def _opened(content: bytes) -> Any:  # onnxruntime's session
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Calls come at once from many threads; threads of its own would only make them wait for each other.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
