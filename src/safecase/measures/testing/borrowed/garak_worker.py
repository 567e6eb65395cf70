"""Runs in garak's environment, not in ours: gives the prompts of probes, and scores answers by their detectors.

JSON lines. In: `{"probes": [...]}`, then `{"id", "text"}` for each attack, then `{"done": true}`. Out: `attack` lines,
`skipped` lines and `ready`; in the end `scores` lines. Imports nothing of Safecase.
"""

import contextlib
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROUNDS = ("TreeSearchProbe", "IterativeProbe", "IntentProbe")
"""What asks in rounds, each made from the answers before."""


class Worker:
    """garak, as far as it is needed."""

    def __init__(self) -> None:
        # What were the standard streams is for us; whatever garak prints goes to the error stream.
        self._spoken = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._plugins = import_module("garak._plugins")
        self._message = import_module("garak.attempt").Message
        config = import_module("garak._config")
        config.load_base_config()
        with contextlib.suppress(Exception):  # earlier editions have it elsewhere, or not at all
            import_module("garak.services.langservice").load()
        config.transient.reportfile = Path(os.devnull).open("w")  # noqa: SIM115  garak keeps it
        self._attempts: dict[str, Any] = {}
        self._detectors: dict[str, Any] = {}

    def say(self, **line: object) -> None:
        """Write a line."""
        self._spoken.write(json.dumps(line) + "\n")
        self._spoken.flush()

    def run(self) -> None:
        """Tell the prompts, take the answers, tell the scores."""
        asked = json.loads(sys.stdin.readline())["probes"]
        known = [(name.removeprefix("probes."), active) for name, active in self._plugins.enumerate_plugins("probes")]
        for name, active in known:
            if (name in asked or name.partition(".")[0] in asked) if asked else active:
                try:
                    self.prompts(name)
                except Exception as why:  # noqa: BLE001  one probe must not end the others
                    self.say(skipped=name, why=f"{type(why).__name__}: {why}"[:300])
        self.say(ready=True)
        answered = []
        for line in sys.stdin:
            told = json.loads(line)
            if told.get("done"):
                break
            self._attempts[told["id"]][0].outputs = [self._message(told["text"], lang="en")]
            answered.append(told["id"])
        for one in answered:
            self.score(one)

    def prompts(self, name: str) -> None:
        """Tell the prompts of a probe."""
        probe = self._plugins.load_plugin(f"probes.{name}")
        if not self._prepared(probe):
            self.say(skipped=name, why="it asks in rounds of its own: run it with garak itself")
            return
        prompts = list(getattr(probe, "prompts", None) or ())
        if not prompts:
            self.say(skipped=name, why="it has no prompts here")
        scorers = [one for one in (probe.primary_detector, *getattr(probe, "extended_detectors", ())) if one]
        for number, prompt in enumerate(prompts):
            attempt = probe._mint_attempt(prompt, seq=number)  # there is no public way
            self._attempts[f"{name}#{number}"] = (attempt, scorers)
            turns = [[turn.role, turn.content.text or ""] for turn in attempt.prompt.turns]
            self.say(attack=f"{name}#{number}", test=name, turns=turns)

    def _prepared(self, probe: Any) -> bool:
        """Let a probe that only prepares its prompts before it asks do so; False where it asks by itself."""
        base, own = import_module("garak.probes.base"), type(probe).probe
        rounds = tuple(getattr(base, name) for name in ROUNDS if hasattr(base, name))
        if isinstance(probe, rounds) or type(probe)._execute_attempt is not base.Probe._execute_attempt:
            return False
        ask = base.Probe.probe
        if own is ask:
            return True
        if "probe" not in own.__code__.co_names:
            return False
        prepared = []

        def noted(*_: object) -> list[object]:
            prepared.append(True)
            return []

        base.Probe.probe = noted
        try:
            probe.probe(SimpleNamespace(name="assistant", fullname="assistant"))
        finally:
            base.Probe.probe = ask
        return bool(prepared)

    def score(self, one: str) -> None:
        """Tell what each detector thinks of an answer, 0 to 1; null where it cannot tell."""
        attempt, scorers = self._attempts[one]
        for scorer in scorers:
            try:
                if scorer not in self._detectors:
                    self._detectors[scorer] = self._plugins.load_plugin(f"detectors.{scorer}")
                scores = list(self._detectors[scorer].detect(attempt))
                self.say(scores=one, scorer=scorer, score=scores[0] if scores else None)
            except Exception as why:  # noqa: BLE001  one detector must not end the others
                self.say(scores=one, scorer=scorer, score=None, why=f"{type(why).__name__}: {why}"[:300])


if __name__ == "__main__":
    Worker().run()
