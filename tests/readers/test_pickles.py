"""The abstract pickle machine: what a pickle would do is seen, whatever it does to hide, and nothing is ever done."""

from __future__ import annotations

import array
import collections
import contextlib
import datetime
import decimal
import fractions
import io
import pathlib
import pickle
import pickletools
import struct
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.readers.pickles.opcodes import OPCODES
from safecase.readers.pickles.scan import Limits, PickleReport, scan, seems_pickle

TOUCH = b"X\x08\x00\x00\x00touch me\x85R"
"""The argument of a call, and the call."""

EVIL = b"cos\nsystem\n" + TOUCH
SOON = Limits(opcodes=50_000, memo=5_000, stack=5_000, text=1_000_000, streams=50, seconds=5.0, search=1_000_000)


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def verdict(content: bytes) -> str:
    return scan(content, limits=SOON).verdict


def rules(report: PickleReport) -> set[str]:
    return {problem.rule for problem in report.problems}


def test_every_opcode_that_python_knows_is_interpreted() -> None:
    known = {op.code.encode("latin-1") for op in pickletools.opcodes}
    assert known - set(OPCODES) == {b"."}
    assert set(OPCODES) <= known


# What ordinary objects look like


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, "ü", b"\x00\xff", -(2**80), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]},
        {
            "set": {1, 2},
            "frozen": frozenset({3}),
            "bytes": bytes(300),
            "bytearray": bytearray(b"abc"),
            "long": "x" * 5000,
        },
        collections.OrderedDict(a=1),
        collections.Counter("hello"),
        collections.defaultdict(list, a=[1]),
        collections.deque([1, 2], maxlen=5),
        datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        [datetime.date(2026, 1, 2), datetime.timedelta(1), datetime.time(1)],
        [decimal.Decimal("1.5"), fractions.Fraction(1, 3), 1 + 2j, uuid.UUID(int=5)],
        [pathlib.PurePosixPath("a/b"), range(5), slice(1, 2), type(None), array.array("d", [1.0])],
        ["os.system", "eval(x)", "cos\nsystem\n", "__reduce__", "\x80\x04cos\nsystem\n"],
        (ValueError("x"), iter([1, 2]), Ellipsis, NotImplemented),
    ],
)
def test_ordinary_values_are_clean_in_every_protocol(value: Any, protocol: int) -> None:
    if protocol < 2 and isinstance(value, dict) and "bytearray" in value:
        value = {k: v for k, v in value.items() if k != "frozen"}
    report = scan(pickle.dumps(value, protocol=protocol))
    assert (report.verdict, report.problems, report.complete, report.streams) == ("clean", (), True, 1)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner) | st.frozensets(st.integers())
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=150)
@given(value=plain, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_any_plain_value_is_clean_however_it_is_pickled(value: Any, protocol: int) -> None:
    content = pickle.dumps(value, protocol=protocol)
    assert scan(content).verdict == "clean"
    assert seems_pickle(content[:4096], len(content))


# What would be called


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch me'\ntR.",
        b"(S'touch me'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch me'\no.",
        b"\x80\x02cos\nsystem\n" + TOUCH + b".",
        b"\x80\x04" + text("os") + text("system") + b"\x93" + TOUCH + b".",
        b"\x80\x04" + text("subprocess") + text("Popen") + b"\x93" + text("x") + b"\x85\x81.",
        b"\x80\x04" + text("subprocess") + text("Popen") + b"\x93" + text("x") + b"\x85}\x92.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"ccommands\ngetoutput\n(S'1'\ntR.",
        b"Vo\\u0073\np0\n0\x8c\x01xg0\n" + text("system") + b"\x93" + TOUCH + b".",
        b"\x80\x04" + text("joblib.numpy_pickle") + text("os.system") + b"\x93" + TOUCH + b".",
        b"\x80\x04" + text("sklearn.base") + text("BaseEstimator.__init__.__globals__") + b"\x93.",
        b"\x80\x04cnumpy.testing._private.utils\nrunstring\n" + text("x") + b"\x85R.",
        b"\x80\x04csklearn.utils.parallel\nParallel\n)R.",
        b"\x80\x04cfunctools\nreduce\n)R.",
    ],
)
def test_a_call_that_can_do_harm_is_malicious_by_every_opcode(content: bytes) -> None:
    assert verdict(content) == "malicious"


def test_the_message_tells_what_would_be_called_and_where() -> None:
    (problem,) = scan(b"\x80\x04" + EVIL + b".").problems
    assert (problem.rule, problem.key, problem.severity) == ("pickle.call", "os.system", "critical")
    assert problem.message == "it would call os.system('touch me')"
    assert problem.offset == 2 + len(EVIL) - 1


def test_what_a_terminal_would_act_upon_is_escaped_in_messages() -> None:
    report = scan(b"c\x1b[31mmod\nname\n\x8c\x05\x1b]0;a\x85R.")
    assert report.problems
    assert not any("\x1b" in problem.message + problem.key.replace("\x1b", "") for problem in report.problems)


def test_a_class_of_the_project_is_suspicious_until_it_is_listed() -> None:
    content = b"\x80\x04cshop.features\nScaler\n)\x81}b."
    assert scan(content).verdict == "suspicious"
    assert scan(content, allow=frozenset({"shop.features.Scaler"})).verdict == "clean"


def test_a_list_of_the_users_own_never_allows_what_does_harm() -> None:
    assert scan(b"\x80\x04" + EVIL + b".", allow=frozenset({"os.system", "posix.system"})).verdict == "malicious"


def test_a_name_that_is_only_imported_is_told_too() -> None:
    assert verdict(b"\x80\x04cshop\nScaler\n.") == "suspicious"
    assert verdict(b"\x80\x04cos\nsystem\n.") == "malicious"
    assert verdict(b"\x80\x04cstatistics\nmean\n.") == "suspicious"
    assert verdict(b"\x80\x04ccollections\nOrderedDict\n.") == "clean"


# Calls without a call


def test_setting_attributes_of_a_module_or_class_is_malicious() -> None:
    report = scan(b"\x80\x04ccollections\nOrderedDict\nN}" + text("keys") + b"I1\ns\x86b.")
    assert "pickle.sets-attribute" in rules(report)
    assert report.verdict == "malicious"


def test_a_planted_setstate_is_malicious() -> None:
    planted = b"\x80\x04ctypes\nSimpleNamespace\n)R}" + text("__setstate__") + b"cshop\nrun\nsb" + text("x") + b"b."
    assert "pickle.planted-method" in rules(scan(planted))


@pytest.mark.parametrize("step", [text("x") + b"a", b"(" + text("x") + b"e", text("k") + text("v") + b"s", b"(Ne"])
def test_changing_a_list_of_the_interpreter_is_malicious(step: bytes) -> None:
    assert verdict(b"\x80\x04csys\npath\n" + step + b".") == "malicious"


# Tricks with stack, memo and registry


def test_a_name_made_of_memo_entries_that_shift_is_followed() -> None:
    shifted = text("os") + b"q\x050" + text("system") + b"\x940" + b"h\x05h\x01\x93" + TOUCH + b"."
    assert verdict(b"\x80\x04" + shifted) == "malicious"


def test_a_call_that_is_dropped_from_the_stack_was_made_all_the_same() -> None:
    assert verdict(b"\x80\x04" + EVIL + b"0N.") == "malicious"
    assert verdict(b"\x80\x04(" + EVIL + b"1N.") == "malicious"


def test_a_callable_that_is_duplicated_is_followed() -> None:
    assert verdict(b"\x80\x04cos\nsystem\n20" + TOUCH + b".") == "malicious"


def test_an_extension_code_that_the_pickle_registers_is_resolved() -> None:
    register = b"ccopyreg\nadd_extension\n" + text("os") + text("system") + b"K\x2a\x87R0"
    report = scan(b"\x80\x04" + register + b"\x82\x2a" + TOUCH + b".")
    assert any(p.key == "os.system" and p.says == "malicious" for p in report.problems)


def test_an_extension_code_that_nobody_registered_is_suspicious() -> None:
    assert verdict(b"\x80\x02\x83\x01\x02.") == "suspicious"


def test_a_computed_name_is_malicious() -> None:
    assert (
        verdict(b"\x80\x04ccodecs\ndecode\n" + text("bf") + text("rot13") + b"\x86R" + text("system") + b"\x93.")
        == "malicious"
    )


def test_a_frame_that_ends_within_an_opcode_is_malicious() -> None:
    # A file that is loaded by C: the text is cut short, its rest is read as opcodes.
    content = b"\x80\x04\x95" + struct.pack("<Q", 3) + b"U\x02os.(ios\nsystem\n."
    assert "pickle.frame" in rules(scan(content))
    within = b"\x80\x04\x95" + struct.pack("<Q", 30) + b"\x95" + struct.pack("<Q", 3) + b"N." + bytes(30)
    assert verdict(within) == "malicious"


@pytest.mark.parametrize("number", [b"I010\n", b"I1\0x\n", b"F1\0x\n", b"L5\0xL\n", b"Np1\0x\n0g1\n"])
def test_numbers_that_only_c_can_read_stop_nobody(number: bytes) -> None:
    assert verdict(number + EVIL + b".") == "malicious"


def test_escapes_of_a_string_are_those_of_python() -> None:
    for raw in (rb"o\163", rb"\x6fs", rb"o\x73"):
        assert scan(b"S'" + raw + b"'\nS'sys\\164em'\n\x93.").globals == ("os.system",)


def test_a_frame_is_not_believed() -> None:
    assert verdict(b"\x80\x04\x95" + struct.pack("<Q", 2) + EVIL + b".") == "malicious"
    assert verdict(b"\x80\x04\x95" + struct.pack("<Q", 2**63) + EVIL + b".") == "malicious"


# Breaks, streams, pickles within pickles


@pytest.mark.parametrize("tail", [b"", b"\xff", b"\x00" * 8, b"X\xff\xff\xff\x7f", b"(((", b"h\x99", b"R"])
def test_what_a_stream_does_before_it_breaks_is_seen(tail: bytes) -> None:
    report = scan(b"\x80\x04" + EVIL + tail)
    assert report.verdict == "malicious"
    assert "pickle.broken" in rules(report)


def test_a_harmless_stream_that_breaks_is_an_error_and_no_pass() -> None:
    assert verdict(b"\x80\x04]\x94(K\x01") == "error"


def test_a_second_stream_is_followed() -> None:
    first = pickle.dumps({"weights": [0.1]}, protocol=4)
    assert verdict(first + b"\x80\x04" + EVIL + b".") == "malicious"
    assert verdict(first + EVIL + b".") == "malicious"
    assert verdict(first + b"some bytes between" + b"\x80\x04" + EVIL + b".") == "malicious"
    assert scan(first * 5).streams == 5


def test_a_pickle_within_bytes_is_followed() -> None:
    for loads in (b"cpickle\nloads\n", b"c_pickle\nloads\n", b"ctorch.storage\n_load_from_bytes\n"):
        inner = b"\x80\x04" + EVIL + b"."
        report = scan(b"\x80\x04" + loads + b"C" + bytes([len(inner)]) + inner + b"\x85R.")
        assert any(p.key == "os.system" and "@" in p.member for p in report.problems)


def test_a_pickle_within_a_latin1_text_is_followed() -> None:
    inner = (b"\x80\x02" + EVIL + b".").decode("latin-1").encode()
    encode = b"c_codecs\nencode\nX" + struct.pack("<I", len(inner)) + inner + text("latin1") + b"\x86R"
    assert any(
        p.key == "os.system" for p in scan(b"\x80\x02ctorch.storage\n_load_from_bytes\n" + encode + b"\x85R.").problems
    )


def test_a_harmless_storage_within_bytes_is_clean() -> None:
    inner = pickle.dumps(list(range(2000)), protocol=2)
    content = b"\x80\x02ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R."
    assert verdict(content) == "clean"


def test_pickles_nested_without_end_are_not_judged_and_never_pass() -> None:
    inner = b"\x80\x04N."
    for _ in range(10):
        inner = b"\x80\x04ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R."
    report = scan(inner)
    assert report.verdict == "error"
    assert not report.complete


# Argument rules


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"cfunctools\npartial\ncos\nsystem\n\x85R.", "malicious"),
        (b"cbuiltins\ngetattr\ncbuiltins\n__import__\n" + text("x") + b"\x86R.", "malicious"),
        (b"cbuiltins\ngetattr\n.", "suspicious"),
        (b"coperator\nattrgetter\n" + text("__class__.__base__") + b"\x85R.", "malicious"),
        (b"coperator\nitemgetter\nK\x01\x85R.", "clean"),
        (b"coperator\nmethodcaller\n" + text("system") + b"\x85R.", "malicious"),
        (b"ccopyreg\n_reconstructor\ncos\nPathLike\ncbuiltins\nobject\nN\x87R.", "malicious"),
        (b"ccopyreg\n__newobj__\ncsubprocess\nPopen\n" + text("x") + b"\x86R.", "malicious"),
        (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R.", "clean"),
        (b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R.", "clean"),
        (b"cnumpy.core.multiarray\n_reconstruct\ncos\nsystem\nK\x00\x85C\x01b\x87R.", "malicious"),
        (b"c_codecs\nencode\n" + text("x") + text("rot13") + b"\x86R.", "suspicious"),
        (b"cbuiltins\niter\ncshop\nf\nN\x86R.", "malicious"),
        (b"cbuiltins\ntype\n" + text("X") + b")}\x87R.", "malicious"),
        (b"cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R.", "suspicious"),
        (b"csklearn.linear_model._logistic\nLogisticRegression\n)\x81}b.", "clean"),
        (b"csklearn.datasets._base\nload_files\n)R.", "malicious"),
        (b"ctorch\nload\n" + text("x") + b"\x85R.", "malicious"),
    ],
)
def test_callables_with_an_argument_rule(content: bytes, expected: str) -> None:
    assert verdict(b"\x80\x04" + content) == expected


def test_a_persistent_storage_and_a_tensor_of_it_are_clean() -> None:
    storage = b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n"
        + storage
        + b"K\x00K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR."
    )
    assert verdict(b"\x80\x02" + tensor) == "clean"


# Arrays that joblib writes raw into the stream


def _joblib_array(dtype: str, shape: tuple[int, ...], raw: bytes, padding: bytes = b"\x00") -> bytes:
    wrapper = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
    state = text("shape") + b"(" + b"".join(b"J" + struct.pack("<i", n) for n in shape) + b"t"
    state += text("dtype") + b"cnumpy\ndtype\n" + text(dtype) + b"\x89\x88\x87R"
    return wrapper + state + text("numpy_array_alignment_bytes") + b"K\x10ub" + padding + raw


def test_raw_array_bytes_are_passed_over() -> None:
    array_bytes = b"\x80\x04cos\nsys"[:8] * 4
    content = b"\x80\x04](" + _joblib_array("f8", (2, 2), array_bytes) + b"K\x01e."
    report = scan(content)
    assert (report.verdict, report.streams) == ("clean", 1)


def test_a_frame_before_raw_array_bytes_ends_with_the_opcode_before_them() -> None:
    wrapper = b"](" + _joblib_array("f4", (3,), b"", padding=b"")
    framed = b"\x80\x04\x95" + struct.pack("<Q", len(wrapper)) + wrapper + b"\x00" + bytes(12) + b"e."
    assert verdict(framed) == "clean"
    longer = b"\x80\x04\x95" + struct.pack("<Q", len(wrapper) + 4) + wrapper + b"\x00" + bytes(12) + b"e."
    assert verdict(longer) == "suspicious"


def test_opcodes_in_raw_array_bytes_are_seen_since_pickle_itself_runs_them() -> None:
    hidden = (EVIL + b".").ljust(64, b"\0")
    report = scan(b"\x80\x04](" + _joblib_array("f8", (8,), hidden, padding=b"") + b"e.")
    assert report.verdict == "malicious"


def test_what_follows_raw_array_bytes_is_followed() -> None:
    assert verdict(b"\x80\x04](" + _joblib_array("f4", (3,), bytes(12)) + EVIL + b"e.") == "malicious"


def test_an_array_of_objects_is_a_pickle_in_the_middle() -> None:
    assert (
        verdict(b"\x80\x04](" + _joblib_array("O", (1,), b"\x80\x04" + EVIL + b".", padding=b"") + b"e.") == "malicious"
    )


# Limits


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04" + b"N" * 60_000 + b".",
        b"\x80\x04" + b"(" * 60_000 + b".",
        b"\x80\x04" + b"N\x94" * 20_000 + b".",
        b"\x80\x04N" + b"2" * 20_000 + b".",
    ],
)
def test_a_limit_that_is_reached_is_never_a_pass(content: bytes) -> None:
    report = scan(content, limits=SOON)
    assert report.verdict == "error"
    assert not report.complete


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04X\xff\xff\xff\xff.",
        b"\x80\x04\x8d" + b"\xff" * 8 + b".",
        b"\x80\x04\x8b\xff\xff\xff\x7f.",
        b"\x80\x04Nr\xff\xff\xff\xff.",
        b"I" + b"9" * 5000 + b"\n.",
        b"L" + b"9" * 100_000 + b"L\n.",
        b"\x80\x04" + b"N" + b"\x85" * 40_000 + b".",
        b"\x80\x04)" + b"2\x86" * 5_000 + b"cx\ny\n" + b"\x86R.",
    ],
)
def test_bombs_end_soon(content: bytes) -> None:
    began = time.process_time()
    scan(content, limits=SOON)
    assert time.process_time() - began < 2


def test_an_index_that_fills_the_memory_of_a_loader_is_told() -> None:
    assert rules(scan(b"\x80\x04Nr\xff\xff\xff\xff.")) == {"pickle.bomb"}


def test_a_long_text_stays_where_it_is() -> None:
    content = pickle.dumps(["x" * 5_000_000, b"y" * 5_000_000], protocol=4)
    report = scan(io.BytesIO(content), limits=Limits(text=1000))
    assert report.verdict == "clean"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_random_bytes_never_raise(content: bytes) -> None:
    scan(content, limits=SOON)
    seems_pickle(content)


opcodes = st.lists(
    st.sampled_from(
        [*OPCODES, b".", b"\x80\x04", b"cos\nsystem\n", b"\x8c\x01a", b"K\x01", b"\x8c\x08builtins", b"q\x00", b"h\x00"]
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=300)
@given(opcodes)
def test_random_opcodes_never_raise(parts: list[bytes]) -> None:
    scan(b"".join(parts) + bytes(8), limits=SOON)


@settings(deadline=None, max_examples=150)
@given(noise=st.binary(max_size=200), before=plain)
def test_a_payload_is_seen_whatever_stands_before_and_behind_it(noise: bytes, before: Any) -> None:
    content = pickle.dumps(before, protocol=4) + b"\x80\x04" + EVIL + b"0N." + noise
    assert scan(content, limits=SOON).verdict == "malicious"


class Anything:
    """What the real unpickler gets for every name: it takes whatever is done to it."""

    def __init__(self, *args: Any) -> None: ...
    def __call__(self, *args: Any) -> Anything:
        return Anything()

    def __setstate__(self, state: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __hash__(self) -> int:
        return 1

    append = extend = add = __init__


class Watched(pickle.Unpickler):
    """Python's own unpickler, which imports nothing here and remembers what it would have imported."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self.named: list[str] = []

    def find_class(self, module: str, name: str) -> Any:
        self.named.append(f"{module}.{name}")
        return Anything

    def persistent_load(self, pid: Any) -> Any:
        return Anything()


# No opcode here carries a large length or index: read out of step, it would have Python's unpickler fill the memory.
STEPS = (
    b"cos\nsystem\n", b"(ios\nsystem\n", text("os"), text("system"), b"U\x02os", b"Vsys\\u0074em\n", b"S'o\\x73'\n",
    b"\x93", b"\x93", b")", b"R", b"(", b"t", b"\x85", b"\x86", b"\x87", b"q\x00", b"q\x01", b"h\x00", b"h\x01",
    b"\x94", b"p5\n", b"g5\n", b"0", b"1", b"2", b"N", b"K\x01", b"}", b"]", b"a", b"e", b"s", b"u", b"\x81", b"b",
    b"I01\n", b"I012\n", b"I3\0z\n", b"L12L\n", b"F1.5\n", b"\x8f", b"\x90", b"\x91", b"d", b"l", b"o",
    b"\x95\x04" + bytes(7), b"\x8a\x01\xff", b"G" + bytes(8), b"Pabc\n", b"Q", b".", b"\x80\x02",
)  # fmt: skip
steps = st.lists(st.sampled_from(STEPS), max_size=25)


@settings(deadline=None, max_examples=400)
@given(steps)
def test_whatever_python_would_import_was_seen(parts: list[bytes]) -> None:
    content = b"\x80\x04" + b"".join(parts) + b"." + bytes(40)
    watched = Watched(content)
    with contextlib.suppress(Exception):
        watched.load()
    report = scan(content, limits=SOON)
    if not rules(report) & {"pickle.frame", "pickle.computed-name"}:
        assert set(watched.named) - set(report.globals) <= {"os.os", "system.os", "system.system"}


def test_nothing_that_is_looked_at_is_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Payload:
        def __reduce__(self) -> Any:
            return (exec, (f"open({str(canary)!r}, 'w').close()",))

    for protocol in range(6):
        content = pickle.dumps({"x": Payload()}, protocol=protocol)
        assert scan(content).verdict == "malicious"
    assert not canary.exists()


# Bombs, and what belongs to the running program


def called(module: str, name: str, *args: bytes) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode() + b"(" + b"".join(args) + b"tR"


@pytest.mark.parametrize(
    "body",
    [
        called("builtins", "list", called("itertools", "count")),
        called("builtins", "tuple", called("itertools", "cycle", b"(I1\nl")),
        called("collections", "deque", called("itertools", "repeat", b"I1\n")),
        called("builtins", "set", called("builtins", "range", b"I999999999999\n")),
        called("builtins", "list", called("builtins", "enumerate", called("itertools", "count"))),
        called("builtins", "list", called("builtins", "zip", *2 * [called("itertools", "count")])),
        called("builtins", "list", called("ipaddress", "IPv4Network", b"V0.0.0.0/0\n")),
        called("fractions", "Fraction", b"V1e999999999\n"),
        b"(" + 3 * (called("builtins", "bytes", b"I900000000\n")) + b"t",
        b"(" + b"(I1\ntp0\n0" + b"".join(b"(g0\ng0\ntp0\n0" for _ in range(90)) + b"g0\nI1\nd",
        b"(" + b"".join(b"I%d\nN" % (k * (2**61 - 1)) for k in range(1, 2100)) + b"d",
    ],
)
def test_what_never_ends_or_fills_the_memory_is_told(body: bytes) -> None:
    report = scan(body + b".")
    assert "pickle.bomb" in {p.rule for p in report.problems}, report.problems


@pytest.mark.parametrize(
    "body",
    [
        called("builtins", "list", called("builtins", "range", b"I1000\n")),
        called("itertools", "count", b"I1\n"),
        called("collections", "deque", called("itertools", "repeat", b"I1\n", b"I5\n")),
        called("builtins", "list", called("builtins", "zip", called("itertools", "count"), b"(I1\nl")),
        called("fractions", "Fraction", b"V1e10\n"),
        called("fractions", "Fraction", b"V1/3\n"),
        called("builtins", "bytes", b"I900\n"),
        b"(" + b"".join(b"I%d\n(I1\nI2\nt" % k for k in range(3000)) + b"l",
        b"(" + b"".join(b"(I%d\nI2\ntN" % k for k in range(3000)) + b"d",
    ],
)
def test_what_ends_is_clean(body: bytes) -> None:
    assert not scan(body + b".").problems


def test_what_belongs_to_the_running_program_may_be_named_and_not_changed() -> None:
    logger = called("logging", "getLogger", b"Vroot\n")
    assert verdict(logger + b".") == "clean"
    assert verdict(logger + b"(Vdisabled\nI01\ndb.") == "malicious"
    assert verdict(logger + b"Vdisabled\nI01\ns.") == "malicious"


@pytest.mark.parametrize("package", ["xgboost.core", "lightgbm.basic"])
def test_a_booster_is_made_empty_and_reads_no_file(package: str) -> None:
    assert verdict(called(package, "Booster") + b".") == "clean"
    assert verdict(called(package, "Booster", b"NNV/etc/passwd\n") + b".") == "suspicious"


def test_a_tensor_is_rebuilt_by_what_is_allowed_only() -> None:
    def rebuilt(module: str, name: str) -> bytes:
        function = b"c" + f"{module}\n{name}\n".encode()
        return called("torch._tensor", "_rebuild_from_type", function, b"ctorch\nTensor\n", b"(Va\nt", b"}") + b"."

    assert verdict(rebuilt("torch._utils", "_rebuild_tensor_v2")) == "clean"
    assert verdict(rebuilt("torch", "load")) == "malicious"
