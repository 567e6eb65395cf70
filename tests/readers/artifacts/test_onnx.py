from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.readers.artifacts.look import look
from tests.readers.artifacts.building import looked, message, number, rules, verdict


def operator(name: str = "Relu", domain: str = "", *attributes: bytes) -> bytes:
    return message(4, name) + (message(7, domain) if domain else b"") + b"".join(message(5, a) for a in attributes)


def graph(*nodes: bytes, more: bytes = b"") -> bytes:
    return b"".join(message(1, n) for n in nodes) + message(2, "g") + more


def model(content: bytes, *more: bytes) -> bytes:
    return number(1, 9) + message(2, "maker") + message(7, content) + b"".join(more)


def opset(domain: str) -> bytes:
    return message(8, message(1, domain), number(2, 18))


def function(domain: str, name: str, *nodes: bytes) -> bytes:
    return message(25, message(1, name), *(message(7, n) for n in nodes), message(10, domain))


def external(location: str, key: str = "location") -> bytes:
    return number(1, 2) + number(2, 1) + message(8, "w") + message(13, message(1, key), message(2, location))


OUTSIDE = external("../../etc/passwd")

EVERYWHERE = {
    "initializer": model(graph(operator(), more=message(5, OUTSIDE))),
    "sparse values": model(graph(operator(), more=message(15, message(1, OUTSIDE)))),
    "sparse indices": model(graph(operator(), more=message(15, message(2, OUTSIDE)))),
    "constant": model(graph(operator("Constant", "", message(1, "value") + message(5, OUTSIDE)))),
    "constants": model(graph(operator("X", "", message(10, OUTSIDE)))),
    "sparse constant": model(graph(operator("Constant", "", message(22, message(1, OUTSIDE))))),
    "subgraph": model(graph(operator("If", "", message(6, graph(more=message(5, OUTSIDE)))))),
    "subgraphs": model(graph(operator("If", "", message(11, graph(more=message(5, OUTSIDE)))))),
    "function": model(graph(operator()), function("d", "f", operator("Constant", "", message(5, OUTSIDE)))),
    "function default": model(graph(operator()), message(25, message(1, "f"), message(11, message(5, OUTSIDE)))),
    "training": model(graph(operator()), message(20, message(1, graph(more=message(5, OUTSIDE))))),
    "algorithm": model(graph(operator()), message(20, message(2, graph(more=message(5, OUTSIDE))))),
}


@pytest.mark.parametrize("place", EVERYWHERE)
def test_weights_outside_of_the_folder_are_found_wherever_a_tensor_may_stand(place: str) -> None:
    found = looked(EVERYWHERE[place])
    assert (found.format.name, found.verdict) == ("onnx", "malicious")
    assert found.problems[0].offset


@pytest.mark.parametrize(
    "location",
    ["/etc/passwd", "..\\..\\x", "C:\\x", "c:x", "\\\\host\\share", "~/x", "http://there/x", "file:///etc/passwd", "",
     "a/../../x", "a\0b", "x/..", "../x"],
)  # fmt: skip
def test_locations_outside_are_malicious_under_the_rules_of_any_system(location: str) -> None:
    assert verdict(model(graph(operator(), more=message(5, external(location))))) == "malicious"


@pytest.mark.parametrize("location", ["weights.bin", "a/b.data", "..data", "model.onnx..data", "onnx__MatMul_1", "a b"])
def test_locations_inside_are_clean(location: str) -> None:
    assert verdict(model(graph(operator(), more=message(5, external(location))))) == "clean"


def test_a_link_beside_the_model_leads_out_of_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("x")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model(graph(operator(), more=message(5, external("w.bin")))))
    (folder / "w.bin").write_bytes(bytes(8))
    assert look(folder / "model.onnx").verdict == "clean"
    (folder / "w.bin").unlink()
    (folder / "w.bin").symlink_to(outside)
    assert look(folder / "model.onnx").verdict == "malicious"


def test_operators_and_domains_from_elsewhere_are_told() -> None:
    assert verdict(model(graph(operator("Gelu", "com.microsoft")), opset("com.microsoft"))) == "clean"
    assert rules(model(graph(operator("PyOp", "their.ops")))) == {"onnx.operator", "onnx.python"}
    assert rules(model(graph(operator()), opset("their.ops"))) == {"onnx.domain"}
    subgraph = model(graph(operator("If", "", message(6, graph(operator("X", "their.ops"))))))
    assert rules(subgraph) == {"onnx.operator"}


def test_functions_of_the_model_are_its_own_operators() -> None:
    local = model(graph(operator("Twice", "mine")), opset("mine"), function("mine", "Twice", operator("Add")))
    assert verdict(local) == "clean"
    other = model(graph(operator("Thrice", "mine")), opset("mine"), function("mine", "Twice", operator("Add")))
    assert rules(other) == {"onnx.operator"}
    shadow = model(graph(operator("Relu")), function("", "Relu", operator("Add")))
    assert rules(shadow) == {"onnx.shadowed"}


def test_sizes_that_are_not_so_are_suspicious() -> None:
    def tensor(*dimensions: int, raw: int = 0) -> bytes:
        told = b"".join(number(1, d) for d in dimensions) + number(2, 1)
        return model(graph(operator(), more=message(5, told + message(8, "w") + message(9, bytes(raw)))))

    assert verdict(tensor(2, 3, raw=24)) == "clean"
    assert verdict(tensor(0, 3, raw=0)) == "clean"
    assert rules(tensor(2, 3, raw=20)) == {"onnx.shape"}
    assert rules(tensor(2**40, 2**40)) == {"onnx.shape"}
    assert rules(tensor(2**64 - 1, 4)) == {"onnx.shape"}
    for value in ("-1", "x", str(2**70)):
        assert rules(model(graph(operator(), more=message(5, external(value, "offset"))))) == {"onnx.external-range"}


def test_fields_in_another_order_and_unknown_ones_hide_nothing() -> None:
    late = message(7, graph(operator(), more=message(5, OUTSIDE))) + message(99, b"x") + number(1, 9)
    assert verdict(late) == "malicious"
    assert verdict(number(1, 9) + b"\x9b\x06\x9c\x06" + late) == "malicious"


def test_a_message_in_itself_without_end_is_an_error() -> None:
    content = graph(operator())
    for _ in range(60):
        content = graph(operator("If", "", message(6, content)))
    assert verdict(model(content)) == "error"


@settings(deadline=None, max_examples=200)
@given(place=st.sampled_from(sorted(EVERYWHERE)), at=st.integers(0, 120), noise=st.binary(max_size=12))
def test_damaged_models_end_in_a_verdict(place: str, at: int, noise: bytes) -> None:
    seed = EVERYWHERE[place]
    looked(seed[:at] + noise + seed[at + len(noise) :], "model.onnx")
