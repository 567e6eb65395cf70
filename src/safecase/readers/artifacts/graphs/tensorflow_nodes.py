"""The nodes of TensorFlow graphs, read from the wire: what a judge of them needs to know, and no more.

Field numbers are those of node_def.proto and attr_value.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

from safecase.readers.artifacts.graphs.protobuf import LENGTH, Field, Wire
from safecase.vocabulary import Noun


class Operation(Noun, frozen=True):
    """A node of a graph: its operator, where its inputs come from, and the texts of its attributes."""

    name: str
    operator: str
    inputs: tuple[str, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    """Attribute and text, of those that are texts or tensors of texts."""
    offset: int = 0


def nodes(wire: Wire, start: int, end: int, number: int) -> Iterator[Operation]:
    """Give the nodes among the fields of a graph or a function; `number` is theirs."""
    for field in wire.fields(start, end):
        if field.number == number and field.wire == LENGTH:
            yield _operation(wire, field)


def _operation(wire: Wire, node: Field) -> Operation:
    name, operator = "", ""
    inputs: list[str] = []
    attributes: list[Field] = []
    for field in wire.fields(node.start, node.end):
        if field.wire != LENGTH:
            continue
        if field.number == 1:
            name = wire.text(field, 512)
        elif field.number == 2:
            operator = wire.text(field, 512)
        elif field.number == 3 and len(inputs) < 64:
            inputs.append(wire.text(field, 512))
        elif field.number == 5:
            attributes.append(field)
    texts: list[tuple[str, str]] = []
    for attribute in attributes:
        texts.extend(_texts(wire, attribute))
    return Operation(name=name, operator=operator, inputs=tuple(inputs), texts=tuple(texts[:64]), offset=node.start)


def _texts(wire: Wire, attribute: Field) -> Iterator[tuple[str, str]]:
    key = ""
    values: list[Field] = []
    for field in wire.fields(attribute.start, attribute.end):
        if field.wire == LENGTH and field.number == 1:
            key = wire.text(field, 256)
        elif field.wire == LENGTH and field.number == 2:
            values.append(field)
    for value in values:
        for text in _values(wire, value):
            yield key, text


def _values(wire: Wire, value: Field) -> Iterator[str]:
    """Give the texts of an AttrValue: its own, its list's, its tensor's."""
    for field in wire.fields(value.start, value.end):
        if field.wire != LENGTH:
            continue
        if field.number == 2:
            yield wire.text(field)
        elif field.number == 1:
            yield from (wire.text(f) for f in _first(wire, field, 2))
        elif field.number == 8:
            yield from (wire.text(f) for f in _first(wire, field, 8))


def _first(wire: Wire, message: Field, number: int, most: int = 16) -> Iterator[Field]:
    for seen, field in enumerate(wire.fields(message.start, message.end)):
        if seen >= most:
            return
        if field.number == number and field.wire == LENGTH:
            yield field
