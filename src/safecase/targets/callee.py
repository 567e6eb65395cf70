"""The other side of a Python function that is asked: reads questions, calls it, writes what it returns, a line each.

Runs as a program of its own, with nothing but the standard library: `python callee.py module:function`.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer until the input ends."""
    # What the function prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    function = _found(sys.argv[1])
    with asyncio.Runner() as runner:
        for line in sys.stdin.buffer:
            answers.write(json.dumps(_answer(function, json.loads(line), runner), default=str) + "\n")
            answers.flush()


def _found(named: str) -> Callable[..., Any]:
    where, _, name = named.rpartition(":")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  what `python -m` does
    if where.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(where).stem, where)
        if spec is None or spec.loader is None:
            sys.exit(f"{where} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(where)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part)
    if not callable(found):
        sys.exit(f"{named} is no function")
    return found  # type: ignore[no-any-return]  # just asked


def _answer(function: Callable[..., Any], question: dict[str, Any], runner: asyncio.Runner) -> dict[str, Any]:
    try:
        found = function(**_wanted(function, question))
        if inspect.isawaitable(found):
            found = runner.run(_awaited(found))
    except Exception as why:  # noqa: BLE001  whatever a stranger's function raises is its answer
        return {"error": f"{type(why).__name__}: {why}"}
    if isinstance(found, str | dict):
        return found if isinstance(found, dict) else {"text": found}
    return {"error": f"it returned {type(found).__name__}; a text or a dict with `text` is wanted"}


async def _awaited(found: Any) -> Any:
    return await found


def _wanted(function: Callable[..., Any], question: dict[str, Any]) -> dict[str, Any]:
    """Give what its parameters ask for by their names; a first one with a name of its own gets the prompt."""
    known = inspect.signature(function).parameters
    if any(one.kind is one.VAR_KEYWORD for one in known.values()):
        return question
    wanted = {
        name: question[name]
        for name, one in known.items()
        if name in question and (question[name] is not None or one.default is one.empty)
    }
    own = next((name for name in known if name not in question), "")
    if own and not {"prompt", "messages"} & wanted.keys():
        wanted[own] = question["prompt"]
    return wanted


if __name__ == "__main__":
    main()
