"""Models that end, feeds that grow old, support that is published."""

from __future__ import annotations

import os
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest

from safecase.catalogue.read import catalogue
from safecase.errors import CollectError
from safecase.measures.maintenance import calendar
from safecase.measures.maintenance.checks.feeds_fresh import feeds_fresh
from safecase.measures.maintenance.checks.retirement_foreseen import retirement_foreseen
from safecase.measures.maintenance.checks.support_published import support_published
from tests.measures.small_service import NOW, look, verdicts

MODEL = "models: [{{id: chat, origin: provider, source: {}}}]"
OWN = "maintenance: {model_calendar: calendar.yaml}"


def ends(tmp_path: Path, source: str, row: str | None = None) -> tuple[str, str]:
    files = {"calendar.yaml": f"models:\n  - {{{row}}}\n"} if row else {}
    (one,) = look(retirement_foreseen, tmp_path, MODEL.format(source) + ("\n" + OWN if row else ""), files)
    return one.verdict, one.message


def test_the_shipped_calendar_says_where_and_when_it_was_read() -> None:
    rows = calendar.shipped()
    assert rows
    assert all(row.source and row.read and row.retires for row in rows)


@pytest.mark.parametrize("name", ["openai/gpt-4o-2024-08-06", "GPT-4o", "openai:gpt-4o"])
def test_a_model_that_ends_within_90_days_is_found_under_all_its_names(name: str, tmp_path: Path) -> None:
    verdict, message = ends(tmp_path, f'"{name}"')
    assert verdict == "fail"
    assert "2027-01-14" in message


def test_a_longer_name_wins_over_the_family() -> None:
    rows = calendar.shipped()
    assert calendar.find(rows, "gpt-5.1") is not calendar.find(rows, "gpt-5-mini")
    assert calendar.find(rows, "gpt-5.2") is None


def test_a_name_that_another_model_answers_is_told_as_such(tmp_path: Path) -> None:
    _, message = ends(tmp_path, "google/gemini-2.5-pro")
    assert "answered by another" in message


def test_an_unknown_model_is_unknown_and_a_floating_one_too(tmp_path: Path) -> None:
    assert ends(tmp_path, "tulip-9") == ("unknown", "the calendar does not know tulip-9")
    assert "from time to time" in ends(tmp_path, "tulip-latest")[1]


def test_a_resold_model_follows_the_calendar_of_who_resells_it(tmp_path: Path) -> None:
    assert ends(tmp_path, "azure/gpt-4o")[0] == "unknown"
    row = f"names: [gpt-4o], retires: {NOW.date() + timedelta(days=300)}, read: {NOW.date()}"
    assert ends(tmp_path, "azure/gpt-4o", row)[0] == "pass"


@pytest.mark.parametrize(
    ("days", "read_days", "verdict"),
    [(-1, 0, "fail"), (0, 0, "fail"), (90, 0, "fail"), (91, 0, "pass"), (91, 120, "pass"), (91, 121, "unknown")],
)
def test_notice_is_ninety_days_by_a_recent_reading(days: int, read_days: int, verdict: str, tmp_path: Path) -> None:
    today = NOW.date()
    row = f"names: [tulip], retires: {today + timedelta(days=days)}, read: {today - timedelta(days=read_days)}"
    assert ends(tmp_path, "tulip", row)[0] == verdict


def test_a_model_without_an_announced_end_passes(tmp_path: Path) -> None:
    assert ends(tmp_path, "tulip", f"names: [tul*], read: {NOW.date()}")[0] == "pass"


@pytest.mark.parametrize(
    "content", ["", "models: 1", "models: [1]", "models: [{names: []}]", "models: [{names: [x], read: soon}]", "a: [",
                "models: [{names: ['*'], read: 2026-01-01}]", "models: [{names: [x], read: 2026-01-01, effect: gone}]"],
)  # fmt: skip
def test_a_calendar_that_is_none_is_said_to_be(content: str, tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="no calendar"):
        look(retirement_foreseen, tmp_path, MODEL.format("tulip") + "\n" + OWN, {"calendar.yaml": content})


def test_only_models_of_providers_end(tmp_path: Path) -> None:
    assert verdicts(look(retirement_foreseen, tmp_path, "models: [{id: a, origin: own}]")) == ["pass"]
    assert verdicts(look(retirement_foreseen, tmp_path, "models: [{id: a}]")) == ["unknown"]
    assert verdicts(look(retirement_foreseen, tmp_path)) == ["unknown"]


FEED = "maintenance: {feeds: [{id: rules, file: rules.json, max_age_days: 30}]}"


def feed(tmp_path: Path, content: str | None, manifest: str = FEED) -> tuple[str, str]:
    found = look(feeds_fresh, tmp_path, manifest, {"rules.json": content} if content is not None else {})
    return found[-1].verdict, found[-1].message


def test_a_feed_tells_its_own_age(tmp_path: Path) -> None:
    assert feed(tmp_path, '{"created": "2026-11-01T00:00:00Z"}')[0] == "pass"
    assert feed(tmp_path, '{"generated": "2026-10-23"}')[0] == "fail"
    assert feed(tmp_path, '{"updated": "2027-01-01"}')[0] == "fail"


def test_a_feed_in_yaml_or_a_folder_tells_its_age_too(tmp_path: Path) -> None:
    manifest = "maintenance: {feeds: [{id: rules, file: feed, max_age_days: 30}]}"
    (found, *_) = look(feeds_fresh, tmp_path, manifest, {"feed/manifest.json": '{"created": "2026-11-20"}'})[1:]
    assert (found.verdict, "3 days old by its own `created`" in found.message) == ("pass", True)
    manifest = manifest.replace("feed,", "rules.yaml,")
    content = "# rules\nrules:\n- created: 2020-01-01\nreleased: '2026-11-22' # yesterday\n"
    (found,) = look(feeds_fresh, tmp_path, manifest, {"rules.yaml": content})[1:]
    assert "1 day old by its own `released`" in found.message


@pytest.mark.parametrize("content", ["[" * 100_000, "{", '{"created": 5}', '{"created": "99999-01-01"}', "null"])
def test_an_odd_feed_has_the_time_of_the_disk(content: str, tmp_path: Path) -> None:
    assert "time on disk" in feed(tmp_path, content)[1]


def test_a_feed_that_is_not_there_fails(tmp_path: Path) -> None:
    assert feed(tmp_path, None)[0] == "fail"


def test_a_time_on_disk_can_be_too_old_and_proves_nothing_fresh(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("[1, 2")
    os.utime(tmp_path / "rules.json", (NOW.timestamp() - 86400,) * 2)
    assert feed(tmp_path, None)[0] == "unknown"
    os.utime(tmp_path / "rules.json", (NOW.timestamp() - 40 * 86400,) * 2)
    verdict, message = feed(tmp_path, None)
    assert verdict == "fail"
    assert "time on disk" in message


def test_git_tells_the_day_of_an_unchanged_feed(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("[]")
    environment = {
        **os.environ,
        "GIT_COMMITTER_DATE": "2026-11-20T12:00:00Z",
        "GIT_AUTHOR_DATE": "2026-11-20T12:00:00Z",
    }
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, env=environment)
    assert feed(tmp_path, None) == ("pass", "rules (rules.json) is 3 days old by its last commit; 30 are allowed")
    (tmp_path / "rules.json").write_text("[2]")
    assert "time on disk" in feed(tmp_path, None)[1]


def test_the_catalogue_grows_old_too(tmp_path: Path) -> None:
    released = date.fromisoformat(catalogue().released)
    later = NOW.replace(year=released.year, month=released.month, day=released.day) + timedelta(days=181)
    (one,) = look(feeds_fresh, tmp_path, now=later)
    assert (one.verdict, one.rule) == ("fail", "catalogue")


SUPPORT = "maintenance: {support_ends: 2027-03-04}\ncompliance: {documents: {support: support.md}}"


@pytest.mark.parametrize(
    "text",
    ["2027-03-04", "4 March 2027", "4th Mar. 2027", "March 4, 2027", "March 4th 2027", "04.03.2027", "4/3/2027"],
)
def test_the_day_may_be_written_in_the_usual_ways(text: str, tmp_path: Path) -> None:
    found = look(support_published, tmp_path, SUPPORT, {"support.md": f"# Support\n\nuntil {text}.\n"})
    assert verdicts(found) == ["pass", "pass"]
    assert found[1].place is not None
    assert found[1].place.line == 3


@pytest.mark.parametrize("text", ["2027-03-05", "14 March 2027", "March 2027", "12027-03-04", "3 April 2027"])
def test_another_day_is_not_the_day(text: str, tmp_path: Path) -> None:
    assert verdicts(look(support_published, tmp_path, SUPPORT, {"support.md": text})) == ["pass", "fail"]


def test_a_day_that_is_past_or_not_said_fails(tmp_path: Path) -> None:
    assert verdicts(look(support_published, tmp_path)) == ["fail"]
    past = look(support_published, tmp_path, SUPPORT.replace("2027", "2026"), {"support.md": "2026-03-04"})
    assert verdicts(past) == ["fail", "pass"]


def test_what_is_no_text_or_elsewhere_is_unknown(tmp_path: Path) -> None:
    assert verdicts(look(support_published, tmp_path, SUPPORT, {"support.md": b"%PDF\0"})) == ["pass", "unknown"]
    elsewhere = SUPPORT.replace("support.md", '"https://garden.example/support"')
    assert verdicts(look(support_published, tmp_path, elsewhere)) == ["pass", "unknown"]
