"""`safecase supply convert`: the same weights without the pickle, and nothing that is not weights."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safecase.cli.supply_convert import convert as command
from safecase.errors import CollectError, SafecaseError, UsageError
from safecase.measures.supply_chain.conversion import Conversion, convert
from safecase.measures.supply_chain.convert.tensors import Refused

NUMBERS = struct.pack("<6f", *range(6))


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def number(value: int) -> bytes:
    return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(number(value) for value in values) + b"t"


def tensor(
    key: str = "0",
    *,
    kind: str = "FloatStorage",
    count: int = 6,
    offset: int = 0,
    shape: tuple[int, ...] = (2, 3),
    strides: tuple[int, ...] = (3, 1),
) -> bytes:
    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + number(count) + b"tQ"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + numbers(shape) + numbers(strides)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip


def mapping(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(name) + value for name, value in items.items()) + b"u"


def archive(
    path: Path, value: bytes, data: dict[str, bytes] | None = None, *, order: str = "little", root: str = "any",
    method: int = zipfile.ZIP_STORED,
) -> Path:  # fmt: skip
    with zipfile.ZipFile(path, "w", method) as out:
        out.writestr(f"{root}/data.pkl", b"\x80\x02" + value + b".")
        out.writestr(f"{root}/byteorder", order)
        for key, content in ({"0": NUMBERS} if data is None else data).items():
            out.writestr(f"{root}/data/{key}", content)
        out.writestr(f"{root}/version", "3\n")
    return path


def legacy(path: Path, value: bytes, data: bytes = NUMBERS, count: int = 6) -> Path:
    value = value.replace(b"tQ", b"NtQ")
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    path.write_bytes(head + b"\x80\x02" + value + b"." + pickle.dumps(["0"], 2) + count.to_bytes(8, "little") + data)
    return path


def written(path: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    assert start % 8 == 0
    head = json.loads(raw[8:start])
    metadata = head.pop("__metadata__")
    found = {
        name: raw[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]] for name, entry in head.items()
    }
    return found, metadata


def out(tmp_path: Path) -> Path:
    return tmp_path / "out.safetensors"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("root", ["archive", "model"])
def test_a_zip_of_pytorch_keeps_every_byte(tmp_path: Path, method: int, root: str) -> None:
    source = archive(tmp_path / "m.pt", mapping(w=tensor()), method=method, root=root)
    done = convert(source, out(tmp_path))
    assert written(out(tmp_path))[0] == {"w": NUMBERS}
    assert done.source_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert done.target_sha256 == hashlib.sha256(out(tmp_path).read_bytes()).hexdigest()
    assert done.tensors[0].sha256 == hashlib.sha256(NUMBERS).hexdigest()
    assert done.sidecar is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.pt", "out.safetensors"]


def test_the_legacy_stream_is_read(tmp_path: Path) -> None:
    convert(legacy(tmp_path / "m.pt", mapping(w=tensor())), out(tmp_path))
    assert written(out(tmp_path))[0] == {"w": NUMBERS}


def test_the_legacy_tar_is_read(tmp_path: Path) -> None:
    def named(key: int, kind: bytes, other: bytes) -> bytes:
        return b"\x80\x02(" + number(key) + other + b"ctorch\n" + kind + b"\nt."

    members = {
        "storages": pickle.dumps(1, 2) + named(7, b"FloatStorage", text("cpu")) + (6).to_bytes(8, "little") + NUMBERS
        + pickle.dumps([], 2),
        "tensors": pickle.dumps(1, 2) + named(8, b"FloatTensor", number(7)) + struct.pack("<ii5q", 2, 0, 3, 2, 1, 3, 0),
        "pickle": b"\x80\x02" + mapping(w=number(8) + b"Q") + b".",
    }  # fmt: skip
    with tarfile.open(tmp_path / "m.pt", "w") as made:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    convert(tmp_path / "m.pt", out(tmp_path))
    assert written(out(tmp_path))[0] == {"w": struct.pack("<6f", 0, 3, 1, 4, 2, 5)}


def test_big_endian_numbers_are_turned_around(tmp_path: Path) -> None:
    source = archive(tmp_path / "m.pt", mapping(w=tensor()), {"0": struct.pack(">6f", *range(6))}, order="big")
    convert(source, out(tmp_path))
    assert written(out(tmp_path))[0] == {"w": NUMBERS}


def test_tensors_that_share_memory_are_all_there_and_told(tmp_path: Path) -> None:
    value = mapping(
        w=tensor(), t=tensor(shape=(3, 2), strides=(1, 3)), x=tensor(shape=(2, 2), strides=(0, 1), offset=4)
    )
    done = convert(archive(tmp_path / "m.pt", value), out(tmp_path))
    found, metadata = written(out(tmp_path))
    assert found["t"] == struct.pack("<6f", 0, 3, 1, 4, 2, 5)
    assert found["x"] == struct.pack("<4f", 4, 5, 4, 5)
    assert done.shared == (("t", "w", "x"),)
    assert json.loads(metadata["safecase.shared"]) == [["t", "w", "x"]]


def test_what_is_no_tensor_goes_to_the_file_beside(tmp_path: Path) -> None:
    value = mapping(model=mapping(w=tensor()), epoch=number(3), tags=b"](" + text("a") + b"Ne")
    done = convert(archive(tmp_path / "m.pt", value), out(tmp_path))
    assert list(written(out(tmp_path))[0]) == ["model.w"]
    beside = json.loads(Path(done.sidecar or "").read_text())
    assert beside["value"] == {"model": {"w": {"$tensor": "model.w"}}, "epoch": 3, "tags": ["a", None]}


def test_a_prefix_chooses_and_is_taken_off(tmp_path: Path) -> None:
    source = archive(tmp_path / "m.pt", mapping(model=mapping(w=tensor()), other=tensor()))
    done = convert(source, out(tmp_path), prefix="model")
    assert list(written(out(tmp_path))[0]) == ["w"]
    assert done.dropped == ("other",)
    with pytest.raises(UsageError, match="begins with"):
        convert(source, out(tmp_path), prefix="mod", overwrite=True)


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a call": (lambda p: archive(p, b"cos\nsystem\n(" + text("true") + b"tR"), "malicious"),
    "a class": (lambda p: archive(p, mapping(w=tensor(), a=b"cmypkg\nThing\n)R")), "mypkg.Thing"),
    "out of its storage": (lambda p: archive(p, mapping(w=tensor(offset=1))), "behind the end"),
    "negative strides": (lambda p: archive(p, mapping(w=tensor(strides=(-1, 1)))), "does not write"),
    "more elements than numbers": (
        lambda p: archive(p, mapping(w=tensor(shape=(2**40, 2**40), strides=(0, 0)))), "none can have",
    ),
    "an endless view": (lambda p: archive(p, mapping(w=tensor(shape=(2**40,), strides=(0,)))), "more than"),
    "a storage too short": (lambda p: archive(p, mapping(w=tensor()), {"0": b"1234"}), "4 bytes of the 24"),
    "no storage": (lambda p: archive(p, mapping(w=tensor()), {}), "not in the file"),
    "no such type": (lambda p: archive(p, mapping(w=tensor(kind="ComplexDoubleStorage"))), "no type for"),
    "two types at once": (lambda p: archive(p, mapping(w=tensor(), x=tensor(kind="IntStorage"))), "two types"),
    "itself": (lambda p: archive(p, b"}q\x00(" + text("w") + tensor() + text("me") + b"h\x00u"), "holds itself"),
    "two of one name": (
        lambda p: archive(p, b"}(" + text("a.b") + tensor() + text("a") + mapping(b=tensor()) + b"u"), "both be named",
    ),
    "no tensors": (lambda p: archive(p, mapping(a=number(1))), "no tensor"),
    "a cut stream": (lambda p: legacy(p, mapping(w=tensor()), NUMBERS[:10]), "10 bytes of the 24"),
    "a quantised one": (
        lambda p: archive(p, mapping(w=b"ctorch._utils\n_rebuild_qtensor\n)R")), "quantised",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_is_made_of_a_hostile_or_strange_file(tmp_path: Path, case: str) -> None:
    build, told = HOSTILE[case]
    with pytest.raises(SafecaseError, match=told) as met:
        convert(build(tmp_path / "m.pt"), out(tmp_path))
    assert isinstance(met.value, Refused | CollectError)
    assert met.value.mend
    assert [p.name for p in tmp_path.iterdir()] == ["m.pt"]


def test_what_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    source = archive(tmp_path / "m.pt", mapping(w=tensor()))
    out(tmp_path).write_text("mine")
    with pytest.raises(UsageError, match="already"):
        convert(source, out(tmp_path))
    assert out(tmp_path).read_text() == "mine"
    with pytest.raises(UsageError, match="to be converted"):
        convert(source, source, overwrite=True)
    assert convert(source, out(tmp_path), overwrite=True).tensors


def test_the_command_reports_in_json(tmp_path: Path) -> None:
    source = archive(tmp_path / "m.pt", mapping(w=tensor()))
    asked = [str(source), str(out(tmp_path)), "--report", "--format", "json"]
    done = CliRunner().invoke(command, asked, standalone_mode=False)
    assert done.return_value == 0, done.output
    assert json.loads(done.stdout)["tensors"][0]["shape"] == [2, 3]
    assert json.loads((tmp_path / "out.safetensors.report.json").read_text()) == json.loads(done.stdout)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 400))
def test_no_bytes_end_in_a_traceback(tmp_path: Path, noise: bytes, at: int) -> None:
    source = archive(tmp_path / "m.pt", mapping(w=tensor(), o=tensor(shape=(3, 2), strides=(1, 3))))
    raw = source.read_bytes()
    source.write_bytes(raw[:at] + noise + raw[at + len(noise) :])
    with contextlib.suppress(SafecaseError):
        convert(source, out(tmp_path), overwrite=True)


# Held against PyTorch itself

TYPED = (
    "bool", "uint8", "int8", "int16", "float16", "bfloat16", "int32", "float32", "complex64", "float64", "int64",
)  # fmt: skip
UNTYPED = (
    "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
)  # fmt: skip
"""Of these, PyTorch does not read its own legacy files back."""


def same(source: Path, wanted: dict[str, Any], target: Path) -> Conversion:
    torch = pytest.importorskip("torch", reason="held against PyTorch")
    load = pytest.importorskip("safetensors.torch", reason="held against safetensors").load_file
    done = convert(source, target, overwrite=True)
    found = load(target)
    assert found.keys() == wanted.keys()
    for name, tensor_ in wanted.items():
        theirs, ours = tensor_.detach().clone(memory_format=torch.contiguous_format), found[name]
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), name
        if not theirs.numel():
            continue
        assert bytes(ours.reshape(-1).view(torch.uint8)) == bytes(theirs.reshape(-1).view(torch.uint8)), name
    return done


@pytest.mark.heavy
@pytest.mark.parametrize("zipped", [True, False])
def test_every_type_is_as_pytorch_loads_it(tmp_path: Path, zipped: bool) -> None:
    torch = pytest.importorskip("torch", reason="held against PyTorch")
    names = TYPED + UNTYPED if zipped else TYPED
    made = OrderedDict((name, (torch.arange(12) % 2).reshape(3, 4).to(getattr(torch, name))) for name in names)
    made.update(scalar=torch.tensor(2.5), empty=torch.empty(0, 3), parameter=torch.nn.Parameter(torch.randn(2, 2)))
    made.update(turned=made["float64"].t(), tied=made["float64"], part=made["float32"][1:, ::2])
    made.update(wide=torch.ones(1).expand(5, 7))
    torch.save(made, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    same(tmp_path / "m.pt", torch.load(tmp_path / "m.pt", weights_only=True), out(tmp_path))


@pytest.mark.heavy
def test_the_file_is_byte_by_byte_what_safetensors_writes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="held against PyTorch")
    save = pytest.importorskip("safetensors.torch", reason="held against safetensors").save_file
    names = TYPED + UNTYPED
    made = {f"{i % 3}.{name} ä": torch.ones(3).to(getattr(torch, name)) for i, name in enumerate(names)}
    torch.save(made, tmp_path / "m.pt")
    convert(tmp_path / "m.pt", out(tmp_path))
    save(made, tmp_path / "theirs", metadata={"format": "pt"})
    assert out(tmp_path).read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.heavy
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7)), max_size=4), st.integers(0, 9), st.booleans())
def test_any_view_is_as_pytorch_loads_it(
    tmp_path: Path, dimensions: list[tuple[int, int]], offset: int, zipped: bool
) -> None:
    torch = pytest.importorskip("torch", reason="held against PyTorch")
    shape, strides = [count for count, _ in dimensions], [stride for _, stride in dimensions]
    made = {"v": torch.arange(200, dtype=torch.int32).as_strided(shape, strides, offset)}
    torch.save(made, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    same(tmp_path / "m.pt", torch.load(tmp_path / "m.pt", weights_only=True), out(tmp_path))


@pytest.mark.heavy
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_of_numpy_are_kept(tmp_path: Path, protocol: int) -> None:
    np = pytest.importorskip("numpy", reason="arrays of numpy")
    load = pytest.importorskip("safetensors.numpy", reason="held against safetensors").load_file
    wanted = {
        "a": np.arange(600.0).reshape(20, 30), "f": np.asfortranarray(np.arange(6, dtype="i2").reshape(2, 3)),
        "b": np.arange(5, dtype=">i4"), "s": np.float32(2.5), "n": np.zeros((0, 3), "u1"),
    }  # fmt: skip
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(wanted, protocol))
    convert(tmp_path / "m.pkl", out(tmp_path))
    found = load(out(tmp_path))
    for name, array in wanted.items():
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes(), name
