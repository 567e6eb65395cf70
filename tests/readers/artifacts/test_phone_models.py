import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.artifacts.building import Table, flatbuffer, looked, message, number, rules, verdict

# TensorFlow Lite


def tflite(*customs: str, options: bytes = b"", index: int = 0, buffer: bytes = b"") -> bytes:
    codes = [Table(f0=(9, 1), f2=(1, 4)), *(Table(f0=(32, 1), f1=name) for name in customs)]
    operator = Table(f0=(index, 4), f5=options) if options else Table(f0=(index, 4))
    graph = Table(f0=[Table(f2=(0, 4), f3="t")], f3=[operator], f4="main")
    buffers = [Table(f0=buffer) if buffer else Table(f1=(0, 8))]
    return flatbuffer(Table(f0=(3, 4), f1=codes, f2=[graph], f3="made", f4=buffers), b"TFL3")


def test_operators_of_tensorflow_lite_are_judged_by_their_names() -> None:
    assert looked(tflite()).format.name == "tflite"
    for name in ("TFLite_Detection_PostProcess", "FlexErf", "FlexStringLower"):
        assert verdict(tflite(name)) == "clean"
    assert rules(tflite("RunIt")) == {"tflite.custom"}
    assert rules(tflite("FlexNobodysOp")) == {"tflite.custom"}
    assert verdict(tflite("FlexWriteFile")) == "malicious"
    assert verdict(tflite("FlexMatchingFiles")) == "suspicious"


def test_the_node_in_the_options_is_what_runs() -> None:
    node = message(1, "n") + message(2, "ReadFile")
    assert verdict(tflite("FlexErf", options=b"\x07FlexErf" + node, index=1)) == "malicious"
    assert verdict(tflite("FlexErf", options=b"\x07FlexErf" + message(2, "Erf"), index=1)) == "clean"


def test_offsets_of_tensorflow_lite_are_held_against_the_file() -> None:
    assert rules(tflite(index=7)) == {"tflite.header"}
    content = bytearray(tflite())
    content[0:4] = (2**31).to_bytes(4, "little")
    assert rules(bytes(content)) == {"tflite.header"}
    assert rules(tflite(buffer=b"\x7fELF" + bytes(100))) == {"tflite.program"}


# ExecuTorch


def executorch(operator: str = "aten::add", delegate: str = "XnnpackBackend", blob: bytes = b"x") -> bytes:
    plan = Table(f0="forward", f6=[Table(f0=operator, f1="out")], f7=[Table(f0=delegate)])
    return flatbuffer(Table(f0=(0, 4), f1=[plan], f3=[Table(f0=blob)]), b"ET12")


def test_operators_and_delegates_of_executorch() -> None:
    assert looked(executorch()).format.name == "executorch"
    assert verdict(executorch()) == "clean"
    assert rules(executorch(operator="theirs::run")) == {"executorch.operator"}
    assert rules(executorch(delegate="TheirBackend")) == {"executorch.delegate"}
    assert rules(executorch(delegate="AotiBackend")) == {"executorch.delegate"}
    assert rules(executorch(blob=b"\x7fELF" + bytes(100))) == {"executorch.program"}
    assert rules(executorch()[:60]) == {"executorch.header"}


# Core ML


def coreml(*parts: bytes) -> bytes:
    return number(1, 5) + message(2, message(1, message(1, "x"))) + b"".join(parts)


def network(*layers: bytes, field: int = 500) -> bytes:
    return message(field, *(message(1, message(1, "l"), layer) for layer in layers))


CUSTOM = message(500, message(10, "TheirLayer"))


def program(path: str, operation: str = "const") -> bytes:
    value = message(2, message(1, "val"), message(2, message(5, message(1, path), number(2, 64))))
    block = message(2, message(1, "CoreML5"), message(2, message(3, message(1, operation), message(5, value[2:]))))
    return message(502, message(2, message(1, "main"), message(2, message(3, block[2:]))))


@pytest.mark.parametrize(
    "content",
    [
        coreml(network(CUSTOM)),
        coreml(network(CUSTOM, field=303)),
        coreml(network(CUSTOM, field=403)),
        coreml(message(555, message(10, "TheirModel"))),
        coreml(message(202, message(1, coreml(network(CUSTOM))))),
        coreml(message(200, message(1, message(1, coreml(network(CUSTOM)))))),
        coreml(network(message(605, message(1, network(CUSTOM)[3:])))),
    ],
)
def test_classes_that_an_app_runs_for_the_model_are_told(content: bytes) -> None:
    found = looked(content)
    assert found.format.name == "coreml"
    assert {p.rule for p in found.problems} == {"coreml.custom"}


def test_files_of_core_ml_lie_in_its_package() -> None:
    assert verdict(coreml(network(message(140, b"")))) == "clean"
    assert verdict(coreml(program("@model_path/weights/weight.bin"))) == "clean"
    assert verdict(coreml(program("@model_path/../../x"))) == "malicious"
    assert verdict(coreml(program("/etc/passwd"))) == "malicious"
    assert rules(coreml(program("@model_path/w", "custom_run"))) == {"coreml.operation"}
    linked = coreml(message(556, message(1, message(1, message(1, "../other.mlmodelc")))))
    assert verdict(linked) == "malicious"


def test_the_manifest_of_a_package_names_files_within_it() -> None:
    told = '{"fileFormatVersion": "1.0.0", "itemInfoEntries": {"A": {"path": "%s"}}}'
    assert verdict((told % "com.apple.CoreML/model.mlmodel").encode()) == "clean"
    assert verdict((told % "../../model.mlmodel").encode()) == "malicious"


SEEDS = {
    "tflite": tflite("FlexErf", "Own", options=b"abc"),
    "executorch": executorch(),
    "coreml": coreml(network(CUSTOM), program("a")),
}


@settings(deadline=None, max_examples=250)
@given(kind=st.sampled_from(sorted(SEEDS)), at=st.integers(0, 500), noise=st.binary(max_size=10))
def test_damaged_models_end_in_a_verdict(kind: str, at: int, noise: bytes) -> None:
    seed = SEEDS[kind]
    looked(seed[:at] + noise + seed[at + len(noise) :], "model.mlmodel")
