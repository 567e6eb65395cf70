"""What archives carry besides numbers: programs, code of TorchScript, nodes of skops, sources of torch.package."""

from __future__ import annotations

import json
import marshal
import struct
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from safecase.readers.artifacts.programs import program_of
from tests.readers.archives.making import EVIL, GOOD, Part, looked, rules, zip_of
from tests.readers.archives.test_tar_members import tar_of

ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(60)
MACH_O = b"\xcf\xfa\xed\xfe\x07\0\0\x01" + bytes(56)
BYTECODE = MAGIC_NUMBER + bytes(12) + marshal.dumps(compile("1", "x", "exec"))
SCRIPT = b"#!/bin/sh\ntrue\n"
WASM = b"\0asm\x01\0\0\0" + bytes(9)
FAT = b"\xca\xfe\xba\xbe\0\0\0\x02" + bytes(60)
JAVA = b"\xca\xfe\xba\xbe\0\0\0\x3d" + bytes(60)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (ELF, "elf"), (PE, "pe"), (MACH_O, "mach_o"), (FAT, "mach_o"), (JAVA, "java"), (BYTECODE, "python"),
        (WASM, "wasm"), (SCRIPT, "script"), (b"#!/usr/bin/env python3\n", "script"), (b"MZqFpD='\n", "ape"),
    ],
)  # fmt: skip
def test_a_program_is_told_by_its_bytes(content: bytes, kind: str) -> None:
    found = program_of(content)
    assert found is not None
    assert found.kind == kind


def test_numbers_and_text_are_no_programs() -> None:
    for content in (b"", b"MZ", b"MZ" + bytes(100), b"\x7fELF", b"#! a heading", b"# text", GOOD, bytes(4096)):
        assert program_of(content) is None


@pytest.mark.parametrize("content", [ELF, PE, MACH_O, BYTECODE, SCRIPT, WASM])
def test_a_program_with_the_name_of_weights_is_malicious(content: bytes, tmp_path: Path) -> None:
    for name in ("model.safetensors", "pytorch_model.bin", "weights.pt"):
        assert looked(tmp_path, content, name).verdict == "malicious"
    inside = zip_of(Part("a/data.pkl", GOOD), Part("a/data/0.bin", content))
    assert "program.disguised" in rules(looked(tmp_path, inside))
    assert "program.disguised" in rules(looked(tmp_path, tar_of(("weights.bin", content)), "a.tar"))


def test_native_code_in_the_archive_of_a_model_is_suspicious(tmp_path: Path) -> None:
    for name, content in (("op.so", ELF), ("op.so.1", ELF), ("op.dll", PE), ("a/x.pyc", BYTECODE), ("a/0", ELF)):
        report = looked(tmp_path, zip_of(Part("a/data.pkl", GOOD), Part(name, content)))
        assert report.verdict == "suspicious"
    assert looked(tmp_path, ELF, "op.so").verdict == "suspicious"


def test_packages_bring_libraries_of_their_own(tmp_path: Path) -> None:
    wheel = (Part("x-1.dist-info/WHEEL", b"Wheel-Version: 1.0\n"), Part("x/_core.abi3.so", ELF))
    assert looked(tmp_path, zip_of(*wheel), "x-1-py3-none-any.whl").problems == ()
    more = (Part("x/a.pyc", BYTECODE), Part("x/bin/tool", ELF), Part("x.pth", b"import x.patch\n"))
    assert looked(tmp_path, zip_of(*wheel, *more), "x.whl").problems == ()
    hook = Part("x.pth", b"import base64; exec(base64.b64decode('eA=='))\n")
    assert "program.pth" in rules(looked(tmp_path, zip_of(*wheel, hook), "x.whl"))
    assert "program.pth" in rules(looked(tmp_path, zip_of(Part("x.pth", b"import os; os.getpid()\n")), "x.zip"))
    assert "program.disguised" in rules(looked(tmp_path, zip_of(*wheel, Part("x/model.bin", ELF)), "x.whl"))
    assert looked(tmp_path, zip_of(*wheel, Part("x.pth", b"/usr/lib/x\n")), "x.whl").problems == ()


def test_scripts_in_ordinary_archives_are_ordinary(tmp_path: Path) -> None:
    assert looked(tmp_path, zip_of(Part("run.sh", SCRIPT)), "a.zip").problems == ()
    assert looked(tmp_path, tar_of(("run.sh", SCRIPT)), "a.tar").problems == ()
    assert "program.script" in rules(looked(tmp_path, zip_of(Part("a/data.pkl", GOOD), Part("a/run", SCRIPT))))


# TorchScript


def script(code: str, **more: bytes) -> bytes:
    """Make a TorchScript archive with such code."""
    parts = [Part(f"net/{name}.pkl", GOOD) for name in ("data", "constants")]
    more_parts = [Part(f"net/{name}", content) for name, content in more.items()]
    return zip_of(*parts, Part("net/code/__torch__.py", code.encode()), *more_parts)


ORDINARY = """class Net(Module):
  __parameters__ = ["weight", ]
  weight : Tensor
  packed : __torch__.torch.classes.quantized.LinearPackedParamsBase
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    _0 = "this text says torch.save(x) and ops.evil.run(x)"
    # torch.from_file(x)
    y = torch.relu(ops.quantized.linear(x, self.packed, 1., 0))
    if torch.gt(torch.len(_0), 3):
      ops.prim.RaiseException("no")
    return ops.torchvision.nms(y, x, 0.5)
"""


def test_ordinary_torchscript_is_clean(tmp_path: Path) -> None:
    assert looked(tmp_path, script(ORDINARY)).problems == ()


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        ("torch.save(x, '/x')", "torchscript.file"),
        ("torch.from_file('/x', True, 5)", "torchscript.file"),
        ("ops.aten.from_file ('/x')", "torchscript.file"),
        ("ops.mine.run(x)", "torchscript.operator"),
        ("__torch__.torch.classes.mine.Runner()", "torchscript.class"),
    ],
)
def test_torchscript_that_reaches_outside_is_told(call: str, rule: str, tmp_path: Path) -> None:
    assert rules(looked(tmp_path, script(ORDINARY + f"    z = {call}\n"))) == {rule}


def test_operators_in_bytecode_are_judged_too(tmp_path: Path) -> None:
    def listed(name: bytes) -> bytes:
        return b"\x80\x02X" + len(name).to_bytes(4, "little") + name + b"."

    assert looked(tmp_path, script(ORDINARY, **{"bytecode.pkl": listed(b"aten::relu")})).problems == ()
    report = looked(tmp_path, script(ORDINARY, **{"bytecode.pkl": listed(b"aten::from_file")}))
    assert rules(report) == {"torchscript.file"}


# skops


def node(loader: str, module: str, name: str, **more: object) -> dict[str, object]:
    """Make a node."""
    return {"__loader__": loader, "__module__": module, "__class__": name, **more}


def skops(schema: object) -> bytes:
    """Make a skops file."""
    return zip_of(Part("schema.json", json.dumps(schema).encode()))


FOREST = ("sklearn.ensemble._forest", "RandomForestClassifier")
TEXT = node("JsonNode", "builtins", "str", content='"PCG64"')


@pytest.mark.parametrize(
    "schema",
    [
        node("ObjectNode", *FOREST, content=node("DictNode", "builtins", "dict", content={})),
        node("FunctionNode", "numpy", "log1p"),
        node("TypeNode", "numpy", "float64"),
        node("OperatorFuncNode", "operator", "itemgetter", attrs={}),
        node("PartialNode", "functools", "partial", content={"func": node("FunctionNode", "numpy", "clip")}),
        node("MethodNode", *FOREST, content={"func": "predict", "obj": node("ObjectNode", *FOREST)}),
        node("ConstructorFromReduceNode", "datetime", "date", content=[]),
    ],
)
def test_ordinary_nodes_are_clean(schema: object, tmp_path: Path) -> None:
    assert looked(tmp_path, skops({"content": schema}), "a.skops").problems == ()


@pytest.mark.parametrize(
    "schema",
    [
        node("FunctionNode", "posix", "system"),
        node("FunctionNode", "builtins", "function", content={"module_path": "os", "function": "system"}),
        node("ListNode", "subprocess", "Popen", content=[]),
        node("ConstructorFromReduceNode", "shutil", "rmtree", content=[]),
        node("OperatorFuncNode", "builtins", "int", attrs={}),
        node("OperatorFuncNode", "operator", "call", attrs={}),
        node("MethodNode", "builtins", "int", content={"func": "predict", "obj": node("ObjectNode", *FOREST)}),
        node("MethodNode", *FOREST, content={"func": "__init__.__globals__", "obj": node("ObjectNode", *FOREST)}),
        node(
            "RandomGeneratorNode",
            "numpy.random._generator",
            "Generator",
            content={"bit_generator": {"content": {"bit_generator": TEXT | {"content": '"seed"'}}}},
        ),
        node("ObjectNode", "code", "InteractiveConsole"),
    ],
)
def test_nodes_that_reach_outside_are_malicious(schema: object, tmp_path: Path) -> None:
    assert looked(tmp_path, skops({"content": schema}), "a.skops").verdict == "malicious"


def test_a_skops_file_that_is_no_zip_is_a_pickle(tmp_path: Path) -> None:
    assert looked(tmp_path, EVIL, "a.skops").verdict == "malicious"


# Exported programs


def exported(target: str = "torch.ops.aten.relu.default", expression: str = "Mul(Integer(2), Symbol('s7'))") -> bytes:
    """Make an exported program of one node."""
    node = {"target": target, "inputs": [], "outputs": [{"as_sym_int": {"as_expr": {"expr_str": expression}}}]}
    program = json.dumps({"graph_module": {"graph": {"nodes": [node]}}}).encode()
    return zip_of(Part("p/archive_format", b"pt2"), Part("p/models/model.json", program))


@pytest.mark.parametrize(
    "expression", ["s0", "FloorDiv(s0 + 1, 2)", "-oo", "Max(1, s0) >= 2", "Symbol('s', integer=True)"]
)
def test_ordinary_programs_are_clean(expression: str, tmp_path: Path) -> None:
    for target in ("_operator.floordiv", "math.trunc", "torch.ops.higher_order.cond", "torch.sym_max"):
        assert looked(tmp_path, exported(target, expression)).problems == ()


@pytest.mark.parametrize(
    "target",
    ["torch.hub.load", "torch.serialization.os.system", "_operator.methodcaller", "torch.ops.aten.from_file.default"],
)
def test_a_program_that_calls_what_is_no_operator_is_malicious(target: str, tmp_path: Path) -> None:
    assert looked(tmp_path, exported(target)).verdict == "malicious"
    assert looked(tmp_path, exported("torch.ops.mine.run.default")).verdict == "suspicious"


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('x')",
        "eval('1')",
        "(1).__class__",
        "[x for x in (1,)]",
        "Symbol('__x')",
        "lambda: 1",
        "open('x')",
    ],
)
def test_an_expression_that_is_no_arithmetic_is_malicious(expression: str, tmp_path: Path) -> None:
    assert looked(tmp_path, exported(expression=expression)).verdict == "malicious"


# torch.package, and archives of other makers


def packaged(pickle: bytes, *more: Part) -> bytes:
    """Make an archive of torch.package."""
    return zip_of(
        Part("p/.data/extern_modules", b"torch\n"),
        Part("p/.data/version", b"6\n"),
        Part("p/model/model.pkl", pickle),
        *more,
    )


def test_a_class_whose_source_is_in_the_package_is_no_stranger(tmp_path: Path) -> None:
    pickle = b"\x80\x03cshop.nets\nNet\n)\x81."
    source = Part("p/shop/nets.py", b"class Net:\n    pass\n")
    assert looked(tmp_path, packaged(pickle, source)).problems == ()
    assert looked(tmp_path, packaged(pickle)).verdict == "suspicious"
    assert looked(tmp_path, packaged(EVIL, source)).verdict == "malicious"


RUNS = b"import subprocess\nsubprocess.run(['touch', '/x'])\n"
COMPUTES = b"import torch\ndef handle(data, context):\n    return torch.tensor(data)\n"


def test_sources_that_a_loader_imports_are_judged(tmp_path: Path) -> None:
    def served(handler: bytes) -> bytes:
        return zip_of(Part("MAR-INF/MANIFEST.json", b"{}"), Part("handler.py", handler))

    assert looked(tmp_path, served(COMPUTES), "a.mar").problems == ()
    assert looked(tmp_path, served(RUNS), "a.mar").verdict == "malicious"
    assert looked(tmp_path, packaged(GOOD, Part("p/shop/nets.py", RUNS))).verdict == "malicious"
    assert looked(tmp_path, tar_of(("code/inference.py", COMPUTES)), "a.tar").problems == ()
    assert looked(tmp_path, tar_of(("code/inference.py", RUNS)), "a.tar").verdict == "malicious"


def test_what_a_guard_of_a_program_asks_is_judged(tmp_path: Path) -> None:
    def guarded(guard: str) -> bytes:
        program = json.dumps({"graph_module": {}, "guards_code": [guard]}).encode()
        return zip_of(Part("p/archive_format", b"pt2"), Part("p/models/model.json", program))

    for guard in ("L['x'].size()[0] >= 2", "2 <= L['a']['b'].stride()[1] and math.trunc(1) == 1"):
        assert looked(tmp_path, guarded(guard)).problems == ()
    for guard in ("open('x')", "L['x'].__class__", "L['x\\\" or 1']", "x.tofile('y')"):
        assert looked(tmp_path, guarded(guard)).verdict == "malicious"


@pytest.mark.parametrize("magic", [b"Rar!\x1a\x07\x01\x00", b"MSCF\0\0\0\0", b"!<arch>\n", b"070701", b"xar!\0\x1c"])
def test_archives_that_nobody_looks_into_are_said_so(magic: bytes, tmp_path: Path) -> None:
    assert looked(tmp_path, magic + bytes(99)).verdict == "unsupported"
    assert looked(tmp_path, zip_of(Part("a.bin", magic + bytes(99)))).verdict == "unsupported"
