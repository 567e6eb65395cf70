"""Annotations of a workflow: lines that a runner takes as ours, and nothing from outside as a command."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from hypothesis import given

from safecase.export import render
from safecase.vocabulary import Case, Finding, Place
from tests.export import hostile
from tests.export.sample import CLAIMS, sample

# What the runner takes as a command: properties and data hold no raw line break, properties no raw colon or comma.
COMMAND = re.compile(r"::(error|warning|notice) ((?:\w+=[^,:\r\n]*)(?:,\w+=[^,:\r\n]*)*)::([^\r\n]*)")


def lines(case: Case, **more: Any) -> list[tuple[str, dict[str, str], str]]:
    """Read the annotations as the runner does."""
    content = render(case, "github", **more).decode()
    told = []
    assert content.endswith("\n")
    for line in content[:-1].split("\n"):
        found = COMMAND.fullmatch(line)
        assert found, line
        properties = dict(entry.split("=", 1) for entry in found[2].split(","))
        assert not re.search(r"%(?!25|0A|0D|3A|2C)", line)
        told.append((found[1], properties, found[3]))
    return told


def many(count: int, severity: str) -> tuple[Finding, ...]:
    found = Finding(check="a", subject="s", verdict="fail", message="m", severity=severity, mend="mend it")  # type: ignore[arg-type]
    return tuple(msgspec.structs.replace(found, key=str(n)) for n in range(count))


def test_the_annotations_read_like_this() -> None:
    told = render(sample(), "github").decode().splitlines()
    assert told[0] == (
        "::error file=config/backup.env,line=4,col=9,title=IN-08 No secret lies in a file of the service::"
        "a private key in clear text%0ATo mend it: revoke the key, remove it from the file and from the history"
    )
    assert [line.split(" ")[0] for line in told] == ["::error"] * 3 + ["::warning"] * 3 + ["::notice"]
    assert told[-1].startswith("::notice title=Safecase::Support chatbot: fails: 3 of 11 claims are contested")
    assert "1 nobody looked at, 1 are accepted for a time" in told[-1]


def test_ten_errors_and_ten_warnings_are_told_the_severest_first_and_the_others_counted() -> None:
    found = many(14, "high") + many(13, "low") + many(1, "critical")
    told = lines(sample((msgspec.structs.replace(CLAIMS[0], findings=found),)))
    assert [kind for kind, _, _ in told] == ["error"] * 10 + ["warning"] * 10 + ["notice"]
    assert "8 more fail" in told[-1][2]


def test_what_nobody_looked_at_is_counted_and_not_annotated() -> None:
    unseen = msgspec.structs.replace(CLAIMS[0], state="unsupported", findings=(), looked=False)
    (only,) = lines(sample((unseen,) * 30))
    assert only[0] == "notice"
    assert "30 nobody looked at" in only[2]


def before_gate(allowed: bool | None, **deciding: bool) -> dict[str, Any]:
    """Give a gate's answer; `deciding` are the controls, and whether each closes it."""
    rows = [
        {
            "control": control.replace("_", "-"),
            "title": "t",
            "severity": "high",
            "state": "contested",
            "why": "w",
            "mend": "m",
            "blocks": blocks,
        }
        for control, blocks in deciding.items()
    ]
    policy = {"profile": "starter", "source": "main", "known_gaps": 4}
    return {"policy": policy, "allowed": allowed, "deciding": rows}


def test_nothing_is_an_error_where_the_gate_says_go() -> None:
    told = lines(sample(), extra=before_gate(True))
    assert "error" not in [kind for kind, _, _ in told]
    assert told[-1][2].startswith("Support chatbot: go (profile starter)")


def test_before_a_gate_what_closes_it_is_an_error_and_what_it_asks_for_a_warning() -> None:
    told = lines(sample(), extra=before_gate(False, SC_02=True, TM_01=False))
    titles = [(kind, properties["title"].split(" ")[0]) for kind, properties, _ in told]
    assert titles[:3] == [("error", "SC-02"), ("error", "SC-02"), ("warning", "TM-01")]
    assert ("warning", "IN-08") in titles


def test_a_file_is_named_from_the_top_of_the_repository() -> None:
    found = msgspec.structs.replace(many(1, "high")[0], place=Place(file="a,b:c.py", line=2))
    told = lines(sample((msgspec.structs.replace(CLAIMS[0], findings=(found,)),)), within="services/bot")
    assert told[0][1] == {
        "file": "services/bot/a%2Cb%3Ac.py",
        "line": "2",
        "title": "TE-02 The service withstands prompt injection",
    }


@hostile.FEW
@given(hostile.cases(), hostile.answers)
def test_no_text_from_outside_is_a_command_or_breaks_one(case: Case, answer: dict[str, object] | None) -> None:
    told = lines(case, extra=answer)
    assert sum(kind == "notice" for kind, _, _ in told) == 1
    assert told[-1][0] == "notice"
    assert sum(kind == "error" for kind, _, _ in told) <= 10
    assert sum(kind == "warning" for kind, _, _ in told) <= 10
    assert all(set(properties) <= {"file", "line", "col", "title"} for _, properties, _ in told)
