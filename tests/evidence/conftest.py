from pathlib import Path

import pytest

from safecase.evidence.log import Ledger
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


@pytest.fixture
def ten(ledger: Ledger) -> Ledger:
    """A ledger of ten records, two of them with artefacts."""
    from safecase.vocabulary import digest_of

    for number in range(10):
        kept = {digest_of(b"transcript %d" % number): b"transcript %d" % number} if number in (3, 7) else {}
        ledger.append([draft(number, artefacts=tuple(kept))], kept)
    return ledger
