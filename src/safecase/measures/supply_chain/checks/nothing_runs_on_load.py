"""`model.scan`: no weight file carries something that would run when it is loaded."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import partial

from msgspec import structs

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.artifacts.formats import opened
from safecase.readers.artifacts.look import ArtifactReport, look_at
from safecase.readers.artifacts.report import Problem, Problems
from safecase.readers.artifacts.repositories import check_repository
from safecase.readers.artifacts.rules import rule
from safecase.readers.pickles.policy import Policy
from safecase.readers.text import shown
from safecase.service.subjects import Model
from safecase.vocabulary import Finding, Place

MOST_READ = 16 * 1024 * 1024
MOST_TOLD = 20
"""Findings of one file: who needs more than that deletes it."""


@check("model.scan", control="SC-04", severity="critical", version=2, reads=("supply_chain.allow_globals",))
def nothing_runs_on_load(model: Model, ctx: Context) -> Iterator[Finding]:
    """No model file carries something that would run when it is loaded.

    ## Why it matters
    A model file from a stranger is a program from a stranger where its format allows code. Published attacks hide a
    command in the pickle of an ordinary checkpoint, break the file behind it so that scanners give up, or pack it in
    archives that scanners and loaders read differently.

    ## How it is checked
    Nothing is loaded. Each pickle (by itself, within PyTorch files, joblib, NumPy arrays, archives, and pickles within
    pickles) is followed opcode by opcode on an abstract machine. What it names is held against a list of exact names
    that the frameworks' own pickles use. A name that does harm by its nature, or a call into Python or a framework
    outside of that list, fails with severity critical; a class of your own project fails with high until it is listed.
    Archives are read by their own structures: names that differ, members outside of the archive and bombs are told.
    Keras configurations may name Keras only, and no layer of code. Headers of safetensors and GGUF must be true, chat
    templates are parsed and may not reach into objects, and ONNX may not read weights from outside of its folder.

    What lies in the folder of a declared model is judged with it: the code that its configurations name, templates,
    YAML tags, requirements, native libraries. docs/model-files.md tells what is looked into.

    What is not looked into is unknown, never passed; the message says what. A file that breaks off, or that is too
    large to be followed, is unknown too. The list cannot know what your own classes do when they are made.

    ## How to mend it
    Do not load a file that fails as critical: delete it, and ask where it came from. Where a class of your own is
    named, review it and list it in safecase.yaml, as `supply_chain: {allow_globals: [mypkg.features.Scaler]}`, or
    convert the model to a format that holds no code (see model.format).

    ## References
    LLM04:2026; AML.T0010; AML.T0011.000; AML.M0016; CWE-502.
    """
    if not model.files:
        yield _nothing(model, ctx)
    policy = Policy(frozenset(ctx.manifest.supply_chain.allow_globals))
    every = (*model.files, *model.beside)
    for index, file in enumerate(every):
        share = max(1.0, ctx.remaining() * 0.9 / (len(every) - index))
        try:
            with opened(ctx.path(file)) as (content, size):
                name = posixpath.relpath(file, model.path) if model.beside else file.rpartition("/")[2]
                report = look_at(
                    content,
                    size,
                    name,
                    policy=policy,
                    deadline_s=share,
                    folder=str(ctx.path(file).parent),
                    alone=not model.beside,
                )
        except CollectError as why:
            yield nothing_runs_on_load.unknown(
                model, f"{shown(file)}: {why.message}", mend=why.mend, place=Place(file=file), key=file
            )
            continue
        yield from _findings(model, file, report)
    if model.beside:
        yield from _together(model, ctx)


def _together(model: Model, ctx: Context) -> Iterator[Finding]:
    """Judge what no file of the folder shows alone: which code its configurations name."""
    paths = {posixpath.relpath(file, model.path): file for file in (*model.files, *model.beside)}
    problems = Problems()
    check_repository({name: partial(_beginning, ctx, file) for name, file in paths.items()}, problems)
    for problem in problems.all()[:MOST_TOLD]:
        yield _finding(model, paths.get(problem.member, model.path), structs.replace(problem, member=""))


def _beginning(ctx: Context, file: str) -> bytes:
    try:
        with opened(ctx.path(file)) as (content, _):
            return content.read(MOST_READ)
    except CollectError:
        return b""  # told when it was looked at by itself


def _findings(model: Model, file: str, report: ArtifactReport) -> Iterator[Finding]:
    place = Place(file=file)
    if not report.problems:
        message = f"{shown(file)}: nothing in it runs when it is loaded ({_looked_at(report)})"
        yield nothing_runs_on_load.passed(model, message, key=file, place=place)
        return
    for problem in report.problems[:MOST_TOLD]:
        if file in model.files or problem.rule not in ("format.unknown", "format.empty"):
            yield _finding(model, file, problem)


def _finding(model: Model, file: str, problem: Problem) -> Finding:
    message = f"{shown(file)}{_where(problem)}: {problem.message}"
    key = problem.key or problem.member
    place = Place(file=file)
    if problem.says in ("malicious", "suspicious"):
        malicious = problem.says == "malicious"
        return nothing_runs_on_load.failed(
            model,
            message,
            mend=_mend(problem),
            rule=problem.rule,
            key=key,
            place=place,
            severity="critical" if malicious else "high",
        )
    return nothing_runs_on_load.unknown(model, message, mend=_COULD_NOT_LOOK, rule=problem.rule, key=key, place=place)


def _where(problem: Problem) -> str:
    member = f", {shown(problem.member)}" if problem.member else ""
    return member + (f", byte {problem.offset}" if problem.offset is not None else "")


def _looked_at(report: ArtifactReport) -> str:
    told = [report.format.name]
    if report.pickles.streams:
        told.append(f"{report.pickles.opcodes} pickle opcodes in {report.pickles.streams} streams")
        told.append(f"{len(report.pickles.globals)} names")
    if report.members:
        told.append(f"{report.members} members")
    return ", ".join(told)


def _mend(problem: Problem) -> str:
    if problem.rule in ("pickle.unknown-call", "pickle.import") and problem.says == "suspicious" and problem.key:
        name = shown(problem.key)
        return f"review {name}, then list it under supply_chain.allow_globals; or convert it"
    return rule(problem.rule).mend


def _nothing(model: Model, ctx: Context) -> Finding:
    path = ctx.path(model.path)
    message = "holds no weight file that is known" if path.exists() else "is not there"
    mend = f"correct the path of {model.name} in {ctx.manifest_path or 'safecase.yaml'}, or put the file there"
    place = Place(file=ctx.manifest_path, line=model.line) if ctx.manifest_path else None
    return nothing_runs_on_load.unknown(model, f"{shown(model.path)} {message}", mend=mend, place=place, key=model.path)


_COULD_NOT_LOOK = "convert the model to safetensors, ONNX or GGUF, which can be looked into whole"
