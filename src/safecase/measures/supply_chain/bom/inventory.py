"""What a folder holds: models with what their bytes and their cards say, data sets, and the packages of its locks."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from safecase.errors import CollectError
from safecase.measures.supply_chain.bom.observed import observe
from safecase.measures.supply_chain.scan_cache import rules_version
from safecase.measures.supply_chain.scanning import Options, scan_paths
from safecase.readers import locks, model_cards, trees
from safecase.readers.artifacts import formats
from safecase.readers.artifacts.report import FileVerdict
from safecase.vocabulary import Noun

How: TypeAlias = Literal["observed", "claimed"]
"""`observed` was read from the bytes of the model; `claimed` is what a card or a configuration says of it."""

MOST_TEXT: Final = 2_000_000
CARDS: Final = ("README.md", "readme.md", "MODEL_CARD.md", "model_card.md")
CONFIGURATIONS: Final = ("config.json",)
_CLAIMS: Final = ("license", "base_model", "language", "pipeline_tag", "library_name", "tags", "datasets", "metrics")


class Said(Noun, frozen=True):
    """One thing that is known of a model, and how."""

    name: str
    value: str
    how: How
    file: str
    """Where it stands, relative to the folder."""


class FileEntry(Noun, frozen=True):
    """A file of a model."""

    name: str
    sha256: str
    size: int


class ModelEntry(Noun, frozen=True):
    """A model: a folder with weights in it, or one file of weights."""

    name: str
    path: str
    files: tuple[FileEntry, ...]
    said: tuple[Said, ...]
    verdict: FileVerdict
    findings: tuple[str, ...] = ()
    """Rules of the scan that found something."""
    rules: str = ""
    """The version of the rules that scanned it."""

    def one(self, name: str, how: How | None = None) -> str:
        """Give what is said under a name; what was observed counts before what is claimed."""
        found = [s for s in self.said if s.name == name and how in (None, s.how)]
        return next((s.value for s in sorted(found, key=lambda s: s.how != "observed")), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Give every value that is said under a name."""
        return tuple(dict.fromkeys(s.value for s in self.said if s.name == name))


class PackageEntry(Noun, frozen=True):
    """A package in one version."""

    ecosystem: str
    name: str
    version: str


class Inventory(Noun, frozen=True):
    """All that was found."""

    name: str
    models: tuple[ModelEntry, ...]
    datasets: tuple[str, ...]
    """Claimed by cards, by name."""
    packages: tuple[PackageEntry, ...]
    disagreements: tuple[str, ...]
    """Where a claim and the bytes do not agree."""


def take(root: Path, step: Callable[[str], None] = lambda _: None) -> Inventory:
    """Look at a folder or a file; raises CollectError where there is no model in it."""
    found = [leaf for leaf in trees.leaves(str(root)) if leaf.kind in ("file", "link_out")]
    weights = [leaf for leaf in found if formats.is_weight_file(Path(leaf.path))]
    groups: dict[str, list[trees.Leaf]] = {}
    for leaf in weights:
        groups.setdefault(posixpath.dirname(leaf.relative), []).append(leaf)
    models = []
    for folder in sorted(groups):
        step(folder or ".")
        models.append(_model(root, folder, groups[folder], [leaf.relative for leaf in found]))
    if not models:
        raise CollectError(f"there is no model in {root}", mend="name a folder with model files, or a model file")
    datasets = sorted({name for model in models for name in model.all("datasets")})
    return Inventory(
        name=root.resolve().name,
        models=tuple(models),
        datasets=tuple(datasets),
        packages=tuple(_packages(root, [leaf.relative for leaf in found])),
        disagreements=tuple(line for model in models for line in _disagreements(model)),
    )


def _model(root: Path, folder: str, weights: Sequence[trees.Leaf], names: Sequence[str]) -> ModelEntry:
    base = root / folder if root.is_dir() else root.parent
    files = tuple(
        FileEntry(name=Path(leaf.path).name, sha256=_sha256(leaf.path), size=Path(leaf.path).stat().st_size)
        for leaf in weights
    )
    said: list[Said] = []
    for leaf in weights:
        label = Path(leaf.path).name
        said += [Said(name=n, value=v, how="observed", file=label) for n, v in observe(Path(leaf.path))]
    beside = {n for n in names if posixpath.dirname(n) == folder} if root.is_dir() else set()
    said += _configured(base, folder, beside)
    said += _carded(base, folder, beside)
    scans = list(scan_paths([leaf.path for leaf in weights], Options()))
    findings = sorted({f.rule for scan in scans for f in scan.findings})
    from safecase.readers.artifacts.report import worst_of

    return ModelEntry(
        name=(posixpath.basename(folder) or root.resolve().name) if root.is_dir() else root.name,
        path=folder or ".",
        files=files,
        said=tuple(_summed(said)),
        verdict=worst_of(scan.verdict for scan in scans),
        findings=tuple(findings),
        rules=rules_version(),
    )


def _summed(said: Sequence[Said]) -> Iterator[Said]:
    """Add up the parameters of shards; everything else once."""
    counted = [s for s in said if s.name == "parameters"]
    if counted:
        total = sum(int(s.value) for s in counted)
        yield Said(name="parameters", value=str(total), how="observed", file=counted[0].file)
    seen = set()
    for one in said:
        if one.name != "parameters" and (one.name, one.value, one.how) not in seen:
            seen.add((one.name, one.value, one.how))
            yield one


def _configured(base: Path, folder: str, beside: set[str]) -> Iterator[Said]:
    for name in CONFIGURATIONS:
        if posixpath.join(folder, name) not in beside:
            continue
        try:
            value = json.loads((base / name).read_bytes()[:MOST_TEXT])
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield from _told(value, {"model_type": "architecture", "torch_dtype": "dtype"}, name)
            for one in value.get("architectures") or () if isinstance(value.get("architectures"), list) else ():
                yield Said(name="class", value=str(one)[:200], how="claimed", file=name)


def _carded(base: Path, folder: str, beside: set[str]) -> Iterator[Said]:
    for name in CARDS:
        if posixpath.join(folder, name) not in beside:
            continue
        try:
            card = model_cards.read_card((base / name).read_bytes()[:MOST_TEXT], name)
        except (OSError, CollectError):
            continue
        yield from _told(card.front, {key: key for key in _CLAIMS}, name)
        for section in card.sections:
            title = section.title.lower()
            for words, topic in ((("intended", "use"), "use"), (("limit", "risk", "bias"), "limitations")):
                if any(word in title for word in words) and section.text.strip():
                    yield Said(name=topic, value=section.text.strip()[:2000], how="claimed", file=name)
        return


def _told(value: Mapping[str, Any], wanted: Mapping[str, str], file: str) -> Iterator[Said]:
    for key, name in wanted.items():
        found = value.get(key)
        for one in found if isinstance(found, list) else [found]:
            if isinstance(one, str | int | float) and not isinstance(one, bool):
                yield Said(name=name, value=str(one)[:500], how="claimed", file=file)


def _packages(root: Path, names: Sequence[str]) -> Iterator[PackageEntry]:
    seen = set()
    for name in names:
        if root.is_dir() and locks.is_dependency_file(name):
            for entry in locks.read_file(root, name).entries:
                package = PackageEntry(
                    ecosystem=locks.read_file(root, name).ecosystem, name=entry.name, version=entry.version
                )
                if entry.version and package not in seen:
                    seen.add(package)
                    yield package


def _disagreements(model: ModelEntry) -> Iterator[str]:
    seen = {value.lower() for value in (s.value for s in model.said if s.name == "dtype" and s.how == "observed")}
    claimed = {s.value.lower() for s in model.said if s.name == "dtype" and s.how == "claimed"}
    same = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "float64": "f64", "int8": "i8", "auto": ""}
    for one in claimed:
        if seen and same.get(one, one) and same.get(one, one) not in seen:
            yield f"{model.path}: its configuration claims {one}, and its tensors are {', '.join(sorted(seen))}"


def _sha256(path: str) -> str:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()
