"""What of a case reaches a screen, a file and another program."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import msgspec
import pytest

from safecase.errors import UsageError
from safecase.export import format_of, render
from safecase.export.text import Paper, columns
from safecase.vocabulary import MEASURES, Case, Claim, Finding, MeasureSummary, Place
from tests.export.sample import CLAIMS, RECORDS, sample

HOSTILE = "<script>alert(1)</script>\x1b[31mred\x1b]0;title\x07 \u202eevil\u2066 \r\n " + "A" * 10_000


def hostile() -> Case:
    """Every text from outside is an attack, ids of the catalogue and of records apart."""
    finding = Finding(
        check="a.check",
        subject=HOSTILE,
        verdict="fail",
        message=HOSTILE,
        mend=HOSTILE,
        rule=HOSTILE,
        place=Place(file=HOSTILE, line=1),
    )
    claim = Claim(
        control="XX-01",
        title=HOSTILE,
        measure="testing",
        severity="high",
        state="contested",
        because=(HOSTILE,),
        findings=(finding,),
        questions=(HOSTILE,),
        records=(HOSTILE,),
        expires=HOSTILE,
    )
    return sample((claim,), service=HOSTILE, name=HOSTILE, notes=(HOSTILE,) * 5, questions=(HOSTILE,) * 3, at=HOSTILE)


# which format


@pytest.mark.parametrize(("path", "form"), [("a.html", "html"), ("b/c.JSON", "json"), ("d.txt", "text")])
def test_a_suffix_names_a_format(path: str, form: str) -> None:
    assert format_of(path) == form


@pytest.mark.parametrize("path", ["case.exe", "case", ".html/", "html"])
def test_another_suffix_is_refused_and_the_known_ones_are_named(path: str) -> None:
    with pytest.raises(UsageError) as refused:
        format_of(path)
    assert path in refused.value.message
    assert ".html .json .txt" in refused.value.mend


def test_no_format_prints_nothing_and_an_unknown_one_is_refused() -> None:
    assert render(sample(), "") == b""
    with pytest.raises(UsageError):
        render(sample(), "pdf")


@pytest.mark.parametrize("form", ["text", "claims", "json", "html"])
def test_the_same_case_gives_the_same_bytes(form: str) -> None:
    assert render(sample(), form, records=RECORDS) == render(sample(), form, records=RECORDS)


def test_text_and_json_load_no_template_engine() -> None:
    program = (
        "import sys; from safecase.export import render; from tests.export.sample import sample; "
        "render(sample(), 'text'); render(sample(), 'json'); sys.exit('jinja2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# JSON


def test_the_json_keeps_every_field_and_names_each_finding() -> None:
    case = sample()
    told = json.loads(render(case, "json"))
    assert next(iter(told)) == "schema"
    for claim, back in zip(case.claims, told["claims"], strict=True):
        for finding, given in zip(claim.findings, back["findings"], strict=True):
            assert given.pop("fingerprint") == finding.fingerprint
            assert given["place"] is None or set(given["place"]) == {"file", "line", "column"}
    assert told == {**json.loads(msgspec.json.encode(case)), "claims": told["claims"]}
    assert msgspec.json.decode(json.dumps(told), type=Case).verdict == case.verdict


def test_the_json_is_indented_and_ends_in_a_newline() -> None:
    content = render(sample(), "json").decode()
    assert content.startswith('{\n  "schema": "safecase/case/1",\n')
    assert content.endswith("\n}\n")


def test_the_gates_answer_stands_beside_the_case() -> None:
    told = json.loads(render(sample(), "json", extra={"allowed": None, "deciding": [{"control": "SC-02"}]}))
    assert told["allowed"] is None
    assert told["deciding"] == [{"control": "SC-02"}]
    assert told["verdict"] == "fails"


def test_a_file_name_that_is_not_unicode_still_gives_json() -> None:
    told = json.loads(render(sample(notes=("not looked at: caf\udce9",)), "json"))
    assert told["notes"] == ["not looked at: caf\\udce9"]


def test_hostile_text_is_given_to_other_programs_as_it_is() -> None:
    assert json.loads(render(hostile(), "json"))["claims"][0]["findings"][0]["message"] == HOSTILE


# text


SUMMARY = """\
Support chatbot fails: 3 of 11 claims are contested, 1 unproven, 1 stale, 1
unseen

? unproven  Threat modelling  ········  1 unseen
·           Training                    nothing applies (1 looked at)
✗ fails     Infrastructure    ········  1 contested, 1 unsupported
✗ fails     Supply chain      ━━━━····  1 contested, 1 supported
✗ fails     Testing           ········  1 contested
? unproven  Vulnerabilities   ········  1 stale
✓ holds     Protection        ━━━━━━━━  1 accepted, 1 supported
✓ holds     Maintenance       ━━━━━━━━  1 supported
✓ holds     Compliance        ━━━━━━━━  1 supported

Mend first:
 1. keep retrieved text apart from instructions, then `safecase assess --only
    TE-02`
    TE-02 at prompts/system.md:12: 14 of 120 injected documents made it say the…
 2. revoke the key, remove it from the file and from the history
    IN-08 at config/backup.env:4:9: a private key in clear text
 3. pip-compile --generate-hashes requirements.in
    SC-02 at requirements.txt:3:1: `requests` has no hash
Not said, and it would decide: deployment.auth, data.classes
Note: not run, offline: endpoint.limits
Note: the ledger is not signed by a key that anybody trusts

Next: safecase show case, safecase explain TE-02
"""


def test_the_summary_reads_like_this() -> None:
    assert render(sample(), "text").decode() == SUMMARY


def test_without_unicode_and_colour_the_summary_is_plain_ascii() -> None:
    told = render(sample(), "text", unicode=False)
    assert told.isascii()
    assert b"\x1b" not in told
    assert b"x fails     Testing" in told
    assert b"+ holds     Compliance        ========" in told


def test_colour_adds_escapes_and_nothing_else() -> None:
    for form in ("text", "claims"):
        coloured = render(sample(), form, colour=True).decode()
        assert "\x1b[31m✗ fails" in coloured or form == "claims"
        assert re.sub(r"\x1b\[\d+m", "", coloured) == render(sample(), form).decode()


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [20, 33, 50, 80, 132])
@pytest.mark.parametrize("form", ["text", "claims"])
def test_no_line_is_longer_than_the_screen(form: str, width: int, unicode: bool) -> None:
    wide = sample(name="客服機器人" * 20, questions=("ключ." * 30, "b"))
    for case in (sample(), wide, hostile()):
        for line in render(case, form, width=width, unicode=unicode).decode().splitlines():
            assert columns(line) <= width, line


@pytest.mark.parametrize("form", ["text", "claims"])
def test_nothing_from_outside_reaches_the_terminal_as_it_is(form: str) -> None:
    told = render(hostile(), form).decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told)
    assert len(told) < 40_000


def test_a_measure_without_a_claim_says_so() -> None:
    told = render(sample((), measures=()), "text").decode()
    assert told.startswith("Support chatbot unproven: no claim applies yet\n")
    assert told.count("no claim yet") == len(MEASURES)


def test_the_long_text_tells_every_claim_with_its_findings() -> None:
    told = render(sample(), "claims", width=200).decode()
    for claim in CLAIMS:
        assert f"{claim.control}  {claim.title}" in told
        for finding in claim.findings:
            assert finding.message in told
            assert finding.place is None or str(finding.place) in told
    assert "mend: pip-compile --generate-hashes requirements.in" in told


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("supported",), "holds: its one claim is supported"),
        (("supported", "supported"), "holds: all 2 claims are supported"),
        (("supported", "accepted"), "holds: 1 of 2 claims is supported, 1 accepted"),
        (("stale", "unsupported", "supported"), "unproven: 1 of 3 claims is stale, 1 unseen"),
        (("contested", "not_applicable"), "fails: 1 of 1 claim is contested"),
    ],
)
def test_the_first_line_says_the_verdict_and_why_in_numbers(states: tuple[str, ...], said: str) -> None:
    claims = tuple(msgspec.structs.replace(CLAIMS[0], state=state) for state in states)
    case = sample(claims, verdict=said.partition(":")[0])
    assert render(case, "text").decode().splitlines()[0] == f"Support chatbot {said}"


def test_a_case_that_is_unproven_for_want_of_claims_says_so() -> None:
    supported = msgspec.structs.replace(CLAIMS[0], state="supported")
    said = "Support chatbot unproven: nothing speaks against it, but 8 of 9 measures have no claim yet\n"
    assert render(sample((supported,)), "text", width=120).decode().startswith(said)


def test_many_counts_hang_below_each_other() -> None:
    crowded = MeasureSummary(
        id="testing", verdict="fails", contested=12, unsupported=13, stale=14, accepted=15, supported=16
    )
    told = render(sample(measures=(crowded,)), "text").decode()
    assert "✗ fails     Testing           12 contested, 13 unsupported, 14 stale, 15\n" in told
    assert "\n" + " " * 30 + "accepted, 16 supported\n" in told


@pytest.mark.parametrize(
    ("supported", "contested", "drawn"),
    [(99, 1, "━━━━━━━·"), (1, 99, "━·······"), (0, 3, "········"), (3, 0, "━━━━━━━━")],
)
def test_a_bar_is_full_where_everything_holds_and_empty_where_nothing_does(
    supported: int, contested: int, drawn: str
) -> None:
    testing = MeasureSummary(id="testing", verdict="fails", contested=contested, supported=supported)
    assert f"Testing           {drawn}  " in render(sample(measures=(testing,)), "text").decode()


def test_a_screen_that_is_too_narrow_for_bars_has_none() -> None:
    told = render(sample(), "text", width=68).decode()
    assert "━" not in told
    assert "✗ fails     Supply chain      1 contested, 1 supported\n" in told


def mended(message: str, file: str) -> str:
    """The lines of the summary that tell the one mend of a case."""
    finding = Finding(
        check="a.check", subject="a", verdict="fail", message=message, mend="mend it", place=Place(file=file, line=3)
    )
    claim = msgspec.structs.replace(CLAIMS[0], findings=(finding,))
    told = render(sample((claim,), questions=(), notes=()), "text").decode()
    return told.split(" 1. mend it\n")[1].split("\n")[0].strip()


def test_a_mend_says_where_and_says_a_file_only_once() -> None:
    assert mended("a hash is missing", "requirements.txt") == "TE-02 at requirements.txt:3: a hash is missing"
    assert mended("a key in app/keys.env, in clear", "app/keys.env") == "TE-02: a key in app/keys.env:3, in clear"
    assert mended("my-keys.env is not it", "keys.env") == "TE-02 at keys.env:3: my-keys.env is not it"


def test_a_place_never_takes_the_room_of_the_reason() -> None:
    assert mended("a hash is missing", "deep/" * 30 + "a.txt") == "TE-02: a hash is missing"


def test_what_is_cut_off_leaves_a_mark_and_no_wide_gap() -> None:
    paper = Paper(40)
    assert list(paper.cut("some short words and then some more of them")) == ["some short words and then some more of…"]
    assert list(paper.cut("it would call " + "a_very_long_name" * 3)) == ["it would call a_very_long_namea_very_lo…"]


def test_an_empty_text_is_one_empty_line() -> None:
    assert list(Paper(10).wrapped("")) == [""]
