import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.artifacts.building import looked, rules, verdict


def key(name: str) -> bytes:
    return b"U" + bytes([len(name)]) + name.encode()


def learner(value: bytes) -> bytes:
    return b"{" + b"L" + (7).to_bytes(8, "big") + b"learner" + b"{" + key("x") + value + b"}}"


TREE = b"[$d#U\x02" + bytes(8)


def test_plain_models_are_clean() -> None:
    assert verdict(json.dumps({"learner": {"attributes": {}}}).encode()) == "clean"
    for value in (
        TREE,
        b"S" + key("text"),
        b"[i\x01SU\x01aTF]",
        b"{$U#U\x01U\x01a\x05",
        b"[#U\x02Ti\x01",
        b"D" + bytes(8),
    ):
        found = looked(learner(value))
        assert (found.format.name, found.verdict) == ("xgboost_ubj", "clean")
    assert verdict(b"tree\nversion=v4\ntree_sizes=10 10\n\nTree=0\nleaf_value=1\nTree=1\n\nend of trees\n") == "clean"
    assert verdict(b"CBM1" + (8).to_bytes(4, "little") + bytes(16)) == "clean"


def test_counts_that_are_not_so_are_told() -> None:
    assert rules(learner(b"[$d#l\x7f\xff\xff\xff")) == {"xgboost.header"}
    assert rules(learner(b"SL" + b"\x7f" * 8)) == {"xgboost.header"}
    assert rules(learner(b"[$d]")) == {"xgboost.header"}
    assert rules(learner(b"[" * 500)) == {"xgboost.header"}
    assert rules(learner(TREE) + b"more") == {"xgboost.header"}
    assert rules(b"CBM1" + (800).to_bytes(4, "little") + bytes(16)) == {"catboost.header"}
    assert rules(b"tree\nversion=v4\n\0\0\0") == {"lightgbm.header"}
    assert verdict(b'{"learner": {') == "error"


@settings(deadline=None, max_examples=200)
@given(at=st.integers(0, 60), noise=st.binary(max_size=12))
def test_damaged_models_end_in_a_verdict(at: int, noise: bytes) -> None:
    seed = learner(b"[" + TREE + b"SU\x01a]")
    looked(seed[:at] + noise + seed[at + len(noise) :])
