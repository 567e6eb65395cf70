import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.readers.artifacts.formats import identify_stream
from safecase.readers.artifacts.graphs.tensorflow import capabilities, ordinary
from tests.readers.artifacts.building import (
    constant,
    function_def,
    graph_def,
    looked,
    message,
    meta_graph,
    node,
    number,
    rules,
    saved_model,
    verdict,
)

ORDINARY = graph_def(
    node("Placeholder", "x"), node("VarHandleOp", "w"), node("MatMul", "y", ("x", "w")), constant("c", "/a/text")
)


def test_saved_models_meta_graphs_and_bare_graphs_are_told_by_their_bytes() -> None:
    import io

    for content, detail in (
        (saved_model(ORDINARY), ""),
        (meta_graph(ORDINARY), "meta graph"),
        (ORDINARY, "graph"),
        (b'node {\n  name: "x"\n  op: "Placeholder"\n}\n', "text"),
    ):
        found = identify_stream(io.BytesIO(content), len(content), "weights")
        assert (found.name, found.detail) == ("tf_saved_model", detail)
        assert verdict(content) == "clean"


@pytest.mark.parametrize(
    "wrap",
    [
        saved_model,
        meta_graph,
        lambda graph: graph,
        lambda graph: number(1, 1) + message(2, meta_graph(ORDINARY)) + message(2, meta_graph(graph)),
    ],
)
@pytest.mark.parametrize("operator", ["ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "SaveDatasetV2", "LoadLibrary"])
def test_operators_that_read_write_or_call_python_are_malicious_wherever_the_graph_lies(wrap, operator) -> None:  # type: ignore[no-untyped-def]
    assert verdict(wrap(graph_def(node("NoOp"), node(operator)))) == "malicious"
    inner = graph_def(node("NoOp"), functions=(function_def("f", node("NoOp"), node(operator)),))
    assert verdict(wrap(inner)) == "malicious"


def test_operators_in_text_are_judged_as_those_in_bytes() -> None:
    text = 'library { function { signature { name: "f" } node_def { name: "a" op: "Write\\x46ile" } } }'
    assert verdict(text.encode()) == "malicious"
    told = 'node { name: "a" op: "PrintV2" attr { key: "output_stream" value { s: "file:///tmp/x" } } }'
    assert rules(told.encode()) == {"tf.destination"}
    assert verdict(told.replace("file:///tmp/x", "stderr").encode()) == "clean"


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("output_stream", "stderr", "clean"),
        ("output_stream", "log(info)", "clean"),
        ("output_stream", "file:///tmp/x", "malicious"),
        ("memory_region_name", "/etc/passwd", "malicious"),
        ("memory_region_name", "memmapped_package://w", "clean"),
        ("debug_urls", "grpc://there:1", "suspicious"),
        ("vocab_file", "", "clean"),
        ("vocab_file", "/etc/passwd", "suspicious"),
        ("shared_name", "/a/b", "clean"),
    ],
)
def test_attributes_that_name_a_place_are_judged(attribute: str, value: str, expected: str) -> None:
    content = saved_model(graph_def(node("PrintV2", "p", (), **{attribute: message(2, value)})))
    assert verdict(content) == expected
    listed = saved_model(graph_def(node("DebugIdentity", "p", (), debug_urls=message(1, message(2, "file:///x")))))
    assert verdict(listed) == "suspicious"


def test_a_constant_path_is_followed_to_the_operator_that_takes_it() -> None:
    def restoring(path: str, **more: bytes) -> bytes:
        joined = node("StringJoin", "j", ("c:0", "^x"))
        return saved_model(graph_def(constant("c", path), joined, node("RestoreV2", "r", ("j",))), *more.values())

    assert verdict(restoring("model")) == "clean"
    assert rules(restoring("/etc/shadow")) == {"tf.path"}
    assert rules(restoring("a/../../b")) == {"tf.path"}
    asset = message(6, message(1, message(1, "c:0")), message(2, "vocabulary.txt"))
    assert verdict(restoring("/home/maker/vocabulary.txt", asset=asset)) == "clean"
    outside = message(6, message(1, message(1, "c:0")), message(2, "../../etc/passwd"))
    assert verdict(restoring("x", asset=outside)) == "malicious"


def test_operators_that_nobody_registered_are_native_code() -> None:
    assert rules(saved_model(graph_def(node("IO>ReadAnything")))) == {"tf.custom"}
    assert rules(saved_model(graph_def(node("ZzShell")))) == {"tf.custom"}
    assert verdict(saved_model(graph_def(node("Addons>Gelu"), node("WordpieceTokenizeWithOffsets")))) == "clean"
    called = graph_def(node("my_function"), functions=(function_def("my_function", node("NoOp")),))
    assert verdict(saved_model(called)) == "clean"
    shadowed = graph_def(node("NoOp"), functions=(function_def("ReadFile", node("NoOp")),))
    assert rules(saved_model(shadowed)) == {"tf.shadowed"}


@pytest.mark.parametrize("numbers", [(2, 4, 5), (1, 3, 4)])
def test_keras_layers_in_the_metadata_of_a_saved_model_are_judged(numbers: tuple[int, int, int]) -> None:
    def metadata(config: object) -> bytes:
        told, kind, text = numbers
        return message(1, number(told, 1), message(kind, "_tf_keras_layer"), message(text, json.dumps(config)))

    assert verdict(metadata({"class_name": "Dense", "config": {}})) == "clean"
    assert verdict(metadata({"class_name": "Lambda", "config": {}})) == "malicious"


def test_keras_layers_in_the_object_graph_are_judged() -> None:
    config = json.dumps({"class_name": "Lambda", "config": {}})
    objects = message(7, message(1, message(4, message(1, "_tf_keras_layer"), message(3, config))))
    assert verdict(saved_model(ORDINARY, objects)) == "malicious"


def test_no_operator_is_on_both_lists() -> None:
    assert not capabilities().keys() & ordinary()
    assert {"MatMul", "SaveV2", "WriteFile"} <= ordinary() | capabilities().keys()


def test_a_graph_without_operators_is_not_called_clean() -> None:
    assert verdict(number(1, 1) + message(2, message(1, message(4, ""))), "saved_model.pb") == "unsupported"


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_damaged_graphs_end_in_a_verdict(data: st.DataObject) -> None:
    seed = saved_model(graph_def(constant("c", "/x"), node("RestoreV2", "r", ("c",)), functions=(function_def("f"),)))
    at = data.draw(st.integers(0, len(seed)))
    noise = data.draw(st.binary(max_size=12))
    looked(seed[:at] + noise + seed[at + len(noise) :], "saved_model.pb")
