"""PyTorch and numpy weights to safetensors without executing anything, with a digest of every tensor.

    done = convert(Path("model.pt"), Path("model.safetensors"))
    done.tensors[0].sha256

A tensor that several names share is written once for each, so that any loader finds every name; which names share
bytes is kept in the metadata (`safecase.shared`). All bytes pass through memory: a digest of each tensor is wanted.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from safecase.errors import CollectError, UsageError
from safecase.measures.supply_chain.convert import safetensors_file, torch_files
from safecase.measures.supply_chain.convert.structure import Flat, Json, below
from safecase.measures.supply_chain.convert.tensors import DTYPES, Refused, Tensor, pieces
from safecase.readers.artifacts.formats import opened
from safecase.readers.artifacts.look import look_at
from safecase.readers.artifacts.report import FileVerdict
from safecase.readers.pickles.policy import Policy
from safecase.readers.text import shown
from safecase.vocabulary import Noun

MOST_GROWTH: Final = 4
LEAST_MOST: Final = 256 * 1024 * 1024
"""Without a limit of the user's: four times the source, and never less than this."""

_CHUNK: Final = 1024 * 1024
Progress: TypeAlias = Callable[[int, int], None]


class Converted(Noun, frozen=True):
    """One tensor of the new file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    """Of its bytes as they lie there: row by row, little-endian."""


class Conversion(Noun, frozen=True):
    """What was converted: enough to prove that the new file holds the same weights."""

    source: str
    source_format: str
    source_verdict: FileVerdict
    source_sha256: str
    target: str
    target_sha256: str
    size: int
    """Bytes of the new file."""
    tensors: tuple[Converted, ...]
    shared: tuple[tuple[str, ...], ...]
    """Names whose tensors are views of the same bytes in the source; each was written on its own."""
    sidecar: str | None
    """The JSON file of what is no tensor."""
    dropped: tuple[str, ...]
    """Tensors that do not lie below the prefix."""


def convert(
    source: Path,
    target: Path,
    *,
    prefix: str = "",
    overwrite: bool = False,
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Convert a file; raises `Refused` where it holds more than tensors and plain data, or is malicious.

    `progress` is told how many bytes of how many are written.
    """
    sidecar = target.with_name(f"{target.name}.json")
    _writable(source, (target, sidecar), overwrite=overwrite)
    with opened(source) as (file, size), ThreadPoolExecutor(3) as pool:
        seen = look_at(file, size, source.name, policy=Policy(), folder=str(source.parent))
        if seen.verdict == "malicious":
            raise Refused(
                f"{source.name} is malicious: {shown(seen.problems[0].message, 200)}",
                mend=f"do not load it; `safecase supply scan {source.name}` tells more",
            )
        most = max(MOST_GROWTH * size, LEAST_MOST) if max_bytes is None else max_bytes
        with torch_files.read(file, size, most=most) as value:
            flat = Flat(value)
            tensors, dropped = below(flat.tensors, prefix)
            if not tensors:
                raise Refused("it holds no tensor", mend="convert a file of torch.save, or a pickle of numpy arrays")
            _within(tensors, most)
            shared = _shared(tensors)
            ordered = safetensors_file.in_order(tensors)
            metadata = {"format": "pt"} | ({"safecase.shared": json.dumps(shared)} if shared else {})
            head = safetensors_file.header(ordered, metadata)
            digest = pool.submit(_digest, file)
            with _beside(target) as out:
                writing = _Writing(out, pool, progress, len(head) + sum(t.size for t in tensors.values()))
                made = writing.all(head, ordered)
                source_sha256 = digest.result()
            if not flat.plain:
                _write_sidecar(sidecar, source_sha256, flat.tree)
    return Conversion(
        source=str(source),
        source_format=seen.format.name,
        source_verdict=seen.verdict,
        source_sha256=source_sha256,
        target=str(target),
        target_sha256=writing.digest.hexdigest(),
        size=writing.total,
        tensors=made,
        shared=shared,
        sidecar=None if flat.plain else str(sidecar),
        dropped=dropped,
    )


def _writable(source: Path, targets: tuple[Path, Path], *, overwrite: bool) -> None:
    if not targets[0].parent.is_dir():
        raise UsageError(f"{targets[0].parent} is no folder", mend=f"mkdir -p {targets[0].parent}")
    for path in targets:
        if path.exists() and source.exists() and path.samefile(source):
            raise UsageError(f"{path} is what is to be converted", mend="choose another name for the new file")
        if path.is_dir() or (os.path.lexists(path) and not overwrite):
            raise UsageError(f"{path} is there already", mend="choose another name, or say --overwrite")


def _within(tensors: dict[str, Tensor], most: int) -> None:
    size = sum(tensor.work for tensor in tensors.values())
    if size > most:
        raise Refused(
            f"its tensors take or span {size} bytes, which is more than {most}",
            mend=f"say --max-bytes {size} where you trust it, and have the room",
        )


def _shared(tensors: dict[str, Tensor]) -> tuple[tuple[str, ...], ...]:
    names: dict[str, list[str]] = {}
    for name in sorted(tensors):
        if tensors[name].size:
            names.setdefault(str(id(tensors[name].storage)), []).append(name)
    return tuple(sorted(tuple(group) for group in names.values() if len(group) > 1))


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `target` once it is whole."""
    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        with open(handle, "wb", buffering=0) as out:  # noqa: PTH123 - it is a handle
            yield out
            os.fsync(out.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except OSError as why:
        raise CollectError(f"{target} cannot be written: {why.strerror}", mend="make room, or choose a folder") from why
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)


class _Writing:
    """The new file while it is written: digests are made beside, as they take longer than copying does."""

    def __init__(self, out: BinaryIO, pool: ThreadPoolExecutor, progress: Progress | None, total: int) -> None:
        self._out = out
        self._pool = pool
        self._progress = progress
        self._done = 0
        self._jobs: list[Future[None]] = []
        self.total = total
        self.digest = hashlib.sha256()

    def all(self, head: bytes, ordered: list[tuple[str, Tensor]]) -> tuple[Converted, ...]:
        """Write the header and every tensor."""
        self._put(head, None)
        self._settle()
        return tuple(self._tensor(name, tensor) for name, tensor in ordered)

    def _tensor(self, name: str, tensor: Tensor) -> Converted:
        digest = hashlib.sha256()
        before = self._done
        for piece in pieces(tensor):
            self._put(piece, digest)
        self._settle()
        if self._done - before != tensor.size:
            raise CollectError(f"tensor {shown(name)} has not as many bytes as it should", mend="fetch the file again")
        return Converted(name=name, dtype=DTYPES[tensor.dtype][0], shape=tensor.shape, sha256=digest.hexdigest())

    def _put(self, piece: bytes, digest: hashlib._Hash | None) -> None:
        self._settle()
        if len(piece) < 65_536:
            self.digest.update(piece)
            if digest is not None:
                digest.update(piece)
            self._write(piece)
        else:
            self._jobs.append(self._pool.submit(self.digest.update, piece))
            if digest is not None:
                self._jobs.append(self._pool.submit(digest.update, piece))
            self._write(piece)
        self._done += len(piece)
        if self._progress is not None:
            self._progress(self._done, self.total)

    def _settle(self) -> None:
        """Wait until the digests know of the piece before: the next one is read meanwhile."""
        for job in self._jobs:
            job.result()
        self._jobs.clear()

    def _write(self, piece: bytes) -> None:
        rest = memoryview(piece)
        while rest:
            rest = rest[self._out.write(rest) :]


def _digest(file: BinaryIO) -> str:
    """Give the digest of the file that is read elsewhere meanwhile, without moving it."""
    if isinstance(file, io.BytesIO):
        return hashlib.sha256(file.getbuffer()).hexdigest()
    digest, at = hashlib.sha256(), 0
    while chunk := os.pread(file.fileno(), _CHUNK, at):
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest()


def _write_sidecar(path: Path, source_sha256: str, tree: Json) -> None:
    content = {"format": "safecase-conversion-1", "source_sha256": source_sha256, "value": tree}
    with _beside(path) as out:
        out.write(json.dumps(content, indent=1, allow_nan=False).encode())
