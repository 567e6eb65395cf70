"""`weights.access`: own weights lie where few can read them, and each reading is in a log."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.protection.access_logs import WAIT_S, log_files, noticed
from safecase.measures.protection.weight_places import of_files, of_manifests
from safecase.readers.text import shown
from safecase.service.schema import ModelBlock
from safecase.service.subjects import Model
from safecase.vocabulary import Finding, Place

_TRAINED = ("finetuned", "own", "online", "federated")


@check(
    "weights.access",
    control="AI-22",
    severity="high",
    reads=("models", "deployment.manifests", "infrastructure.logs"),
    files=("deployment.manifests",),
)
def weights_guarded(model: Model, ctx: Context) -> Iterator[Finding]:
    """The weights of an own model cannot be read by everybody, and a reading of them is in the log at once.

    ## Why it matters
    Weights hold what training cost, and what was in the data. A copy of them leaves no gap where they were: without a
    log of who read them, nobody ever learns that they are gone.

    ## How it is checked
    Of each model that was trained or tuned here, whose weights are a secret (`weights_secret`), or of which it is not
    said that others publish it, the files' modes are read: one that every user of this machine can read or change
    fails. In `deployment.manifests`, volumes called after models or weights must be mounted read-only and not come from
    a node's folder (Kubernetes), and buckets of weights must not be public (Terraform: ACLs, policies and members that
    mean everybody). Then one byte of a weight file is read, and a new line that names the file must appear within
    seconds in one of `infrastructure.logs`.

    Not shown: that copies elsewhere are counted, that somebody is woken when weights leave, who may log in here, and
    what a bucket's provider logs.

    ## How to mend it
    `chmod 640`, and a group that serves the model. Let auditd, the file system or the store log each opening
    (`auditctl -w models/ -p r -k weights`), and list that log under `infrastructure.logs`.

    ## References
    AML.M0001, AML.M0005 (ATLAS 5.6.0); CWE-732; CWE-778; EU AI Act Art. 15(5) and 55(1)(d); ISO/IEC 42001 A.4.5.
    """
    place = Place(file=ctx.manifest_path, line=model.line) if model.declared else Place(file=model.path)
    if model.declared is not None and not _own(model.declared):
        told = f"{shown(model.name)} is declared as others publish it: its weights are no secret of ours"
        yield weights_guarded.passed(model, told, place=place)
        return
    files = [name for name in model.files if ctx.path(name).is_file()]
    if not files:
        told, mend = f"the weights of {shown(model.name)} do not lie here", "run this check where they lie"
        yield weights_guarded.unknown(model, told, rule="weights.absent", place=place, mend=mend)
    open_places = [*of_files(ctx, files), *of_manifests(ctx, model.declared.source if model.declared else "")]
    for one in open_places:
        yield weights_guarded.failed(
            model,
            one.told,
            rule=f"weights.{one.rule}",
            key=one.told,
            place=one.place,
            severity=one.severity,
            mend=one.mend,
        )
    if files and not open_places:
        told = f"{len(files)} weight files of {shown(model.name)} are not open to everybody on this machine"
        yield weights_guarded.passed(model, told, key="places", place=Place(file=files[0]))
    if files:
        yield _logged(model, ctx, files[0], place)


def _own(declared: ModelBlock) -> bool:
    """Say whether a model's weights are ours to guard; what is not said counts as if they were."""
    if declared.weights_secret is not None:
        return declared.weights_secret
    return declared.training in _TRAINED or declared.origin in (None, "own", "vendor", "users")


def _logged(model: Model, ctx: Context, file: str, place: Place) -> Finding:
    names = ctx.manifest.infrastructure.logs
    logs = [ctx.path(name) for name in names]
    if not log_files(logs):
        told = "no log lies here that could show who reads weights"
        mend = "let each opening be logged (auditd, or the store), and list the log under infrastructure.logs"
        return weights_guarded.unknown(model, told, rule="weights.log", place=place, mend=mend)
    try:
        log = noticed(ctx.path(file), lambda: log_files(logs), seconds=min(WAIT_S, ctx.remaining() / 2))
    except OSError as why:
        raise CollectError(f"{shown(file)} cannot be read: {why.strerror}", mend="let this check read it") from why
    if log:
        told = f"a byte of {shown(file)} was read, and {shown(log)} had a line of it"
        return weights_guarded.passed(model, told, key="log", place=Place(file=file))
    told = f"a byte of {shown(file)} was read, and within {WAIT_S:g} s no declared log had a line that names it"
    mend = "let each opening of weights be logged: `auditctl -w models/ -p r -k weights`"
    return weights_guarded.failed(model, told, rule="weights.unlogged", key=file, place=Place(file=file), mend=mend)
