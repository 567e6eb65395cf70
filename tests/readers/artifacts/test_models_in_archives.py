import io
import json
import zipfile

import pytest

from tests.readers.artifacts.building import Hdf5File, graph_def, looked, message, node, number, saved_model, verdict
from tests.readers.artifacts.test_onnx import EVERYWHERE
from tests.readers.artifacts.test_r_data import EVIL, promise, rds

MODELS = {
    "model.onnx": EVERYWHERE["initializer"],
    "saved_model.pb": saved_model(graph_def(node("WriteFile"))),
    "graph.pbtxt": b'node { name: "x" op: "WriteFile" }',
    "model.json": json.dumps({"class_name": "Lambda", "config": {}}).encode(),
    "data.rds": rds(promise(EVIL)),
    "model.pmml": b'<?xml version="1.0"?><!DOCTYPE PMML SYSTEM "x"><PMML/>',
    "Manifest.json": b'{"itemInfoEntries": {"a": {"path": "../x"}}}',
    "model.mlmodel": number(1, 5) + message(556, message(1, message(1, message(1, "/x")))),
}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_models_of_every_kind_are_found_in_archives_whatever_their_names(name: str, method: int) -> None:
    assert verdict(MODELS[name], name) == "malicious"
    for inside in (f"folder/{name}", "folder/data"):
        found = looked(zipped({inside: MODELS[name], "README.md": b"read me"}, method), "bundle.zip")
        assert found.verdict == "malicious"
        assert any(p.member == inside for p in found.problems)


def test_the_weights_of_a_keras_archive_are_read_as_hdf5() -> None:
    file = Hdf5File()
    weights = file.finish(file.header(file.external_link("w", "/etc/passwd")))
    config = json.dumps({"module": "keras", "class_name": "Sequential", "config": {"layers": []}}).encode()
    assert verdict(zipped({"config.json": config, "model.weights.h5": weights})) == "malicious"
    for beside in ("metadata.json", "model.weights.npz"):
        evil = json.dumps({"class_name": "Lambda", "config": {}}).encode()
        assert verdict(zipped({"config.json": evil, beside: b"{}"})) == "malicious"
