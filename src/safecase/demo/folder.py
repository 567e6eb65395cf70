"""The folder of the demo's service, written down: as many ship it, or with what can be mended mended."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
import pickle  # written here, never read
import struct
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.resources.abc import Traversable
from pathlib import Path

from safecase.errors import UsageError

MARKER = ".safecase-demo"
MARKED = "The demo of Safecase wrote this folder. It writes its files anew each time and leaves other files alone.\n"

MENDED_AWAY = frozenset({"prompts/canary.txt", "models/intent.pkl"})
"""Files of the first version that the hardened one no longer has."""

INTENTS = ("opening hours", "prices", "bookings", "lost key", "other")


def materialise(folder: Path, *, hardened: bool, today: date) -> Path:
    """Write the service's folder and give it. A folder with files that are not the demo's is left as it is: UsageError.

    Files that stay as they are keep their time; what the user added beside them stays.
    """
    files = _contents(hardened=hardened, today=today)
    _claim(folder)
    try:
        for path in sorted(MENDED_AWAY | {"models/intent.safetensors"}):
            if path not in files:
                _inside(folder, path).unlink(missing_ok=True)
        for path, content in files.items():
            target = _inside(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_file() or target.read_bytes() != content:
                target.write_bytes(content)
            if hardened and path.startswith("models/"):
                target.chmod(0o640)  # nobody else on this machine reads the weights
    except OSError as why:
        raise _unwritable(folder, why) from why
    return folder


def _claim(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / MARKER).is_file():
            raise UsageError(
                f"{folder} holds files that the demo did not write", mend="choose another folder with --folder"
            )
        (folder / MARKER).write_text(MARKED, "utf-8")
    except OSError as why:
        raise _unwritable(folder, why) from why


def _inside(folder: Path, path: str) -> Path:
    """A link on the way, put there by somebody, must not lead the demo's writing out of its folder."""
    target = folder / path
    if not target.resolve().is_relative_to(folder.resolve()) or target.is_symlink():
        raise UsageError(f"{target} is a link to another place", mend=f"delete {folder}, or choose another --folder")
    return target


def _unwritable(folder: Path, why: OSError) -> UsageError:
    return UsageError(f"{folder} cannot be written: {why.strerror}", mend="choose another folder with --folder")


def _contents(*, hardened: bool, today: date) -> dict[str, bytes]:
    package = importlib.resources.files("safecase.demo")
    files = dict(_read(package / "service"))
    files["models/intent.pkl"] = _intent_pickle()
    if hardened:
        files = {path: content for path, content in files.items() if path not in MENDED_AWAY}
        files.update(_read(package / "hardened"))
        files["models/intent.safetensors"] = _intent_safetensors()
    return {path: _filled(content, today) for path, content in files.items()}


def _read(folder: Traversable, above: str = "") -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _read(item, f"{above}{item.name}/")
        else:
            yield above + item.name, item.read_bytes()


def _filled(content: bytes, today: date) -> bytes:
    made_up = hashlib.sha256(b"a made-up credential of the demo").digest()
    values = {
        b"@@last_month@@": (today - timedelta(days=30)).isoformat().encode(),
        b"@@next_quarter@@": (today + timedelta(days=90)).isoformat().encode(),
        b"@@last_year@@": (today - timedelta(days=300)).isoformat().encode(),
        # Put together here, so that no scanner finds a secret in this repository or in the published package.
        b"@@made_up_id@@": b"AKIA" + base64.b32encode(made_up)[:16],
        b"@@made_up_key@@": base64.b64encode(made_up)[:40],
    }
    for name, value in values.items():
        content = content.replace(name, value)
    return content


def _weights() -> list[list[float]]:
    """Numbers in the place of a trained classifier's: nothing loads them."""
    return [
        [round(((row * 31 + column * 17) % 97) / 97 - 0.5, 6) for column in range(16)] for row in range(len(INTENTS))
    ]


def _intent_pickle() -> bytes:
    """An honest pickle in an unsafe format: loading it would import `halbrad.intent` and build an object of it.

    Put together by its opcodes, since that class does not exist here.
    """
    state = pickle.dumps({"intents": list(INTENTS), "weights": _weights()}, protocol=2)
    header, stop = state[:2], state[-1:]
    build_object = b"chalbrad.intent\nKeywordIntent\n)\x81"
    return header + build_object + state[len(header) : -len(stop)] + b"b" + stop


def _intent_safetensors() -> bytes:
    weights = _weights()
    numbers = [number for row in weights for number in row]
    data = struct.pack(f"<{len(numbers)}f", *numbers)
    shape = [len(weights), len(weights[0])]
    header = json.dumps(
        {
            "__metadata__": {"intents": ", ".join(INTENTS)},
            "weights": {"dtype": "F32", "shape": shape, "data_offsets": [0, len(data)]},
        }
    ).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data
