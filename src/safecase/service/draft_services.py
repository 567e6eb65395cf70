"""How many services a repository holds: each project of its own with uses of AI is one, a library of another is not."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from safecase.readers.locks import normalised
from safecase.readers.uses.projects import Project
from safecase.readers.uses.use import Use, Uses
from safecase.service.draft import Source, paths_below
from safecase.vocabulary import Noun, Place

_STRONG = frozenset(
    {
        "llm_client", "llm_endpoint", "model", "agent", "tool", "vector_store", "model_server", "model_artifact",
        "training_run",
    }
)  # fmt: skip
_DEPLOYED = (".yaml", ".yml", ".tf", ".json", ".env")


class Services(Noun, frozen=True):
    """One source of a manifest for each service, and what belongs to none of them."""

    sources: tuple[Source, ...]
    shared: tuple[Use, ...] = ()
    """Uses outside of every service's folder."""


def services(uses: Uses, projects: Sequence[Project], folder_name: str, *, single: bool = False) -> Services:
    """Split what was found; `single` makes one service of it all."""
    by_folder = {project.folder: project for project in projects}
    homes = {} if single else _homes(uses.uses, by_folder)
    root = by_folder.get("", Project(folder=""))
    subs = sorted({home for home in homes.values() if home})
    if len(subs) + int(_is_service([u for u in uses.uses if homes.get(u.path, "") == ""])) < 2:
        return Services(sources=(_source(root, folder_name, uses, uses.uses),))
    made: list[Source] = []
    rest = [use for use in uses.uses if homes.get(use.path, "") == "" and not any(_below(use.path, s) for s in subs)]
    own = _is_service([u for u in rest if not u.path.endswith(_DEPLOYED)])
    if own:
        made.append(_source(root, folder_name, uses, [u for u in uses.uses if homes.get(u.path, "") == ""], subs))
    for sub in subs:
        inside = [use for use in uses.uses if _below(use.path, sub)]
        made.append(_source(by_folder[sub], posixpath.basename(sub), uses, inside))
    return Services(sources=tuple(made), shared=() if own else tuple(u for u in rest if u.confidence != "low"))


def _homes(uses: Sequence[Use], projects: Mapping[str, Project]) -> Mapping[str, str]:
    """Give the service's folder for each file with a use."""
    homes = {path: _nearest(path, projects) for path in {use.path for use in uses}}
    strong = {
        folder
        for folder in projects
        if folder and _is_service([use for use in uses if homes[use.path] == folder and use.confidence != "low"])
    }
    into = {folder: _user_of(projects[folder], projects) for folder in strong}
    return {path: _end(home, into) if home in strong else _strong_above(home, strong) for path, home in homes.items()}


def _nearest(path: str, projects: Mapping[str, Project]) -> str:
    folder = posixpath.dirname(path)
    while folder and folder not in projects:
        folder = posixpath.dirname(folder)
    return folder


def _strong_above(folder: str, strong: set[str]) -> str:
    while folder and folder not in strong:
        folder = posixpath.dirname(folder)
    return folder


def _end(folder: str, into: Mapping[str, str | None]) -> str:
    """Follow a library to what uses it; two that use each other end where they were met."""
    seen = {folder}
    while (above := into.get(folder)) is not None and above not in seen:
        seen.add(above)
        folder = above
    return folder


def _user_of(project: Project, projects: Mapping[str, Project]) -> str | None:
    """Give the project that declares this one as a package it wants: then this one is a part of that one."""
    name = normalised(project.name)
    users = [p for p in projects.values() if name and p.folder != project.folder and name in p.wants]
    return min((p.folder for p in users), default=None)


def _is_service(uses: Sequence[Use]) -> bool:
    return any(use.kind in _STRONG and use.confidence != "low" for use in uses)


def _below(path: str, folder: str) -> bool:
    return path.startswith(folder + "/")


def _source(project: Project, name: str, uses: Uses, inside: Sequence[Use], exclude: Sequence[str] = ()) -> Source:
    folder = project.folder
    start = folder + "/" if folder else ""
    deployments = [path for path in uses.deployments if path.startswith(start)]
    if not folder:
        deployments = [path for path in deployments if not any(_below(path, sub) for sub in exclude)]
    return Source(
        project=_relative(project, start),
        folder=name,
        uses=paths_below(folder, inside),
        deployments=tuple(path.removeprefix(start) for path in deployments),
        exclude=tuple(exclude),
        looked=uses.looked,
    )


def _relative(project: Project, start: str) -> Project:
    def moved(place: Place | None) -> Place | None:
        return Place(file=place.file.removeprefix(start), line=place.line) if place else None

    return Project(
        folder=project.folder,
        name=project.name,
        name_place=moved(project.name_place),
        purpose=project.purpose,
        purpose_place=moved(project.purpose_place),
        wants=project.wants,
    )
