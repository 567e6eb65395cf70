"""Whole files: containers of every kind are looked into, their disagreements told, and bombs left alone."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import pickle
import struct
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.readers.artifacts.look import ArtifactReport, look
from tests.readers.test_formats import KINDS, field, npy, safetensors, tarred, zipped

EVIL = b"\x80\x04cos\nsystem\nX\x08\x00\x00\x00touch me\x85R."
GOOD = pickle.dumps({"weights": [0.1, 0.2]}, protocol=2)


def looked(tmp_path: Path, content: bytes, name: str = "model.bin", **more: object) -> ArtifactReport:
    path = tmp_path / name
    path.write_bytes(content)
    return look(path, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        zipped(archive__data_dot_pkl=EVIL),
        zipped(archive__data_dot_pkl=GOOD, archive__config_dot_p=EVIL),
        zipped(archive__data_dot_pkl=GOOD, archive__data__0=EVIL),
        zipped(archive__data_dot_pkl=GOOD, inner_dot_zip=zipped(more_dot_bin=EVIL)),
        zipped(model_dot_pt=zipped(x__data_dot_pkl=EVIL)),
        tarred(sys_info=GOOD, pickle=EVIL, storages=GOOD),
        tarred(sys_info=GOOD, pickle=GOOD, storages=EVIL),
        zlib.compress(EVIL),
        gzip.compress(GOOD) + gzip.compress(EVIL),
        lzma.compress(EVIL),
        lzma.compress(EVIL, format=lzma.FORMAT_ALONE),
        gzip.compress(zipped(x__data_dot_pkl=EVIL)),
        npy("|O", EVIL),
        npy("|O", EVIL, version=2),
        zipped(a_dot_npy=npy("<f8"), b_dot_npy=npy("|O", EVIL)),
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + GOOD + EVIL,
        GOOD + zipped(x__data_dot_pkl=EVIL),
        EVIL[:-1] + b"0" + GOOD[2:] + KINDS["pytorch_zip"],
        b"BZh\x00\x00" + b"9" * 0x685A + b"0" + EVIL[2:],
    ],
    ids=lambda _: "",
)
def test_a_pickle_is_found_wherever_it_lies(content: bytes, tmp_path: Path) -> None:
    assert looked(tmp_path, content).verdict == "malicious"


@pytest.mark.parametrize(
    "kind", ["pytorch_zip", "pytorch_tar", "joblib", "npz_object", "torchscript", "pytorch_legacy"]
)
def test_harmless_containers_are_clean(kind: str, tmp_path: Path) -> None:
    content = KINDS[kind].replace(npy("|O"), npy("|O", GOOD.ljust(32)[:32])) if kind == "npz_object" else KINDS[kind]
    report = looked(tmp_path, content)
    assert [p for p in report.problems if p.rule not in ("pickle.broken", "zip.checksum")] == []


def test_checksums_and_encryption_bits_hide_nothing(tmp_path: Path) -> None:
    content = bytearray(zipped(archive__data_dot_pkl=EVIL))
    central = content.index(b"PK\x01\x02")
    content[6] |= 1
    content[central + 8] |= 1
    content[14:18] = b"\xde\xad\xbe\xef"
    assert looked(tmp_path, bytes(content)).verdict == "malicious"


def test_a_name_that_differs_in_the_local_header_is_told(tmp_path: Path) -> None:
    content = zipped(archive__data_dot_pkl=GOOD).replace(b"archive/data.pkl", b"archive/xata.pkl", 1)
    assert {p.rule for p in looked(tmp_path, content).problems} == {"zip.names-differ"}


def test_two_members_of_one_name_are_both_looked_at(tmp_path: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a/data.pkl", EVIL)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a/data.pkl", GOOD)
    rules = {p.rule for p in looked(tmp_path, target.getvalue()).problems}
    assert {"zip.duplicate", "pickle.call"} <= rules


def test_a_member_that_leads_out_of_the_archive_is_told(tmp_path: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("../../evil", b"x")
    assert {p.rule for p in looked(tmp_path, target.getvalue()).problems} == {"zip.path"}


def test_bombs_are_told_and_not_unpacked(tmp_path: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(80_000_000))
    for content in (target.getvalue(), gzip.compress(b"\x80\x04" + bytes(80_000_000))):
        began = time.process_time()
        assert "archive.bomb" in {p.rule for p in looked(tmp_path, content).problems}
        assert time.process_time() - began < 2


def test_archives_without_end_are_not_judged(tmp_path: Path) -> None:
    content = GOOD
    for _ in range(8):
        content = zipped(inner_dot_zip=content, x_dot_pkl=GOOD)
    assert looked(tmp_path, content).verdict == "suspicious"


def test_what_is_compressed_and_breaks_off_is_no_pass(tmp_path: Path) -> None:
    assert looked(tmp_path, gzip.compress(GOOD * 50)[:-20]).verdict == "error"


# Keras, skops


def keras(layer: object) -> bytes:
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}, "registered_name": None}
    return zipped(config_dot_json=json.dumps(config).encode(), model_dot_weights_dot_h5=KINDS["hdf5"])


@pytest.mark.parametrize(
    ("layer", "verdict"),
    [
        ({"module": "keras.layers", "class_name": "Dense", "config": {"activation": "relu"}}, "clean"),
        ({"module": "keras.layers", "class_name": "Lambda", "config": {}}, "malicious"),
        ({"class_name": "__lambda__", "config": {"code": "x"}}, "malicious"),
        ({"module": "os", "class_name": "system", "config": {}}, "malicious"),
        ({"module": "builtins", "class_name": "function", "config": "exec"}, "malicious"),
        ({"module": "shop.layers", "class_name": "Attention", "config": {}}, "suspicious"),
        ({"module": "keras.activations", "class_name": "function", "config": "relu"}, "clean"),
        ({"module": "keras.utils", "class_name": "function", "config": "get_file"}, "malicious"),
    ],
)
def test_what_a_keras_configuration_names(layer: object, verdict: str, tmp_path: Path) -> None:
    assert looked(tmp_path, keras(layer)).verdict == verdict


def test_a_lambda_in_hdf5_is_found(tmp_path: Path) -> None:
    config = b'{"class_name": "Sequential", "config": [{"class_name": "Lambda"}]}'
    assert looked(tmp_path, KINDS["hdf5"] + bytes(5_000_000) + config).verdict == "malicious"
    assert looked(tmp_path, KINDS["hdf5"] + b'{"class_name": "Dense"}').verdict == "clean"


@pytest.mark.parametrize(
    ("node", "verdict"),
    [
        ({"__class__": "LogisticRegression", "__module__": "sklearn.linear_model._logistic"}, "clean"),
        ({"__class__": "Scaler", "__module__": "shop.features"}, "suspicious"),
        (
            {
                "__class__": "function",
                "__module__": "os",
                "__loader__": "FunctionNode",
                "content": {"module_path": "os", "function": "system"},
            },
            "malicious",
        ),
    ],
)
def test_what_a_skops_schema_names(node: object, verdict: str, tmp_path: Path) -> None:
    assert looked(tmp_path, zipped(schema_dot_json=json.dumps({"content": node}).encode())).verdict == verdict


# Headers


@pytest.mark.parametrize(
    "header",
    [
        {
            "a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
            "b": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]},
        },
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 1600]}},
        {"a": {"dtype": "F32", "shape": [5], "data_offsets": [0, 16]}},
        {"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}},
        {"a": {"dtype": "X", "shape": [4], "data_offsets": [0, 16]}},
        {"a": []},
    ],
)
def test_a_safetensors_header_that_lies_is_told(header: object, tmp_path: Path) -> None:
    raw = json.dumps(header).encode()
    assert looked(tmp_path, len(raw).to_bytes(8, "little") + raw + bytes(24)).verdict == "suspicious"


def test_a_true_safetensors_header_is_clean(tmp_path: Path) -> None:
    assert looked(tmp_path, safetensors()).verdict == "clean"
    assert looked(tmp_path, safetensors()[:-1]).verdict == "suspicious"


def gguf(*entries: tuple[str, str], tensors: int = 0, pairs: int | None = None) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    told = b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in entries)
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, len(entries) if pairs is None else pairs) + told


CHATML = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m.content | trim }}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "verdict"),
    [
        (CHATML, "clean"),
        ("{% generation %}{{ messages[0]['content'] }}{% endgeneration %}{{ raise_exception('x') }}", "clean"),
        ("{% set ns = namespace(found=false) %}{% set ns.found = true %}{{ strftime_now('%Y') }}", "clean"),
        ("{{ ''.__class__.__base__.__subclasses__() }}", "malicious"),
        ("{{ cycler.__init__.__globals__ }}", "malicious"),
        ("{{ messages['__cla' ~ 'ss__'] }}", "malicious"),
        ("{{ messages['__cla' + 'ss__'] }}", "malicious"),
        ("{{ messages | attr('\\x5f\\x5fclass\\x5f\\x5f') }}", "malicious"),
        ("{{ messages | attr(['__', 'class__'] | join) }}", "malicious"),
        ("{{ messages | attr('__ssalc__' | reverse) }}", "malicious"),
        ("{{ messages | map(attribute='__class__') | list }}", "malicious"),
        ("{{ '{0.__class__}'.format(messages) }}", "malicious"),
        ("{{ messages | attr(name) }}", "suspicious"),
        ("{% include name %}", "suspicious"),
        ("{% for i in range(99999999) %}{% endfor %}", "suspicious"),
        ("{% for", "error"),
        ("{{ " + "(" * 50_000 + " }}", "error"),
    ],
)
def test_chat_templates_are_judged_by_their_syntax(template: str, verdict: str, tmp_path: Path) -> None:
    assert looked(tmp_path, gguf(("tokenizer.chat_template", template))).verdict == verdict


def test_a_gguf_header_that_lies_is_told(tmp_path: Path) -> None:
    assert looked(tmp_path, gguf(pairs=2**60)).verdict == "suspicious"
    assert looked(tmp_path, gguf(("a", "b"), pairs=2)).verdict == "suspicious"
    assert looked(tmp_path, gguf(tensors=2**60)).verdict == "suspicious"


def onnx(node: bytes = b"", tensor: bytes = b"") -> bytes:
    graph = field(1, field(4, b"Relu") + node) + field(2, b"g") + (field(5, tensor) if tensor else b"")
    return b"\x08\x08" + field(7, graph)


def test_onnx_may_read_weights_from_its_own_folder_only(tmp_path: Path) -> None:
    def external(location: bytes) -> bytes:
        return (
            b"\x6a"
            + bytes([len(field(1, b"location") + field(2, location))])
            + field(1, b"location")
            + field(2, location)
        )

    assert looked(tmp_path, onnx()).verdict == "clean"
    assert looked(tmp_path, onnx(tensor=external(b"weights.bin"))).verdict == "clean"
    for location in (b"../../etc/passwd", b"/etc/passwd", b"a\\..\\..\\b", b"C:\\x"):
        assert looked(tmp_path, onnx(tensor=external(location))).verdict == "malicious"


def test_onnx_operators_from_elsewhere_are_told(tmp_path: Path) -> None:
    assert looked(tmp_path, onnx(node=field(7, b"com.microsoft"))).verdict == "clean"
    assert looked(tmp_path, onnx(node=field(7, b"com.evil"))).verdict == "suspicious"


def test_what_is_not_looked_into_is_said_and_never_clean(tmp_path: Path) -> None:
    for content, name in (
        (b"\x08\x01\x12\x04\x0a\x02\x22\x00", "saved_model.pb"),
        (bytes(1000), "model.pt"),
        (KINDS["lfs_pointer"], "model.safetensors"),
        (b"", "model.pt"),
    ):
        report = looked(tmp_path, content, name)
        assert report.verdict in ("unsupported", "error")
        assert report.problems[0].message
    assert looked(tmp_path, KINDS["llamafile"]).verdict == "suspicious"


def test_xml_with_entities_is_malicious(tmp_path: Path) -> None:
    entity = b'<?xml version="1.0"?><!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///x">]><PMML></PMML>'
    assert looked(tmp_path, entity).verdict == "malicious"
    assert looked(tmp_path, KINDS["pmml"]).verdict == "clean"


@settings(deadline=None, max_examples=150)
@given(kind=st.sampled_from(sorted(KINDS)), cut=st.integers(0, 400), noise=st.binary(max_size=60))
def test_damaged_files_never_raise(kind: str, cut: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged-{kind}"
    content = KINDS[kind]
    path.write_bytes(content[:cut] + noise + content[cut + len(noise) :])
    look(path, deadline_s=5)
