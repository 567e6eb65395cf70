"""What checks look at: each part of a service that has a name and, where it has bytes, a digest.

The type of a check's first parameter is one of these; the check runs once for each such part of the service.
Every `name` is unique in a service and stays the same while the part stays the same: evidence is filed under it.
"""

from __future__ import annotations

from typing import TypeAlias

from safecase.service.schema import DatasetBlock, ModelBlock, SuiteBlock
from safecase.service.schema import Endpoint as EndpointBlock
from safecase.vocabulary import Noun


class Service(Noun, frozen=True):
    """The service as a whole: what its manifest says."""

    name: str
    manifest: str
    """Path of safecase.yaml, relative to the service's folder."""


class Repository(Noun, frozen=True):
    """All files of the service's folder that belong to it (git's view of it where there is git)."""

    name: str = "repository"
    files: tuple[str, ...] = ()
    """Relative paths, sorted, with forward slashes."""


class Model(Noun, frozen=True):
    """A model's file or folder."""

    name: str
    """`model:<id>` for a declared model, `model-file:<path>` for a discovered one."""
    path: str
    """Relative to the service's folder; may not exist where the manifest declares it."""
    files: tuple[str, ...] = ()
    """The weight files in it, relative to the service's folder."""
    beside: tuple[str, ...] = ()
    """What else lies in its folder, and may be read or run with it: configurations, code, templates."""
    declared: ModelBlock | None = None
    line: int = 0


class Dataset(Noun, frozen=True):
    """A data set that trains or tests a model, as the manifest declares it."""

    name: str
    """`dataset:<id>`."""
    declared: DatasetBlock
    files: tuple[str, ...] = ()
    """Its files, relative to the service's folder; none where they lie elsewhere."""
    line: int = 0


class Packages(Noun, frozen=True):
    """The files that say which packages are installed in one folder."""

    name: str
    """`packages:<folder>`."""
    folder: str
    files: tuple[str, ...] = ()


class Workloads(Noun, frozen=True):
    """All Kubernetes manifests of the service together: a policy in one file selects a workload in another."""

    name: str = "kubernetes"
    files: tuple[str, ...] = ()


class Endpoint(Noun, frozen=True):
    """The running service."""

    name: str
    """`endpoint:<url>`; the URL without a secret."""
    declared: EndpointBlock
    line: int = 0


class Suite(Noun, frozen=True):
    """A business test set, asked of the running service."""

    name: str
    """`suite:<id>`."""
    declared: SuiteBlock
    endpoint: EndpointBlock | None = None
    line: int = 0


Subject: TypeAlias = Service | Repository | Model | Dataset | Packages | Workloads | Endpoint | Suite
