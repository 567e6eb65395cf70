import shutil
from pathlib import Path

import pytest

from safecase.evidence.log import Ledger
from safecase.vocabulary import digest_of
from tests.evidence.drafts import draft


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys of the tests stay in the tests."""
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SAFECASE_SIGNING_KEY", raising=False)
    return tmp_path / "home"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of ten records, two of them with artefacts, and the key that signed it: made once, copied often."""
    folder = tmp_path_factory.mktemp("pattern")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAFECASE_HOME", str(folder / "home"))
        patch.delenv("SAFECASE_SIGNING_KEY", raising=False)
        for number in range(10):
            kept = {digest_of(b"transcript %d" % number): b"transcript %d" % number} if number in (3, 7) else {}
            Ledger(folder / "ledger").append([draft(number, artefacts=tuple(kept))], kept)
    return folder


@pytest.fixture
def ten(pattern: Path, ledger: Ledger, home: Path) -> Ledger:
    shutil.copytree(pattern / "ledger", ledger.path)
    shutil.copytree(pattern / "home", home)
    return ledger
