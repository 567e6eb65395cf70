"""What the firewall lets through: whose repositories, which files, which verdicts; read from YAML or a manifest.

    repositories: ["google/*", "our-org/*"]
    revisions: commit
    verdicts: {unsupported: serve}
    accept:
      - {sha256: 5f…, rule: pickle.unknown-call, reason: our own class, by: ada@shop.example, expires: 2027-03-01}

Of a `safecase.yaml` the policy is what the service says it is made of: its models from the hub, each at its revision.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from safecase.errors import ManifestError, UsageError
from safecase.firewall.names import Repo, WantedFile, is_commit
from safecase.firewall.refusals import by_policy
from safecase.readers import regular_files, yaml_places
from safecase.readers.text import shown
from safecase.vocabulary import Noun

GB: Final = 1_000_000_000

Glob: TypeAlias = Annotated[str, Meta(max_length=300)]
Action: TypeAlias = Literal["refuse", "serve"]
_SOURCE: Final = re.compile(r"(?:hf:|https://huggingface\.co/)/*([^?#]+?)/*")


class Accepted(Noun, frozen=True):
    """One finding of one file that somebody answers for, until a day."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    rule: Annotated[str, Meta(min_length=1, max_length=100)]
    reason: Annotated[str, Meta(min_length=1, max_length=1000)]
    by: Annotated[str, Meta(min_length=1, max_length=200)]
    expires: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]

    def holds(self, today: date) -> bool:
        """Say whether it has not expired."""
        try:
            return date.fromisoformat(self.expires) >= today
        except ValueError:
            return False


class Verdicts(Noun, frozen=True):
    """What is done with a file by its verdict; of malicious ones nothing but `accept` lets any through."""

    suspicious: Action = "refuse"
    error: Action = "refuse"
    unsupported: Action = "refuse"


class Policy(Noun, frozen=True):
    """What is let through."""

    repositories: tuple[Glob, ...] = ("*",)
    """Globs over `owner/name`, with `datasets/` or `spaces/` before those."""
    refused: tuple[Glob, ...] = ()
    """Repositories that are refused although a glob above names them."""
    revisions: Literal["any", "commit"] = "any"
    """`commit`: a client must name a commit, which nobody can move."""
    pins: Mapping[str, str] = {}
    """Repositories that are served at one commit only; `main` means that commit."""
    files_refused: tuple[Glob, ...] = ()
    """Globs over the names of files: `*.py`, `*.bin`."""
    formats: tuple[str, ...] = ()
    """Formats of models that are let through, by content (`safetensors`, `gguf`, ...); all where none is said."""
    licences: tuple[str, ...] = ()
    """Licences that a repository may claim; any where none is said."""
    verdicts: Verdicts = Verdicts()
    accept: tuple[Accepted, ...] = ()
    hide: bool = False
    """A refused file is said not to be there where a safetensors file lies beside it, so that loaders take that."""
    max_bytes: Annotated[int, Meta(gt=0)] = 100 * GB
    """Of one file."""
    hosts: tuple[Glob, ...] = ()
    """Hosts that the hub may send the firewall on to although their addresses are private."""
    contact: Annotated[str, Meta(max_length=200)] = ""
    """Whom a refused user asks; stands at the end of each reason."""

    def permits(self, repo: Repo) -> None:
        """Raise `Refusal` where the repository is none of those."""
        name = str(repo)
        named = _any_of(name, self.repositories) and not _any_of(name, self.refused)
        if not named:
            raise by_policy(self.told(f"{name} is not among the repositories that the policy names"))

    def revision(self, repo: Repo, revision: str) -> str:
        """Give the revision to serve; raises `Refusal` where it is another than the pinned one, or may move."""
        pinned = self.pins.get(str(repo))
        if pinned and revision in (pinned, "main"):
            return pinned
        if pinned:
            raise by_policy(self.told(f"{repo} is pinned to {pinned}; ask for revision={pinned}"))
        if self.revisions == "commit" and not is_commit(revision):
            raise by_policy(self.told(f"{shown(revision)} can be moved; ask for a revision by its commit"))
        return revision

    def refuses_file(self, wanted: WantedFile) -> str:
        """Give why a file is refused by its name alone; empty where it is not."""
        glob = next((g for g in self.files_refused if _matches(wanted.file, g)), "")
        return self.told(f"files named {shown(glob)} are not let through") if glob else ""

    def told(self, reason: str) -> str:
        """Add whom to ask."""
        return f"{reason} (ask {self.contact})" if self.contact else reason


def read(path: Path) -> Policy:
    """Read a policy, or take it from a `safecase.yaml`; whatever is wrong with it is one error with its places."""
    try:
        content = regular_files.read(path, most=yaml_places.MOST_BYTES, follow=True)
    except OSError as why:
        raise UsageError(f"{shown(str(path), 200)} cannot be read: {why.strerror}", mend="give --policy FILE") from why
    document = yaml_places.read(content, str(path))
    if isinstance(document.value, dict) and "safecase" in document.value:
        return _of_manifest(path)
    try:
        return _checked(msgspec.convert(document.value or {}, type=Policy), document)
    except msgspec.ValidationError as why:
        message, _, where = str(why).partition(" - at ")
        fault = document.fault(message[:1].lower() + message[1:], _steps(where), mend="see docs/firewall.md")
        raise ManifestError([fault], lines=document.lines) from why


def today() -> date:
    """Give the day by which acceptances expire."""
    return datetime.now(UTC).date()


def _checked(policy: Policy, document: yaml_places.Document) -> Policy:
    faults = []
    for at, accepted in enumerate(policy.accept):
        try:
            date.fromisoformat(accepted.expires)
        except ValueError:
            fault = document.fault("there is no such day", ("accept", at, "expires"), mend="give it as YYYY-MM-DD")
            faults.append(fault)
    for repo, commit in policy.pins.items():
        if not is_commit(commit):
            mend = "give all 40 hexadecimal digits of the commit"
            faults.append(document.fault("a pin is a commit", ("pins", repo), mend=mend))
    if faults:
        raise ManifestError(faults, lines=document.lines)
    return policy


def _steps(where: str) -> tuple[str | int, ...]:
    found = re.findall(r"\.([A-Za-z_]+)|\[(\d+)\]", where)
    return tuple(name or int(at) for name, at in found)


def _of_manifest(path: Path) -> Policy:
    from safecase.service import read as manifests

    service = manifests.read(path)
    pins: dict[str, str] = {}
    names: list[str] = []
    for model in service.manifest.models:
        found = _SOURCE.fullmatch(model.source)
        if found is None:
            continue
        name, _, revision = found[1].partition("@")
        revision = model.revision or revision
        names.append(name)
        if is_commit(revision):
            pins[name] = revision
    if not names:
        mend = "give a model `source: hf:owner/name`, or write a policy of its own"
        raise UsageError(f"{shown(str(path), 200)} names no model of the hub", mend=mend)
    return Policy(repositories=tuple(dict.fromkeys(names)), pins=pins)


def _any_of(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _matches(file: str, glob: str) -> bool:
    return fnmatch.fnmatchcase(file, glob) or fnmatch.fnmatchcase(file.rpartition("/")[2], glob)
