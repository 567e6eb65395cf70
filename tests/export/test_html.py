"""The page: one file that loads nothing, runs nothing, and shows hostile text as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import resources

import msgspec
import pytest

from safecase.export import render
from safecase.export.html import bar, scale
from safecase.vocabulary import Metric
from tests.export.sample import CLAIMS, RECORDS, sample
from tests.export.test_export import hostile

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Everything of a page, and whether each element that is opened is closed."""

    def __init__(self, content: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.paths: dict[str, tuple[str, ...]] = {}
        self.text: list[str] = []
        self.feed(content.decode())
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        name = dict(attrs).get("id")
        if name:
            assert name not in self.paths, f"two elements are called {name}"
            self.paths[name] = tuple(self.open)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(sample(), "html", records=RECORDS))


def test_the_page_says_the_verdict_as_a_sentence(page: Page) -> None:
    said = " ".join("".join(page.text).split())
    assert "The case for Support chatbot fails." in said
    assert "3 of 11 claims are contested, 1 unproven, 1 stale, 1 unseen." in said


def test_the_page_loads_and_runs_nothing(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "form", "base", "video", "audio"}
        assert not any(name.startswith("on") or name in {"src", "style", "srcset"} for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    style = resources.files("safecase.export").joinpath("templates/case.css").read_text()
    assert not re.search(r"url\(|@import|</", style)
    policy = next(a["content"] for t, a in page.elements if t == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_every_claim_has_an_anchor_that_opens_it_and_every_link_leads_somewhere(page: Page) -> None:
    for claim in CLAIMS:
        assert "details" in page.paths[claim.control], "a browser opens what it is sent into"
    assert_links_lead_somewhere(page)


def assert_links_lead_somewhere(page: Page) -> None:
    for tag, attributes in page.elements:
        if tag in {"a", "use"}:
            assert (attributes["href"] or "").removeprefix("#") in page.paths


def test_only_contested_claims_are_open(page: Page) -> None:
    claims = [a for t, a in page.elements if t == "details" and (a.get("class") or "").startswith("claim")]
    assert len(claims) == len(CLAIMS)
    assert {a["class"] for a in claims if "open" in a} == {"claim contested"}


def test_evidence_is_told_whole(page: Page) -> None:
    told = "".join(page.text)
    for record in RECORDS.values():
        assert record.id in told
        assert record.signer in told
        for name, digest in record.subjects:
            assert name in told
            assert digest in told
        for artefact in record.artefacts:
            assert artefact in told
    assert "2026-11-20 09:14 UTC" in told
    assert "2026-12-20 09:14 UTC" in told, "30 days later"
    assert "is not in the ledger that was read" in told, "the record of IN-08"


def test_facts_questions_and_notes_are_told(page: Page) -> None:
    told = "".join(page.text)
    for said in (
        "deployment.exposure",
        "safecase.yaml:9",
        "safetensors, ?",
        "discovered",
        "data.classes",
        "not run, offline",
    ):
        assert said in told


def test_the_head_of_the_page_says_of_what_it_is_and_where_to_go(page: Page) -> None:
    said = " ".join("".join(page.text).split())
    assert said.index("As of") < said.index("2026-11-23 06:00 UTC") < said.index("Catalogue") < said.index("Mend first")
    assert "config/backup.env, endpoint, models/answers.safetensors" in said
    links = {a["href"] for t, a in page.elements if t == "a"}
    assert {"#mend-first", "#measures", "#risks", "#claims", "#questions", "#facts", "#again"} <= links


def test_of_very_many_parts_the_page_names_some() -> None:
    found = tuple(msgspec.structs.replace(CLAIMS[0].findings[1], subject=f"part{n:02}") for n in range(30))
    content = render(sample((msgspec.structs.replace(CLAIMS[0], findings=found),)), "html").decode()
    assert "part07 and 22 more</dd>" in content


def test_every_picture_has_a_title(page: Page) -> None:
    tags = [(tag, attributes.get("role")) for tag, attributes in page.elements]
    pictures = [at for at, (tag, role) in enumerate(tags) if tag == "svg" and role == "img"]
    assert len(pictures) == 1 + 9 + 2, "the case, its measures, two metrics"
    assert all(tags[at + 1][0] == "title" for at in pictures)


def test_a_mend_stands_beside_its_place() -> None:
    content = render(sample(), "html").decode().split("Nine measures")[0]
    assert '<code class="place">prompts/system.md:12</code>' in content
    assert '<code class="place">requirements.txt:3:1</code>' in content


def test_evidence_that_is_too_old_lapsed(page: Page) -> None:
    said = " ".join("".join(page.text).split())
    assert "Its evidence lapsed on 2026-11-02 00:00 UTC" in said
    assert "Its evidence lapses on 2026-12-20 09:14 UTC" in said
    assert "Accepted until 2027-01-31" in said


def test_an_endless_name_does_not_fill_the_page() -> None:
    content = render(sample(name="A" * 10_000, service="B" * 10_000, as_of="C" * 10_000), "html").decode()
    assert not re.search("A{100}|B{100}|C{100}", content)


def test_the_page_stays_small() -> None:
    assert len(render(sample(), "html", records=RECORDS)) < 60_000
    assert len(render(sample(CLAIMS * 8), "html", records=RECORDS)) < 200_000


def test_hostile_text_stays_text() -> None:
    content = render(hostile(), "html").decode()
    told = Page(content.encode())
    assert not [tag for tag, _ in told.elements if tag == "script"]
    assert "<script>alert(1)</script>" in "".join(told.text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", content)
    assert "A" * 3000 not in content


def test_a_case_with_nothing_in_it_is_still_a_page() -> None:
    empty = sample((), measures=(), risk_groups=(), facts=(), questions=(), notes=(), next=(), name="")
    page = Page(render(empty, "html"))
    assert_links_lead_somewhere(page)
    said = " ".join("".join(page.text).split())
    assert "The case for support-bot is unproven. No claim applies yet." in said


def test_a_claim_with_very_many_findings_shows_the_worst_and_counts_the_rest() -> None:
    many = msgspec.structs.replace(CLAIMS[0], findings=(CLAIMS[0].findings[1],) * 300 + (CLAIMS[0].findings[0],))
    content = render(sample((many,)), "html").decode()
    assert "and 201 more findings" in content
    assert "<summary>94 more findings</summary>" in content
    first = content.split("What was found")[1].split("94 more findings")[0]
    assert first.count('<li class="finding') == 6
    assert "14 of 120 injected documents" in content.split("What was found")[1]


def test_a_mend_that_several_findings_share_is_said_once_in_sight() -> None:
    failing = CLAIMS[1].findings[0]
    claim = msgspec.structs.replace(CLAIMS[1], findings=(failing,) * 9, records=())
    content = render(sample((claim,)), "html").decode()
    assert content.count("<b>Mend</b> pip-compile") == 2, "above and below the fold"
    assert content.count("mend as above") == 7


def test_a_bar_fills_its_width() -> None:
    parts = bar({"contested": 3, "supported": 4, "not_applicable": 9, "stale": 0})
    assert [part.state for part in parts] == ["contested", "supported"]
    assert sum(part.width for part in parts) == pytest.approx(100, abs=0.1)
    assert bar({"not_applicable": 2}) == []


def test_a_metric_stands_between_the_ends_of_its_line() -> None:
    placed = scale(Metric(name="rate", value=0.1, low=0.05, high=0.2, threshold=0.05))
    assert placed == (10, 5, 20, 5)
    slow = scale(Metric(name="ms", value=100, threshold=200))
    assert slow is not None
    assert 0 < slow.value < (slow.threshold or 0) < 100
    below = scale(Metric(name="change", value=-3))
    assert below is not None
    assert below.value == 0
    assert scale(Metric(name="none", value=0.0)) is not None
    assert scale(Metric(name="broken", value=float("nan"))) is None
    assert scale(Metric(name="endless", value=1.0, high=float("inf"))) is None


# WCAG 2.2: 1.4.3, 4.5 to 1 for text


def _light(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    bright, dark = sorted((_light(one), _light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_stands_out_from_every_ground(scheme: int) -> None:
    style = resources.files("safecase.export").joinpath("templates/case.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", style.split(":root {")[1 + scheme]))
    texts = [name for name in colours if name not in {"ground", "card", "line", "sunk"}]
    assert len(texts) == 10
    for text in texts:
        for ground in ("ground", "card", "sunk"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, f"{text} on {ground}"
