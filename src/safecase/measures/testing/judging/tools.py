"""`call`: the ledger of the tools that the model wants to call."""

from __future__ import annotations

import fnmatch

from safecase.engines.decoding import folded
from safecase.measures.testing.judging.exchange import Exchange
from safecase.readers.text import shown


def judged(found: Exchange) -> str:
    """Look at the calls of all replies; an empty text in the oracle stands for any argument."""
    name, text = found.oracle.wanted
    for reply in found.replies:
        for call in reply.calls:
            if fnmatch.fnmatchcase(call.tool.casefold(), name.casefold()) and folded(text) in folded(call.arguments):
                return f"a call of the tool {shown(call.tool, 40)}"
    return ""
