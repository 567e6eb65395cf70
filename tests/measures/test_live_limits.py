"""What live checks make of what comes back: limits, scores, disclosures, and limits of runs in code."""

from __future__ import annotations

import pytest

from safecase.engines.decoding import contains_secret
from safecase.measures.protection.asker import Asked, Insisted, insist, limited
from safecase.measures.protection.carriers import CLEAN, documents
from safecase.measures.protection.disclosing import denies, discloses, languages, page_of
from safecase.measures.protection.run_limits import UnparsableError, run_limits
from safecase.measures.protection.scores import fine_outputs, inputs_of


def answered(status: int = 200, **headers: str) -> Asked:
    return Asked(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")


def test_calls_go_on_until_one_is_refused() -> None:
    seen = insist(lambda n: answered(429 if n == 7 else 200), 20, lambda: 60.0)
    assert (seen.asked, seen.status) == (8, 429)
    assert limited(seen, None).verdict == "pass"


@pytest.mark.parametrize(
    ("seen", "declared", "verdict"),
    [
        (Insisted(60, 200, 5.0, counted=False), None, "fail"),
        (Insisted(60, 200, 5.0, counted=True), None, "pass"),
        (Insisted(10, 200, 5.0, counted=False), None, "unknown"),
        (Insisted(60, 503, 5.0, counted=False), None, "unknown"),
        (Insisted(60, 200, 5.0, counted=False), 20, "fail"),
        (Insisted(60, 200, 5.0, counted=False), 500, "unknown"),
    ],
)
def test_a_limit_is_judged_by_what_was_answered(seen: Insisted, declared: int | None, verdict: str) -> None:
    found = limited(seen, declared)
    assert found.verdict == verdict
    assert found.verdict == "pass" or found.mend


def test_headers_that_count_down_are_seen_and_hostile_ones_do_no_harm() -> None:
    left = iter(["9", "8", "x", "٣", "7"])
    seen = insist(lambda _: answered(x_ratelimit_remaining=next(left)), 5, lambda: 60.0)
    assert seen.counted


def test_documents_hide_their_order_and_clean_ones_have_none() -> None:
    found = documents("bogunire")
    assert len(found) == 11
    assert sum(bool(contains_secret(text, "bogunire")) for text in found.values()) >= 10
    assert "".join(chr(0xE0000 + ord(letter)) for letter in "bogunire") in found["in tag characters"]
    assert not any(contains_secret(text, "bogunire") for text in CLEAN)


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("Hello! I am Fern, the garden's AI assistant.", "en", True),
        ("Hello! I am Fern, your assistant.", "en", False),
        ("Our garden has an AI exhibition. I am Fern.", "en", False),
        ("Guten Tag, ich bin ein Chatbot und helfe Ihnen gern.", "de", True),
        ("Hello! I am an AI assistant.", "de", False),
        ("你好，我是人工智能助手。", "zh", True),
        ("Bonjour, je suis Camille.", "fr", False),
        ("I am not a bot, I am a human.", "en", False),
    ],
)
def test_a_text_says_that_an_ai_answers_in_its_language(text: str, language: str, told: bool) -> None:
    assert discloses(text, language) is told


def test_who_claims_to_be_a_person_denies_it() -> None:
    assert denies("Don't worry, I'm a real person!", "en")
    assert not denies("A real person reads your mail on Monday.", "en")


def test_every_language_of_the_union_is_known() -> None:
    union = "bg hr cs da nl en et fi fr de el hu ga it lv lt mt pl pt ro sk sl es sv"
    assert set(union.split(" ")) <= set(languages())


def test_only_what_people_see_of_a_page_counts() -> None:
    page = page_of(
        '<html lang="en-GB"><head><title>I am an AI</title><style>.x{display:none}</style></head><body>'
        '<p class="x">I am an AI assistant.</p><p style="font-size:0px">I am an AI.</p><script>"I am an AI"</script>'
        "<p>Welcome to the garden</p></body></html>"
    )
    assert page.language == "en"
    assert page.text.split() == ["Welcome", "to", "the", "garden"]
    assert page_of("<div>" * 50_000).text.strip() == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("agents.run(max_turns=10)", "bounded"),
        ("agents.run(max_turns=None)", "endless"),
        ("agents.run(max_turns=10**9)", "unseen"),
        ("agents.run(max_turns=100000)", "endless"),
        ("agents.run(config={'recursion_limit': 25})", "bounded"),
        ("LIMIT = 7\nagents.run(max_steps=LIMIT)", "bounded"),
        ("agents.run(max_steps=settings.steps)", "unseen"),
    ],
)
def test_limits_of_runs_are_read_from_code(line: str, says: str) -> None:
    assert [one.says for one in run_limits(f"import agents\n{line}")] == [says]
    assert run_limits(line) == ()


def test_code_that_cannot_be_read_says_so() -> None:
    for source in ("def (", "(" * 5000, "\0"):
        with pytest.raises(UnparsableError):
            run_limits(source)


def test_scores_that_tell_too_much_are_named() -> None:
    told = dict(
        fine_outputs(
            [
                {"name": "label", "datatype": "BYTES", "data": ["fern"]},
                {"name": "score", "datatype": "FP32", "data": [0.98]},
                {"name": "probability", "datatype": "FP32", "data": [0.981234567]},
                {"name": "logits", "datatype": "FP32", "data": [3.2, -1.0]},
                {"name": "classes", "datatype": "FP32", "data": [[0.2, 0.3, 0.5]]},
                {"name": "bad", "datatype": "FP32", "data": {"x": 1}},
                "nonsense",
            ]
        )
    )
    assert set(told) == {"probability", "logits", "classes"}


def test_inputs_are_made_by_metadata_and_hostile_metadata_gives_none() -> None:
    (made,) = inputs_of({"inputs": [{"name": "x", "shape": [-1, 3], "datatype": "FP32"}]}, 2) or [{}]
    assert (made["shape"], made["data"]) == ([1, 3], [0.5002, 0.5, 0.5])
    assert inputs_of({"inputs": [{"name": "x", "shape": [10**6, 10**6], "datatype": "FP32"}]}, 0) is None
    assert inputs_of({"inputs": "none"}, 0) is None
