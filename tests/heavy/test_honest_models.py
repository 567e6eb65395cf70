"""What real frameworks write must be clean: every estimator of scikit-learn, networks, boosted trees, arrays, tables.

These need the frameworks (`make heavy` installs them); each is skipped by name where it is missing.
"""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safecase.readers.artifacts.look import ArtifactReport, look

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]


def looked(path: Path) -> ArtifactReport:
    return look(path)


def assert_clean(path: Path) -> None:
    report = looked(path)
    told = [f"{p.rule} {p.member} @{p.offset}: {p.message}" for p in report.problems]
    assert report.verdict == "clean", f"{path.name} ({report.format.name}): {told[:5]}"


def fitted_estimators() -> list[tuple[str, Any]]:
    sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed (make heavy)")
    import numpy as np
    from sklearn.utils import all_estimators

    rng = np.random.default_rng(0)
    x = np.abs(rng.normal(size=(40, 4))) + 0.1
    y = (x[:, 0] > x[:, 0].mean()).astype(int)
    assert sklearn.__version__
    found: list[tuple[str, Any]] = []
    for name, made in all_estimators():
        try:
            if name in ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"):
                continue
            needed = {}
            parameters = made.__init__.__code__.co_varnames
            if "estimator" in parameters and name not in ("AdaBoostClassifier", "BaggingClassifier"):
                from sklearn.linear_model import LogisticRegression, Ridge

                needed["estimator"] = Ridge() if "Regress" in name or "RANSAC" in name else LogisticRegression()
            if "estimators" in parameters:
                from sklearn.linear_model import LogisticRegression, Ridge

                needed["estimators"] = [("a", Ridge() if "Regress" in name else LogisticRegression())]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                estimator = made(**needed)
                try:
                    estimator.fit(x, y)
                except (ValueError, TypeError):
                    estimator.fit(["some words here", "more words"])
        except Exception:  # noqa: BLE001 - one that needs more than this to be made is left to others
            continue
        found.append((name, estimator))
    return found


def test_every_fitted_estimator_of_scikit_learn_is_clean(tmp_path: Path) -> None:
    estimators = fitted_estimators()
    assert len(estimators) > 150
    wrong = []
    for name, estimator in estimators:
        for protocol in (2, 4):
            path = tmp_path / f"{name}.{protocol}.pkl"
            try:
                path.write_bytes(pickle.dumps(estimator, protocol))
            except Exception:  # noqa: BLE001 - it cannot be pickled
                continue
            report = looked(path)
            if report.verdict != "clean":
                wrong.append((name, protocol, [p.message for p in report.problems][:3]))
    assert not wrong, wrong[:20]


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_joblib_files_of_each_compression_are_clean(tmp_path: Path, compress: Any) -> None:
    joblib = pytest.importorskip("joblib", reason="joblib is not installed (make heavy)")
    import numpy as np

    path = tmp_path / "m.joblib"
    value = {"w": np.arange(5000.0), "o": np.array(["a", None], dtype=object), "n": [1, 2]}
    joblib.dump(value, path, compress=compress)
    assert_clean(path)


def test_pipelines_with_functions_of_numpy_are_clean(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (make heavy)")
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    rng = np.random.default_rng(0)
    x, y = np.abs(rng.normal(size=(60, 3))), rng.integers(0, 2, 60)
    models = [
        make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()).fit(x, y),
        make_pipeline(
            ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(handle_unknown="ignore"), [2])]),
            SGDClassifier(),
        ).fit(x, y),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=StratifiedKFold(2)).fit(x, y),
        RandomizedSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_iter=2, cv=2).fit(x, y),
        FeatureUnion([("s", StandardScaler())]).fit(x),
        GradientBoostingClassifier(n_estimators=3).fit(x, y),
        HistGradientBoostingClassifier(max_iter=3).fit(x, y),
        make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["red tulips", "white roses"], [0, 1]),
    ]
    for index, model in enumerate(models):
        path = tmp_path / f"{index}.pkl"
        path.write_bytes(pickle.dumps(model))
        assert_clean(path)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_and_tables_are_clean(tmp_path: Path, protocol: int) -> None:
    np = pytest.importorskip("numpy", reason="numpy is not installed (make heavy)")
    pd = pytest.importorskip("pandas", reason="pandas is not installed (make heavy)")
    sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed (make heavy)")
    frame = pd.DataFrame(
        {
            "a": [1, 2],
            "b": ["x", None],
            "c": pd.Categorical(["u", "v"]),
            "d": pd.to_datetime(["2020-01-01", "2021-01-01"]),
            "e": pd.array([1, None], dtype="Int64"),
            "f": pd.array(["s", None], dtype="string"),
            "g": pd.arrays.IntervalArray.from_breaks([0, 1, 2]),
            "h": pd.period_range("2020-01", periods=2, freq="M"),
            "i": pd.to_timedelta([1, 2], unit="s"),
        },
        index=pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]),
    )
    values = [
        *(np.arange(4).astype(t) for t in ("f2", "f4", "f8", "i1", "u8", "c16", "?", "M8[s]", "S3", "U3", "O")),
        np.zeros(3, dtype=[("a", "i4"), ("b", "O")]),
        np.float32(1), np.datetime64("2020-01-01"), np.random.default_rng(1), np.random.RandomState(1), np.dtype("f4"),
        np.ma.masked_array([1, 2], mask=[0, 1]), np.rec.array([(1, 2.0)], names="a,b"), np.add, np.log1p, np.mean,
        sparse.csr_matrix(np.eye(3)), sparse.coo_array(np.eye(3)), frame, frame["a"], frame.index,
    ]  # fmt: skip
    for index, value in enumerate(values):
        path = tmp_path / f"{index}.pkl"
        path.write_bytes(pickle.dumps(value, protocol))
        assert_clean(path)


def networks() -> dict[str, Callable[[Any], Any]]:
    def small(torch: Any) -> Any:
        nn = torch.nn
        return nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2), nn.Dropout()
        )

    return {
        "conv": small,
        "rnn": lambda torch: torch.nn.LSTM(3, 4, num_layers=2, bidirectional=True),
        "transformer": lambda torch: torch.nn.TransformerEncoder(
            torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2
        ),
        "embedding": lambda torch: torch.nn.ModuleDict(
            {"e": torch.nn.EmbeddingBag(5, 3), "l": torch.nn.ModuleList([torch.nn.MultiheadAttention(4, 2)])}
        ),
        "parametrised": lambda torch: torch.nn.utils.weight_norm(torch.nn.Linear(2, 2)),
    }


@pytest.mark.parametrize("name", sorted(networks()))
def test_networks_checkpoints_and_optimisers_of_pytorch_are_clean(tmp_path: Path, name: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (make heavy)")
    network = networks()[name](torch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 10)
    saved = {
        "whole": network,
        "state": network.state_dict(),
        "checkpoint": {
            "epoch": 3,
            "model": network.state_dict(),
            "optimizer": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
            "rng": torch.get_rng_state(),
            "args": __import__("argparse").Namespace(lr=0.1, out=Path("runs")),
        },
        "optimiser": optimiser,
    }
    for kind, value in saved.items():
        for zipped in (True, False):
            path = tmp_path / f"{kind}.{zipped}.pt"
            torch.save(value, path, _use_new_zipfile_serialization=zipped)
            assert_clean(path)
        if kind != "optimiser":
            path = tmp_path / f"{kind}.pkl"
            path.write_bytes(pickle.dumps(value))
            assert_clean(path)


def test_tensors_of_every_kind_are_clean(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (make heavy)")
    kinds = ["float32", "float16", "bfloat16", "float64", "int8", "uint8", "int64", "bool", "complex64"]
    values = {
        **{k: torch.zeros(3).to(getattr(torch, k)) for k in kinds},
        "float8": torch.zeros(3).to(torch.float8_e4m3fn),
        "view": torch.arange(6.0).reshape(2, 3).t(),
        "sparse": torch.eye(3).to_sparse(),
        "csr": torch.eye(3).to_sparse_csr(),
        "quantised": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "meta": torch.empty(2, device="meta"),
        "storage": torch.ones(3).untyped_storage(),
        "generator": torch.Generator().get_state(),
        "dtypes": [torch.float32, torch.device("cpu"), torch.Size([1, 2]), torch.strided],
    }
    for name, value in values.items():
        path = tmp_path / f"{name}.pt"
        torch.save(value, path)
        assert_clean(path)


def test_torchscript_and_exported_programs_are_clean(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (make heavy)")
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU())
    torch.jit.script(network).save(str(tmp_path / "scripted.pt"))
    torch.jit.trace(network, torch.ones(1, 3)).save(str(tmp_path / "traced.pt"))
    torch.export.save(torch.export.export(network, (torch.ones(1, 3),)), str(tmp_path / "exported.pt2"))
    for path in tmp_path.iterdir():
        assert_clean(path)


def test_boosted_trees_are_clean_as_pickles_and_in_their_own_formats(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy", reason="numpy is not installed (make heavy)")
    xgboost = pytest.importorskip("xgboost", reason="xgboost is not installed (make heavy)")
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm is not installed (make heavy)")
    catboost = pytest.importorskip("catboost", reason="catboost is not installed (make heavy)")
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    models = {
        "xgb": xgboost.XGBClassifier(n_estimators=3).fit(x, y),
        "xgr": xgboost.XGBRegressor(n_estimators=3).fit(x, y),
        "xgrank": xgboost.XGBRFClassifier(n_estimators=3).fit(x, y),
        "lgb": lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(x, y),
        "cat": catboost.CatBoostClassifier(iterations=3, verbose=False, allow_writing_files=False).fit(x, y),
    }
    for name, model in models.items():
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(model))
    booster = models["xgb"].get_booster()
    (tmp_path / "booster.pkl").write_bytes(pickle.dumps(booster))
    booster.save_model(str(tmp_path / "b.json"))
    booster.save_model(str(tmp_path / "b.ubj"))
    models["lgb"].booster_.save_model(str(tmp_path / "l.txt"))
    (tmp_path / "lb.pkl").write_bytes(pickle.dumps(models["lgb"].booster_))
    models["cat"].save_model(str(tmp_path / "c.cbm"))
    models["cat"].save_model(str(tmp_path / "c.json"), format="json")
    for path in sorted(tmp_path.iterdir()):
        assert_clean(path)


def test_results_of_statsmodels_and_imbalanced_learn_are_clean(tmp_path: Path) -> None:
    sm = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed (make heavy)")
    imblearn = pytest.importorskip("imblearn.over_sampling", reason="imbalanced-learn is not installed (make heavy)")
    import numpy as np

    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60.0) % 2
    sm.OLS(y, sm.add_constant(x)).fit().save(str(tmp_path / "ols.pkl"))
    sm.Logit(y, x).fit(disp=False).save(str(tmp_path / "logit.pkl"))
    sm.tsa.ARIMA(np.cumsum(y), order=(1, 0, 0)).fit().save(str(tmp_path / "arima.pkl"))
    sampler = imblearn.SMOTE(k_neighbors=2)
    sampler.fit(x, y)
    (tmp_path / "smote.pkl").write_bytes(pickle.dumps(sampler))
    for path in sorted(tmp_path.iterdir()):
        assert_clean(path)


def test_models_of_transformers_are_clean(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (make heavy)")
    torch = pytest.importorskip("torch", reason="torch is not installed (make heavy)")
    config = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=20
    )
    model = transformers.BertModel(config)
    model.save_pretrained(tmp_path / "saved")
    torch.save(model, tmp_path / "whole.pt")
    torch.save(transformers.TrainingArguments(output_dir="x"), tmp_path / "training_args.bin")
    (tmp_path / "config.pkl").write_bytes(pickle.dumps(config))
    for path in sorted(p for p in tmp_path.rglob("*") if p.is_file() and p.suffix not in (".json", ".md")):
        assert_clean(path)


def test_onnx_safetensors_and_gguf_files_are_clean(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy", reason="numpy is not installed (make heavy)")
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (make heavy)")
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed (make heavy)")
    gguf = pytest.importorskip("gguf", reason="gguf is not installed (make heavy)")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node("Relu", ["x"], ["y"])
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", kind, [2])], [helper.make_tensor_value_info("y", kind, [2])]
    )
    onnx.save(helper.make_model(graph), str(tmp_path / "m.onnx"))
    safetensors.save_file({"a": np.ones((2, 3), "f4"), "b": np.arange(3)}, str(tmp_path / "m.safetensors"))
    writer = gguf.GGUFWriter(str(tmp_path / "m.gguf"), "llama")
    writer.add_context_length(8)
    writer.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b"])
    writer.add_tensor("t", np.ones((4, 4), "f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for path in sorted(tmp_path.iterdir()):
        assert_clean(path)


def test_objects_through_cloudpickle_and_dill_are_clean_where_they_hold_no_code(tmp_path: Path) -> None:
    cloudpickle = pytest.importorskip("cloudpickle", reason="cloudpickle is not installed (make heavy)")
    dill = pytest.importorskip("dill", reason="dill is not installed (make heavy)")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (make heavy)")
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    for name, module in (("c", cloudpickle), ("d", dill)):
        target = io.BytesIO()
        module.dump({"model": model, "columns": ["a"]}, target)
        (tmp_path / f"{name}.pkl").write_bytes(target.getvalue())
        assert_clean(tmp_path / f"{name}.pkl")
