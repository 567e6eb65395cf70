"""Builds small model files by their bytes, and looks into them."""

from __future__ import annotations

import io
import struct

from safecase.readers.artifacts.look import ArtifactReport, look_at
from safecase.readers.pickles.policy import Policy

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def looked(content: bytes, name: str = "model.bin") -> ArtifactReport:
    return look_at(io.BytesIO(content), len(content), name, policy=Policy(), deadline_s=20)


def verdict(content: bytes, name: str = "model.bin") -> str:
    return looked(content, name).verdict


def rules(content: bytes, name: str = "model.bin") -> set[str]:
    return {problem.rule for problem in looked(content, name).problems}


# Protobuf


def varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, *parts: bytes | str) -> bytes:
    content = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
    return varint(field << 3 | 2) + varint(len(content)) + content


# TensorFlow


def node(operator: str, name: str = "n", inputs: tuple[str, ...] = (), **attributes: bytes) -> bytes:
    """A NodeDef; attributes are AttrValues."""
    told = b"".join(message(5, message(1, key), message(2, value)) for key, value in attributes.items())
    return message(1, name) + message(2, operator) + b"".join(message(3, i) for i in inputs) + told


def constant(name: str, text: str) -> bytes:
    return node("Const", name, value=message(8, number(1, 7), message(8, text)))


def graph_def(*nodes: bytes, functions: tuple[bytes, ...] = ()) -> bytes:
    library = message(2, *(message(1, f) for f in functions)) if functions else b""
    return b"".join(message(1, n) for n in nodes) + library


def function_def(name: str, *nodes: bytes) -> bytes:
    return message(1, message(1, name)) + b"".join(message(3, n) for n in nodes)


def meta_graph(graph: bytes, *more: bytes) -> bytes:
    return message(1, message(5, "2.15.0")) + message(2, graph) + b"".join(more)


def saved_model(graph: bytes, *more: bytes) -> bytes:
    return number(1, 1) + message(2, meta_graph(graph, *more))


# HDF5, in its newer form


class Hdf5File:
    """Objects of version 2 behind a superblock of version 2, each with the messages that it is given."""

    def __init__(self) -> None:
        self.content = bytearray(48)

    def put(self, content: bytes) -> int:
        """Give the address of bytes that are put at the end."""
        self.content.extend(bytes(-len(self.content) % 8))
        at = len(self.content)
        self.content.extend(content)
        return at

    def header(self, *messages: tuple[int, bytes]) -> int:
        told = b"".join(struct.pack("<BHB", kind, len(body), 0) + body for kind, body in messages)
        return self.put(b"OHDR\x02\x02" + struct.pack("<I", len(told)) + told + bytes(4))

    def attribute(self, name: str, value: bytes) -> tuple[int, bytes]:
        """A text of fixed length."""
        kind = b"\x13\x00\x00\x00" + struct.pack("<I", len(value))
        space = b"\x02\x00\x00\x00"
        named = name.encode() + b"\0"
        sizes = struct.pack("<HHH", len(named), len(kind), len(space))
        return 0x0C, b"\x03\x00" + sizes + b"\x00" + named + kind + space + value

    def variable(self, name: str, value: bytes) -> tuple[int, bytes]:
        """A text of any length, which lies in a heap."""
        size = 4096 + (len(value) + 7) // 8 * 8
        heap = self.put(b"GCOL\x01\0\0\0" + struct.pack("<QHHIQ", size, 1, 1, 0, len(value)) + value.ljust(size, b"\0"))
        kind = b"\x19\x01\x00\x00" + struct.pack("<I", 16) + b"\x13\0\0\0\1\0\0\0"
        named = name.encode() + b"\0"
        sizes = struct.pack("<HHH", len(named), len(kind), 4)
        place = struct.pack("<IQI", len(value), heap, 1)
        return 0x0C, b"\x03\x00" + sizes + b"\x00" + named + kind + b"\x02\0\0\0" + place

    def link(self, name: str, address: int) -> tuple[int, bytes]:
        return 0x06, b"\x01\x00" + bytes([len(name)]) + name.encode() + struct.pack("<Q", address)

    def external_link(self, name: str, file: str) -> tuple[int, bytes]:
        target = b"\0" + file.encode() + b"\0/x\0"
        return 0x06, b"\x01\x08\x40" + bytes([len(name)]) + name.encode() + struct.pack("<H", len(target)) + target

    def storage(self, file: str) -> tuple[int, bytes]:
        names = self.put(file.encode() + b"\0" * 8)
        heap = self.put(b"HEAP\0\0\0\0" + struct.pack("<QQQ", 64, 2**64 - 1, names))
        return 0x07, b"\x01\0\0\0\x01\0\x01\0" + struct.pack("<QQQQ", heap, 0, 0, 10)

    def virtual(self, *files: str) -> tuple[int, bytes]:
        entries = b"".join(file.encode() + b"\0d\0" + b"\x03\0\0\0\x01\0\0\0" * 4 for file in files)
        block = b"\0" + struct.pack("<Q", len(files)) + entries + bytes(60)
        heap = self.put(b"GCOL\x01\0\0\0" + struct.pack("<QHHIQ", 4096, 1, 1, 0, len(block)) + block + bytes(4000))
        return 0x08, b"\x04\x03" + struct.pack("<QI", heap, 1)

    def finish(self, root: int) -> bytes:
        head = SIGNATURE + b"\x02\x08\x08\x00" + struct.pack("<QQQQ", 0, 2**64 - 1, len(self.content), root) + bytes(4)
        self.content[:48] = head
        return bytes(self.content)


# Flatbuffers


class Table:
    """A table of a flatbuffer; fields are numbers (value, width), texts, bytes, tables, and lists of tables."""

    def __init__(self, **fields: object) -> None:
        self.fields = {int(key.removeprefix("f")): value for key, value in fields.items()}


def flatbuffer(root: Table, identifier: bytes) -> bytes:
    """Lay tables out one behind the other; every offset points forward."""
    made = bytearray(8)
    made[4:8] = identifier
    struct.pack_into("<I", made, 0, _table(made, root))
    return bytes(made)


def _table(made: bytearray, table: Table) -> int:
    count = max(table.fields, default=-1) + 1
    slots = {index: 4 + 8 * position for position, index in enumerate(sorted(table.fields))}
    layout = len(made)
    places = [slots.get(index, 0) for index in range(count)]
    made.extend(struct.pack(f"<HH{count}H", 4 + 2 * count, 4 + 8 * len(slots), *places))
    made.extend(bytes(-len(made) % 4))
    at = len(made)
    made.extend(struct.pack("<i", at - layout) + bytes(8 * len(slots)))
    for index, value in table.fields.items():
        place = at + slots[index]
        if isinstance(value, tuple):
            amount, width = value
            made[place : place + width] = int(amount).to_bytes(width, "little")
        else:
            struct.pack_into("<I", made, place, _value(made, value) - place)
    return at


def _value(made: bytearray, value: object) -> int:
    if isinstance(value, Table):
        return _table(made, value)
    made.extend(bytes(-len(made) % 4))
    at = len(made)
    if isinstance(value, list):
        made.extend(struct.pack("<I", len(value)) + bytes(4 * len(value)))
        for position, item in enumerate(value):
            place = at + 4 + 4 * position
            struct.pack_into("<I", made, place, _table(made, item) - place)
    else:
        content = value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]
        made.extend(struct.pack("<I", len(content)) + content + b"\0")
    return at
