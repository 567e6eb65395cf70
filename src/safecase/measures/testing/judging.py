"""What in the replies shows that an attack worked: the oracle that the attack brought, asked of all that came back."""

from __future__ import annotations

from safecase.probes.oracles import worked
from safecase.probes.probe import Attack
from safecase.targets.target import Reply


def judged(attack: Attack, replies: tuple[Reply, ...]) -> str:
    """Say what shows it; empty where nothing does. What a filter stopped did not work."""
    asked = "\n".join([*(message.text for message in attack.conversation), *(one.text for one in attack.then)])
    for reply in replies:
        if not reply.refused_by_filter and (shown := worked(attack.oracle, asked, reply.text)):
            return shown
    return ""
