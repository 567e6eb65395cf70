"""`safecase plugins` on a screen and as JSON; what is broken is told as such."""

from __future__ import annotations

import json
from pathlib import Path

from safecase.checks import load
from tests.plugins.distributions import CHECK, lay, safecase


def test_what_is_built_in_is_listed_when_asked_for(tmp_path: Path) -> None:
    ran = safecase("plugins", "--all", "--format", "json", site=tmp_path, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["schema"] == "safecase/plugins/1"
    own = {p["kind"]: p for p in told["plugins"]}
    assert own["check"]["distribution"] == "safecase"
    assert own["check"]["brings"] == sorted(id for id, c in load().items() if c.where.startswith("safecase."))
    assert "secrets" in own["detector"]["brings"]
    assert "system_prompt_leak" in own["probe"]["brings"]


def test_a_screen_shows_whose_it_is_and_why_one_is_refused(tmp_path: Path) -> None:
    good, bad = CHECK.format(id="acme.a", control="RC-22"), CHECK.format(id="acme.a", control="RC-22")
    lay(tmp_path, "acme-good", {"safecase.checks": {"acme": "acme_good"}}, {"acme_good.py": good})
    lay(tmp_path, "acme-bad", {"safecase.checks": {"bad": "acme_bad"}}, {"acme_bad.py": bad})
    ran = safecase("plugins", site=tmp_path, folder=tmp_path)
    assert ran.returncode == 3
    assert ran.stdout.splitlines() == [
        "check     acme  (acme-good 1.2, acme_good)",
        "  brings acme.a",
        "check     bad  (acme-bad 1.2, acme_bad)",
        "  broken: it brings acme.a, and its ids begin with `bad.`",
        "",
        "1 of 2 plug-ins is broken and brings nothing.",
    ]
