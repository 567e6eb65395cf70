"""Look into a model file, whatever it is: its format by content, then everything in it that a loader would act upon.

report = look(path, allow=frozenset(), deadline_s=60)
report.verdict, report.problems, report.looked_at
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from safecase.readers.archives import unpacking, zip_members
from safecase.readers.artifacts import chat_templates, keras, onnx, skops, tensor_headers
from safecase.readers.artifacts.formats import WeightFormat, identify, identify_stream
from safecase.readers.artifacts.report import Deadline, FileVerdict, Problem, worst
from safecase.readers.pickles.policy import Policy
from safecase.readers.pickles.scan import Limits, PickleReport, ScanSession, seems_pickle
from safecase.vocabulary import Noun

MOST_DEPTH: Final = 4
PEEK: Final = 4096
XML_WINDOW: Final = 1024 * 1024
MOST_XML: Final = 1024 * XML_WINDOW
_PICKLES: Final = frozenset({"pickle", "joblib", "pytorch_legacy"})
_ZIPS: Final = frozenset(
    {"zip", "model_zip", "pytorch_zip", "torchscript", "torch_archive", "keras_v3", "skops", "npz", "npz_object"}
)
_NOT_LOOKED_INTO: Final = {
    "tf_saved_model": "the operators of a TensorFlow graph",
    "coreml": "custom layers of Core ML",
    "rds": "promises in R data",
    "executorch": "delegates of ExecuTorch",
    "seven_zip": "7z archives",
    "torch_archive": "the handler of a TorchServe archive, which is a program",
}
_CONFIGURATIONS: Final = {
    ("keras_v3", "config.json"): keras.check_config,
    ("skops", "schema.json"): skops.check_schema,
}
_PICKLE_NAMES: Final = (".pkl", ".pickle", ".p", ".joblib", ".dill", ".debug_pkl")


_UNKNOWN: Final = {
    "unknown": "its content is no format that is known",
    "empty": "it is empty",
    "lfs_pointer": "it is a pointer of Git LFS, not the file itself",
}
_PROGRAMS: Final = (".py", ".pyc", ".so", ".dll", ".dylib", ".exe", ".sh")


class ArtifactReport(Noun, frozen=True):
    """What a model file is, and what was found in it."""

    format: WeightFormat
    verdict: FileVerdict
    problems: tuple[Problem, ...]
    pickles: PickleReport
    members: int
    """Members of archives that were looked at, at every depth."""


def look(path: Path, *, allow: frozenset[str] = frozenset(), deadline_s: float = 60.0) -> ArtifactReport:
    """Look into a file; raises `CollectError` where it cannot be read. `allow` holds dotted names that are fine."""
    kind = identify(path)
    looker = _Looker(allow, deadline_s)
    with path.open("rb") as file:
        looker.look(file, file.seek(0, io.SEEK_END), path.name, "", kind)
    pickles = looker.session.report()
    return ArtifactReport(
        format=kind,
        verdict=worst(pickles.problems),
        problems=pickles.problems,
        pickles=pickles,
        members=looker.members,
    )


class _Looker:
    """One look into one file; what it finds goes to the session's problems."""

    def __init__(self, allow: frozenset[str], seconds: float) -> None:
        deadline = Deadline(seconds)
        self.policy = Policy(allow)
        self.session = _Session(self.policy, Limits(seconds=seconds), deadline, self._look_within)
        self.problems = self.session.problems
        self.budget = unpacking.Budget(deadline)
        self.members = 0
        self.depth = 0

    def look(self, file: BinaryIO, size: int, name: str, member: str, kind: WeightFormat) -> None:
        """Look at a file or a member by every reader that fits it."""
        if self.depth >= MOST_DEPTH:
            self.problems.add("archive.depth", "error", f"not judged: more than {MOST_DEPTH} deep", member=member)
            return
        self.depth += 1
        try:
            self._by_kind(file, size, name, member, kind)
            if kind.name not in _PICKLES:
                # The same bytes may be one thing to one loader and another to the next.
                self.session.also_as_pickle(file, size, member)
        finally:
            self.depth -= 1

    def _by_kind(self, file: BinaryIO, size: int, name: str, member: str, kind: WeightFormat) -> None:
        if kind.name in _PICKLES and not unpacking.compression_of(unpacking.peek(file, 16)):
            self.session.look_streams(file, size, member, surely=True)
            if zip_members.is_zip(file, size):
                self._zip(file, size, member, kind.name)
        elif kind.name in ("joblib", "compressed"):
            self._compressed(file, size, name, member)
        elif kind.name in _ZIPS:
            self._zip(file, size, member, kind.name)
        elif kind.name in _READERS:
            _READERS[kind.name](self, file, size, member)
        if kind.name in _NOT_LOOKED_INTO:
            self._unsupported(f"not looked into yet: {_NOT_LOOKED_INTO[kind.name]}", member, kind.name)
        elif kind.name in _UNKNOWN and not member:
            self._unsupported(_UNKNOWN[kind.name] + (f" ({kind.detail})" if kind.detail else ""), member, kind.name)

    def _unsupported(self, message: str, member: str, key: str) -> None:
        self.problems.add("format.unsupported", "unsupported", message, member=member, key=key)

    def _look_within(self, file: BinaryIO, size: int, member: str) -> None:
        """Look into bytes that a pickle gives to a loader of its own."""
        kind = identify_stream(file, size, member)
        if kind.name in ("unknown", "empty"):
            self.session.look_streams(file, size, member, surely=False)
        else:
            self.look(file, size, member, member, kind)

    @contextmanager
    def _reading(self, member: str) -> Iterator[None]:
        try:
            yield
        except unpacking.Bomb as why:
            self.problems.add("archive.bomb", "suspicious", f"it fills memory or disk: {why}", member=member)
        except unpacking.Unreadable as why:
            self.problems.add("archive.unreadable", "error", f"not judged: {why}", member=member)

    def _compressed(self, file: BinaryIO, size: int, name: str, member: str) -> None:
        kind = unpacking.compression_of(unpacking.peek(file, 16))
        inside = f"{member}!{kind}" if member else kind
        with self._reading(member):
            unpacked, length, whole = unpacking.unpack(file, kind, self.budget, size)
            with unpacked:
                self.members += 1
                if not whole:
                    message = f"what is compressed with {kind} breaks off after {length} bytes"
                    self.problems.add("archive.broken", "error", message, member=inside)
                inner = identify_stream(unpacked, length, name)
                self.look(unpacked, length, name, inside, inner)

    def _zip(self, file: BinaryIO, size: int, member: str, kind: str) -> None:
        where = f"{member}!" if member else ""
        with self._reading(member):
            for entry in zip_members.zip_members(file, size, self.problems, where):
                with self._reading(where + entry.name):
                    self._zip_member(file, entry, where + entry.name, kind)

    def _zip_member(self, file: BinaryIO, entry: zip_members.Member, member: str, kind: str) -> None:
        self.members += 1
        name = PurePosixPath(entry.name).name
        beginning, _ = zip_members.open_member(file, entry, self.budget, PEEK)
        prefix = beginning.read(PEEK)
        named = name.endswith(_PICKLE_NAMES)
        if (kind, entry.name) in _CONFIGURATIONS:
            opened, length = zip_members.open_member(file, entry, self.budget)
            content = opened.read(min(length, keras.MOST_CONFIG))
            _CONFIGURATIONS[kind, entry.name](content, self.problems, self.policy, member)
        elif named or seems_pickle(prefix, entry.size) or _may_hold_more(prefix):
            opened, length = zip_members.open_member(file, entry, self.budget)
            found = identify_stream(opened, length, name)
            if found.name in _PICKLES or (named and found.name == "unknown"):
                self.session.look_streams(opened, length, member, surely=named)
            else:
                self.look(opened, length, name, member, found)
        elif kind not in ("torchscript", "torch_archive") and name.endswith(_PROGRAMS):
            self._unsupported("not looked into yet: programs within the archive", member, "program")
        if entry.size > unpacking.BOMB_SIZE and entry.size > unpacking.BOMB_RATIO * max(1, entry.packed):
            raise unpacking.Bomb(f"{entry.packed} bytes unpack to {entry.size}")

    def gguf(self, file: BinaryIO, size: int, member: str) -> None:
        """Look at the header, and at the templates that a server renders."""
        header = tensor_headers.check_gguf(file, size, self.problems, member)
        for template in header.templates:
            chat_templates.check_template(template, self.problems, member)

    def xml(self, file: BinaryIO, size: int, member: str) -> None:
        """Entities make a parser read files; nothing else in these formats is acted upon."""
        file.seek(0)
        for _ in range(0, min(size, MOST_XML), XML_WINDOW):
            window = file.read(XML_WINDOW)
            if b"<!DOCTYPE" in window or b"<!ENTITY" in window:
                message = "it declares entities, which a parser may read from files and addresses"
                self.problems.add("xml.entities", "malicious", message, member=member)
                return
            file.seek(-16 if len(window) == XML_WINDOW else 0, io.SEEK_CUR)
        if size > MOST_XML:
            self.problems.add("xml.large", "error", f"only its first {MOST_XML} bytes were searched", member=member)

    def llamafile(self, _file: BinaryIO, _size: int, member: str) -> None:
        """Nothing to look for: it is what it is."""
        message = "a llamafile is a program, which its user starts"
        self.problems.add("program.llamafile", "suspicious", message, member=member)

    def tar(self, file: BinaryIO, size: int, member: str) -> None:
        with self._reading(member):
            for name, start, length in unpacking.tar_members(file, size):
                self.members += 1
                inside = f"{member}!{name}" if member else name
                part = unpacking.section(file, start, length)
                kind = identify_stream(part, length, name)
                if kind.name in _PICKLES or name == "pickle":
                    self.session.look_streams(part, length, inside, surely=name in ("pickle", "sys_info"))
                else:
                    self.look(part, length, name, inside, kind)

    def npy(self, file: BinaryIO, size: int, member: str) -> None:
        """Behind the header of an array of objects lies one pickle."""
        head = unpacking.peek(file, 12)
        wide = head[6:7] != b"\x01"
        start = (12 + int.from_bytes(head[8:12], "little")) if wide else (10 + int.from_bytes(head[8:10], "little"))
        if start >= size:
            self.problems.add("npy.header", "error", "its header is longer than the file", member=member)
            return
        self.session.look_streams(unpacking.section(file, start, size - start), size - start, member, surely=True)


class _Session(ScanSession):
    """A scan whose pickles may hold files of any format in their bytes."""

    def __init__(
        self, policy: Policy, limits: Limits, deadline: Deadline, inside: Callable[[BinaryIO, int, str], None]
    ) -> None:
        super().__init__(policy, limits, deadline)
        self._inside = inside

    def look_within(self, stream: BinaryIO, size: int, member: str) -> None:
        """Look at bytes within a pickle by whatever they are."""
        self._inside(stream, size, member)


def _may_hold_more(prefix: bytes) -> bool:
    return (
        prefix.startswith((b"PK\x03\x04", b"\x93NUMPY", b"\x89HDF", b"GGUF", b"7z\xbc\xaf"))
        or unpacking.compression_of(prefix) not in ("", "zlib", "lzma")
        or prefix[8:10] == b'{"'
        or unpacking.is_tar(prefix)
    )


_READERS: Final[dict[str, Callable[[_Looker, BinaryIO, int, str], object]]] = {
    "pytorch_tar": _Looker.tar,
    "tar": _Looker.tar,
    "npy_object": _Looker.npy,
    "gguf": _Looker.gguf,
    "pmml": _Looker.xml,
    "openvino": _Looker.xml,
    "llamafile": _Looker.llamafile,
    "safetensors": lambda looker, f, size, m: tensor_headers.check_safetensors(f, size, looker.problems, m),
    "onnx": lambda looker, f, size, m: onnx.check_onnx(f, size, looker.problems, m),
    "hdf5": lambda looker, f, size, m: keras.search_config(f, size, looker.problems, m),
    "tf_saved_model": lambda looker, f, size, m: keras.search_config(f, size, looker.problems, m),
}
"""Who looks at a format that is no container."""
