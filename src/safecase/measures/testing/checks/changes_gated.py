"""`ci.gate`: every change passes the gate before it is merged."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from safecase.checks import Context, check
from safecase.errors import CollectError, ManifestError
from safecase.readers import yaml_places
from safecase.readers.text import shown
from safecase.readers.yaml_places import Document
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place

GITHUB = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
GITLAB = re.compile(r"\.gitlab-ci\.ya?ml|\.gitlab/ci/[^/]+\.ya?ml")
OTHERS = re.compile(
    r"Jenkinsfile|azure-pipelines\.ya?ml|\.circleci/config\.ya?ml|bitbucket-pipelines\.ya?ml|\.drone\.ya?ml|\.travis\.yml"
    r"|\.woodpecker(?:/[^/]+)?\.ya?ml|buildspec\.ya?ml|cloudbuild\.ya?ml"
)
MOST_BYTES = 1_000_000
MOST_SEEN = 20
"""Gates of one file that are told."""
_GATE = re.compile(r"(?:^|[\s;&|(/\"'])safecase\s{1,20}(?:[-\w=./]{1,200}\s{1,20}){0,4}?gate\b")
_ACTION = re.compile(r"(?:[\w.-]+/)?safecase(?:-action)?@\S+|\./(?:[\w./-]*/)?safecase[\w./-]*", re.IGNORECASE)
_PLAIN = re.compile(
    r"(?m)^[ \t]*(?:(?:uv|poetry|pdm|hatch) run |uvx |pipx run |python3? -m |[\w./-]*/)?"
    r"safecase[ \t]+(?:[-\w=./]{1,200}[ \t]+){0,4}gate(?![^\n]*(?:--help|-h\b|[|;&!<>`]))(?:[ \t][^\n]*)?$"
)
"""A line that runs the gate and nothing else."""
_BRANCHES = re.compile(r"\b(?:exit|trap|return|if|while|until|for|case|exec|eval)\b|<<|set \+")
_NO_CONDITIONS = ("always()", "!cancelled()", "success()", "success() || failure()")
_MAIN = frozenset({"main", "master", "trunk", "develop", "*", "**"})
_FOR_MERGES = re.compile(
    r"""\$CI_PIPELINE_SOURCE\s*==\s*['"]merge_request_event['"]|\$CI_MERGE_REQUEST_I?ID\b(?!\s*(?:==|!=|=~|!~))"""
)
_IGNORED = re.compile(
    r"\bgate\b[^\n]{0,2000}?"
    r"(?:\|\|\s{0,9}(?:true|:|exit\s{1,9}0|echo\b)|;\s{0,9}(?:true|exit\s{1,9}0)\b|(?<!&)&[ \t]{0,9}$)",
    re.MULTILINE,
)
_SET_PLUS_E = re.compile(r"^[ \t]*set[ \t]+\+e\b", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:#|//).*$|\s#[^\n]*$", re.MULTILINE)


class Seen(NamedTuple):
    """A place where the gate runs, and why it may not block; empty where it does."""

    place: Place
    excuse: str
    unclear: bool = False


@check("ci.gate", control="TV-14", severity="high")
def changes_gated(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """CI runs the gate on every proposed change, and its failure blocks.

    ## Why it matters
    A prompt, a model's name or a guard's rule changes in one line, and nobody sees from the line what it does. What is
    only looked at now and then is looked at after the damage.

    ## How it is checked
    The definitions of CI in the repository are read: GitHub workflows and GitLab pipelines by their structure, others
    (Jenkins, Azure, CircleCI and more) by their text. One must run `safecase gate`, or an action of Safecase, on pull
    or merge requests, and nothing may swallow its failure: no `continue-on-error`, `allow_failure`, `|| true`,
    `set +e`, `if: false`, `when: manual`. A gate that runs on pushes only comes too late. What runs inside a script or
    a reusable workflow is not followed. Whether the branch is protected, so that a red run blocks the merge, is a
    setting of the server that no file tells.

    ## How to mend it
    Run `safecase gate` in a job on `pull_request` (or for `merge_request_event`), and make that job a required check
    of the protected branch.

    ## References
    AML.M0008 (ATLAS 5.6.0); NIST AI RMF 1.0 MEASURE 2.4; ISO/IEC 42001:2023 A.6.2.5; EU AI Act Art. 9(6); CWE-1053.
    """
    definitions = [path for path in repository.files if _is_ci(path)]
    if not definitions:
        mend = "add a workflow that runs `safecase gate` on pull requests"
        yield changes_gated.failed(repository, "no definition of CI lies in the repository", rule="ci", mend=mend)
        return
    seen: list[Seen] = []
    for path in definitions:
        try:
            seen += _seen(ctx, path)
        except (CollectError, ManifestError) as why:
            mend = "correct the file"
            told = f"{shown(path)} cannot be read: {shown(why.message, 120)}"
            yield changes_gated.unknown(
                repository, told, rule="unread", key=path, place=why.place or Place(file=path), mend=mend
            )
    blocking = [one for one in seen if not one.excuse]
    if blocking:
        told = f"{blocking[0].place} runs the gate on proposed changes"
        yield changes_gated.passed(repository, told, rule="gate", place=blocking[0].place)
        return
    for number, one in enumerate(seen):
        told = f"{one.place} runs the gate: {one.excuse}"
        say = changes_gated.unknown if one.unclear else changes_gated.failed
        mend = "let the gate run on pull requests, and let its failure fail the job"
        yield say(repository, told, rule="gate", key=f"{one.place.file}:{number}", place=one.place, mend=mend)
    if not seen:
        named = ", ".join(shown(path) for path in definitions[:5])
        mend = "run `safecase gate` in it on pull requests"
        told = f"none of the definitions of CI runs the gate ({named})"
        yield changes_gated.failed(repository, told, rule="gate", place=Place(file=definitions[0], line=1), mend=mend)


def _is_ci(path: str) -> bool:
    return any(pattern.fullmatch(path) for pattern in (GITHUB, GITLAB, OTHERS))


def _seen(ctx: Context, path: str) -> list[Seen]:
    try:
        with ctx.path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        raise CollectError(f"{why.strerror}") from why
    if GITHUB.fullmatch(path) or GITLAB.fullmatch(path):
        if b"safecase" not in content.lower():
            return []
        document = yaml_places.read(content, path, any_keys=True)
        return list(_github(document) if GITHUB.fullmatch(path) else _gitlab(document))
    return list(_by_text(content[:MOST_BYTES].decode("utf-8", "replace"), path))


def _github(document: Document) -> Iterator[Seen]:
    top = _mapping(document.value)
    when = _trigger(top.get("on", top.get("true")))
    for name, job in _mapping(top.get("jobs")).items():
        job = _mapping(job)
        if "safecase" in str(job.get("uses", "")).lower():
            told = when or _github_excuse(job) or "in a workflow of another file, which is not followed"
            yield Seen(document.place(("jobs", name, "uses")), told, unclear=True)
        for number, step in enumerate(_list(job.get("steps"))):
            step = _mapping(step)
            run = _bare(str(step.get("run", "")))
            if _GATE.search(run) or _ACTION.fullmatch(str(step.get("uses", "")).strip()):
                place = document.place(("jobs", name, "steps", number))
                excuse = when or _swallowed(run) or _github_excuse(job) or _github_excuse(step)
                doubt = _script_doubt(run) or _github_doubt(top, job, step)
                yield Seen(place, excuse or doubt, unclear=not excuse and bool(doubt))


def _trigger(on: Any) -> str:  # what YAML can hold: a word, a list or a mapping
    words = [on] if isinstance(on, str) else list(on) if isinstance(on, list | dict) else []
    if not {"pull_request", "pull_request_target", "merge_group"} & {str(word) for word in words}:
        return f"only on {', '.join(shown(str(w), 30) for w in words[:5]) or 'nothing'}, not on pull requests"
    for pull in _pulls(on):
        if "paths" in pull or "paths-ignore" in pull:
            return "only when some paths change"
    return ""


def _pulls(on: Any) -> list[dict[Any, Any]]:
    """The filters of the triggers that proposed changes pull."""
    names = ("pull_request", "pull_request_target")
    return [_mapping(on.get(name)) for name in names if name in on] if isinstance(on, dict) else []


def _github_doubt(top: dict[Any, Any], job: dict[Any, Any], step: dict[Any, Any]) -> str:
    """Say what may keep the step from running, or from failing, that this check does not work out."""
    jobs = _mapping(top.get("jobs"))
    needed = [_mapping(jobs.get(name)) for name in _flat(job.get("needs"))]
    for part in (job, step, *needed):
        condition = str(part.get("if", "")).strip().removeprefix("${{").removesuffix("}}").strip()
        if condition and condition not in _NO_CONDITIONS:
            return f"whether `if: {shown(condition, 60)}` lets it run is not worked out"
    shells = [step.get("shell"), *(_mapping(_mapping(x.get("defaults")).get("run")).get("shell") for x in (job, top))]
    if any(shell not in (None, "bash", "sh", "pwsh") for shell in shells):
        return "it runs in a shell of its own making"
    for pull in _pulls(top.get("on", top.get("true"))):
        types = {str(word) for word in _flat(pull.get("types"))}
        branches = {str(word) for word in _flat(pull.get("branches"))}
        if types and not {"opened", "synchronize"} <= types:
            return "`types:` leaves out changes that are opened or pushed to"
        if "branches-ignore" in pull or (branches and not branches & _MAIN):
            return "which branches it is for, and whether they are those that matter, is not told"
    return ""


def _script_doubt(script: str) -> str:
    """Say why a script may go on although the gate said no; a line that does nothing else is taken for what it says."""
    if not _GATE.search(script):
        return ""  # an action
    if not _PLAIN.search(script):
        return "it stands in a line that does more than run it"
    return "the script leaves, traps or branches besides" if _BRANCHES.search(script) else ""


def _github_excuse(part: dict[Any, Any]) -> str:
    allowed = str(part.get("continue-on-error", "false")).strip()
    if allowed.lower() != "false":
        return "continue-on-error lets it fail"
    condition = str(part.get("if", "")).strip().removeprefix("${{").removesuffix("}}").strip()
    if condition.lower() == "false" or re.fullmatch(
        r"github\.event_name\s*==\s*'(?:push|schedule|workflow_dispatch)'", condition
    ):
        return f"`if: {shown(condition, 60)}` keeps it from running"
    return ""


def _gitlab(document: Document) -> Iterator[Seen]:
    top = _mapping(document.value)
    if "safecase" in repr(top.get("include", "")).lower():
        yield Seen(document.place(("include",)), "in a file that is included, which is not followed", unclear=True)
    for name, job in top.items():
        job = _mapping(job)
        script = "\n".join(str(line) for line in _flat(job.get("script")))
        if str(name).startswith(".") or not _GATE.search(_bare(script)):
            continue
        place = document.key_place((name,))
        rules = [_mapping(rule) for rule in _list(job.get("rules"))] or [
            _mapping(rule) for rule in _list(_mapping(top.get("workflow")).get("rules"))
        ]
        excuse = _swallowed(_bare(script)) or _gitlab_excuse(job, rules)
        before = "\n".join(str(line) for part in (top, job) for line in _flat(part.get("before_script")))
        doubt = _script_doubt(_bare(script)) or (
            "before_script leaves" if re.search(r"\b(?:exit|trap)\b", before) else ""
        )
        yield Seen(place, excuse or doubt, unclear=not excuse and bool(doubt))


def _gitlab_excuse(job: dict[Any, Any], rules: list[dict[Any, Any]]) -> str:
    if job.get("allow_failure") not in (None, False):
        return "allow_failure lets it fail"
    if job.get("when") in ("manual", "never", "delayed"):
        return f"it waits (`when: {job['when']}`)"
    only = [str(word) for word in _flat(job.get("only"))]
    conditions = " ".join(str(rule.get("if", "")) for rule in rules if rule.get("when") not in ("never", "manual"))
    asked = _FOR_MERGES.search(conditions) is not None or "merge_requests" in only
    if "merge_requests" in [str(word) for word in _flat(job.get("except"))]:
        return "`except` leaves out merge requests"
    if any(rule.get("allow_failure") not in (None, False) for rule in rules):
        return "allow_failure lets it fail"
    return "" if asked else 'not for merge requests (`rules: [{if: $CI_PIPELINE_SOURCE == "merge_request_event"}]`)'


def _by_text(text: str, path: str) -> Iterator[Seen]:
    bare = _bare(text)
    excuse = _swallowed(bare)
    for found in itertools.islice(_GATE.finditer(bare), MOST_SEEN):
        place = Place(file=path, line=bare.count("\n", 0, found.end()) + 1)
        if excuse:
            yield Seen(place, excuse)
        else:
            yield Seen(place, "whether it runs on proposed changes and blocks is not told by its text", unclear=True)


def _swallowed(script: str) -> str:
    if _IGNORED.search(script):
        return "its failure is swallowed (`|| true` or the like)"
    off = _SET_PLUS_E.search(script)
    gate = _GATE.search(script)
    return "`set +e` lets it fail" if off and gate and off.start() < gate.start() else ""


def _bare(script: str) -> str:
    """Blank comments, line by line."""
    return _COMMENT.sub("", script.replace("\\\n", "  "))


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _flat(value: Any) -> Iterator[Any]:
    """A script may be a text, a list of texts, or lists in lists."""
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, dict):
        yield from _flat(value.get("refs"))
    elif value is not None:
        yield value
