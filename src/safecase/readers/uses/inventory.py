"""Look at every file of a repository for uses of AI: bounded, in a fixed order, and telling what was not read."""

from __future__ import annotations

import itertools
import posixpath
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from safecase.errors import CollectError
from safecase.readers import kubernetes, locks
from safecase.readers.artifacts import formats
from safecase.readers.uses import (
    containers,
    environment,
    javascript,
    known,
    mcp,
    notebooks,
    packages,
    python,
    terraform,
)
from safecase.readers.uses.use import Unread, Use, Uses

MOST_BYTES = 1_000_000
MOST_FILES = 50_000
MOST_SECONDS = 60.0
MOST_USES = 20_000

_SCRIPTS = (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte")
_ASIDE = re.compile(
    r"(^|/)(tests?|testing|__tests__|spec|specs|examples?|samples?|evals?|docs?|documentation|benchmarks?|bench|fixtures?|cassettes|tutorials?|\.github)/"
    r"|(^|/)(test_[^/]*|[^/]*_test|conftest|[^/]*\.(test|spec))\.[a-z]{1,4}$"
)
_ASIDE_PACKAGES = re.compile(
    r"(^|/)(requirements[-_.]?(dev|test|docs|lint)[^/]*|dev-requirements[^/]*|test-requirements[^/]*)$"
)
_COMPOSE = re.compile(r"(^|/)(docker-)?compose[\w.-]*\.ya?ml$")
_OURS = ("safecase.yaml", "safecase.yml")
_DOORS = re.compile(rb"\b(?:Ingress|LoadBalancer|HTTPRoute)\b")
_WORDS = bytes(c if (chr(c).isalnum() and c < 128) or c == 95 else 32 for c in range(256))

Reader = Callable[[str, bytes], tuple[Iterable[Use], str]]


def find(root: Path, files: Iterable[str], *, weight_files: Iterable[str] | None = None) -> Uses:
    """Give the uses in `files` (relative to `root`); `weight_files` are those to look into for models (all of them)."""
    paths = sorted(files)
    finder = _Finder(root, paths)
    found: list[Use] = []
    ends = time.monotonic() + MOST_SECONDS
    for count, path in enumerate(paths):
        if finder.looked >= MOST_FILES or len(found) >= MOST_USES or time.monotonic() > ends:
            left = len(paths) - count
            finder.unread.append(
                Unread(path=".", why=f"{left} files from {path} on were not looked at: there are too many")
            )
            break
        found += finder.file(path)
    for path in sorted(paths if weight_files is None else weight_files):
        if time.monotonic() > ends:
            finder.unread.append(Unread(path=path, why="model files from here on were not looked at: it took too long"))
            break
        found += finder.weights(path)
    return Uses(
        uses=tuple(_ordered(found)),
        unread=tuple(finder.unread),
        looked=finder.looked,
        deployments=tuple(p for p in finder.deployments if not is_aside(p)),
    )


def is_aside(path: str) -> bool:
    """Say whether a file is a test, an example or a document: what it uses does not run in the service."""
    return _ASIDE.search(path) is not None


def _ordered(found: Iterable[Use]) -> list[Use]:
    lowered = (
        msgspec.structs.replace(u, confidence="low") if is_aside(u.path) or _for_developers(u) else u for u in found
    )
    return sorted(dict.fromkeys(lowered), key=lambda u: (u.path, u.line, u.kind, u.name, u.model))


def _for_developers(use: Use) -> bool:
    return use.kind == "package" and _ASIDE_PACKAGES.search(use.path) is not None


class _Finder:
    """The files of a repository, and what could not be read of them."""

    def __init__(self, root: Path, paths: list[str]) -> None:
        self.root = root
        self.unread: list[Unread] = []
        self.looked = 0
        self.deployments: list[str] = []
        self._all = frozenset(paths)
        self._readers = self._by_suffix()
        self._modules = _modules(paths)
        self._packages = frozenset(posixpath.dirname(p) for p in paths if posixpath.basename(p) == "__init__.py")

    def file(self, path: str) -> Iterator[Use]:
        """Give what one file uses."""
        if locks.is_dependency_file(path):
            found, problem = packages.read(self.root, path)
            self.looked += 1
            yield from found
            self._told(path, problem)
            if not path.endswith("setup.py"):
                return
        reader = self._reader(path)
        if reader is None:
            return
        most = notebooks.MOST_BYTES if path.endswith(".ipynb") else MOST_BYTES
        content = self._content(path, most)
        if content is None:
            return
        try:
            uses, problem = reader(path, content)
            yield from uses
        except (ValueError, RecursionError, MemoryError) as why:
            problem = str(why) if isinstance(why, python.Unparsable) else f"{type(why).__name__}"
        self._told(path, problem)

    def weights(self, path: str) -> Iterator[Use]:
        """Give the model that a file is, by its bytes."""
        file = self.root / path
        if formats.is_weight_file(file):
            try:
                kind = formats.identify(file)
            except CollectError as why:
                self._told(path, why.message)
                return
            yield Use(
                kind="model_artifact",
                name=kind.name,
                model=path,
                path=path,
                line=1,
                origin="own",
                hosting="self_hosted",
            )

    def _told(self, path: str, problem: str) -> None:
        if problem:
            self.unread.append(Unread(path=path, why=problem[:300]))

    def _content(self, path: str, most: int) -> bytes | None:
        try:
            with (self.root / path).open("rb") as file:
                content = file.read(most + 1)
        except OSError as why:
            self._told(path, why.strerror or "it cannot be read")
            return None
        self.looked += 1
        if len(content) > most:
            self._told(path, f"larger than {most // 1_000_000} MB")
            return None
        return content

    def _reader(self, path: str) -> Reader | None:
        name = posixpath.basename(path)
        suffix = posixpath.splitext(name)[1]
        if mcp.is_settings(path):
            return lambda p, c: (list(mcp.read(p, c.decode("utf-8-sig"))), "")
        if environment.is_environment(path):
            return lambda p, c: (list(environment.read(p, c)), "")
        if containers.is_dockerfile(path):
            return lambda p, c: (list(containers.read_dockerfile(p, c.decode("utf-8", "replace"))), "")
        return self._readers.get(suffix)

    def _by_suffix(self) -> Mapping[str, Reader]:
        return {
            ".py": self._python,
            ".pyw": self._python,
            ".ipynb": self._notebook,
            ".tf": self._terraform,
            ".yaml": self._yaml,
            ".yml": self._yaml,
            **dict.fromkeys(_SCRIPTS, self._script),
        }

    def _python(self, path: str, content: bytes) -> tuple[Iterable[Use], str]:
        if not _worth(content):
            return (), ""
        text = _decoded(content)
        return python.read(path, text, is_local=self._local(path), exists=self._exists), ""

    def _notebook(self, path: str, content: bytes) -> tuple[Iterable[Use], str]:
        code = notebooks.source(content.decode("utf-8-sig"))
        rows = [(known.by_package().get(locks.normalised(name)), line) for name, line in code.installs]
        installed = [Use(kind="package", name=row.name, path=path, line=line) for row, line in rows if row]
        used = python.read(path, code.text, lines=code.lines, is_local=self._local(path), exists=self._exists)
        return [*installed, *used], f"{code.skipped} cells are no Python that can be read" if code.skipped else ""

    def _script(self, path: str, content: bytes) -> tuple[Iterable[Use], str]:
        worth = any(name in content for name in known.packages_of_scripts()) or _worth(content)
        return (javascript.read(path, content.decode("utf-8", "replace")) if worth else ()), ""

    def _yaml(self, path: str, content: bytes) -> tuple[Iterable[Use], str]:
        if posixpath.basename(path) in _OURS:
            return (), ""
        if _COMPOSE.search(path) or kubernetes.is_kubernetes(content):
            self.deployments.append(path)
        parts = containers.WORTH.search(content) and (any(n in content for n in known.images()) or _worth(content))
        if b"\0" in content or not (parts or _DOORS.search(content)):
            return (), ""
        return containers.read_yaml(path, content)

    def _terraform(self, path: str, content: bytes) -> tuple[Iterable[Use], str]:
        self.deployments.append(path)
        found: list[Use] = []
        try:
            found.extend(terraform.read(path, content.decode("utf-8", "replace")))
        except terraform.Broken as why:
            return found, str(why)  # what it gave before it broke off still counts
        return found, ""

    def _exists(self, path: str) -> bool:
        return posixpath.normpath(path) in self._all

    def _local(self, path: str) -> Callable[[str], bool]:
        """Say of a module whether it is the repository's own, as the interpreter would find it from this file."""
        above = [posixpath.dirname(path)]
        while above[-1]:
            above.append(posixpath.dirname(above[-1]))
        # A folder that is a package is not on the path that modules are looked for on; the one above it is.
        roots = {folder for folder in above if folder not in self._packages} | {"", "src", "lib"}
        return lambda module: not roots.isdisjoint(self._modules.get(module, ()))


def _modules(paths: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Modules and packages of the repository itself: name, and the folders that they lie in."""
    found: dict[str, set[str]] = {}
    for path in paths:
        if not path.endswith(".py"):
            continue
        folder, name = posixpath.split(path)
        found.setdefault(name[:-3], set()).add(folder)
        while folder:
            folder, name = posixpath.split(folder)
            homes = found.setdefault(name, set())
            if folder in homes:
                break
            homes.add(folder)
    return {name: frozenset(homes) for name, homes in found.items()}


def _worth(content: bytes) -> bool:
    """The quick look: a parse costs a hundred times as much as these words do."""
    words = content.translate(_WORDS).split()
    distinct = set(words)
    if not known.interesting().isdisjoint(distinct):
        return True
    if not known.everyday().isdisjoint(distinct) and _imported(words):
        return True
    if any(start in content for start in known.starts()):
        return True
    prefixes = known.environment_prefixes()
    return any(word.startswith(prefixes) for word in distinct if word.isupper())


def _imported(words: list[bytes]) -> bool:
    everyday = known.everyday()
    return any(
        after in everyday and word in (b"import", b"from", b"import_module")
        for word, after in itertools.pairwise(words)
    )


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # what an encoding line may say; names of modules are ASCII in all of them
