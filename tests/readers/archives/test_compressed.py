"""7z archives and compressed streams: unpacked by our own means, bounded, and told where they cannot be."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.readers.archives import unpacking
from safecase.readers.artifacts.report import Deadline
from tests.readers.archives.making import EVIL, GOOD, Part, end_record, local_record, looked, rules, zip_of


def unpacked(content: bytes) -> bytes:
    """Unpack a compressed file by its magic."""
    kind = unpacking.compression_of(content)
    found = unpacking.unpack(io.BytesIO(content), kind, unpacking.Budget(Deadline(10)), len(content))
    assert found.whole
    return found.file.read()


def lz4_frame(*blocks: bytes, independent: bool = True, stored: bool = True) -> bytes:
    """Make an LZ4 frame of blocks that are stored, or of literals alone."""
    frame = b"\x04\x22\x4d\x18" + bytes([0x40 | 0x20 * independent, 0x40, 0])
    for block in blocks:
        if stored:
            frame += struct.pack("<I", len(block) | 1 << 31) + block
        else:
            frame += struct.pack("<I", len(block)) + block
    return frame + bytes(4)


def test_an_lz4_frame_is_unpacked() -> None:
    assert unpacked(lz4_frame(GOOD, b"more")) == GOOD + b"more"
    # Three literals, then a match of eight that overlaps what it writes, then two literals.
    assert unpacked(lz4_frame(b"\x34abc\x03\x00\x20de", stored=False)) == b"abcabcabcabde"


def test_an_lz4_block_may_refer_to_the_one_before() -> None:
    assert unpacked(lz4_frame(b"\x40wxyz", b"\x00\x04\x00\x10!", independent=False, stored=False)) == b"wxyzwxyz!"


def test_a_broken_lz4_frame_is_no_pass(tmp_path: Path) -> None:
    for frame in (b"\x34abc\x09\x00\x20de", b"\xf0", b"\x34abc\x00\x00\x20de"):
        assert looked(tmp_path, lz4_frame(frame, stored=False)).verdict == "error"
    assert looked(tmp_path, lz4_frame(EVIL)[:-8]).verdict == "error"
    assert looked(tmp_path, lz4_frame(EVIL)[:-2]).verdict == "malicious"


@pytest.mark.parametrize(
    "compress",
    [
        gzip.compress,
        bz2.compress,
        lzma.compress,
        zlib.compress,
        lz4_frame,
        lambda c: lzma.compress(c, lzma.FORMAT_ALONE),
    ],
)
def test_a_payload_is_found_under_every_compression(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    assert looked(tmp_path, compress(GOOD), "a.joblib").problems == ()
    assert looked(tmp_path, compress(EVIL), "a.joblib").verdict == "malicious"
    assert looked(tmp_path, gzip.compress(compress(EVIL))).verdict == "malicious"


def test_zeros_behind_a_compressed_stream_are_padding(tmp_path: Path) -> None:
    assert looked(tmp_path, gzip.compress(GOOD) + bytes(512)).problems == ()


# 7z


def seven_zip(*members: tuple[str, bytes], coders: bytes = b"\x01\x00", packed: bytes | None = None) -> bytes:
    """Make a 7z archive of one folder, which is stored unless its `coders` say otherwise."""
    plain = b"".join(content for _, content in members)
    packed = plain if packed is None else packed

    def number(value: int) -> bytes:
        return bytes([value]) if value < 0x80 else b"\xe0" + value.to_bytes(3, "little")

    count = number(len(members))
    sizes = b"".join(number(len(content)) for _, content in members[:-1])
    streams = b"\x06" + number(0) + b"\x01\x09" + number(len(packed)) + b"\x00"
    streams += b"\x07\x0b\x01\x00\x01" + coders + b"\x0c" + number(len(plain)) + b"\x00"
    streams += b"\x08\x0d" + count + (b"\x09" + sizes if sizes else b"") + b"\x00\x00"
    names = b"\x00" + b"".join(name.encode("utf-16-le") + b"\0\0" for name, _ in members)
    files = b"\x05" + count + b"\x11" + number(len(names)) + names + b"\x00"
    header = b"\x01\x04" + streams + files + b"\x00"
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + packed + header


def test_the_members_of_a_7z_archive_are_looked_into(tmp_path: Path) -> None:
    assert looked(tmp_path, seven_zip(("a.pkl", GOOD), ("b.bin", bytes(300)))).problems == ()
    report = looked(tmp_path, seven_zip(("b.bin", bytes(300)), ("a.bin", EVIL), ("c.pkl", GOOD)))
    assert report.verdict == "malicious"
    assert {p.member for p in report.problems} == {"a.bin"}


def test_a_7z_archive_is_unpacked_by_its_coders(tmp_path: Path) -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflater.compress(EVIL) + deflater.flush()
    assert looked(tmp_path, seven_zip(("a", EVIL), coders=b"\x03\x04\x01\x08", packed=packed)).verdict == "malicious"
    packed = lzma.compress(EVIL, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}])
    assert looked(tmp_path, seven_zip(("a", EVIL), coders=b"\x21\x21\x01\x00", packed=packed)).verdict == "malicious"
    assert looked(tmp_path, seven_zip(("a", EVIL), coders=b"\x03\x04\x02\x02", packed=bz2.compress(EVIL))).verdict == (
        "malicious"
    )


def test_a_name_in_a_7z_archive_that_leads_out_is_told(tmp_path: Path) -> None:
    assert rules(looked(tmp_path, seven_zip(("../a", GOOD)))) == {"archive.path"}


def test_what_a_7z_archive_hides_is_an_error(tmp_path: Path) -> None:
    assert rules(looked(tmp_path, seven_zip(("a", GOOD), coders=b"\x03\x03\x04\x01"))) == {"archive.unsupported"}
    assert rules(looked(tmp_path, seven_zip(("a", GOOD), coders=b"\x24\x06\xf1\x07\x01\x00"))) == {"archive.encrypted"}
    assert looked(tmp_path, seven_zip(("a", GOOD))[:-9]).verdict == "error"
    assert looked(tmp_path, seven_zip(("a", bytes(90)), coders=b"\x03\x04\x01\x08")).verdict == "error"


# Bombs


def deflated(megabytes: int) -> bytes:
    """Pack zeros."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join(deflater.compress(bytes(1 << 20)) for _ in range(megabytes)) + deflater.flush()


def bomb(name: str, packed: bytes, size: int) -> bytes:
    """Make a zip whose one member unpacks to many zeros."""
    part = Part(name, packed, size=size)
    return zip_of(part).replace(
        struct.pack("<HHHI", 0, 0, 0x21, zlib.crc32(packed)), struct.pack("<HHHI", 8, 0, 0x21, 0)
    )


def bombs() -> dict[str, bytes]:
    """Make small files that unpack to large ones."""
    sixty = deflated(60)
    kernel = local_record(Part("k", sixty, size=60 << 20))
    entries = zip_of(Part("k", sixty, size=60 << 20))[len(kernel) : -22] * 500
    deep = GOOD
    for _ in range(30):
        deep = zip_of(Part("n.zip", deep), Part("d.pkl", GOOD))
    return {
        "a pickle of zeros": bomb("a.pkl", deflated(120), 120 << 20),
        "one that lies about its size": bomb("a.pkl", deflated(120), 1000),
        "thirty zips within": zip_of(*(Part(f"{i}.zip", bomb("0", sixty, 60 << 20)) for i in range(30))),
        "many members that overlap": kernel + entries + end_record(500, len(entries), len(kernel)),
        "zips within zips": deep,
        "gzip": gzip.compress(bytes(120 << 20)),
        "bz2": bz2.compress(bytes(70 << 20)),
    }


def test_bombs_are_told_quickly_and_in_little_memory(tmp_path: Path) -> None:
    for content in bombs().values():
        began = time.process_time()
        report = looked(tmp_path, content)
        assert report.verdict == "suspicious"
        assert {"archive.bomb", "archive.depth", "zip.overlap"} & rules(report)
        assert time.process_time() - began < 2


def test_too_many_members_are_told(tmp_path: Path) -> None:
    part = Part("a", b"")
    entry = zip_of(part)[len(local_record(part)) : -22]
    entries = entry * 100_001
    content = local_record(part) + entries + end_record(0xFFFF, len(entries), len(local_record(part)))
    assert "zip.members" in rules(looked(tmp_path, content))


def test_a_zip_by_bzip2_and_lzma_is_unpacked(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", method) as archive:
            archive.writestr("model.pkl", GOOD * 50)
        assert looked(tmp_path, target.getvalue()).problems == ()


SEEDS = (
    zip_of(Part("a/data.pkl", GOOD, method=8), Part("a/data/0", bytes(range(99)))),
    zip_of(Part("i.zip", zip_of(Part("b.pkl", EVIL))), comment=b"x"),
    seven_zip(("a", GOOD), ("b", EVIL)),
    lz4_frame(GOOD, EVIL),
    gzip.compress(GOOD) + gzip.compress(GOOD),
)


@settings(deadline=None, max_examples=200)
@given(seed=st.sampled_from(SEEDS), at=st.integers(0, 600), cut=st.integers(0, 20), noise=st.binary(max_size=12))
def test_damaged_archives_never_raise(
    seed: bytes, at: int, cut: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at %= len(seed)
    looked(tmp_path_factory.getbasetemp(), seed[:at] + noise + seed[at + cut :], "damaged-archive")
