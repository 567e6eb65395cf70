"""Archives of torch.package: pickles beside the Python sources of the classes that they name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from safecase.readers.pickles.policy import Policy, Ruling

_CODE: Final = ".py"


class PackagedPolicy(Policy):
    """Judges names as another policy does, but those that the archive has the source of are looked at there."""

    def __init__(self, outside: Policy, names: Iterable[str]) -> None:
        super().__init__()
        self._outside = outside
        self._modules = frozenset(_modules(names))

    def judge(self, module: str, name: str) -> tuple[str, str, Ruling]:
        """Give the ruling on a name; a class of the archive's own is allowed, since its code is judged as code."""
        meant_module, meant_name, ruling = self._outside.judge(module, name)
        if ruling == "project" and module in self._modules and name[:1].isupper():
            return module, name, "allowed"
        return meant_module, meant_name, ruling

    def rule(self, module: str, name: str) -> str:
        """Give the argument rule of a name."""
        return self._outside.rule(module, name)


def _modules(names: Iterable[str]) -> Iterable[str]:
    """Name the modules whose source lies below the archive's folder."""
    for name in names:
        path = name.partition("/")[2]
        if path.endswith(_CODE):
            yield path.removesuffix(_CODE).removesuffix("/__init__").replace("/", ".")
