"""Archives of real tools are clean, and what is read of them is what those tools read."""

from __future__ import annotations

import importlib
import io
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from safecase.readers.archives import unpacking
from safecase.readers.archives.seven_zip import seven_zip_members
from safecase.readers.artifacts.look import look
from safecase.readers.artifacts.report import Deadline

WHY = "needs the real writer of the format"


def clean(path: Path) -> bool:
    """Say whether a file has no problem at all."""
    return look(path).problems == ()


def test_what_the_standard_library_writes_is_clean(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(os.urandom(5000))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
            archive.write(tmp_path / "weights.bin", "a/weights.bin")
            archive.writestr("a/", b"")
            with archive.open("a/large", "w", force_zip64=True) as member:
                member.write(b"abc" * 1000)
        with zipfile.ZipFile(tmp_path / "a.zip", "a", method) as archive:
            archive.writestr("ä.txt", b"later")
            archive.comment = b"made by hand"
        assert clean(tmp_path / "a.zip")
    for dialect in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        for mode in ("w", "w:gz", "w:bz2", "w:xz"):
            with tarfile.open(tmp_path / "a.tar", mode, format=dialect) as archive:
                archive.add(tmp_path / "weights.bin", "a/weights.bin")
            assert clean(tmp_path / "a.tar")


@pytest.mark.heavy
def test_what_pytorch_writes_is_clean(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason=WHY)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    torch.save(model.state_dict(), tmp_path / "zip.pt")
    torch.save(model.state_dict(), tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.serialization.set_crc32_options(False)
    torch.save(model.state_dict(), tmp_path / "sums.pt")
    torch.serialization.set_crc32_options(True)
    torch.save({f"k{i}": torch.zeros(4) for i in range(500)}, tmp_path / "many.pt")
    exported = torch.export.export(model, (torch.zeros(1, 4),))
    torch.export.save(exported, tmp_path / "exported.pt2")
    for path in tmp_path.iterdir():
        assert clean(path), path.name


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_torchscript_writes_is_clean(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason=WHY)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(), torch.nn.Linear(8, 2))
    torch.jit.script(model).save(str(tmp_path / "script.pt"))
    torch.jit.trace(model.eval(), torch.zeros(1, 4)).save(str(tmp_path / "trace.pt"))
    for path in tmp_path.iterdir():
        assert clean(path), path.name


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_torch_package_writes_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = pytest.importorskip("torch.package", reason=WHY)
    source = "import torch\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return x + 1\n"
    (tmp_path / "shop_nets.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("shop_nets")
    with package.PackageExporter(tmp_path / "net.pt") as exporter:
        exporter.intern("shop_nets")
        exporter.extern("torch.**")
        exporter.save_pickle("model", "model.pkl", module.Net())
    assert clean(tmp_path / "net.pt")


@pytest.mark.heavy
@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_what_joblib_compresses_is_clean(method: str, tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib", reason=WHY)
    numpy = pytest.importorskip("numpy", reason=WHY)
    if method == "lz4":
        pytest.importorskip("lz4", reason=WHY)
    path = tmp_path / "a.joblib"
    joblib.dump({"a": numpy.random.default_rng(1).random((300, 30)), "b": ["x"] * 900}, path, compress=(method, 3))
    assert clean(path)


@pytest.mark.heavy
def test_lz4_frames_unpack_to_what_they_were_made_of() -> None:
    frame = pytest.importorskip("lz4.frame", reason=WHY)
    content = os.urandom(70_000) + b"abcd" * 90_000 + bytes(300_000) + os.urandom(10)
    for linked in (True, False):
        for size in (frame.BLOCKSIZE_MAX64KB, frame.BLOCKSIZE_MAX4MB):
            packed = frame.compress(content, block_linked=linked, block_size=size, content_checksum=True)
            with io.BytesIO(packed) as file:
                found = unpacking.unpack(file, "lz4", unpacking.Budget(Deadline(30)), len(packed))
                assert (found.whole, found.file.read()) == (True, content)


def _filters(py7zr: Any) -> dict[str, Any]:
    lzma2 = {"id": py7zr.FILTER_LZMA2, "preset": 6}
    return {
        "lzma2": [lzma2],
        "copy": [{"id": py7zr.FILTER_COPY}],
        "lzma": [{"id": py7zr.FILTER_LZMA}],
        "bzip2": [{"id": py7zr.FILTER_BZIP2}],
        "deflate": [{"id": py7zr.FILTER_DEFLATE}],
        "delta": [{"id": py7zr.FILTER_DELTA, "dist": 4}, lzma2],
        "x86": [{"id": py7zr.FILTER_X86}, lzma2],
        "x86 and lzma": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA}],
    }


@pytest.mark.heavy
def test_7z_archives_unpack_to_what_they_were_made_of(tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr", reason=WHY)
    members = {"a/weights": os.urandom(70_000), "b.txt": b"text " * 9000, "code": b"\xe8\x01\x02\x03\x00\x90" * 4000}
    for name, filters in _filters(py7zr).items():
        path = tmp_path / f"{name}.7z"
        with py7zr.SevenZipFile(path, "w", filters=filters) as archive:
            for member, content in members.items():
                archive.writestr(content, member)
        with path.open("rb") as file:
            budget = unpacking.Budget(Deadline(30))
            found = {m.name: m.file.read() for m in seven_zip_members(file, path.stat().st_size, budget)}
        assert found == members, name


@pytest.mark.heavy
def test_what_skops_and_numpy_write_is_clean(tmp_path: Path) -> None:
    sio = pytest.importorskip("skops.io", reason=WHY)
    numpy = pytest.importorskip("numpy", reason=WHY)
    ensemble, neighbors, pipeline, preprocessing = (
        pytest.importorskip(f"sklearn.{name}", reason=WHY)
        for name in ("ensemble", "neighbors", "pipeline", "preprocessing")
    )
    numbers = numpy.random.default_rng(1).random((40, 3))
    classes = (numbers[:, 0] > 0.5).astype(int)
    for number, model in enumerate(
        (
            pipeline.make_pipeline(preprocessing.FunctionTransformer(numpy.sin), neighbors.KNeighborsClassifier()),
            ensemble.GradientBoostingClassifier(n_estimators=3, random_state=numpy.random.RandomState(1)),
        )
    ):
        sio.dump(model.fit(numbers, classes), tmp_path / f"{number}.skops")
    sio.dump({"a": slice(1, 2), "r": numpy.random.default_rng(2), "t": int, "b": b"x"}, tmp_path / "plain.skops")
    numpy.savez(tmp_path / "a.npz", w=numbers, W=classes)
    numpy.savez_compressed(tmp_path / "b.npz", w=numbers)
    for path in tmp_path.iterdir():
        assert clean(path), path.name
