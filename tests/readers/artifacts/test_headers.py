import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.artifacts.building import looked, rules, verdict

# safetensors


def safetensors(header: object, data: bytes = b"") -> bytes:
    raw = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + data


def entry(start: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "content",
    [
        safetensors({"a": entry(0, 4, [1])}, bytes(4)),
        safetensors({"b": entry(4, 8, [1]), "a": entry(0, 4, [1]), "e": entry(8, 8, [0, 3])}, bytes(8)),
        safetensors({"__metadata__": {"format": "pt"}, "a": entry(0, 3, [3], "U8")}, bytes(3)),
        safetensors('{"a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}   ', bytes(2)),
        safetensors({}),
    ],
)
def test_true_headers_are_clean(content: bytes) -> None:
    assert verdict(content, "model.safetensors") == "clean"


@pytest.mark.parametrize(
    "content",
    [
        safetensors({"a": entry(0, 4, [1])}, bytes(5)),
        safetensors({"a": entry(4, 8, [1])}, bytes(8)),
        safetensors({"a": entry(0, 8, [2]), "b": entry(4, 8, [1])}, bytes(8)),
        safetensors({"a": entry(0, 4, [1], "F99")}, bytes(4)),
        safetensors({"a": entry(0, 4, [2**62, 4])}, bytes(4)),
        safetensors({"a": entry(0, 4, [-1])}, bytes(4)),
        safetensors({"a": {**entry(0, 4, [1]), "shape": [True]}}, bytes(4)),
        safetensors({"__metadata__": {"a": {"b": 1}}, "a": entry(0, 4, [1])}, bytes(4)),
        safetensors('{"a": %s, "a": %s}' % ((json.dumps(entry(0, 4, [1])),) * 2), bytes(4)),
        safetensors('{"a": {"dtype": "F32", "dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', bytes(4)),
        safetensors('{"a": NaN}'),
        safetensors('{"a": ' + "[" * 50_000),
        (2**40 - 1).to_bytes(8, "little") + b'{"a": 1}',
        safetensors(' {"a": 1}'),
    ],
)
def test_headers_that_are_not_true_are_suspicious(content: bytes) -> None:
    assert rules(content, "model.safetensors") == {"safetensors.header"}


# GGUF


def text(value: str, wide: str = "Q", order: str = "<") -> bytes:
    return struct.pack(order + wide, len(value.encode())) + value.encode()


def gguf(pairs: list[bytes], tensors: list[bytes], data: bytes = b"", version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


def pair(key: str, value: str) -> bytes:
    return text(key) + struct.pack("<I", 8) + text(value)


def tensor(name: str, shape: tuple[int, ...], offset: int, kind: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def test_true_headers_of_gguf_are_clean() -> None:
    nested = text("n") + struct.pack("<IIQIQI", 9, 9, 1, 4, 1, 7)
    words = text("w") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b" * 300_000)
    content = gguf([pair("a", "b"), nested, words], [tensor("x", (8,), 0), tensor("q", (32, 2), 32, 8)], bytes(100))
    assert verdict(content) == "clean"
    old = b"GGUF" + struct.pack("<III", 1, 0, 1) + text("a", "I") + struct.pack("<I", 8) + text("b", "I")
    assert verdict(old) == "clean"
    big = b"GGUF" + struct.pack(">IQQ", 3, 0, 1) + text("a", order=">") + struct.pack(">I", 8) + text("b", order=">")
    assert verdict(big) == "clean"


@pytest.mark.parametrize(
    "content",
    [
        gguf([pair("a", "b"), pair("a", "c")], []),
        gguf([], [tensor("x", (2**33, 2**33), 0)]),
        gguf([], [tensor("x", (0, 2**33, 2**33), 0)]),
        gguf([], [tensor("x", (8,), 7)], bytes(100)),
        gguf([], [tensor("x", (8,), 64)], bytes(64)),
        gguf([], [tensor("x", (16,), 0), tensor("y", (8,), 32)], bytes(64)),
        gguf([], [tensor("x", (8,), 0), tensor("x", (8,), 32)], bytes(64)),
        gguf([], [tensor("x", (1, 1, 1, 1, 1), 0)], bytes(64)),
        gguf([], [tensor("x", (33,), 0, 8)], bytes(64)),
        gguf([text("general.alignment") + struct.pack("<II", 4, 24)], []),
        gguf([text("general.alignment") + struct.pack("<II", 4, 0)], []),
        gguf([text("d") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 6 + struct.pack("<IQ", 4, 0)], []),
        gguf([text("a") + struct.pack("<IIQ", 9, 8, 2**40)], []),
        gguf([text("a") + struct.pack("<I", 77)], []),
        gguf([struct.pack("<Q", 2**63) + b"a"], []),
        gguf([], [], version=9),
    ],
)
def test_headers_of_gguf_that_are_not_true_are_suspicious(content: bytes) -> None:
    assert rules(content) == {"gguf.header"}


def test_every_template_of_a_model_is_judged() -> None:
    evil = "{{ x.__class__ }}"
    for key in ("tokenizer.chat_template", "tokenizer.chat_template.tool_use"):
        assert verdict(gguf([pair("a", "b"), pair(key, evil)], [])) == "malicious"
        # What is wrong behind it hides nothing.
        assert verdict(gguf([pair(key, evil), struct.pack("<Q", 2**63)], [])) == "malicious"


def test_models_of_the_formats_before_gguf() -> None:
    assert verdict(b"tjgg" + struct.pack("<7I", 3, 32, 64, 32, 2, 2, 0) + bytes(400)) == "clean"
    assert rules(b"tjgg" + struct.pack("<7I", 3, 2**31, 64, 32, 2, 2, 0) + bytes(400)) == {"gguf.header"}


# NumPy


def npy(header: str, data: bytes, version: int = 1) -> bytes:
    told = header.encode("utf-8" if version == 3 else "latin-1") + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(told).to_bytes(2 if version == 1 else 4, "little") + told + data


def described(descr: str, shape: str) -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


@pytest.mark.parametrize(
    ("descr", "shape", "size"),
    [
        ("'<f8'", "(2, 3)", 48),
        ("'<U3'", "(2,)", 24),
        ("'|S5'", "()", 5),
        ("'<M8[ns]'", "(1,)", 8),
        ("[('a', '<f4'), ('b', '<i2', (2,)), ('', '|V2')]", "(3,)", 30),
        ("'|b1'", "(0, 4)", 0),
        ("'<c16'", "(1,)", 16),
    ],
)
def test_true_headers_of_arrays_are_clean(descr: str, shape: str, size: int) -> None:
    for version in (1, 2, 3):
        content = npy(described(descr, shape), bytes(size), version)
        assert verdict(content) == "clean"
        assert verdict(content + content) == "clean"
        assert verdict(content + b"more") == "suspicious"
        if size:
            assert verdict(content[:-1]) == "error"


@pytest.mark.parametrize(
    "header",
    [
        "__import__('os')",
        "{'descr': '<f8'}",
        "[" * 5000,
        described("'<f8'", "(-1,)"),
        described("'<f8'", "(2**70,)"),
        described("'<f8'", f"({2**62}, 4)"),
        described("'<f8'", "'x'"),
        described("'<z8'", "(1,)"),
        described("[]", "(1,)"),
    ],
)
def test_headers_of_arrays_that_are_not_true_are_suspicious(header: str) -> None:
    assert verdict(npy(header, bytes(8))) == "suspicious"


SEEDS = {
    "gguf": gguf([pair("a", "b")], [tensor("x", (8,), 0)], bytes(32)),
    "safetensors": safetensors({"a": entry(0, 4, [1])}, bytes(4)),
    "npy": npy(described("[('a', '<f4')]", "(2,)"), bytes(8)),
}


@settings(deadline=None, max_examples=250)
@given(kind=st.sampled_from(sorted(SEEDS)), at=st.integers(0, 150), noise=st.binary(max_size=10))
def test_damaged_headers_end_in_a_verdict(kind: str, at: int, noise: bytes) -> None:
    seed = SEEDS[kind]
    looked(seed[:at] + noise + seed[at + len(noise) :])
