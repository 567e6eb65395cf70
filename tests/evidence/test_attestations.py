"""Attestations are read with their places, and everything wrong with them is told at once."""

from pathlib import Path

import pytest

from safecase.errors import ManifestError
from safecase.evidence.attestations import read

GOOD = """\
attestation: 1
control: IN-08
owner: dana@example.org
reason: The network plan was reviewed with operations.
given: 2026-11-01
expires: 2027-11-01
approved_by: kim@example.org
artefacts: [minutes.pdf]
"""


def put(root: Path, name: str, text: str) -> Path:
    folder = root / "attestations"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert read(tmp_path / "attestations", tmp_path) == ()


def test_every_attestation_is_read_with_its_place(tmp_path: Path) -> None:
    put(tmp_path, "b.yaml", GOOD)
    put(tmp_path, "notes.txt", "not one")
    folder = put(tmp_path, "a.yml", GOOD.replace("IN-08", "TR-01"))
    first, second = read(folder, tmp_path)
    assert (first.control, second.control) == ("TR-01", "IN-08")
    assert (second.owner, second.expires) == ("dana@example.org", "2027-11-01")
    assert str(second.place) == "attestations/b.yaml:2:1"


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ("attestation: 1", "attestation: 2", ":1:14", "another version"),
        ("attestation: 1", "attestation: true", ":1:14", "another version"),
        ("control: IN-08", "control: [IN-08]", ":2:10", "no id"),
        ("owner: dana@example.org", "owner: ''", ":3:8", "owner"),
        ("reason: The network plan was reviewed with operations.", "reason: fine", ":4:9", "at least 10"),
        ("given: 2026-11-01", "given: 2026-13-01", ":5:8", "a day is wanted"),
        ("given: 2026-11-01\n", "", ":1:1", "`given` is missing"),
        ("expires: 2027-11-01", "expires: 2027-11-02", ":6:10", "366 days"),
        ("expires: 2027-11-01", "expires: 2026-10-01", ":6:10", "before it is given"),
        ("artefacts: [minutes.pdf]", "artefacts: {a: b}", ":8:12", "list of texts"),
        ("artefacts: [minutes.pdf]", "until: 2027", ":8:1", "not known here"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, old: str, new: str, where: str, said: str) -> None:
    folder = put(tmp_path, "a.yaml", GOOD.replace(old, new))
    with pytest.raises(ManifestError) as caught:
        read(folder, tmp_path)
    (fault,) = caught.value.faults
    assert str(fault.place) == "attestations/a.yaml" + where
    assert said in fault.message
    assert fault.mend


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml", "attestation: 1\n")
    put(tmp_path, "b.yaml", "- a list\n")
    put(tmp_path, "c.yaml", "a: [\n")
    folder = put(tmp_path, "d.yaml", GOOD)
    with pytest.raises(ManifestError) as caught:
        read(folder, tmp_path)
    files = [fault.place.file for fault in caught.value.faults if fault.place]
    assert files == ["attestations/a.yaml"] * 5 + ["attestations/b.yaml", "attestations/c.yaml"]


def test_a_link_that_leads_out_of_the_service_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text(GOOD)
    root = tmp_path / "service"
    root.mkdir()
    folder = root / "attestations"
    folder.mkdir()
    (folder / "a.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(ManifestError, match="own folder"):
        read(folder, root)


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    folder = put(tmp_path, "a.yaml", "a: " + "x" * 300_000)
    with pytest.raises(ManifestError):
        read(folder, tmp_path)
