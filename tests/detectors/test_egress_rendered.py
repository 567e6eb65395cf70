"""What the egress filter lets through, read by another: markdown-it and a parser of HTML, as a chat page would."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from safecase.detectors.egress import EgressPolicy, EgressStream, filter_text

POLICY = EgressPolicy(allowed_hosts=("good.garden.example", "*.docs.example"))
FOLDER = Path(__file__).parent
CARRIERS: Final[list[str]] = [
    *yaml.safe_load((FOLDER / "egress_rendered.yaml").read_text("utf-8")),
    *yaml.safe_load((FOLDER / "egress_carriers.yaml").read_text("utf-8")),
]
LINKS = {"href", "src", "srcset", "action", "formaction", "poster", "data", "background", "ping", "xlink:href", "cite"}
PIECES = [
    *CARRIERS, "<", ">", "`", "```", "~~~", "\n", "\n\n", " ", "[x](", "![x](", ")", "<b ", "&", "\\", "\u200b", "://",
    "@", "https://evil.test/q", "https://good.garden.example", "\t", "> ", "- ", "    ", "//evil.test/x", "<!--", "-->",
    "\uff0f",
]  # fmt: skip


class Reader(HTMLParser):
    """Collects what a browser would follow, fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at every attribute that holds an address, and for what runs."""
        for name, value in attrs:
            if name in LINKS and value and not _allowed(value):
                self.found.append(value)
            if name.startswith("on") or name == "style":
                self.found.append(name)
        if tag in ("script", "style", "iframe", "svg", "object", "embed"):
            self.found.append(tag)


def _allowed(url: str) -> bool:
    """Find the host as the URL standard of browsers does; an address of the same page is allowed."""
    said = re.sub(r"[\t\n\r]", "", url).strip().replace("\\", "/")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*):", said)
    if scheme and scheme[1].lower() not in ("http", "https", "ws", "wss", "ftp"):
        return False
    if not scheme and not said.startswith("//"):
        return True
    rest = said[scheme.end() if scheme else 0 :].lstrip("/")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    host = unicodedata.normalize("NFKC", unquote(authority)).replace("\u3002", ".").lower().partition(":")[0]
    return host in ("good.garden.example", "docs.example") or host.endswith(".docs.example")


def _followed(text: str) -> list[str]:
    return Reader(MarkdownIt("commonmark", {"html": True}).render(text)).found


@pytest.mark.parametrize("carrier", CARRIERS)
def test_no_reader_finds_a_way_out(carrier: str) -> None:
    assert _followed(filter_text(carrier, POLICY).text) == []
    assert _followed(filter_text(f"> So:\n\n{carrier}\n\nand more.", POLICY).text) == []


def test_the_reader_finds_what_the_filter_takes_out() -> None:
    assert sum(bool(_followed(carrier)) for carrier in CARRIERS) >= 60


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=10))
def test_no_mixture_makes_a_way_out(parts: list[str]) -> None:
    assert _followed(filter_text("".join(parts), POLICY).text) == []


LONG = {
    "a token of slashes": "x/" * 2500 + " y",
    "a long foreign address": "https://evil.test/" + "a" * 6000 + " end",
    "a long allowed address": "https://good.garden.example/" + "a/" * 3000 + " x",
    "a tag that closes far away": "<b " + "y " * 3000 + "> z",
    "no space at all": "\u5e8a" * 6000 + " x",
    "colons": "a:" * 4000 + "\n b",
    "tags that never close": "<" * 9000 + " x",
    "a fence and what follows it": "```" + "a/" * 3000 + "\n<b x>",
}


@pytest.mark.parametrize("text", LONG.values(), ids=list(LONG))
@pytest.mark.parametrize("size", [7, 64, 1000, 4095, 4096, 4097, 5000])
def test_long_texts_in_pieces_give_the_whole(text: str, size: int) -> None:
    stream = EgressStream(POLICY)
    said = "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size)) + stream.end()
    assert said == filter_text(text, POLICY).text
    assert _followed(said) == []


@pytest.mark.parametrize("before", range(4060, 4100))
def test_the_cap_cuts_no_address_in_two(before: int) -> None:
    text = f"<b {'y ' * ((before - 3) // 2)}{'z' * ((before - 3) % 2)} ![x](//evil.test/CANARY) www.evil.test/CANARY >"
    stream = EgressStream(POLICY)
    said = "".join(map(stream.feed, text)) + stream.end()
    assert "//evil" not in said
    assert "www.evil" not in said
