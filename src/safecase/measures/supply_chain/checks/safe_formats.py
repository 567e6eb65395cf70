"""`model.format`: weights lie in formats that cannot run code when they are loaded."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.artifacts.formats import WeightFormat, identify
from safecase.readers.text import shown
from safecase.service.subjects import Model
from safecase.vocabulary import Finding, Place


@check("model.format", control="SC-03", severity="high", version=2)
def safe_formats(model: Model, ctx: Context) -> Iterator[Finding]:
    """Model weights are in a format that cannot run code when they are loaded.

    ## Why it matters
    A pickle is a program: whoever loads it runs what it names, before any weight is read. PyTorch, joblib, arrays of
    objects and Keras layers made of code all carry such programs. A format that holds numbers and texts only cannot do
    that, however hostile the file is.

    ## How it is checked
    Each weight file is opened and told by its bytes: its name decides nothing. safetensors, GGUF, ONNX, PMML,
    TensorFlow Lite, plain arrays and the text and JSON models of the boosting libraries count as safe, and so does
    skops, whose loader refuses types that nobody trusted (`model.scan` reads what it names). Pickles, PyTorch
    archives, TorchScript, joblib, arrays of objects, Keras and HDF5 models, TensorFlow graphs, R data and programs do
    not: what they name may be harmless today, which is what `model.scan` looks at. A file whose format is not
    recognised is unknown.

    ## How to mend it
    Convert with the framework's own tool, on a machine where the file may be loaded: `safetensors.torch.save_file` for
    a PyTorch state dict, ONNX export or skops for scikit-learn, `save_model` to JSON for XGBoost, ONNX export for
    TensorFlow and Keras. Then change safecase.yaml and the loading code to the new file, and delete the old one.

    ## References
    LLM04:2026; AML.M0011; AML.M0014; CWE-502.
    """
    if not model.files:
        yield _nothing(model, ctx)
    for file in model.files:
        place = Place(file=file)
        try:
            found = identify(ctx.path(file))
        except CollectError as why:
            yield safe_formats.unknown(model, f"{shown(file)}: {why.message}", mend=why.mend, place=place, key=file)
            continue
        told = found.name + (f" ({shown(found.detail)})" if found.detail else "")
        if found.safe:
            yield safe_formats.passed(model, f"{shown(file)} is {told}, which cannot run code", key=file, place=place)
        elif found.name in _UNRECOGNISED:
            message, mend = _UNRECOGNISED[found.name]
            yield safe_formats.unknown(model, f"{shown(file)} {message}", mend=mend, key=file, place=place)
        else:
            message = f"{shown(file)} is {told}, which can run code when it is loaded"
            yield safe_formats.failed(model, message, mend=_mend(found), key=file, place=place)


def _nothing(model: Model, ctx: Context) -> Finding:
    path = ctx.path(model.path)
    message = "holds no weight file that is known" if path.exists() else "is not there"
    mend = f"correct the path of {model.name} in {ctx.manifest_path or 'safecase.yaml'}, or put the file there"
    place = Place(file=ctx.manifest_path, line=model.line) if ctx.manifest_path else None
    return safe_formats.unknown(model, f"{shown(model.path)} {message}", mend=mend, place=place, key=model.path)


def _mend(found: WeightFormat) -> str:
    for names, mend in _MENDS:
        if found.name in names:
            return mend
    return "use a model in safetensors, ONNX or GGUF instead"


_UNRECOGNISED = {
    "unknown": ("is in no format that is known", "say what it is in an issue, or exclude it in settings.exclude"),
    "empty": ("is empty", "put the model's file there"),
    "lfs_pointer": ("is a pointer of Git LFS, not the file itself", "git lfs pull"),
}

_MENDS = (
    (
        ("pytorch_zip", "pytorch_legacy", "pytorch_tar", "torchscript", "torch_archive"),
        "save the state dict with safetensors.torch.save_file(model.state_dict(), 'model.safetensors')",
    ),
    (
        ("pickle", "joblib"),
        "convert it: PyTorch to safetensors, scikit-learn to ONNX or skops, boosters to JSON",
    ),
    (("npy_object", "npz_object"), "save arrays of numbers: numpy.save(file, array, allow_pickle=False)"),
    (("keras_v3", "hdf5"), "export it to ONNX (model.export(…, format='onnx')), or keep only weights, as safetensors"),
    (("tf_saved_model",), "export it to ONNX or TensorFlow Lite"),
    (("rds",), "save the model in R with the booster's own text format, or as ONNX"),
    (("llamafile",), "take the GGUF file out of it and run it with a runtime of your own"),
    (("zip", "model_zip", "tar", "compressed", "seven_zip"), "unpack it and declare the files in it"),
)
