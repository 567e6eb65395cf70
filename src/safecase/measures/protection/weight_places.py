"""Where weights lie open: files that everybody may read, volumes that may be written, buckets that are public."""

from __future__ import annotations

import itertools
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from safecase.checks import Context
from safecase.measures.protection.declared_files import declared_files, dicts
from safecase.readers.kubernetes import PODS, is_kubernetes
from safecase.readers.kubernetes_objects import KubernetesObject, below, read_objects
from safecase.readers.text import shown
from safecase.vocabulary import Place, Severity

_WEIGHTS: Final = re.compile(r"(?<![A-Za-z0-9])(models?|weights?|checkpoints?)(?![A-Za-z0-9])", re.IGNORECASE)
_RESOURCE: Final = re.compile(r'^\s*resource\s+"(?P<kind>[\w-]{1,80})"\s+"(?P<name>[\w-]{1,120})"\s*\{')
_PUBLIC: Final = (
    (re.compile(r'\bacl\s*=\s*"(public-read(-write)?|authenticated-read)"'), "aws_s3_bucket"),
    (re.compile(r'"(allUsers|allAuthenticatedUsers)"'), "google_storage"),
    (re.compile(r'\bcontainer_access_type\s*=\s*"(blob|container)"'), "azurerm_storage_container"),
    (re.compile(r'\b[Pp]rincipal"?\s*[=:]\s*("\*"|\{\s*"?AWS"?\s*[=:]\s*\[?\s*"\*")'), "aws_s3_bucket"),
)
"""What makes a resource of Terraform public, and how the names of its kind begin."""
_DENIED: Final = re.compile(r'"?[Ee]ffect"?\s*[=:]\s*"Deny"')
"""A rule for everybody that takes something away; which rule is whose is not told apart."""


class Open(NamedTuple):
    """A place where weights are less guarded than a secret."""

    rule: str
    told: str
    mend: str
    place: Place
    severity: Severity = "high"


def of_files(ctx: Context, files: Sequence[str]) -> Iterator[Open]:
    """Yield weight files that every user of this machine can read or change."""
    for name in files:
        path = ctx.path(name)
        mode = path.stat().st_mode
        if not mode & (stat.S_IROTH | stat.S_IWOTH) or not _reachable(path):
            continue
        can, severity = ("change", "critical") if mode & stat.S_IWOTH else ("read", "high")
        told = f"every user of this machine can {can} {shown(name)} (mode {stat.S_IMODE(mode):o})"
        yield Open("mode", told, f"chmod 640 {shown(name)}", Place(file=name), severity)  # type: ignore[arg-type]


def _reachable(path: Path) -> bool:
    """Say whether everybody may go through all the folders above a file."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)


def of_manifests(ctx: Context, source: str) -> Iterator[Open]:
    """Yield what `deployment.manifests` leave open of weights; `source` names the model's bucket, if it has one."""
    files = list(declared_files(ctx))
    cluster = [name for name, content in files if is_kubernetes(content)]
    for one in read_objects(ctx.root, cluster, PODS).found:
        yield from _mounts(one)
    bucket = _bucket(source)
    for name, content in files:
        if name.endswith((".tf", ".tf.json")):
            yield from _buckets(name, content.decode("utf-8", "replace"), bucket)


def _mounts(one: KubernetesObject) -> Iterator[Open]:
    steps = ("spec", *PODS[one.kind], "spec") if PODS[one.kind] else ("spec",)
    for number, container in enumerate(dicts(one.at(*steps, "containers"))):
        for at, mount in enumerate(dicts(container.get("volumeMounts"))):
            named = f"{mount.get('name', '')}/{mount.get('mountPath', '')}"
            if _WEIGHTS.search(named) and mount.get("readOnly") is not True:
                at_path = shown(str(mount.get("mountPath")))
                told = f"{one.kind} {one.name} may change the weights that it mounts at {at_path}"
                place = one.place(*steps, "containers", number, "volumeMounts", at)
                yield Open("volume", told, "mount it with readOnly: true", place, "medium")
    for number, volume in enumerate(dicts(one.at(*steps, "volumes"))):
        path = below(volume, "hostPath", "path")
        if isinstance(path, str) and _WEIGHTS.search(f"{volume.get('name', '')}/{path}"):
            told = f"{one.kind} {one.name} takes weights from a folder of its node, where no access is counted"
            yield Open("volume", told, "use a volume of its own", one.place(*steps, "volumes", number))


def _buckets(file: str, text: str, bucket: str) -> Iterator[Open]:
    """Go through the resources of Terraform; a public one counts where it, or what it names, is about weights."""
    for kind, name, start, block in _resources(text):
        named = f"{name}/{block}"
        about = bucket in named or bucket.replace("-", "_") in name if bucket else _WEIGHTS.search(named)
        for pattern, of in _PUBLIC if about else ():
            hit = pattern.search(block) if kind.startswith(of) and not _DENIED.search(block) else None
            if hit:
                place = Place(file=file, line=start + block.count("\n", 0, hit.start()))
                told = f"the bucket of {shown(name)} is public ({shown(hit[0], 60)})"
                yield Open("bucket", told, "take the public access away, and look who used it", place, "critical")


def _resources(text: str) -> Iterator[tuple[str, str, int, str]]:
    """Give kind, name, first line and text of each resource, comments left out."""
    lines = [line if not line.lstrip().startswith(("#", "//")) else "" for line in text.splitlines()]
    starts = [number for number, line in enumerate(lines) if _RESOURCE.match(line)]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        found = _RESOURCE.match(lines[start])
        assert found is not None
        yield found["kind"], found["name"], start + 1, "\n".join(lines[start:end])


def _bucket(source: str) -> str:
    try:
        parts = urlsplit(source)
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in ("s3", "gs", "abfss", "wasbs") else ""
