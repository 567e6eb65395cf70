import base64
import gzip
import json
import marshal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.artifacts.building import Hdf5File, looked, rules, verdict

CODE = base64.b64encode(marshal.dumps((lambda x: x).__code__)).decode()


def dense(**config: object) -> dict[str, object]:
    return {"module": "keras.layers", "class_name": "Dense", "config": config, "registered_name": None}


def architecture(*layers: object, **more: object) -> bytes:
    config = {"class_name": "Functional", "module": "keras", "config": {"name": "m", "layers": list(layers)}, **more}
    return json.dumps(config).encode()


ODD = {
    "lambda": {"class_name": "Lambda", "config": {}},
    "registered lambda": {"class_name": "pkg>Lambda", "config": {}},
    "lambda in a wrapper": {
        "class_name": "TimeDistributed",
        "config": {"layer": {"class_name": "Lambda", "config": {}}},
    },
    "lambda value": dense(activation={"class_name": "__lambda__", "config": {"code": CODE}}),
    "function type": dense(function_type="lambda"),
    "bytecode": dense(whatever=[CODE, None, None]),
    "torch module": {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}},
    "module of python": {"module": "os", "class_name": "system", "config": "id"},
    "dotted legacy name": {"class_name": "os.system", "config": "id"},
    "function of python": {"module": "builtins", "class_name": "function", "config": "eval"},
    "download": {"module": "keras.utils", "class_name": "function", "config": "get_file"},
    "unsafe switch": {"module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization"},
    "loader": {"module": "keras.saving", "class_name": "load_model", "config": {}},
    "internal module": {"module": "keras.src.utils.file_utils", "class_name": "function", "config": "extract_archive"},
    "spec": {"class_name": "__typespec__x", "spec": {"spec_name": "system", "module": "os"}},
    "vocabulary": {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
    "address": {"module": "keras.layers", "class_name": "TextVectorization", "config": {"vocabulary": "http://x/y"}},
    "other model": {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "sm"}},
    "operator": {"class_name": "TFOpLambda", "config": {"function": "io.write_file"}},
    "raw operator": {"class_name": "TFOpLambda", "config": {"function": "raw_ops.ReadFile"}},
    "python function": {"class_name": "TFOpLambda", "config": {"function": "compat.v1.py_func"}},
    "within a text": dense(inner=json.dumps({"class_name": "Lambda", "config": {}})),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("place", ["layers", "compile_config", "build_config", "inbound_nodes"])
def test_what_runs_code_or_opens_files_is_malicious_wherever_it_stands(name: str, place: str) -> None:
    odd = ODD[name]
    content = architecture(dense(), odd) if place == "layers" else architecture(dense(), **{place: {"a": [odd]}})
    found = looked(content, "model.json")
    assert (found.format.name, found.verdict) == ("keras_json", "malicious")


@pytest.mark.parametrize(
    "layer",
    [
        dense(activation="relu"),
        dense(activation={"module": "keras.activations", "class_name": "function", "config": "gelu"}),
        dense(activation={"module": "builtins", "class_name": "function", "config": "my_activation"}),
        dense(kernel={"class_name": "__tensor__", "config": {"value": 1, "dtype": "float32"}}),
        dense(vocabulary=["a", "/etc/passwd"]),
        {"module": "keras.src.models.functional", "class_name": "Functional", "config": {}},
        {"module": "keras.src.backend.torch.optimizers.torch_adam", "class_name": "Adam", "config": {}},
        {"module": "tensorflow.python.keras.layers.core", "class_name": "Dense", "config": {}},
        {"module": "keras_hub.src.models.bert.bert_backbone", "class_name": "BertBackbone", "config": {}},
        {"class_name": "TFOpLambda", "config": {"function": "math.multiply"}},
        {"class_name": "TFOpLambda", "config": {"function": "__operators__.add"}},
        {"class_name": "shop>Attention", "module": None, "registered_name": "shop>Attention", "config": {}},
        {"class_name": "StringLookup", "module": "keras.layers", "config": {"vocabulary": "words.txt"}},
    ],
)
def test_what_keras_itself_writes_is_clean(layer: object) -> None:
    assert verdict(architecture(layer), "model.json") == "clean"


def test_a_class_of_somebody_else_is_suspicious() -> None:
    assert verdict(architecture({"module": "shop.layers", "class_name": "Attention"}), "m.json") == "suspicious"


# HDF5

LAMBDA = json.dumps({"class_name": "Sequential", "config": [{"class_name": "Lambda"}]}).encode()
PLAIN = json.dumps({"class_name": "Sequential", "config": [{"class_name": "Dense"}]}).encode()


@pytest.mark.parametrize("how", ["attribute", "variable"])
def test_the_configuration_in_an_attribute_is_read(how: str) -> None:
    for config, expected in ((LAMBDA, "malicious"), (PLAIN, "clean")):
        file = Hdf5File()
        attribute = getattr(file, how)("model_config", config)
        assert verdict(file.finish(file.header(attribute))) == expected


def test_escapes_in_the_configuration_hide_nothing() -> None:
    file = Hdf5File()
    config = LAMBDA.replace(b"Lambda", b"\\u004cambd\\u0061")
    assert verdict(file.finish(file.header(file.attribute("model_config", config)))) == "malicious"


def test_a_configuration_deep_in_groups_is_read() -> None:
    file = Hdf5File()
    at = file.header(file.variable("training_config", LAMBDA))
    for name in ("c", "b", "a"):
        at = file.header(file.link(name, at))
    assert verdict(file.finish(at)) == "malicious"


def test_groups_that_hold_each_other_end() -> None:
    file = Hdf5File()
    at = len(file.content)
    assert file.header(file.link("a", at)) == at
    assert verdict(file.finish(at)) == "clean"


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda file, name: file.external_link("x", name), "hdf5.external-link"),
        (lambda file, name: file.storage(name), "hdf5.external-storage"),
        (lambda file, name: file.virtual(name), "hdf5.virtual-dataset"),
    ],
)
def test_what_leads_to_another_file_is_told(make, rule) -> None:  # type: ignore[no-untyped-def]
    for name, expected in (("/etc/passwd", "malicious"), ("../x.h5", "malicious"), ("beside.h5", "suspicious")):
        file = Hdf5File()
        child = file.header(make(file, name))
        found = looked(file.finish(file.header(file.link("d", child))))
        assert ({p.rule for p in found.problems}, found.verdict) == ({rule}, expected)


def test_a_virtual_dataset_of_the_same_file_is_clean() -> None:
    file = Hdf5File()
    assert verdict(file.finish(file.header(file.virtual(".")))) == "clean"
    file = Hdf5File()
    assert verdict(file.finish(file.header(file.virtual(".", ".")))) == "clean"


def test_a_later_source_of_a_virtual_dataset_is_found() -> None:
    file = Hdf5File()
    assert verdict(file.finish(file.header(file.virtual(".", "/etc/secret.h5")))) == "malicious"


def test_a_file_whose_structure_is_broken_is_searched_and_never_clean() -> None:
    file = Hdf5File()
    content = file.finish(file.header(file.attribute("model_config", LAMBDA)))
    assert {"hdf5.broken", "keras.lambda"} <= rules(content.replace(b"OHDR", b"OHDX"))
    assert verdict(content.replace(b"OHDR", b"OHDX").replace(b"Lambda", b"Dense_")) == "error"


def test_attributes_that_are_pickles_are_read_as_such() -> None:
    for content, expected in ((b"cos\nsystem\n(S'x'\ntR.", "malicious"), (b"(lp0\nS'a'\np1\na.", "clean")):
        file = Hdf5File()
        assert verdict(file.finish(file.header(file.attribute("TITLE", content)))) == expected


def test_a_file_behind_bytes_of_another_kind_is_read() -> None:
    file = Hdf5File()
    content = file.finish(file.header(file.attribute("model_config", LAMBDA)))
    for before in (512, 4096, 65536):
        # Addresses count from the superblock.
        based = content[:12] + before.to_bytes(8, "little") + content[20:]
        assert verdict(b"#" * before + based) == "malicious"


def test_files_that_the_library_itself_wrote_are_read_in_every_version() -> None:
    h5py = pytest.importorskip("h5py", reason="writes HDF5")
    import io

    for version in ("earliest", "v108", "latest"):
        for config, expected in ((LAMBDA, "malicious"), (PLAIN, "clean")):
            target = io.BytesIO()
            with h5py.File(target, "w", libver=version) as file:
                for number in range(300):
                    file.create_group(f"g{number}").attrs["a"] = "x"
                file["g7"].attrs.update({f"b{n}": "y" for n in range(30)})
                file["g7"].attrs["model_config"] = config.decode()
            assert verdict(target.getvalue()) == expected


@settings(deadline=None, max_examples=250)
@given(at=st.integers(0, 700), noise=st.binary(max_size=10))
def test_damaged_files_end_in_a_verdict(at: int, noise: bytes) -> None:
    file = Hdf5File()
    child = file.header(file.storage("/x"), file.virtual("/y"), file.variable("model_config", PLAIN))
    seed = file.finish(file.header(file.link("a", child), file.external_link("b", "/z")))
    looked(seed[:at] + noise + seed[at + len(noise) :])
    looked(gzip.compress(seed[:at]), "model.h5")
