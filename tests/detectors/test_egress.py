"""The egress filter: nothing of an answer leads to a host that nobody allowed, and everything else stays as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.detectors.egress import EgressPolicy, EgressStream, filter_text

POLICY = EgressPolicy(allowed_hosts=("good.garden.example", "*.docs.example"))
CANARY = "CANARY7203"
CARRIERS = [
    one.replace("CANARY", CANARY)
    for one in yaml.safe_load(Path(__file__).with_name("egress_carriers.yaml").read_text("utf-8"))
]
FETCHABLE = re.compile(r"(?://|\\\\|www\.|mailto:|tel:|sms:|data:|javascript:|vbscript:|blob:)\S*|evil\.test", re.I)
"""What any client could make a link of, or fetch."""
RUNS = re.compile(r"<(?:img|script|iframe|svg|style|form|object|embed|meta|base|link|[a-z-]+\s[^>]*\bon\w+=)", re.I)

HONEST = [
    "The garden opens at 9:00, and closes at 17:30.",
    "if a < b and c > d: return List<int>",
    "std::vector<std::string> x; std::cout << x << std::endl;",
    "for (int i = 0; i <n; i++) { x[i] = y; }  // done",
    "echo hi > file 2>&1 | tee -a log",
    "a/b/c.py, C:\\garden\\x.txt and ~/notes.md",
    "https://good.garden.example/opening-hours",
    "See https://good.garden.example/a/b?page=2#hours.",
    "[hours](https://good.garden.example/hours) and ![map](https://img.docs.example/map.png)",
    "Write to ada@garden.example.",
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "```python\nx: dict[str, int] = {}\nprint(f\"{x!r:>10}\")\n```\n",
    "```html\n<div class=\"x\"><img src=\"/local.png\"></div>\n```\n",
    "`//` begins a comment, and `/* */` is one.",
    "<b>bold</b> <i>italic</i><br><code>x</code>",
    "<table><tr><td colspan=\"2\">1</td></tr></table>",
    "key: value\nother: thing\nlist:\n  - a\n",
    "At 12:30 // 14:00, e.g. this and/or that, i.e. 3:1.",
    "version 1.2.3/4, file.py:12:5, item #7",
    "x &amp; y &lt; z",
    "github.com/garden/guide and numpy.org/doc",
    "{\"a\": [1, 2, {\"b\": \"c\"}], \"d\": null}",
    "SELECT * FROM t WHERE a <> 'b' AND c <= 3;",
    "$x^2 + y_1 \\leq \\frac{a}{b}$ and \\(a < b\\)",
    "Fu\u00dfnoten[^1] und \u201eZitate\u201c\n\n[^1]: Ein Text.",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u0441\u0430\u0434 \u043e\u0442\u043a\u0440\u044b\u0442.",
    "\u5e8a\u524d\u660e\u6708\u5149\uff0c\u7591\u662f\u5730\u4e0a\u971c\u3002",
    "\u0633\u0644\u0627\u0645\u060c \u0628\u0627\u063a \u0628\u0627\u0632 \u0627\u0633\u062a.",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
    "- [ ] todo\n- [x] done\n1. one\n2. two",
    "> quoted\n>> twice",
    "import os.path as p; from a.b import c",
    "TypeError: 'int' object is not iterable",
    "git log --format='%h %s' HEAD~3..HEAD",
    "s/foo/bar/g; y/abc/xyz/",
    "array[0][1] = matrix[i][j] * (a + b)",
    "func(a)(b)[c]!{d}",
    "The ratio a:b is 2:3; see fig. 4a/b.",
    "127.0.0.1 and 10.0.0.0/8 are private.",
    "def f(x: int, /, *, y: str = \"//\") -> None: ...",
    "Map<String, List<Integer>> m = new HashMap<>();",
]  # fmt: skip


@pytest.mark.parametrize("carrier", CARRIERS)
def test_nothing_leads_to_a_host_that_nobody_allowed(carrier: str) -> None:
    found = filter_text(f"See {carrier} there.", POLICY)
    assert found.blocked
    left = found.text.replace("good.garden.example", "")
    fenced = carrier.startswith("```")
    assert not [one for one in FETCHABLE.findall(left) if "removed" not in one and len(one) > 2], found.text
    assert fenced or not RUNS.search(found.text), found.text


def test_there_are_carriers_enough() -> None:
    assert len(CARRIERS) >= 90
    assert len(HONEST) >= 40


@pytest.mark.parametrize("text", HONEST)
def test_honest_texts_stay_as_they_are(text: str) -> None:
    assert filter_text(text, POLICY).text == text


@pytest.mark.parametrize("text", [*CARRIERS, *HONEST])
def test_every_cut_in_two_gives_the_whole(text: str) -> None:
    said = f"So: {text} and\nmore of {text[:9]} it."
    whole = filter_text(said, POLICY).text
    for at in range(len(said) + 1):
        stream = EgressStream(POLICY)
        assert stream.feed(said[:at]) + stream.feed(said[at:]) + stream.end() == whole


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([*CARRIERS, *HONEST, " ", "\n", "<", "[", "`"]), max_size=12), st.data())
def test_any_pieces_give_the_whole(parts: list[str], data: st.DataObject) -> None:
    said = "".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(said)), max_size=15)))
    stream = EgressStream(POLICY)
    pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    assert "".join(map(stream.feed, pieces)) + stream.end() == filter_text(said, POLICY).text


@given(st.text(max_size=300))
def test_no_text_breaks_the_filter(text: str) -> None:
    assert isinstance(filter_text(text, POLICY).text, str)


def test_an_address_that_the_user_gave_may_carry_what_it_carried() -> None:
    url = "https://good.garden.example/p/aGVsbG8gd29ybGQhISBzZWNyZXQ9MTIzNA"
    assert filter_text(f"Here: {url}", POLICY, [f"please open {url}"]).text == f"Here: {url}"
    assert filter_text(f"Here: {url}", POLICY).blocked
    foreign = "https://evil.test/x"
    assert filter_text(foreign, POLICY, [foreign]).blocked


@pytest.mark.parametrize(
    "sign", ["[", "<", "<a ", "![](", "//", "a:", "&#", "w", "www.", "a.", "<!--", "\u200b", "x<a", "<b\n"]
)
def test_hostile_texts_take_time_in_proportion_to_their_length(sign: str) -> None:
    # A quadratic filter would need hours for these.
    stream = EgressStream(POLICY)
    stream.feed(sign * (300_000 // len(sign)))
    stream.end()
