"""Programs among model files, told by their first bytes whatever they are called."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_LINES: Final = 4096
MOST_STUB: Final = 1024 * 1024


class Program(NamedTuple):
    """What a program is, by its bytes."""

    kind: str
    what: str


_NATIVE: Final = {
    "elf": "a program or library for Linux (ELF)",
    "pe": "a program or library for Windows (PE)",
    "mach_o": "a program or library for macOS (Mach-O)",
    "ape": "a program for several systems (APE)",
    "shortcut": "a shortcut of Windows, which starts a program",
    "dex": "a program for Android (DEX)",
}
_RUN_BY_OTHERS: Final = {
    "python": "Python bytecode",
    "wasm": "a WebAssembly module",
    "java": "a Java class",
    "bitcode": "LLVM bitcode",
    "script": "a script",
}
_WHAT: Final = _NATIVE | _RUN_BY_OTHERS
_WEIGHTS: Final = frozenset(
    {
        "pt", "pth", "bin", "ckpt", "pkl", "pickle", "joblib", "h5", "hdf5", "keras", "onnx", "gguf", "ggml",
        "safetensors", "npy", "npz", "pb", "tflite", "mlmodel", "skops", "model", "pmml", "msgpack", "weights",
        "params", "dat", "data", "sav", "nemo", "ot", "pte", "ptl", "mar", "dill", "npk", "ubj", "cbm", "rds", "t7",
        "json", "yaml", "yml", "txt", "md", "csv", "parquet", "arrow", "png", "jpg",
    }
)  # fmt: skip
"""Suffixes that promise numbers, or text."""

_HIDDEN_LINE: Final = re.compile(
    rb"\b(exec|eval|compile|chr|fromhex|b64decode|decompress|loads|system|popen|Popen|subprocess|socket|urlopen|urllib"
    rb"|requests|http|ctypes)\b"
)
"""What a line that runs at every start has no use for, even in packages that have such lines."""

_SHEBANG: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?#!\s*/[\w./-]*(?:bin/|env\s)")
PACKAGES: Final = frozenset({"python_package", "java_package"})
"""Archives that are programs, and bring libraries of their own."""

_PLAIN_ARCHIVES: Final = frozenset({"zip", "tar", "seven_zip", *PACKAGES})
"""Archives that hold no model: scripts in them are ordinary."""


def program_of(prefix: bytes) -> Program | None:
    """Tell which kind of program bytes begin; None where they begin none."""
    kind = _kind(prefix)
    return Program(kind, _WHAT[kind]) if kind else None


def _kind(prefix: bytes) -> str:
    head = prefix[:4]
    if head == b"\x7fELF" and prefix[4:5] in (b"\x01", b"\x02") and prefix[5:6] in (b"\x01", b"\x02"):
        return "elf"
    if head[:2] == b"MZ":
        return _dos(prefix)
    if head in (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"):
        return "mach_o" if len(prefix) >= 28 else ""
    if head == b"\xca\xfe\xba\xbe" and len(prefix) >= 8:
        # The number of parts of a fat binary is small; what stands there in a Java class is its version.
        number = int.from_bytes(prefix[4:8], "big")
        return "mach_o" if 0 < number < 40 else "java" if 44 < number & 0xFFFF < 120 else ""
    for kind, magic in _MAGIC:
        if prefix.startswith(magic):
            return kind
    if _is_bytecode(prefix):
        return "python"
    return "script" if _SHEBANG.match(prefix[:128]) else ""


_MAGIC: Final = (
    ("ape", b"jartsr='"),
    ("wasm", b"\0asm\x01\0\0\0"),
    ("wasm", b"\0asm\x0d\0\x01\0"),
    ("bitcode", b"BC\xc0\xde"),
    ("shortcut", b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0"),
    ("dex", b"dex\n0"),
)


def _dos(prefix: bytes) -> str:
    if prefix.startswith(b"MZqFpD"):
        return "ape"
    at = int.from_bytes(prefix[60:64], "little")
    # The header may lie behind what is read here; where it says so, it is none of the numbers that weights are.
    there = prefix[at : at + 4] == b"PE\0\0" or len(prefix) - 4 < at < MOST_STUB
    return "pe" if at >= 4 and there and len(prefix) >= 64 else ""


def _is_bytecode(prefix: bytes) -> bool:
    number = int.from_bytes(prefix[:2], "little")
    marshalled = prefix[16:17] in (b"\xe3", b"\x63") or prefix[12:13] in (b"\xe3", b"\x63")
    return prefix[2:4] == b"\r\n" and 2900 <= number < 4000 and marshalled


def disguised(kind: str, name: str) -> bool:
    """Say whether a program is called what no program is called: like weights, or like text."""
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    return suffix in _WEIGHTS and not (kind == "script" and suffix in ("txt", "md", "data", "dat"))


def check_program(prefix: bytes, name: str, problems: Problems, member: str) -> None:
    """Judge a file of its own that is a program."""
    found = program_of(prefix)
    if found is None:
        return
    told = shown(name)
    if disguised(found.kind, name):
        message = f"{told} is {found.what}: it is called what it is not"
        problems.add("program.disguised", "malicious", message, member=member)
    elif found.kind in _NATIVE:
        problems.add("program.native", "suspicious", f"{told} is {found.what}", member=member)
    elif found.kind == "python":
        message = f"{told} is Python bytecode: it runs when it is imported, and nobody can read it"
        problems.add("program.bytecode", "suspicious", message, member=member)
    elif found.kind != "script":
        problems.add("program.other", "suspicious", f"{told} is {found.what}", member=member)


def check_member(prefix: bytes, name: str, problems: Problems, member: str, kind: str) -> bool:
    """Judge a member of an archive that may be a program, and say whether it is one; `kind` is the archive's."""
    if name.endswith(".pth") and _path_lines(prefix, kind):
        message = f"{shown(name)} has lines that run whenever Python starts where it is installed"
        problems.add("program.pth", "suspicious", message, member=member)
    found = program_of(prefix)
    if found is not None and not _belongs(found, name, kind):
        if found.kind == "script" and not disguised(found.kind, name):
            message = f"{shown(name)} is a script within a model's archive"
            problems.add("program.script", "suspicious", message, member=member)
        else:
            check_program(prefix, name, problems, member)
    return found is not None


def _belongs(found: Program, name: str, kind: str) -> bool:
    """Say whether a program is what such an archive ordinarily holds."""
    if found.kind == "java" and (kind == "java_package" or name.endswith(".class")):
        return True
    if disguised(found.kind, name):
        return False
    return kind in PACKAGES or (found.kind == "script" and (kind in _PLAIN_ARCHIVES or name.endswith(".py")))


def _path_lines(prefix: bytes, kind: str) -> bool:
    """Say whether bytes are lines of a `.pth` file that Python runs at its start; packages have harmless ones."""
    lines = [line for line in prefix[:MOST_LINES].split(b"\n") if line.startswith((b"import ", b"import\t"))]
    return prefix.isascii() and any(kind not in PACKAGES or _HIDDEN_LINE.search(line) for line in lines)
