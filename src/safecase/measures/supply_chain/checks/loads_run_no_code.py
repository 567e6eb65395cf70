"""`code.static`: nothing is loaded in a way that lets a model bring its own code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from safecase.checks import Context, check
from safecase.engines.versions import pep440
from safecase.errors import CollectError
from safecase.readers import locks
from safecase.readers.model_loads import NotPython
from safecase.readers.text import shown
from safecase.readers.unsafe_loads import MOST_BYTES, UnsafeLoad, Way, in_code, in_settings
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place, Severity

MOST_TOLD = 100
SAFE_TORCH = "2.6"
"""From this version on `torch.load` takes weights only, unless told otherwise."""

_SETTINGS = re.compile(
    r"(^|/)((docker-)?compose[\w.-]*\.ya?ml|[\w.-]*dockerfile[\w.-]*|containerfile|procfile|[\w.-]*\.env[\w.-]*|\.envrc"
    r"|[\w.-]+\.(sh|bash|service|ya?ml|toml|tf|hcl|nomad))$",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"(^|/)(tests?|docs?|examples?|node_modules|\.github)/|(^|/)test_[^/]*\.py$")
_WHAT: dict[Way, tuple[str, Severity, str]] = {
    "remote_code": (
        "runs code that comes with the model",
        "critical",
        "drop the argument; where the model needs its own code, review it, and keep it in your repository",
    ),
    "hub_code": (
        "runs code of a repository on a hub",
        "critical",
        "install the package at a version with a hash, or keep the reviewed code here (source='local')",
    ),
    "unpickles": (
        "unpickles what comes from outside",
        "critical",
        "take weights as safetensors, or load with weights_only=True; see safecase supply convert",
    ),
    "unsafe_mode": (
        "switches the loader's protection off",
        "high",
        "leave the protection on; convert the file to safetensors or ONNX if it cannot be loaded so",
    ),
    "unsaid": (
        "loads without saying weights_only",
        "medium",
        f"say weights_only=True, or lock torch at {SAFE_TORCH} or later, where that is the default",
    ),
}


@check("code.static", control="SC-17", severity="critical", reads=("settings.exclude",))
def loads_run_no_code(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Nothing is loaded in a way that lets a model bring its own code.

    ## Why it matters
    One argument (`trust_remote_code=True`) makes a download an installation: whoever can write into the model's
    repository, today or after it was sold, runs code where the service runs, with its keys and its data.

    ## How it is checked
    Python files and notebooks are parsed, not run. Told are: `trust_remote_code=True` and its kin in any call, code of
    a pipeline by name (`custom_pipeline`), `torch.hub.load` of anything but a local folder, `safe_mode=False`,
    `weights_only=False`, `allow_dangerous_deserialization=True`, `allow_pickle=True`, unpicklers (`pickle`, `joblib`,
    `dill`, `torch.load` and others) that are given what a download gave in the same file, and `torch.load` that does
    not say `weights_only` unless every lock has a torch whose default is safe. Dockerfiles, Compose and Kubernetes
    files, scripts and files of variables are searched for the flags and variables that mean the same to model servers.
    Tests, examples and documents are left out. An argument whose value is computed, and a path that a file gets from
    elsewhere, are not seen.

    ## How to mend it
    Drop the argument. Models with code of their own can nearly always be had in the library itself, or as ONNX or GGUF;
    where not, keep a reviewed copy of the code in your repository and load it from there.

    ## References
    AML.M0011; AML.T0011.000 (ATLAS 5.6.0); LLM04:2026; CWE-829; CWE-502; EU AI Act Art. 15(5).
    """
    looked = told = 0
    safe_torch = _torch_is_safe(repository, ctx)
    for file in repository.files:
        if _ASIDE.search(file) or not (file.endswith((".py", ".ipynb")) or _SETTINGS.search(file)):
            continue
        looked += 1
        for finding in _of_file(repository, ctx, file, safe_torch=safe_torch):
            told += 1
            if told <= MOST_TOLD:
                yield finding
    if told > MOST_TOLD:
        more = f"{told - MOST_TOLD} more places are not listed"
        yield loads_run_no_code.failed(repository, more, rule="more", mend="mend those that are listed first")
    if not looked:
        yield loads_run_no_code.unknown(
            repository,
            "there is no code and no setting to look at",
            rule="nothing",
            mend="put safecase.yaml into the repository of the service",
        )
    elif not told:
        yield loads_run_no_code.passed(repository, f"{looked} files let no model bring its own code")


def _of_file(repository: Repository, ctx: Context, file: str, *, safe_torch: bool) -> Iterator[Finding]:
    if ctx.remaining() <= 0:
        raise CollectError("no time is left to read all code", mend="raise settings.check_seconds")
    try:
        with ctx.path(file).open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            yield _unread(repository, file, f"is larger than {MOST_BYTES // 1_000_000} MB")
            return
        found: Sequence[UnsafeLoad] = (
            in_code(content, file) if file.endswith((".py", ".ipynb")) else in_settings(content, file)
        )
    except OSError as why:
        yield _unread(repository, file, f"cannot be read: {why.strerror}")
        return
    except NotPython as why:
        yield _unread(repository, file, f"is not Python that can be read ({why})")
        return
    for load in found:
        if load.way == "unsaid" and safe_torch:
            continue
        what, severity, mend = _WHAT[load.way]
        yield loads_run_no_code.failed(
            repository,
            f"{shown(load.what, 120)} {what}",
            rule=f"load.{load.way}",
            key=f"{file}#{load.what}",
            place=load.place,
            severity=severity,
            mend=mend,
        )


def _unread(repository: Repository, file: str, why: str) -> Finding:
    mend = "mend it, or name it under settings.exclude if it is no part of the service"
    return loads_run_no_code.unknown(
        repository, f"{shown(file)} {why}", rule="unread", key=file, place=Place(file=file), mend=mend
    )


def _torch_is_safe(repository: Repository, ctx: Context) -> bool:
    """Say whether every lock that has torch has one whose `torch.load` takes weights only."""
    wanted = pep440(SAFE_TORCH)
    versions = []
    for file in repository.files:
        if locks.is_dependency_file(file):
            try:
                read = locks.read_file(ctx.root, file)
            except CollectError:
                return False
            versions += [e.version for e in read.entries if locks.normalised(e.name) == "torch"]
    keys = [pep440(version) for version in versions]
    return bool(keys) and wanted is not None and all(key is not None and key >= wanted for key in keys)
