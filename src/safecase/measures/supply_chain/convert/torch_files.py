"""The containers of PyTorch (zip, legacy stream, legacy tar) and plain pickles: the value in one, with its storages."""

from __future__ import annotations

import contextlib
import io
import shutil
import struct
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, Final

from safecase.errors import CollectError
from safecase.measures.supply_chain.convert.tensors import Refused, Region, Storage, Tensor, view
from safecase.measures.supply_chain.convert.values import MEND, STORAGES, Items, Reader, storage_of
from safecase.readers.archives import tar_members, unpacking, zip_members
from safecase.readers.archives.zip_members import Member
from safecase.readers.artifacts.report import Deadline, Problems
from safecase.readers.pickles.values import Global, Value
from safecase.readers.text import shown

MAGIC: Final = 0x1950A86A20F9469CFC6C
MOST_STORAGES: Final = 1_000_000
_BROKEN: Final = "fetch the file again"


@contextlib.contextmanager
def read(file: BinaryIO, size: int, *, most: int) -> Iterator[Value]:
    """Give the value that a file of weights holds; its tensors can be read within the context.

    Packed members are unpacked into a temporary file, `most` bytes of them.
    """
    with tempfile.TemporaryFile() as scratch:
        try:
            if zip_members.is_whole_zip(file, size):
                yield _Zip(file, size, scratch, most).value()
            elif tar_members.is_tar(unpacking.peek_at(file, 0, 512)):
                yield _tar(file, size)
            else:
                yield _stream(file, size)
        except unpacking.Unreadable as why:
            raise CollectError(f"it cannot be unpacked: {shown(str(why))}", mend=_BROKEN) from None


class _Zip:
    """The zip that PyTorch writes since 1.6: `data.pkl`, `data/KEY` for each storage, `byteorder`, below one folder."""

    def __init__(self, file: BinaryIO, size: int, scratch: BinaryIO, most: int) -> None:
        self._file = file
        self._scratch = scratch
        self._members = {member.name: member for member in zip_members.listed(file, size)}
        self._budget = unpacking.Budget(Deadline(600), most, size)
        self._storages: dict[str, Storage] = {}
        roots = [name for name in self._members if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise Refused(
                f"it has {len(roots)} members named data.pkl, and not one", mend="convert a file of torch.save"
            )
        self._root = roots[0].removesuffix("data.pkl")
        if f"{self._root}constants.pkl" in self._members:
            raise Refused("it is a TorchScript program", mend="save the state_dict of the module with torch.save")
        self._big = self._byte_order() == b"big"

    def value(self) -> Value:
        """Give the value of its pickle."""
        pickle = self._region(self._members[f"{self._root}data.pkl"])
        stream = unpacking.section(pickle.stream, pickle.start, pickle.length)
        return Reader().read(stream, pickle.length, self._persistent)

    def _byte_order(self) -> bytes:
        member = self._members.get(f"{self._root}byteorder")
        if member is None:
            return b"little"
        order = zip_members.beginning(self._file, member, 16)
        if order not in (b"little", b"big"):
            raise Refused(f"its byte order is {shown(repr(order))}", mend="save it again")
        return order

    def _persistent(self, name: Value) -> Value:
        match name:
            case ("storage", kind, key, _, count):
                made = storage_of(kind, key, count, self._storages)
            case _:
                raise Refused("it asks its loader for what is no storage", mend=MEND)
        if made.key not in self._storages:
            if len(self._storages) >= MOST_STORAGES:
                raise Refused(f"it has more than {MOST_STORAGES} storages", mend="split the file")
            if self._big and not made.dtype:
                raise Refused("a big-endian storage without a type: PyTorch reads it wrongly", mend="save it again")
            self._storages[made.key] = made
            made.swap = self._big
            member = self._members.get(f"{self._root}data/{made.key}")
            if member is not None:
                made.lies(lambda: self._region(member))
        return made

    def _region(self, member: Member) -> Region:
        opened = zip_members.open_member(self._file, member, self._budget)
        if member.method == 0:
            return Region(opened.file, 0, opened.size)
        with opened.file as unpacked:
            start = self._scratch.seek(0, io.SEEK_END)
            shutil.copyfileobj(unpacked, self._scratch, 1024 * 1024)
        return Region(self._scratch, start, self._scratch.tell() - start)


def _stream(file: BinaryIO, size: int) -> Value:
    """Read what PyTorch wrote before 1.6: pickles behind one another, then the storages; or a plain pickle."""
    reader = Reader()
    storages: dict[str, Storage] = {}
    views: dict[tuple[str, str], Storage] = {}

    def persistent(name: Value) -> Value:
        match name:
            case ("storage", kind, key, _, count, None):
                return storages.setdefault(str(key), storage_of(kind, key, count, storages))
            case ("storage", kind, key, _, count, (view_key, offset, length)):
                root = storages.setdefault(str(key), storage_of(kind, key, count, storages))
                return _part(root, view_key, offset, length, views)
        raise Refused("it asks its loader for what is no storage", mend=MEND)

    file.seek(0)
    first = reader.read(file, size)
    if first != MAGIC:
        return first
    if reader.read(file, size) != 1001:
        raise Refused("it is of a version of the legacy format that is not known", mend="save it again")
    reader.read(file, size)
    value = reader.read(file, size, persistent)
    keys = reader.read(file, size)
    if not isinstance(keys, Items):
        raise CollectError("it does not say which storages follow", mend=_BROKEN)
    for key in keys.items:
        storage = storages.get(str(key))
        if storage is None:
            raise CollectError("a storage follows that no tensor is of", mend=_BROKEN)
        _place(file, size, storage)
    return value


def _part(root: Storage, key: Value, offset: Value, length: Value, views: dict[tuple[str, str], Storage]) -> Storage:
    """Give a storage that is a part of another one."""
    if not isinstance(key, str | int) or not isinstance(offset, int) or not isinstance(length, int):
        raise Refused("a view of a storage is described wrongly", mend="do not load this file")
    if not 0 <= offset <= offset + length <= root.count:
        raise Refused("a view reaches out of its storage", mend="do not load this file")
    width = root.size // root.count if root.count else 1

    def find() -> Region:
        whole = root.region()
        return Region(whole.stream, whole.start + offset * width, length * width)

    return views.setdefault((root.key, str(key)), Storage(f"{root.key}/{key}", root.dtype, length, find))


def _place(file: BinaryIO, size: int, storage: Storage) -> None:
    """Pass over a storage: its count, then its bytes."""
    raw = file.read(8)
    count = int.from_bytes(raw, "little")
    if len(raw) < 8 or count != storage.count:
        raise CollectError(f"storage {shown(storage.key)} has not the size that its tensors say", mend=_BROKEN)
    region = Region(file, file.tell(), min(storage.size, size - file.tell()))
    storage.lies(lambda: region)
    file.seek(region.start + region.length)


def _tar(file: BinaryIO, size: int) -> Value:
    """Read what PyTorch wrote before 0.1.10: `storages`, `tensors` and `pickle` in a tar."""
    budget = unpacking.Budget(Deadline(60))
    found = {
        member.name.removeprefix("./"): member for member in tar_members.tar_members(file, size, Problems(), budget)
    }
    if not {"storages", "tensors", "pickle"} <= found.keys():
        raise Refused("it is a tar, and not one of PyTorch", mend="convert a file of torch.save")
    reader = Reader()
    known: dict[str, Storage | Tensor] = {}
    for name, step in (("storages", _tar_storages), ("tensors", _tar_tensors)):
        member = found[name]
        step(reader, unpacking.section(file, member.start, member.size), member.size, known)
    member = found["pickle"]

    def persistent(name: Value) -> Value:
        if str(name) not in known:
            raise Refused("it asks its loader for what is no tensor", mend=MEND)
        return known[str(name)]

    return reader.read(unpacking.section(file, member.start, member.size), member.size, persistent)


def _count(value: Value) -> int:
    if type(value) is not int or not 0 <= value <= MOST_STORAGES:
        raise CollectError("it does not say how many tensors there are", mend=_BROKEN)
    return value


def _tar_storages(reader: Reader, stream: BinaryIO, size: int, known: dict[str, Storage | Tensor]) -> None:
    for _ in range(_count(reader.read(stream, size))):
        match reader.read(stream, size):
            case (key, _, Global(ruling="storage") as kind):
                at = stream.tell()
                count = int.from_bytes(stream.read(8), "little")
                stream.seek(at)
                storage = Storage(str(key), STORAGES[kind.name], count)
                _place(stream, size, storage)
                known[str(key)] = storage
            case _:
                raise CollectError("its storages are described wrongly", mend=_BROKEN)
    views = reader.read(stream, size)
    parts: dict[tuple[str, str], Storage] = {}
    for each in views.items if isinstance(views, Items) else ():
        match each:
            case (target, root, offset, count) if isinstance(whole := known.get(str(root)), Storage):
                known[str(target)] = _part(whole, target, offset, count, parts)
            case _:
                raise CollectError("its views are described wrongly", mend=_BROKEN)


def _tar_tensors(reader: Reader, stream: BinaryIO, size: int, known: dict[str, Storage | Tensor]) -> None:
    for _ in range(_count(reader.read(stream, size))):
        match reader.read(stream, size):
            case (key, storage, Global()):
                known[str(key)] = _tar_tensor(stream, known.get(str(storage)))
            case _:
                raise CollectError("its tensors are described wrongly", mend=_BROKEN)


def _tar_tensor(stream: BinaryIO, storage: Storage | Tensor | None) -> Tensor:
    head = stream.read(8)
    dimensions = int.from_bytes(head[:4], "little")
    if len(head) < 8 or dimensions > 64:
        raise CollectError("a tensor has no dimensions", mend=_BROKEN)
    raw = stream.read(16 * dimensions + 8)
    if len(raw) < 16 * dimensions + 8:
        raise CollectError("it ends within a tensor", mend=_BROKEN)
    numbers = struct.unpack(f"<{2 * dimensions + 1}q", raw)
    return view(storage, numbers[-1], numbers[:dimensions], numbers[dimensions:-1])
