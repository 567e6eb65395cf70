"""One attempt as oracles see it: what was said, and what came back."""

from __future__ import annotations

from functools import cached_property

from safecase.probes.oracles import Oracle
from safecase.probes.probe import Attack
from safecase.targets.target import Reply


class Exchange:
    """An attack and the replies to it, the last of which answers its last turn."""

    def __init__(self, attack: Attack, replies: tuple[Reply, ...]) -> None:
        self.attack, self.replies = attack, replies

    @property
    def oracle(self) -> Oracle:
        """Give what to look for."""
        return self.attack.oracle

    @property
    def last(self) -> Reply:
        """Give the reply to the last turn."""
        return self.replies[-1]

    @cached_property
    def asked(self) -> str:
        """Give all that we said, and what we put into the mouths of others."""
        said = [message.text for message in self.attack.conversation]
        return "\n".join([*said, *(one.text for one in self.attack.then)])
