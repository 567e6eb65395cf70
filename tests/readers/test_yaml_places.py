from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from safecase.errors import ManifestError
from safecase.readers import yaml_places
from safecase.readers.yaml_places import DEEPEST, Document, read, read_all


def value(text: str) -> object:
    return read(text.encode(), "f.yaml").value


def refused(content: str | bytes, **options: bool) -> list[tuple[str, str]]:
    """Give the place and message of each fault of a file that must be refused."""
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(ManifestError) as caught:
        read(raw, "f.yaml", **options)
    assert all(fault.mend for fault in caught.value.faults)
    return [(str(fault.place), fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("2026-11-23", "2026-11-23"),
        ("12:30:00", "12:30:00"),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("'3'", "3"),
        ("''", ""),
        ("! 3", "3"),
        ("!!str 3", "3"),
        ("|\n  3\n", "3\n"),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("!!null ''", None),
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("+3", 3),
        ("-3", -3),
        ("!!int '3'", 3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("!!float 3", 3.0),
        ("-.inf", float("-inf")),
        (".", "."),
        ("-", [None]),
        ("+", "+"),
    ],
)
def test_values_follow_the_core_schema_of_yaml_1_2(text: str, meant: object) -> None:
    found = value(f"a:\n  {text}\n")
    assert found == {"a": meant}
    assert type(found["a"]) is type(meant)  # type: ignore[index]


def test_not_a_number_is_a_float() -> None:
    found = value("a: .NaN")["a"]  # type: ignore[index]
    assert found != found


def test_every_value_and_key_has_its_place() -> None:
    document = read(b"# c\nservice:\n  id: x\nmodels:\n  - id: m\n    tags: [a, \xf0\x9f\x8e\x89, 'b c']\n", "f.yaml")
    assert str(document.place(())) == "f.yaml:2:1"
    assert str(document.place(("service",))) == "f.yaml:3:3"
    assert str(document.key_place(("service",))) == "f.yaml:2:1"
    assert str(document.place(("service", "id"))) == "f.yaml:3:7"
    assert str(document.key_place(("service", "id"))) == "f.yaml:3:3"
    assert str(document.place(("models", 0, "tags", 2))) == "f.yaml:6:18"
    assert str(document.key_place(("models", 0))) == "f.yaml:5:5"


def test_what_is_not_there_has_the_place_of_what_would_hold_it() -> None:
    document = read(b"service:\n  id: x\n", "f.yaml")
    assert str(document.place(("service", "name", 3))) == "f.yaml:2:3"
    assert str(document.key_place(("service", "name"))) == "f.yaml:2:3"
    assert str(document.key_place(("nowhere", "name"))) == "f.yaml:1:1"
    assert str(document.key_place(())) == "f.yaml:1:1"


def test_a_fault_knows_how_wide_its_caret_is() -> None:
    document = read(b"hosting: on-prem\n", "f.yaml")
    assert document.fault("m", ("hosting",), mend="x").width == 7
    assert document.fault("m", ("hosting",), mend="x", key=True).width == 7


def test_an_alias_stands_for_its_anchor() -> None:
    document = read(b"a: &x {b: 1}\nc: *x\n", "f.yaml")
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert str(document.place(("c", "b"))) == "f.yaml:1:11"


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    assert read(b"\xef\xbb\xbfa: 1", "f.yaml").value == {"a": 1}


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"", "f.yaml", "the file is empty"),
        (b"# nothing\n\n", "f.yaml", "the file is empty"),
        (b"---\n", "f.yaml", "the file is empty"),
        (b"\xff\xfea\0", "f.yaml", "the file is UTF-16"),
        (b"a: 1\nb: \xe9", "f.yaml:2:4", "byte 8 (0xe9) is not UTF-8"),
        ("é: 1\nb: é".encode()[:-1], "f.yaml:2:4", "byte 9 (0xc3) is not UTF-8"),
        (b"a: 1\nb: \0", "f.yaml:2", "the file is not text: byte 8 is NUL"),
        (b"a: 1\nb: \x07", "f.yaml:2:4", "the control character `\\x07` stands in the file"),
        (b"a:\n\tb: 1", "f.yaml:2:1", "a tab indents this line"),
        (b"a: 1\n\tb: 2", "f.yaml:2:1", "a tab indents this line"),
        (b"a:\n  b: 1\n \tc: 2", "f.yaml:3:2", "a tab indents this line"),
        (b"a: b: c", "f.yaml:1:5", "a second `: ` stands here where a value goes on"),
        (b"a: 1\n  b: 2", "f.yaml:2:3", "this key stands inside of the value above it"),
        (b"a: [1, 2\nb: 3", "f.yaml:2:2", "a list (`[`) at line 1 is not closed before this"),
        (b"a: {x: 1\n", "f.yaml:2:1", "a block (`{`) at line 1 is not closed before this"),
        (b"a:\n  b: 1\n c: 2", "f.yaml:3:2", "this line fits in no block"),
        (b"a: @x", "f.yaml:1:4", "`@` cannot begin a text"),
        (b'a: "x', "f.yaml:1:4", "a quote is opened here and never closed"),
        (b"a: *", "f.yaml:1:4", "`*` and `&` cannot begin a text"),
        (b"a: *x", "f.yaml:1:4", "no anchor `&x` stands before `*x`"),
        (b"a: &x [*x]", "f.yaml:1:8", "`*x` stands inside of what it stands for"),
        (b"a: !x!y z", "f.yaml:1:4", "a `!` begins a tag that is not known here"),
        (b"a: !Foo x", "f.yaml:1:4", "the tag `!Foo` is not known here"),
        (b"!!python/object:os.system [ls]", "f.yaml:1:1", "the tag `!!python/object:os.system` is not known here"),
        (b"a: !!timestamp 2026-01-01", "f.yaml:1:4", "the tag `!!timestamp` is not known here"),
        (b"a: !!int x", "f.yaml:1:4", "`x` is none of `!!int`"),
        (b"a: !!set {x}", "f.yaml:1:4", "the tag `!!set` is not known here"),
        (b"a:\n  <<: {b: 1}", "f.yaml:2:3", "a merge key (`<<`) stands here"),
        (b"1: x", "f.yaml:1:1", "a key must be a text, and `1` is none"),
        (b"true: x", "f.yaml:1:1", "a key must be a text, and `true` is none"),
        (b"? [a]\n: x", "f.yaml:1:3", "a key must be a text, and a list or a block is none"),
        (b"a: 1\n---\nb: 1", "f.yaml:2:1", "a second document begins here; one is wanted"),
        (b"a: " + b"9" * 5000, "f.yaml:1:4", "a number of 5000 digits"),
        (b'a: "\\q"', "f.yaml:1:5", "a `\\` in double quotes begins an escape that does not exist"),
        (b"%YAML 3.0\n---\na", "f.yaml:1:1", "a directive (`%…`) that is not known"),
        (b"  a: 1\nb: 2", "f.yaml:2:1", "more stands here after the document's end"),
    ],
)
def test_a_broken_file_is_refused_at_its_line_and_column(content: bytes, place: str, message: str) -> None:
    assert refused(content)[0] == (place, message)


def test_all_duplicate_keys_are_told_at_once() -> None:
    assert refused("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n  c: 3\n") == [
        ("f.yaml:2:1", "`a` is said twice; first at line 1"),
        ("f.yaml:5:3", "`c` is said twice; first at line 4"),
        ("f.yaml:6:3", "`c` is said twice; first at line 4"),
    ]


def test_not_more_than_fifty_faults_are_told() -> None:
    assert len(refused("a: 1\n" * 1000)) == yaml_places.MOST_FAULTS


def test_a_file_over_the_limit_is_refused() -> None:
    assert refused(b"a" * 1_000_001) == [("f.yaml", "1,000,001 bytes are more than the 1,000,000 that are read")]


def test_a_billion_laughs_are_refused_at_once() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 60)
    )
    start = time.perf_counter()
    assert refused(bomb)[0][1] == "aliases stand for more than 10,000 values"
    assert time.perf_counter() - start < 0.5


def test_aliases_cannot_nest_deeper_than_the_text_may() -> None:
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 90))
    assert "nests more than 64 deep" in refused(chain)[0][1]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_deep_nesting_is_refused_and_never_recurses(opening: str) -> None:
    start = time.perf_counter()
    assert refused(opening * (900_000 // len(opening)))[0][1] == "nested more than 64 deep"
    assert time.perf_counter() - start < 1


def test_the_deepest_that_is_allowed_is_read() -> None:
    assert value("[" * DEEPEST + "]" * DEEPEST)


def test_files_of_others_may_have_any_key_and_merge() -> None:
    text = b"x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n1: p\non: q\ntrue: r\n"
    (document,) = read_all(text, "f.yaml", any_keys=True)
    assert document.value == {"x": {"a": 1, "b": 2}, "y": {"b": 3, "a": 1}, "1": "p", "on": "q", "true": "r"}
    assert str(document.place(("y", "a"))) == "f.yaml:1:11"


def test_a_merge_of_no_block_is_refused() -> None:
    assert refused("a: &a [1]\nb:\n  <<: *a", any_keys=True)[0][1] == "`<<` merges blocks, and this is none"


def test_every_document_that_says_something_is_read() -> None:
    documents = read_all(b"---\na: 1\n---\n---\n# no\n---\n- b\n...\n", "f.yaml")
    assert [d.value for d in documents] == [{"a": 1}, ["b"]]
    assert str(documents[1].place((0,))) == "f.yaml:7:3"
    assert read_all(b"", "f.yaml") == ()


def test_an_anchor_of_one_document_is_unknown_in_the_next() -> None:
    with pytest.raises(ManifestError, match="no anchor"):
        read_all(b"a: &x 1\n---\nb: *x\n", "f.yaml")


def test_ten_lines_are_read_in_a_millisecond() -> None:
    text = b"service:\n" + b"".join(b"  k%d: value\n" % i for i in range(10))
    read(text, "f.yaml")
    best = min(_seconds(text) for _ in range(20))
    assert best < 0.002


def _seconds(text: bytes) -> float:
    start = time.perf_counter()
    read(text, "f.yaml")
    return time.perf_counter() - start


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_place(content: bytes) -> None:
    read_or_refused(content)


PIECES = [
    "a",
    "b: ",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&x ",
    "*x ",
    "!t ",
    "!!int ",
    "? ",
    "'",
    '"',
]
PIECES += [
    "|\n",
    ">-\n",
    "#",
    "%",
    "@",
    "\\",
    "---\n",
    "...\n",
    "<<: ",
    "1",
    "true",
    "~",
    "é",
    "\u2028",
    "\x85",
    "\r",
    "\x07",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.booleans())
def test_any_yamlish_text_is_read_or_refused_with_a_place(pieces: list[str], any_keys: bool) -> None:
    read_or_refused("".join(pieces).encode(), any_keys=any_keys)


def read_or_refused(content: bytes, *, any_keys: bool = False) -> None:
    refusal: ManifestError | None = None
    documents: tuple[Document, ...] = ()
    try:
        documents = read_all(content, "f.yaml", any_keys=any_keys)
    except ManifestError as why:
        refusal = why
    for fault in refusal.faults if refusal else ():
        assert fault.message
        assert fault.mend
        assert fault.place is not None
        assert refusal is None or not refusal.lines or fault.place.line <= len(refusal.lines)
    for document in documents:
        every_place(document, document.value, ())


def every_place(document: Document, inner: object, steps: tuple[str | int, ...]) -> None:
    place = document.place(steps)
    assert 1 <= place.line <= len(document.lines)
    assert 1 <= place.column <= len(document.lines[place.line - 1]) + 1
    if isinstance(inner, dict):
        for key, one in inner.items():
            assert isinstance(key, str)
            every_place(document, one, (*steps, key))
    elif isinstance(inner, list):
        for index, one in enumerate(inner):
            every_place(document, one, (*steps, index))


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN.filter(lambda v: v is not None))
def test_what_pyyaml_writes_is_read_back(plain: object) -> None:
    written = yaml.safe_dump(plain, default_style='"')
    assert same(read(written.encode(), "f.yaml").value, plain)


def same(one: object, other: object) -> bool:
    if isinstance(other, dict):
        return isinstance(one, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in other)
    if isinstance(other, list):
        return isinstance(one, list) and len(one) == len(other) and all(map(same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)
