"""What a check is given: references resolved within bounds, artefacts kept within bounds, files of the service only."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from safecase.checks import MOST_KEPT, Context
from safecase.errors import CollectError
from safecase.service.references import MOST_SECRET, resolve
from safecase.service.schema import Manifest, ServiceBlock


@pytest.fixture
def context(tmp_path: Path) -> Context:
    places = {"service.owner": (4, 10), "service.contacts.legal": (6, 3)}
    manifest = Manifest(safecase=1, service=ServiceBlock(id="shop"))
    return Context(
        root=tmp_path, manifest=manifest, now=datetime.now(UTC), seconds=5, manifest_path="safecase.yaml", places=places
    )


def test_references_stand_for_what_they_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "k")
    (tmp_path / "canary.txt").write_text("c\n")
    assert resolve("${env:SHOP_KEY}-${file:canary.txt}-plain", tmp_path) == "k-c-plain"


@pytest.mark.parametrize(
    "reference", ["${env:SHOP_NOT_SET}", "${file:gone}", "${file:.}", "${file:/dev/zero}", "${file:big}"]
)
def test_a_reference_that_leads_nowhere_cannot_be_looked_at(reference: str, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (MOST_SECRET + 1))
    with pytest.raises(CollectError):
        resolve(reference, tmp_path)


def test_a_path_out_of_the_service_is_refused(context: Context, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert context.path("a/b") == tmp_path / "a/b"
    for path in ("../x", "/etc/passwd", "link/passwd"):
        with pytest.raises(CollectError, match="out of the service"):
            context.path(path)


def test_artefacts_are_named_by_digest_and_bounded(context: Context) -> None:
    assert context.keep(b"a", name="x") == context.keep(b"a", name="y")
    with pytest.raises(CollectError, match="MiB of artefacts"):
        context.keep(b"\0" * (MOST_KEPT + 1), name="z")


def test_a_key_that_is_not_said_has_the_place_of_its_block(context: Context) -> None:
    assert str(context.place("service.owner")) == "safecase.yaml:4:10"
    assert str(context.place("service.contacts.security")) == "safecase.yaml:6"
    assert str(context.place("nowhere.at.all")) == "safecase.yaml"
