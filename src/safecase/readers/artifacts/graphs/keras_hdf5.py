"""HDF5 files as models: the configurations in their attributes, and the other files that they would have opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final, TypeAlias

from safecase.readers.artifacts.graphs import keras
from safecase.readers.artifacts.paths_named import leads_outside
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.artifacts.tensors.hdf5 import Found, Hdf5
from safecase.readers.artifacts.tensors.hdf5_values import Wrong
from safecase.readers.pickles.policy import Policy
from safecase.readers.text import shown

Pickled: TypeAlias = Callable[[bytes, str], None]

_CONFIGS: Final = frozenset({"model_config", "training_config", "layer_config", "config"})


def check_hdf5(file: BinaryIO, size: int, problems: Problems, policy: Policy, member: str, pickled: Pickled) -> None:
    """Judge the Keras configurations in an HDF5 file, and every link out of it.

    Attributes that are pickles, which PyTables loads when it reads them, are given to `pickled` with their names.
    Where its structure cannot be followed to the end, or holds no configuration, its bytes are searched.
    """
    walk, configured, whole = Hdf5(file, size), False, True
    try:
        for found in walk.walk():
            if found.kind == "attribute":
                configured |= _configuration(found, problems, policy, member)
                if found.content[:1] == b"\x80" or (found.content[-1:] == b"." and b"\n" in found.content):
                    pickled(found.content, found.name)
            elif found.kind == "unread attribute":
                whole &= found.name not in (*_CONFIGS, "")
            else:
                _leads_elsewhere(found, problems, member)
    except Wrong as why:
        whole = False
        message = f"its structure cannot be followed to the end ({why}): its bytes were searched for code only"
        problems.add("hdf5.broken", "error", message, member=member)
    if not whole or not configured:
        keras.search_config(file, size, problems, member)


def _configuration(found: Found, problems: Problems, policy: Policy, member: str) -> bool:
    content = found.content.strip()
    if content[:1] != b"{" or not (found.name in _CONFIGS or b'"class_name"' in content):
        return False
    keras.check_config(content, problems, policy, member)
    return True


def _leads_elsewhere(found: Found, problems: Problems, member: str) -> None:
    target = found.content.decode("utf-8", "replace")
    # What a link of an unknown kind does is known to a plugin alone.
    says: FileVerdict = "malicious" if found.kind != "unknown link" and leads_outside(target) else "suspicious"
    name = f" {shown(found.name)}" if found.name else ""
    message = f"the {found.kind}{name} has whoever loads it open {shown(target)!r}"
    if found.kind == "unknown link":
        message = f"the link{name} is of the kind {shown(target)}, which nothing but a plugin can follow"
    rule = "hdf5." + found.kind.replace(" ", "-")
    problems.add(rule, says, message, offset=found.offset, member=member, key=target[:200])
