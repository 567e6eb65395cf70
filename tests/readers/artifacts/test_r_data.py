import bz2
import gzip
import lzma
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.artifacts.building import looked, rules, verdict

NIL = struct.pack(">I", 254)
UNBOUND = struct.pack(">I", 252)
GLOBAL = struct.pack(">I", 253)


def word(value: int) -> bytes:
    return struct.pack(">i", value)


def text(value: str) -> bytes:
    return word(9 | 0x40000) + word(len(value)) + value.encode()


def symbol(name: str) -> bytes:
    return word(1) + text(name)


def texts(*values: str) -> bytes:
    return word(16) + word(len(values)) + b"".join(text(v) for v in values)


def call(name: str, *arguments: bytes) -> bytes:
    return word(6) + symbol(name) + b"".join(word(2) + a for a in arguments) + NIL


def promise(expression: bytes, value: bytes = UNBOUND) -> bytes:
    return word(5 | 0x400) + GLOBAL + value + expression


def listed(*items: bytes) -> bytes:
    return word(19) + word(len(items)) + b"".join(items)


def environment(*bindings: tuple[str, bytes], flags: int = 0) -> bytes:
    frame = b"".join(word(2 | 0x400 | flags << 12) + symbol(name) + value for name, value in bindings) + NIL
    return word(4) + word(0) + word(242) + frame + NIL + NIL


def closure(body: bytes) -> bytes:
    return word(3 | 0x400) + GLOBAL + NIL + body


def rds(item: bytes, version: int = 3) -> bytes:
    native = word(5) + b"UTF-8" if version == 3 else b""
    return b"X\n" + word(version) + word(0x40301) + word(0x30500) + native + item


def workspace(*bindings: tuple[str, bytes]) -> bytes:
    told = b"".join(word(2 | 0x400) + symbol(name) + value for name, value in bindings)
    return b"RDX3\n" + rds(told + NIL)


FORMULA = call("~", symbol("y"), symbol("x"))
MODEL = listed(word(14) + word(2) + bytes(16), FORMULA, call("lm", FORMULA), environment(("x", texts("system"))))
EVIL = call("system", texts("touch me"))


def test_data_formulas_calls_functions_and_forced_promises_are_clean() -> None:
    for item in (MODEL, closure(EVIL), environment(("f", closure(EVIL))), promise(FORMULA, texts("done"))):
        assert verdict(rds(item)) == "clean"
        assert verdict(rds(item, version=2)) == "clean"
    assert verdict(workspace(("model", MODEL), ("predict", closure(FORMULA)))) == "clean"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_a_promise_that_waits_to_be_looked_at_is_malicious(pack) -> None:  # type: ignore[no-untyped-def]
    for content in (
        rds(promise(EVIL)),
        rds(listed(MODEL, promise(call("identity", symbol("x"))))),
        workspace(("a", texts("b")), ("model", promise(EVIL))),
    ):
        assert looked(pack(content), "x").format.name == "rds"
        assert "rdata.promise" in rules(pack(content))
        assert verdict(pack(content)) == "malicious"


def test_an_argument_that_was_never_looked_at_is_ordinary_unless_it_reaches_out() -> None:
    assert verdict(rds(environment(("x", promise(call("c", symbol("a"))))))) == "clean"
    assert verdict(rds(environment(("x", promise(call("eval", symbol("a"))))))) == "suspicious"


def test_a_workspace_that_takes_over_the_session_is_malicious() -> None:
    assert rules(workspace((".First", closure(FORMULA)))) == {"rdata.hook"}
    assert rules(workspace(("<-", closure(FORMULA)))) == {"rdata.hook"}
    assert verdict(workspace(("c", texts("x")))) == "clean"


def test_active_bindings_and_calls_of_programs_are_told() -> None:
    assert rules(rds(environment(("x", closure(FORMULA)), flags=1 << 15))) == {"rdata.active"}
    assert rules(rds(listed(EVIL))) == {"rdata.call"}


def test_the_text_and_native_formats_are_read() -> None:
    def number(value: int) -> bytes:
        return struct.pack("<i", value)

    told = number(5 | 0x400) + number(253) + number(252) + number(6) + number(1) + number(9) + number(1) + b"f"
    assert verdict(b"B\n" + number(2) + number(1) + number(1) + told + number(254)) == "malicious"
    lines = [2, 1, 1, 5 | 0x400, 253, 252, 6, 1, 9, 1, "f", 254]
    assert verdict(b"A\n" + "".join(f"{line}\n" for line in lines).encode()) == "malicious"


def test_what_breaks_off_is_an_error() -> None:
    assert verdict(rds(MODEL)[:-9]) == "error"
    assert verdict(rds(word(16) + word(2**30))) == "error"
    deep = NIL
    for _ in range(3000):
        deep = word(19) + word(1) + deep
    assert verdict(rds(deep)) == "error"


@settings(deadline=None, max_examples=250)
@given(at=st.integers(0, 300), noise=st.binary(max_size=12))
def test_damaged_data_end_in_a_verdict(at: int, noise: bytes) -> None:
    seed = workspace(("a", MODEL), ("b", promise(EVIL)), ("c", closure(word(21) + word(1) + word(13) + word(0))))
    looked(seed[:at] + noise + seed[at + len(noise) :])
