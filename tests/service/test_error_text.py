from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.cli import console
from safecase.errors import ManifestError, SafecaseError, UsageError
from safecase.readers.yaml_places import Fault
from safecase.service import read
from safecase.vocabulary import Place

ON_PREM = """\
safecase: 1
service:
  id: x
  stage: build

deployment:
  exposure: internal
  hosting: on-prem
"""


def rendered(text: str, *, width: int = 80, unicode: bool = True, colour: bool = False) -> str:
    with pytest.raises(ManifestError) as caught:
        read.from_bytes(text.encode(), Path("safecase.yaml"))
    return console.rendered(caught.value, width=width, unicode=unicode, colour=colour)


def test_an_error_is_a_place_a_sentence_the_line_with_a_caret_and_a_mend() -> None:
    assert rendered(ON_PREM) == (
        'error: safecase.yaml:8:12: `hosting` is "on-prem"; '
        "one of saas_api, managed_cloud, self_hosted, edge is wanted\n"
        "  8 |   hosting: on-prem\n"
        '    |            ^^^^^^^ did you mean "self_hosted"?\n'
        "mend: see `safecase explain deployment.hosting`\n"
    )


def test_all_errors_of_a_file_are_told_and_counted() -> None:
    assert rendered(ON_PREM + "  tenancy: dual\nzoned: []\n") == (
        'error: safecase.yaml:8:12: `hosting` is "on-prem"; '
        "one of saas_api, managed_cloud, self_hosted, edge is wanted\n"
        "  8 |   hosting: on-prem\n"
        '    |            ^^^^^^^ did you mean "self_hosted"?\n'
        "mend: see `safecase explain deployment.hosting`\n"
        'error: safecase.yaml:9:12: `tenancy` is "dual"; one of single, multi is wanted\n'
        "  9 |   tenancy: dual\n"
        "    |            ^^^^\n"
        "mend: see `safecase explain deployment.tenancy`\n"
        "error: safecase.yaml:10:1: no key `zoned` at the top\n"
        " 10 | zoned: []\n"
        '    | ^^^^^ did you mean "zones"?\n'
        "mend: see `safecase schema --example`\n"
        "3 errors in safecase.yaml\n"
    )


def test_a_tab_is_shown_as_an_arrow() -> None:
    assert " 10 | →x: y\n    | ^\n" in rendered(ON_PREM + "law:\n\tx: y\n")
    assert " 10 | >x: y\n    | ^\n" in rendered(ON_PREM + "law:\n\tx: y\n", unicode=False)


def test_the_caret_stands_below_wide_and_escaped_characters() -> None:
    text = "safecase: 1\nservice: {id: x, name: 東京é, stage: dual}\n"
    lines = rendered(text).splitlines()
    assert lines[1] == "  2 | service: {id: x, name: 東京é, stage: dual}"
    assert lines[2].index("^") == lines[1].index("dual") + 2
    lines = rendered(text, unicode=False).splitlines()
    assert lines[2].index("^") == lines[1].index("dual")


def test_a_long_line_is_cut_around_what_is_wrong() -> None:
    text = "safecase: 1\nservice: {id: x, name: " + "n" * 150 + ", stage: dual, sector: " + "s" * 200 + "}\n"
    head, row, caret, *_ = rendered(text, width=60).splitlines()
    assert head.startswith("error: safecase.yaml:2:183:")
    assert len(row) <= 60
    assert row[caret.index("^") :].startswith("dual")
    assert caret.count("^") == 4


def test_terminal_escapes_of_a_file_are_never_printed() -> None:
    text = 'safecase: 1\nservice: {id: "a\\e[31mb", name: "\u202ex"}\n"\\e]0;x": 1\n'
    assert "\x1b" not in rendered(text)
    assert "\u202e" not in rendered(text)


def test_colour_marks_words_and_changes_none() -> None:
    import click

    coloured = rendered(ON_PREM, colour=True)
    assert "\x1b[31m" in coloured
    assert click.unstyle(coloured) == rendered(ON_PREM)


def test_an_error_without_a_place_is_a_sentence_and_a_mend() -> None:
    why = UsageError("there is no such thing", mend="try another")
    assert console.rendered(why) == "error: there is no such thing\nmend: try another\n"
    assert console.rendered(SafecaseError("odd")) == "error: odd\n"


def test_a_hint_without_a_source_line_is_still_told() -> None:
    why = Fault("odd", mend="m", place=Place(file="f"), hint="did you mean x?")
    assert console.rendered(why) == "error: f: odd\n  did you mean x?\nmend: m\n"


@given(st.text(max_size=60), st.integers(0, 70), st.integers(0, 70), st.integers(40, 100), st.booleans())
def test_any_line_is_shown_with_a_caret_inside_of_the_width(
    row: str, column: int, wide: int, width: int, unicode: bool
) -> None:
    fault = Fault("m", mend="", place=Place(file="f", line=1, column=column), width=wide)
    text = console.rendered(ManifestError([fault], lines=[row]), width=width, unicode=unicode)
    assert "\x1b" not in text
    assert all(ord(c) < 128 for c in text) or unicode
    assert all(len(line) <= width for line in text.splitlines()[1:])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "mode", "terminal", "wanted"),
    [
        ({}, "auto", True, True),
        ({}, "auto", False, False),
        ({"NO_COLOR": "1"}, "auto", True, False),
        ({"NO_COLOR": ""}, "auto", True, True),
        ({"FORCE_COLOR": "1"}, "auto", False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, "auto", False, False),
        ({"TERM": "dumb"}, "auto", True, False),
        ({"NO_COLOR": "1"}, "always", False, True),
        ({"FORCE_COLOR": "1"}, "never", True, False),
    ],
)
def test_colour_is_for_terminals_and_for_who_asks(
    environment: dict[str, str], mode: console.Mode, terminal: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    console.colour(mode)
    try:
        assert console.coloured(Terminal() if terminal else io.StringIO()) == wanted
    finally:
        console.colour("auto")


def test_results_go_to_stdout_and_everything_else_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    console.result("a result\n")
    console.result(b"bytes\n")
    console.say("told")
    console.error(UsageError("odd", mend="m"))
    console.defect(ValueError("boom"))
    out, err = capfd.readouterr()
    assert out == "a result\nbytes\n"
    assert err.startswith("told\nerror: odd\nmend: m\nerror: a defect of safecase, not yours: ValueError: boom")
    assert "Traceback" not in err


def test_progress_is_silent_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with console.progress(3) as step:
        step("one")
    assert capfd.readouterr() == ("", "")


def test_progress_is_a_bar_that_clears_itself_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with console.progress(2) as step:
        step("one\x1b[31m")
        step("two")
    assert "1/2 one\\x1b[31m" in terminal.getvalue()
    assert "2/2 two" in terminal.getvalue()
    assert terminal.getvalue().endswith(" \r")


def test_a_stream_without_unicode_gets_ascii() -> None:
    code = "from safecase.cli import console; console.result('a → b …\\n'); print(console.screen())"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment)
    assert done.stdout.decode("ascii") == "a -> b ...\nScreen(width=80, unicode=False)\n"


def test_a_reader_that_goes_away_ends_it_in_silence() -> None:
    code = "from safecase.cli import console\nfor i in range(100000): console.result('x' * 100 + '\\n')"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(20) == 0


def test_the_nearest_name_is_asked_for() -> None:
    assert console.did_you_mean("model.scna", ["model.scan", "lock.hashed"]) == "; did you mean model.scan?"
    assert console.did_you_mean("zzz", ["model.scan"]) == ""
