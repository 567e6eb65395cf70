"""The weights of the detector: read once, from a file in which nothing can run."""

from __future__ import annotations

import zlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from safecase.errors import CollectError
from safecase.vocabulary import Noun

MOST_BYTES: Final = 64_000_000


class Threshold(Noun, frozen=True):
    """The score that so many benign texts of sources outside of training reach."""

    fpr: float
    score: float
    n: int
    """How many benign texts it was found on."""


class Stored(Noun, frozen=True):
    """What the file holds."""

    version: str
    trained: str
    """The day."""
    data: str
    """SHA-256 of the training data."""
    bias: float
    scale: float
    """What a weight of 127 stands for."""
    features: str
    """One a line, in the order of the weights."""
    weights: bytes
    """Signed bytes."""
    thresholds: tuple[Threshold, ...]


class Weights:
    """Weights by feature."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        signed = memoryview(stored.weights).cast("b")
        names = stored.features.split("\n")
        if len(names) != len(signed):
            raise CollectError("the weights of the detector are incomplete", mend="install the package anew")
        step = stored.scale / 127
        self.of = {name: value * step for name, value in zip(names, signed, strict=True)}
        self.bias = stored.bias


def write(stored: Stored) -> bytes:
    """Give the file."""
    return zlib.compress(msgspec.msgpack.encode(stored), 9)


def read(content: bytes) -> Weights:
    """Read a file; raises `CollectError` where it is none."""
    try:
        unpacked = zlib.decompressobj().decompress(content, MOST_BYTES)
        return Weights(msgspec.msgpack.decode(unpacked, type=Stored))
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as why:
        raise CollectError("these are no weights of the injection detector", mend="safecase protect train") from why


@cache
def shipped() -> Weights:
    """Give the weights that come with the package."""
    return read(resources.files(__package__).joinpath("weights.bin").read_bytes())


def read_file(path: Path) -> Weights:
    """Read weights of one's own."""
    try:
        content = path.read_bytes()
    except OSError as why:
        raise CollectError(f"{path.name} cannot be read: {why.strerror}", mend="correct the path") from why
    return read(content)
