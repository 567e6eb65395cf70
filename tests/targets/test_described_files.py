"""A target in a file: everything that it may say is read, and what is wrong in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from safecase.errors import UsageError
from safecase.targets.described import read_target

WHOLE = """
base_url: http://127.0.0.1:8000/v1
api: chat
model: bot
canary: WOODRUFF-5521
system_prompt: prompt.txt
identities:
  - {id: ada, key: ada-key}
  - {id: bob, key: bob-key, owns: [LOCKER-77121]}
tools: [{name: send_mail, description: Sends a mail.}]
most_characters: 2000
most_seconds: 10
"""


def test_everything_that_the_page_names_is_read(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("You are Fern.")
    (tmp_path / "target.yaml").write_text(WHOLE)
    found = read_target(tmp_path / "target.yaml")
    assert (found.system_prompt, found.most_characters, found.most_seconds) == ("You are Fern.", 2000, 10)
    assert [one.id for one in found.identities] == ["ada", "bob"]
    assert found.identities[1].owns == ("LOCKER-77121",)
    assert found.tools[0].name == "send_mail"


@pytest.mark.parametrize("text", ["most_seconds: 0\n", "most_characters: 0\n", "api: telex\n", "base_url: 3\n"])
def test_a_wrong_value_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "target.yaml").write_text(f"base_url: http://127.0.0.1:1/v1\n{text}" if "url" not in text else text)
    with pytest.raises(UsageError, match="describes no target"):
        read_target(tmp_path / "target.yaml")
