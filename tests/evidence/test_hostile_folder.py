"""A ledger that came with a repository: links, pipes and devices in the place of its files lead nowhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from safecase.errors import EvidenceError, ManifestError, UsageError
from safecase.evidence import attestations, keys
from safecase.evidence.log import Ledger
from safecase.readers import regular_files
from safecase.vocabulary import digest_of
from tests.evidence.drafts import draft

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes with names"),
    pytest.mark.timeout(20),
]


def pipe(file: Path) -> None:
    os.mkfifo(file)


def device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def folder(file: Path) -> None:
    file.mkdir()


ODD: tuple[Callable[[Path], None], ...] = (pipe, device, folder)


@pytest.mark.parametrize("make", ODD)
@pytest.mark.parametrize("name", ["evidence.jsonl", "head.json", "head.next.json", ".lock"])
def test_what_is_no_file_in_a_ledger_is_told_and_never_waited_for(
    ten: Ledger, name: str, make: Callable[[Path], None]
) -> None:
    (ten.path / name).unlink(missing_ok=True)
    make(ten.path / name)
    for act in (ten.read, ten.verify, ten.seal, lambda: ten.append([draft(11)])):
        with pytest.raises(EvidenceError) as caught:
            act()
        assert caught.value.exit_code == 3
        assert name in caught.value.message
        assert caught.value.mend


@pytest.mark.parametrize("name", ["evidence.jsonl", "head.json", "head.next.json", ".lock"])
def test_nothing_is_written_through_a_link_in_a_ledger(tmp_path: Path, name: str) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.path.mkdir()
    victim = tmp_path / "victim"
    (ledger.path / name).symlink_to(victim)
    with pytest.raises(EvidenceError):
        ledger.append([draft()])
    assert not victim.exists()


@pytest.mark.parametrize("part", [".safecase", ".safecase/ledger"])
def test_no_evidence_is_kept_through_a_folder_that_is_a_link(tmp_path: Path, part: str) -> None:
    victim, root = tmp_path / "victim", tmp_path / "service"
    victim.mkdir()
    (root / part).parent.mkdir(parents=True)
    (root / part).symlink_to(victim)
    for ledger in (Ledger(root / ".safecase/ledger"), Ledger(root / ".safecase/ledger", below=root)):
        with pytest.raises(EvidenceError, match="is a link"):
            ledger.append([draft()])
        with pytest.raises(EvidenceError, match="is a link"):
            ledger.read()
    assert list(victim.iterdir()) == []


def test_a_link_above_a_ledger_that_another_name_leads_to_is_seen_where_the_service_is_known(tmp_path: Path) -> None:
    victim, root = tmp_path / "victim", tmp_path / "service"
    victim.mkdir()
    root.mkdir()
    (root / "kept").symlink_to(victim)
    with pytest.raises(EvidenceError, match="is a link"):
        Ledger(root / "kept/evidence", below=root).append([draft()])
    assert list(victim.iterdir()) == []


def test_a_service_that_lies_behind_a_link_of_the_user_keeps_evidence(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "short").symlink_to(tmp_path / "real")
    for ledger in (Ledger(tmp_path / "short/.safecase/ledger"), Ledger(tmp_path / "short/ledger")):
        ledger.append([draft()])
        assert len(ledger.read()) == 1


def test_artefacts_are_not_written_through_links(tmp_path: Path) -> None:
    content = b"what was seen"
    digest = digest_of(content)
    victim = tmp_path / "victim"
    victim.mkdir()
    for number, name in enumerate(("objects", f"objects/{digest.removeprefix('sha256:')[:2]}")):
        ledger = Ledger(tmp_path / f"ledger-{number}")
        (ledger.path / name).parent.mkdir(parents=True)
        (ledger.path / name).symlink_to(victim)
        with pytest.raises(EvidenceError, match="link"):
            ledger.append([draft(artefacts=(digest,))], {digest: content})
    assert list(victim.iterdir()) == []


@pytest.mark.parametrize("make", [pipe, device])
def test_an_artefact_that_is_no_file_is_written_anew_and_not_read(ten: Ledger, make: Callable[[Path], None]) -> None:
    content = b"transcript 7"
    name = digest_of(content).removeprefix("sha256:")
    file = ten.path / "objects" / name[:2] / name[2:]
    file.unlink()
    make(file)
    with pytest.raises(EvidenceError):
        ten.object(digest_of(content))
    assert ten.verify().first_bad == 7
    ten.append([draft(11, artefacts=(digest_of(content),))], {digest_of(content): content})
    assert ten.object(digest_of(content)) == content
    assert not file.is_symlink()


@pytest.mark.parametrize("make", ODD)
def test_a_key_that_is_no_file_is_told_and_never_waited_for(
    ten: Ledger, tmp_path: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "odd.key")
    with pytest.raises(UsageError):
        ten.verify(key=str(tmp_path / "odd.key"))
    monkeypatch.setenv("SAFECASE_SIGNING_KEY", str(tmp_path / "odd.key"))
    with pytest.raises(UsageError):
        ten.append([draft(11)])


def test_a_key_may_be_a_link_as_mounted_secrets_are(ten: Ledger, tmp_path: Path, home: Path) -> None:
    (tmp_path / "mounted.key").symlink_to(home / "signing.key")
    assert ten.verify(key=str(tmp_path / "mounted.key")).trusted
    assert len(keys.own()) == 1


@pytest.mark.parametrize("make", ODD)
def test_an_attestation_that_is_no_file_is_a_fault(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "attestations").mkdir()
    make(tmp_path / "attestations/a.yaml")
    with pytest.raises(ManifestError, match="own folder"):
        attestations.read(tmp_path / "attestations", tmp_path)


def test_a_file_is_read_up_to_its_bound_and_not_beyond(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert regular_files.read(file, most=100) == b"x" * 100
    with pytest.raises(OSError, match="larger than 99 bytes"):
        regular_files.read(file, most=99)
    os.truncate(file, 1 << 40)  # nothing of it is on the disk
    with pytest.raises(OSError, match="larger than"):
        regular_files.read(file, most=1 << 30)
    with pytest.raises(FileNotFoundError):
        regular_files.read(tmp_path / "none", most=1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_a_file_without_a_size_is_bounded_all_the_same() -> None:
    assert regular_files.read(Path("/proc/self/stat"), most=100_000)
    with pytest.raises(OSError, match="larger than 3 bytes"):
        regular_files.read(Path("/proc/self/stat"), most=3)
