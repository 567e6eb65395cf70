"""Zips that tell two stories: each disagreement has its rule, and what only one of the readers sees is looked into."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.readers.archives.making import (
    EVIL,
    GOOD,
    Part,
    directory_entry,
    end_record,
    local_record,
    looked,
    rules,
    zip_of,
)

WEIGHTS = Part("a/data/0", bytes(range(64)))
PICKLE = Part("a/data.pkl", GOOD)
INNER = zip_of(Part("b/data.pkl", GOOD))


def test_an_honest_zip_is_clean(tmp_path: Path) -> None:
    assert looked(tmp_path, zip_of(PICKLE, WEIGHTS)).problems == ()
    assert looked(tmp_path, zip_of(PICKLE._replace(method=8), WEIGHTS._replace(method=8))).problems == ()


def disagreements() -> dict[str, bytes]:
    """Make one zip for each rule."""
    two_ends = zip_of(PICKLE, WEIGHTS)
    return {
        "zip.names-differ": zip_of(PICKLE._replace(local={"name": "a/data.txt"})),
        "zip.size": zip_of(PICKLE._replace(local={"size": 3, "packed": 3})),
        "zip.crc": zip_of(PICKLE._replace(local={"crc": 7})),
        "zip.method": zip_of(PICKLE._replace(local={"method": 8})),
        "zip.unknown-method": zip_of(WEIGHTS._replace(method=77)),
        "zip.flags": zip_of(WEIGHTS._replace(local={"flags": 1})),
        "zip.encryption": zip_of(PICKLE._replace(flags=1)),
        "zip.checksum": zip_of(PICKLE._replace(crc=7), WEIGHTS),
        "zip.unpacked-size": zip_of(PICKLE._replace(method=8, size=len(GOOD) + 9)),
        "zip.hidden": zip_of(PICKLE._replace(method=8, packed=200, behind=b"x" * 200)),
        "zip.unlisted": zip_of(PICKLE, Part("a/more.pkl", GOOD, listed=False)),
        "zip.header": zip_of(PICKLE) .replace(b"PK\x03\x04", b"PK\x03\x09", 1),
        "zip.duplicate": zip_of(PICKLE, PICKLE),
        "zip.same-name": zip_of(PICKLE, PICKLE._replace(name="a/DATA.pkl")),
        "zip.directories": zip_of(PICKLE) + zip_of(PICKLE, WEIGHTS),
        "zip.comment": zip_of(PICKLE, comment=INNER[:-22]),
        "zip.prefix": zip_of(PICKLE, prefix=b"x" * 99),
        "zip.gap": zip_of(PICKLE._replace(behind=b"x" * 99), WEIGHTS),
        "zip.trailing": two_ends + b"x" * 30,
        "zip.overlap": _overlapping(),
        "zip.zip64": _wide(3),
        "zip.path": zip_of(Part("../a.txt", b"x")),
        "zip.nul": zip_of(Part("a.pkl\0.txt", b"x")),
        "zip.control": zip_of(Part("a\x1b[2J.txt", b"x")),
        "zip.link": zip_of(Part("a/b", b"/etc/passwd", mode=0o120777)),
        "zip.special": zip_of(Part("a/b", b"", mode=0o060777)),
        "zip.count": zip_of(PICKLE, WEIGHTS, count=1),
        "zip.disks": zip_of(PICKLE)[:-22] + end_record(1, 56, len(local_record(PICKLE)), disk=3),
        "zip.descriptor": zip_of(PICKLE._replace(flags=8, descriptor=(1, 2, 3)), WEIGHTS),
    }  # fmt: skip


def _overlapping() -> bytes:
    content = local_record(PICKLE)
    entries = directory_entry(PICKLE, 0) + directory_entry(PICKLE._replace(name="b"), 0)
    return content + entries + end_record(2, len(entries), len(content))


def _wide(count: int) -> bytes:
    content, entry = local_record(PICKLE), directory_entry(PICKLE, 0)
    at = len(content) + len(entry)
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(entry), len(content))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
    return content + entry + wide + locator + end_record(count, len(entry), len(content))


@pytest.mark.parametrize("rule", disagreements())
def test_each_disagreement_has_its_rule(rule: str, tmp_path: Path) -> None:
    report = looked(tmp_path, disagreements()[rule])
    assert rule in rules(report)
    assert report.verdict in ("suspicious", "malicious")
    assert not any(p.rule.startswith("pickle") and p.rule != "pickle.broken" for p in report.problems)


def test_sixty_four_bit_records_that_agree_are_clean(tmp_path: Path) -> None:
    assert looked(tmp_path, _wide(1)).problems == ()
    assert looked(tmp_path, _wide(0xFFFF)).problems == ()


HIDDEN = {
    "behind a header of another name": zip_of(PICKLE, Part("a/data/0", EVIL, local={"name": "x"})),
    "packed by another method in its own header": zip_of(
        Part("a/data.pkl", EVIL, method=8)._replace(local={"method": 8})
    ).replace(struct.pack("<HHHH", 0x314, 20, 0, 8), struct.pack("<HHHH", 0x314, 20, 0, 0)),
    "longer in its own header": zip_of(
        Part("a/data.pkl", GOOD + EVIL, packed=len(GOOD), size=len(GOOD), local={"packed": 99, "size": 99})
    ),
    "listed by nobody": zip_of(PICKLE, Part("a/data.pkl", EVIL, listed=False)),
    "listed by nobody and described behind": zip_of(
        Part("x", EVIL, listed=False, flags=8, local={"crc": 0, "packed": 0, "size": 0}), PICKLE
    ),
    "in a gap": zip_of(PICKLE._replace(behind=EVIL), WEIGHTS),
    "behind the end": zip_of(PICKLE) + EVIL,
    "before the start": zip_of(PICKLE, prefix=EVIL),
    "in the comment": zip_of(PICKLE, comment=zip_of(Part("a/data.pkl", EVIL))),
    "in the first of two zips": zip_of(Part("a/data.pkl", EVIL)) + zip_of(PICKLE),
    "in the second of two members": zip_of(PICKLE, Part("a/data.pkl", EVIL)),
    "in a directory at the place it names": b"",
    "behind what its stream ends with": zip_of(
        Part("a/data.pkl", GOOD, method=8, packed=300, behind=EVIL + bytes(300)), WEIGHTS
    ),
    "as encrypted": zip_of(Part("a/data.pkl", EVIL, flags=1, method=8)),
    "with a wrong checksum": zip_of(Part("a/data.pkl", EVIL, crc=1, method=8)),
    "by LZMA": b"",
}  # fmt: skip


def _two_directories() -> bytes:
    """Make a zip whose directory lies elsewhere for those who look from the end and those who trust its place."""
    one = zip_of(Part("a/data.pkl", EVIL))[:-22]
    good = local_record(PICKLE)
    entry = directory_entry(PICKLE, len(one) - len(one))
    start = len(local_record(Part("a/data.pkl", EVIL)))
    return one + good + entry + end_record(1, len(entry), start)


def _with_lzma() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a/data.pkl", EVIL)
    return target.getvalue()


HIDDEN["in a directory at the place it names"] = _two_directories()
HIDDEN["by LZMA"] = _with_lzma()


@pytest.mark.parametrize("where", HIDDEN)
def test_a_payload_that_only_some_readers_see_is_found(where: str, tmp_path: Path) -> None:
    report = looked(tmp_path, HIDDEN[where])
    assert any(p.says == "malicious" and p.rule.startswith("pickle") for p in report.problems)


def test_a_zip_without_a_directory_is_read_by_its_headers(tmp_path: Path) -> None:
    whole = zip_of(WEIGHTS, Part("a/data.pkl", EVIL, method=8))
    described = (zlib.crc32(EVIL), len(EVIL), len(EVIL))
    streamed = Part("a/data.pkl", EVIL, flags=8, local={"crc": 0, "packed": 0, "size": 0}, descriptor=described)
    for content in (whole[:-22], whole[:-5], whole + b"x" * 70_000, local_record(streamed) + local_record(WEIGHTS)):
        report = looked(tmp_path, content)
        assert report.verdict == "malicious"
        assert "zip.end" in rules(report)
    assert looked(tmp_path, zip_of(PICKLE, WEIGHTS)[:-30]).verdict == "error"
    assert looked(tmp_path, b"PK\x03\x04 and then nothing").verdict == "error"


def test_what_honest_writers_do_is_clean(tmp_path: Path) -> None:
    described = (zlib.crc32(GOOD), len(GOOD), len(GOOD))
    streamed = PICKLE._replace(flags=8, local={"crc": 0, "packed": 0, "size": 0}, descriptor=described)
    names_by_case = (Part("W.npy", b"x"), Part("w.npy", b"y"), Part("b:0.npy", b"z"), Part("a..b", b""))
    without_sums = zip_of(PICKLE._replace(crc=0), WEIGHTS._replace(crc=0))
    folders = zip_of(Part("a/", b""), Part("a/", b""), PICKLE)
    padded = zip_of(PICKLE._replace(behind=bytes(90)), WEIGHTS)
    link = zip_of(Part("a/b/c", b"../data.pkl", mode=0o120777), PICKLE)
    described_inner = zip_of(PICKLE, Part("inner.zip", INNER), comment=b"made by a tool")
    windows = zip_of(Part("a\\b.txt", b"x"))
    for content in (
        zip_of(streamed, WEIGHTS), zip_of(*names_by_case), without_sums, folders, padded, link, described_inner,
        windows,
    ):  # fmt: skip
        assert looked(tmp_path, content).problems == ()


def test_a_pickle_with_a_zip_among_its_bytes_is_no_zip_with_a_prefix(tmp_path: Path) -> None:
    content = b"\x80\x03C" + bytes([len(INNER)]) + INNER + b"q\x00."
    assert looked(tmp_path, content, "model.pkl").problems == ()


def test_names_that_a_scanner_reads_in_another_way_are_malicious_for_pickles_only(tmp_path: Path) -> None:
    assert looked(tmp_path, zip_of(PICKLE._replace(local={"name": "x"}))).verdict == "malicious"
    assert looked(tmp_path, zip_of(Part("a/0", b"x", local={"name": "x"}))).verdict == "suspicious"


def test_what_is_really_encrypted_cannot_be_judged(tmp_path: Path) -> None:
    content = zip_of(Part("a/data.pkl", bytes(range(200)), flags=1, size=188, crc=5))
    assert "archive.encrypted" in rules(looked(tmp_path, content))
