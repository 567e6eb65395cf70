"""A small assistant over HTTP that remembers, well or badly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.targets.servers import Request, Response, completion, serving

_FACT = re.compile(r"the word for my locker is (\w+)")
_WISH = re.compile(r"end each (?:of your answers to me|answer) with the word (\w+)")


def by_key(request: Request) -> str:
    return request.headers.get("authorization", "")


@contextmanager
def remembering(
    *,
    whose: Callable[[Request], str] = by_key,
    heeds_notes: bool = False,
    heeds_tools: bool = False,
    takes_tools: bool = True,
    stops_orders: bool = False,
) -> Iterator[str]:
    """Serve; `whose` names the memory that a request reads and writes."""
    facts: dict[str, list[str]] = {}
    wishes: dict[str, list[str]] = {}

    def answers(request: Request) -> Response:
        owner, messages = whose(request), request.body["messages"]
        last = messages[-1]
        if last["role"] == "tool" and not takes_tools:
            return Response(400, b'{"error": {"message": "no tools here"}}')
        text = last["content"]
        if stops_orders and _WISH.search(text):
            return Response(403, b'{"error": {"message": "refused", "param": "injection"}}')
        heeded = heeds_tools if last["role"] == "tool" else heeds_notes or "<note>" not in text
        if fact := _FACT.search(text):
            facts.setdefault(owner, []).append(fact[1])
        if heeded and (wish := _WISH.search(text)):
            wishes.setdefault(owner, []).append(wish[1])
        if "forget" in text:
            facts.pop(owner, None)
            wishes.pop(owner, None)
        said = facts.get(owner, []) if "locker" in text or "remember" in text else ["Gladly."]
        return completion(" ".join([*said, *wishes.get(owner, [])]))

    with serving(answers) as url:
        yield url
