"""Tar files: every dialect is read, and what makes two readers see different files is told."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.archives.making import EVIL, GOOD, looked, rules

DIALECTS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def tar_of(*members: tuple[str, bytes] | tarfile.TarInfo, dialect: int = tarfile.PAX_FORMAT) -> bytes:
    """Make a tar file of files and of members without bytes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=dialect) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return target.getvalue()


def entry(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    """Make a member that has no bytes."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_payload_is_found_in_every_dialect(dialect: str, tmp_path: Path) -> None:
    long = "folder/" * 12 + "model.pkl"
    for name in ("model.pkl", "weights", long):
        good, evil = (tar_of((name, c), ("more", GOOD), dialect=DIALECTS[dialect]) for c in (GOOD, EVIL))
        assert looked(tmp_path, good).problems == ()
        report = looked(tmp_path, evil)
        assert report.verdict == "malicious"
        assert {p.member for p in report.problems} == {name}


@pytest.mark.parametrize("dialect", ["gnu", "pax"])
def test_names_longer_than_a_header_are_read_whole(dialect: str, tmp_path: Path) -> None:
    name = "x" * 300 + "/ä.pkl"
    report = looked(tmp_path, tar_of((name, EVIL), dialect=DIALECTS[dialect]))
    assert {p.member for p in report.problems} == {name}


def patched(content: bytes, at: int, new: bytes) -> bytes:
    """Change a header and make its checksum right again."""
    block = bytearray(content)
    block[at : at + len(new)] = new
    start = at // 512 * 512
    block[start + 148 : start + 156] = b" " * 8
    block[start + 148 : start + 156] = b"%06o\0 " % sum(block[start : start + 512])
    return bytes(block)


def _pax_size() -> bytes:
    info = tarfile.TarInfo("a")
    info.size = len(GOOD)
    info.pax_headers = {"size": "9"}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(GOOD))
    return target.getvalue()


def _sparse() -> bytes:
    info = tarfile.TarInfo("a")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "99999999999"}
    return tar_of(info)


TWO = tar_of(("a", GOOD)) + tar_of(("a", EVIL))
BAD = {
    "tar.path": tar_of(("../a", b"x")),
    "tar.link": tar_of(entry("a", tarfile.SYMTYPE, "../../etc/passwd")),
    "tar.special": tar_of(entry("a", tarfile.FIFOTYPE)),
    "tar.duplicate": tar_of(("a", GOOD), ("./a", GOOD)),
    "tar.size": _pax_size(),
    "tar.sparse": _sparse(),
    "tar.behind-end": TWO,
    "tar.trailing": tar_of(("a", GOOD)) + b"x" * 600,
    "tar.control": tar_of(("a\x1b[2J", b"x")),
    "tar.extended": patched(tar_of(("é" * 90, b"x")), 512, b"99"),
}


@pytest.mark.parametrize("rule", BAD)
def test_what_no_writer_does_has_its_rule(rule: str, tmp_path: Path) -> None:
    report = looked(tmp_path, BAD[rule])
    assert rule in rules(report)
    assert report.verdict in ("suspicious", "malicious")


def test_links_out_of_the_archive_are_told_and_others_are_not(tmp_path: Path) -> None:
    for kind, name, link, out in (
        (tarfile.SYMTYPE, "a/b", "../c", False),
        (tarfile.SYMTYPE, "a/b", "../../c", True),
        (tarfile.SYMTYPE, "a/b", "/etc/passwd", True),
        (tarfile.LNKTYPE, "a/b", "a/c", False),
        (tarfile.LNKTYPE, "a/b", "../c", True),
    ):
        assert ("tar.link" in rules(looked(tmp_path, tar_of(entry(name, kind, link), ("x", b"y"))))) == out


def test_what_lies_behind_the_end_or_a_broken_header_is_looked_into(tmp_path: Path) -> None:
    assert looked(tmp_path, TWO).verdict == "malicious"
    assert looked(tmp_path, tar_of(("a", GOOD)) + EVIL.ljust(600, b"\0")).verdict == "malicious"
    broken = bytearray(tar_of(("a", GOOD), ("b", EVIL)))
    broken[1024 + 148] ^= 7
    assert looked(tmp_path, bytes(broken)).verdict == "malicious"


def test_sizes_in_binary_are_read(tmp_path: Path) -> None:
    content = tar_of(("a", EVIL))
    binary = b"\x80" + len(EVIL).to_bytes(11, "big")
    assert looked(tmp_path, patched(content, 124, binary)).verdict == "malicious"
    cut = looked(tmp_path, patched(content, 124, b"\x80" + (2**62).to_bytes(11, "big")))
    assert "tar.cut" in rules(cut)


def test_a_file_that_ends_in_a_member_is_no_pass(tmp_path: Path) -> None:
    assert looked(tmp_path, tar_of(("a", bytes(2000)))[:1200]).verdict == "error"


@settings(deadline=None, max_examples=100)
@given(at=st.integers(0, 4000), noise=st.binary(min_size=1, max_size=12))
def test_damaged_tar_files_never_raise(at: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    seed = tar_of(("é" * 60, GOOD), entry("l", tarfile.SYMTYPE, "x"), ("b", EVIL))
    looked(tmp_path_factory.getbasetemp(), seed[:at] + noise + seed[at + len(noise) :], "damaged-tar")
