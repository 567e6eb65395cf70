"""What archives carry: each member of a zip, tar, 7z or compressed file is looked into by what its bytes are."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO, Final, Protocol

from msgspec import structs

from safecase.readers.archives import seven_zip, tar_members, unpacking, zip_members
from safecase.readers.archives.member_names import leads_out
from safecase.readers.artifacts import loaded_code, programs
from safecase.readers.artifacts.code import python_code
from safecase.readers.artifacts.formats import PICKLES, ZIPS, WeightFormat, identify_stream, is_text, seems_model
from safecase.readers.artifacts.graphs import keras, torch_export, torch_package, torchscript
from safecase.readers.artifacts.report import Problems
from safecase.readers.artifacts.tensors import skops
from safecase.readers.pickles.policy import Policy
from safecase.readers.pickles.scan import ScanSession, seems_pickle
from safecase.readers.text import shown

PEEK: Final = 4096
MOST_CODE: Final = 16 * 1024 * 1024
PICKLE_NAMES: Final = (".pkl", ".pickle", ".p", ".joblib", ".dill", ".debug_pkl")
_WITH_ZIP: Final = frozenset({"tflite", "llamafile", "program"})
"""Formats that end as a zip by their own rules: with labels, with weights, with what they unpack."""

_WITH_TEXTS: Final = frozenset({"zip", "model_zip", "torch_archive"})
"""Archives whose texts are read by somebody: configurations, templates, what agents are told."""

_PLAIN_ARCHIVES: Final = frozenset({"zip", "tar", "seven_zip"})
_LEGACY: Final = ("sys_info", "pickle", "tensors", "storages")
"""The members of PyTorch's oldest format, each of which is a row of pickles."""

_CONFIGURATIONS: Final[Mapping[tuple[str, str], Callable[[bytes, Problems, Policy, str], object]]] = {
    ("keras_v3", "config.json"): keras.check_config,
    ("skops", "schema.json"): skops.check_schema,
}


class Looker(Protocol):
    """Who looks into a file, and asks for its members."""

    policy: Policy
    problems: Problems
    budget: unpacking.Budget
    members: int

    @property
    def session(self) -> ScanSession:
        """The scan of all pickles of the file."""

    def look(self, file: BinaryIO, size: int, name: str, member: str, kind: WeightFormat) -> None:
        """Look into a member."""

    def text(self, file: BinaryIO, size: int, name: str, member: str) -> None:
        """Judge a text."""


def look_into_zip(looker: Looker, file: BinaryIO, size: int, member: str, kind: str) -> None:
    """Look into every member of a zip, by whichever of its records tells of it."""
    where = f"{member}!" if member else ""
    # A file of another format may hold a whole zip in its bytes, which ends before it does; that is no disagreement.
    told = kind in ZIPS or (kind not in _WITH_ZIP and zip_members.is_whole_zip(file, size))
    with reading(looker.problems, member):
        entries = zip_members.zip_members(file, size, looker.problems if told else Problems(), where)
        archive = _Zip(looker, file, kind, entries)
        with archive.policy():
            for entry in entries:
                with reading(looker.problems, where + entry.name):
                    archive.member(entry, where + entry.name)
        if kind in _WITH_TEXTS:
            files = {entry.name: _zip_reader(file, entry, looker) for entry in entries}
            _check_repository(files, looker.problems, where)


def look_into_tar(looker: Looker, file: BinaryIO, size: int, member: str) -> None:
    """Look into every member of a tar file."""
    where = f"{member}!" if member else ""
    files: dict[str, Callable[[], bytes]] = {}
    with reading(looker.problems, member):
        for entry in tar_members.tar_members(file, size, looker.problems, looker.budget, where):
            part = unpacking.section(file, entry.start, entry.size)
            files[entry.name] = _tar_reader(file, entry)
            _part(looker, part, entry.size, entry.name, where + entry.name, "tar")
    _check_repository(files, looker.problems, where)


def _zip_reader(file: BinaryIO, entry: zip_members.Member, looker: Looker) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with zip_members.open_member(file, entry, looker.budget).file as opened:
                return opened.read(MOST_CODE)
        except unpacking.Unreadable:
            return b""  # told when it was looked at as a member

    return read


def _tar_reader(file: BinaryIO, entry: tar_members.TarMember) -> Callable[[], bytes]:
    return lambda: unpacking.section(file, entry.start, min(entry.size, MOST_CODE)).read()


def _check_repository(files: Mapping[str, Callable[[], bytes]], problems: Problems, where: str) -> None:
    """Judge the members together, as the files of a model folder; in the archive they lie below `where`."""
    from safecase.readers.artifacts import repositories

    if len(files) > 1:
        found = Problems()
        repositories.check_repository(files, found)
        for problem in found.all():
            problems.put(structs.replace(problem, member=where + problem.member))


def look_into_seven_zip(looker: Looker, file: BinaryIO, size: int, member: str) -> None:
    """Look into every member of a 7z archive."""
    where = f"{member}!" if member else ""
    with reading(looker.problems, member):
        for entry in seven_zip.seven_zip_members(file, size, looker.budget):
            with entry.file:
                looker.budget.declare(entry.size)
                if way := leads_out(entry.name):
                    message = f"the name {shown(entry.name)} {way}"
                    looker.problems.add("archive.path", "suspicious", message, member=where + entry.name)
                _part(looker, entry.file, entry.size, entry.name, where + entry.name, "seven_zip")


def look_into_compressed(looker: Looker, file: BinaryIO, size: int, name: str, member: str) -> None:
    """Look into what a compressed file holds."""
    kind = unpacking.compression_of(unpacking.peek(file, 16))
    inside = f"{member}!{kind}" if member else kind
    with reading(looker.problems, member):
        unpacked = unpacking.unpack(file, kind, looker.budget, size)
        with unpacked.file as opened:
            looker.members += 1
            looker.budget.declare(unpacked.size)
            if not unpacked.whole:
                message = f"what is compressed with {kind} breaks off after {unpacked.size} bytes"
                looker.problems.add("archive.broken", "error", message, member=inside)
            inner = identify_stream(opened, unpacked.size, PurePosixPath(name).stem)
            looker.look(opened, unpacked.size, PurePosixPath(name).stem, inside, inner)


@contextmanager
def reading(problems: Problems, member: str) -> Iterator[None]:
    """Turn what stops the reading of an archive into a problem."""
    try:
        yield
    except unpacking.Bomb as why:
        problems.add("archive.bomb", "suspicious", f"it fills memory or disk: {why}", member=member)
    except seven_zip.Encrypted as why:
        problems.add("archive.encrypted", "error", f"not judged: {why}", member=member)
    except unpacking.Unsupported as why:
        problems.add("archive.unsupported", "error", f"not judged: {why}", member=member)
    except unpacking.Unreadable as why:
        problems.add("archive.unreadable", "error", f"not judged: {why}", member=member)


def _count(looker: Looker) -> None:
    """Count a member; raises `Bomb` where archives within archives have too many."""
    looker.members += 1
    if looker.members > unpacking.MOST_MEMBERS:
        raise unpacking.Bomb(f"more than {unpacking.MOST_MEMBERS} members lie in it, at all depths")


def _part(looker: Looker, part: BinaryIO, length: int, path: str, member: str, kind: str) -> None:
    """Look into one member of a tar or 7z archive."""
    _count(looker)
    if not length:
        return
    name = path.rpartition("/")[2]
    prefix = unpacking.peek(part, PEEK)
    programs.check_member(prefix, name, looker.problems, member, kind)
    if name.endswith(".py"):
        content = part.read(MOST_CODE)
        if loaded_code.is_loaded(path, content):
            python_code.check_python(content, name, looker.problems, member)
    found = identify_stream(part, length, name)
    legacy = path in _LEGACY
    named = path in ("pickle", "sys_info") or name.endswith(PICKLE_NAMES)
    if found.name in PICKLES or legacy or (found.name == "unknown" and named):
        looker.session.look_streams(part, length, member, surely=named)
    elif found.name != "program":
        looker.look(part, length, path, member, found)


class _Zip:
    """One zip while its members are looked into."""

    def __init__(self, looker: Looker, file: BinaryIO, kind: str, entries: list[zip_members.Member]) -> None:
        self._looker, self._file, self._kind, self._entries = looker, file, kind, entries
        # PyTorch can be told to write no checksums: then all are zero.
        self._sums = any(entry.crc for entry in entries)

    @contextmanager
    def policy(self) -> Iterator[None]:
        """Judge names by what the archive itself brings, where a loader would take them from there."""
        session, before = self._looker.session, self._looker.session.policy
        if self._kind == "torch_package":
            session.policy = torch_package.PackagedPolicy(before, [e.name for e in self._entries])
        try:
            yield
        finally:
            session.policy = before

    def member(self, entry: zip_members.Member, member: str) -> None:
        """Look into one member."""
        looker = self._looker
        _count(looker)
        if not entry.packed and not entry.size:
            return
        if entry.method:
            looker.budget.declare(entry.size)
        name = entry.name.rpartition("/")[2]
        prefix = zip_members.beginning(self._file, entry, PEEK)
        if entry.mode & 0xF000 == 0xA000:
            self._link(entry, prefix, member)
        program = programs.check_member(prefix, name, looker.problems, member, self._kind)
        if self._read(entry, name, member):
            return
        named = name.endswith(PICKLE_NAMES)
        more = not program and may_hold_more(prefix)
        text = self._kind in _WITH_TEXTS and not name.endswith(".py") and is_text(prefix)
        if named or more or text or entry.flags & 1 or seems_pickle(prefix, entry.size):
            unpacked = zip_members.open_member(self._file, entry, looker.budget)
            with unpacked.file as opened:
                self._look(opened, unpacked.size, entry, member, named=named)
            if unpacked.rest:
                self._behind(entry, unpacked.rest, member)
        if entry.size > unpacking.BOMB_SIZE and entry.size > unpacking.BOMB_RATIO * max(1, entry.packed):
            raise unpacking.Bomb(f"{entry.packed} bytes unpack to {entry.size}")

    def _link(self, entry: zip_members.Member, target: bytes, member: str) -> None:
        """Judge a symbolic link, whose content is where it leads."""
        text = target.decode("utf-8", "replace")
        from_root = posixpath.normpath(posixpath.join(posixpath.dirname(entry.name), text))
        if leads_out(from_root) or leads_out(text) == "begins with a drive":
            message = f"{shown(entry.name)} is a symbolic link to {shown(text)}, outside of the archive"
            self._looker.problems.add("zip.link", "suspicious", message, member=member)

    def _behind(self, entry: zip_members.Member, rest: int, member: str) -> None:
        """Look into what follows the stream that a member unpacks from."""
        message = f"{rest} bytes follow the end of what {shown(entry.name)} is packed in"
        self._looker.problems.add("zip.hidden", "suspicious", message, member=member)
        self.member(zip_members.behind_stream(self._file, entry, rest), f"{member} (behind its stream)")

    def _look(self, opened: BinaryIO, length: int, entry: zip_members.Member, member: str, *, named: bool) -> None:
        looker = self._looker
        name = entry.name.rpartition("/")[2]
        if entry.raw:
            zip_members.checked(opened, length, entry, looker.problems, member, sums=self._sums)
        found = identify_stream(opened, length, name)
        if found.name in PICKLES or (named and found.name == "unknown"):
            looker.session.look_streams(opened, length, member, surely=named)
        elif found.name != "program":
            looker.look(opened, length, entry.name, member, found)

    def _read(self, entry: zip_members.Member, name: str, member: str) -> bool:
        """Read a member that means something in this kind of archive; says whether that is all there is to it."""
        looker = self._looker
        configuration = _CONFIGURATIONS.get((self._kind, entry.name))
        exported = self._kind == "torch_export" and torch_export.is_program(entry.name)
        bytecode = self._kind == "torchscript" and name == "bytecode.pkl"
        if not (configuration or exported or bytecode or name.endswith(".py")):
            return False
        unpacked = zip_members.open_member(self._file, entry, looker.budget)
        with unpacked.file as opened:
            if entry.raw:
                zip_members.checked(opened, unpacked.size, entry, looker.problems, member, sums=self._sums)
            content = opened.read(min(unpacked.size, keras.MOST_CONFIG if configuration or exported else MOST_CODE))
        if configuration is not None:
            configuration(content, looker.problems, looker.policy, member)
        elif exported:
            torch_export.check_program(content, looker.problems, member)
        elif bytecode:
            torchscript.check_bytecode(content, looker.problems, member)
        elif self._kind == "torchscript" and "/code/" in f"/{entry.name}":
            torchscript.check_code(content, looker.problems, member)
        elif _is_imported(entry.name, content, self._kind):
            python_code.check_python(content, name, looker.problems, member)
        return not bytecode


def _is_imported(path: str, content: bytes, kind: str) -> bool:
    """Say whether a loader of such an archive imports a source in it, or a user is asked to.

    What a package does when it is imported is for those who install it, whose code does everything.
    """
    return kind not in programs.PACKAGES and (kind not in _PLAIN_ARCHIVES or loaded_code.is_loaded(path, content))


def may_hold_more(prefix: bytes) -> bool:
    """Say whether the beginning of a member is that of a file that holds more than numbers."""
    return prefix[8:10] == b'{"' or seems_model(prefix)
