"""What a model file is, by its bytes; and which files of a repository count as one."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.errors import CollectError
from safecase.readers.artifacts.formats import identify, identify_stream, is_weight_file

VALUE = pickle.dumps({"weights": [0.1, 0.2]}, protocol=4)


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return target.getvalue()


def tarred(**members: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def npy(descr: object, data: bytes = bytes(32), version: int = 1) -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": (4,)}).encode().ljust(117) + b"\n"
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


ONNX = b"\x08\x08" + field(2, b"maker") + field(7, field(1, field(4, b"Relu")) + field(2, b"g"))
LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + pickle.dumps(1001, protocol=2)

# A superblock of version 2, and the header of an empty group.
HDF5 = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + bytes(8) + b"\xff" * 8 + (59).to_bytes(8, "little")
HDF5 += (48).to_bytes(8, "little") + bytes(4) + b"OHDR\x02\x00\x00" + bytes(4)

KINDS = {
    "safetensors": safetensors(),
    "gguf": b"GGUF\x03\x00\x00\x00" + bytes(16),
    "onnx": ONNX,
    "pickle": VALUE,
    "pytorch_legacy": LEGACY,
    "pytorch_zip": zipped(archive__data_dot_pkl=VALUE, archive__data__0=bytes(8)),
    "torchscript": zipped(net__data_dot_pkl=VALUE, net__constants_dot_pkl=VALUE, net__code__x_dot_py=b"x"),
    "pytorch_tar": tarred(sys_info=VALUE, pickle=VALUE, storages=VALUE),
    "joblib": zlib.compress(VALUE),
    "npy": npy("<f8"),
    "npy_object": npy("|O", VALUE),
    "npz": zipped(a_dot_npy=npy("<f4", bytes(16))),
    "npz_object": zipped(a_dot_npy=npy("<f4", bytes(16)), b_dot_npy=npy("|O")),
    "keras_v3": zipped(config_dot_json=b"{}", model_dot_weights_dot_h5=b"\x89HDF\r\n\x1a\n"),
    "hdf5": HDF5,
    "tflite": b"\x1c\x00\x00\x00TFL3" + bytes(20),
    "skops": zipped(schema_dot_json=b"{}"),
    "pmml": b'<?xml version="1.0"?>\n<PMML version="4.4"></PMML>',
    "openvino": b'<?xml version="1.0"?>\n<net name="x"><layers></layers></net>',
    "xgboost_json": b'{"learner":{"attributes":{}}}',
    "xgboost_ubj": b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{",
    "lightgbm": b"tree\nversion=v4\n",
    "rds": gzip.compress(b"X\n\x00\x00\x00\x03\x00\x04"),
    "llamafile": b"MZqFpD='\n",
    "lfs_pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "seven_zip": b"7z\xbc\xaf\x27\x1c" + bytes(26),
    "unknown": b"\x00" * 100,
    "empty": b"",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["model.safetensors", "weights", "model.pt"])
def test_a_format_is_told_by_its_content_whatever_its_name(kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(KINDS[kind])
    assert identify(path).name == kind


def test_only_formats_without_code_are_safe() -> None:
    safe = {kind for kind, content in KINDS.items() if identify_stream(io.BytesIO(content), len(content), "x").safe}
    wanted = "safetensors gguf onnx npy npz tflite pmml openvino skops xgboost_json xgboost_ubj lightgbm"
    assert safe == set(wanted.split())


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_one_in_every_protocol(protocol: int) -> None:
    content = pickle.dumps({"a": [1, "x", (2.5, None)]}, protocol=protocol)
    assert identify_stream(io.BytesIO(content), len(content), "weights").name == "pickle"


def test_a_pickle_that_begins_with_a_text_longer_than_what_is_read_is_one() -> None:
    content = b"B" + (9000).to_bytes(4, "little") + bytes(9000) + b"0cos\nsystem\n."
    assert identify_stream(io.BytesIO(content), len(content), "x").name == "pickle"


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
def test_a_compressed_pickle_is_joblibs(compress) -> None:  # type: ignore[no-untyped-def]
    content = compress(VALUE)
    assert identify_stream(io.BytesIO(content), len(content), "x").name == "joblib"


@pytest.mark.parametrize(
    ("descr", "kind"),
    [
        ([("O", "<f4"), ("b", "<i2")], "npy"),
        ([("a", "<f4"), ("b", "|O")], "npy_object"),
        ([("a", [("b", "O")])], "npy_object"),
        ([("a", "<f4", (2,))], "npy"),
    ],
)
def test_objects_in_a_structured_array_are_found(descr: object, kind: str) -> None:
    for version in (1, 2):
        content = npy(descr, version=version)
        assert identify_stream(io.BytesIO(content), len(content), "x.npy").name == kind


def test_saved_models_are_told_by_their_name_too(tmp_path: Path) -> None:
    path = tmp_path / "saved_model.pb"
    path.write_bytes(b"\x08\x01\x12\x04\x0a\x02\x22\x00")
    assert identify(path).name == "tf_saved_model"


@pytest.mark.parametrize(
    ("name", "content", "counts"),
    [
        ("model.pt", KINDS["pytorch_zip"], True),
        ("model.pt", bytes(1000), True),
        ("model.pt", b"", False),
        ("pytorch_model.bin", VALUE, True),
        ("zeros.bin", bytes(1000), False),
        ("weights", VALUE * 3, True),
        ("weights", safetensors() + bytes(64), True),
        ("weights", b"(S'touch me'\np0\nios\nsystem\n" + b"N0" * 30 + b".", True),
        (
            "NOTES",
            b"N.\n(nothing here is a model, and nothing in it is one)\ncode\nname\nmore of it, in words\n",
            False,
        ),
        ("checkpoint-500", KINDS["pytorch_zip"], True),
        ("LICENSE", b"Permission is hereby granted, free of charge, to any person obtaining a copy\n", False),
        ("numbers.npy", KINDS["npy"], False),
        ("objects.npy", KINDS["npy_object"], True),
        ("numbers.npz", KINDS["npz"], False),
        ("data.csv.gz", gzip.compress(b"a,b\n1,2\n"), False),
        ("site.zip", zipped(index_dot_html=b"x"), False),
        ("bundle.zip", zipped(model_dot_pkl=VALUE), True),
        ("model.py", VALUE, False),
        ("config.json", KINDS["xgboost_json"], False),
        ("tokenizer.model", b"\x0a\x0e\x0a\x05<unk>\x15\x00\x00\x00\x00\x18\x02", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_which_files_count_as_models(name: str, content: bytes, counts: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert is_weight_file(path) is counts


def test_what_is_no_regular_file_is_refused_and_does_not_count(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.pt")
    assert not is_weight_file(tmp_path / "model.pt")
    with pytest.raises(CollectError):
        identify(tmp_path / "model.pt")
    with pytest.raises(CollectError):
        identify(tmp_path / "missing.pt")


@settings(deadline=None, max_examples=200)
@given(start=st.sampled_from([b"", *(c[:40] for c in KINDS.values())]), rest=st.binary(max_size=200))
def test_any_bytes_get_a_format(start: bytes, rest: bytes) -> None:
    content = start + rest
    assert identify_stream(io.BytesIO(content), len(content), "model.bin").name


def test_a_program_is_a_model_only_under_the_name_of_one(tmp_path: Path) -> None:
    for name, wanted in (("run", False), ("uv", False), ("pytorch_model.bin", True), ("weights.pt", True)):
        (tmp_path / name).write_bytes(b"\x7fELF\x02\x01\x01" + bytes(200))
        assert is_weight_file(tmp_path / name) is wanted, name
    (tmp_path / "ci").write_bytes(b"#!/usr/bin/env bash\n" + b"make test\n" * 9)
    assert not is_weight_file(tmp_path / "ci")
