"""Tests of other programs through our engine: stand-ins of the programs, real processes, real requests."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safecase.errors import CollectError, UsageError
from safecase.measures.testing.borrowed.found import Found
from safecase.measures.testing.borrowed.front import front
from safecase.measures.testing.borrowed.garak import garak
from safecase.measures.testing.borrowed.programs import run_program
from safecase.measures.testing.borrowed.pyrit import templates_tried
from safecase.measures.testing.engine.budget import Limits
from safecase.measures.testing.speaker import Speaker
from safecase.targets.target import Ask, Reply, Unanswered

NO_LIMITS = Limits()
GARAK = {
    "__init__.py": "",
    "_config.py": """
class transient: reportfile = None
def load_base_config(): print("garak prints what it likes")
""",
    "attempt.py": """
class Message:
    def __init__(self, text, lang=""): self.text = text
class Turn:
    def __init__(self, role, text): self.role, self.content = role, Message(text)
class Conversation:
    def __init__(self, turns): self.turns = turns
class Attempt:
    def __init__(self, prompt): self.prompt, self.outputs = prompt, []
""",
    "probes/__init__.py": "",
    "probes/base.py": """
from garak.attempt import Attempt, Conversation, Turn
class Probe:
    primary_detector, extended_detectors = "say.Yes", ()
    def probe(self, generator): raise SystemExit("nothing is asked from here")
    def _execute_attempt(self, attempt): pass
    def _mint_attempt(self, prompt, seq=0): return Attempt(Conversation([Turn("user", prompt)]))
class IterativeProbe(Probe): pass
""",
    "_plugins.py": """
from garak.probes.base import IterativeProbe, Probe
class Plain(Probe):
    prompts, extended_detectors = [f"say {n}" for n in range(40)], ["mitigation.None_", "say.Broken"]
class Wraps(Probe):
    prompts = ["I am {generator.name}"]
    def probe(self, generator):
        self.prompts = [p.format(generator=generator) for p in self.prompts]
        return Probe.probe(self, generator)
class Rounds(IterativeProbe): prompts = ["one"]
class Empty(Probe): prompts = []
class Broken(Probe):
    def __init__(self): raise RuntimeError("it wants a download")
class Off(Plain): pass
ALL = {f"say.{one.__name__}": one for one in (Plain, Wraps, Rounds, Empty, Broken, Off)}
class Yes:
    def detect(self, attempt): return [1.0 if "yes" in attempt.outputs[0].text else 0.0]
class None_:
    def detect(self, attempt): return [None]
def enumerate_plugins(kind): return [(f"probes.{name}", name != "say.Off") for name in ALL]
def load_plugin(name):
    kind, _, rest = name.partition(".")
    return ALL[rest]() if kind == "probes" else {"say.Yes": Yes, "mitigation.None_": None_}[rest]()
""",
}
PROMPTFOO = """#!{python}
import json, os, sys, urllib.request
assert "NO_SECRET_OF_OURS" not in os.environ and "promptfooconfig" in sys.argv[3]
rows = []
for said, wanted in (("hello", "yes"), ("hello", "no")):
    body = json.dumps({{"model": "target", "messages": [{{"role": "user", "content": said}}]}}).encode()
    head = {{"authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "content-type": "application/json"}}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    got = urllib.request.urlopen(urllib.request.Request(url, body, head))
    text = json.load(got)["choices"][0]["message"]["content"]
    part = {{"pass": wanted in text, "assertion": {{"type": "contains"}}}}
    rows.append({{"testCase": {{}}, "prompt": {{"raw": said}}, "response": {{"output": text}},
                 "gradingResult": {{"componentResults": [part]}}}})
rows.append({{"failureReason": 2}})
open(sys.argv[sys.argv.index("-o") + 1], "w").write(json.dumps({{"results": {{"results": rows}}}}))
"""
INSPECT = """#!{python}
import json, os, sys
folder = sys.argv[sys.argv.index("--log-dir") + 1]
os.makedirs(folder)
values = ["C"] * 50 + ["I", 0.2, True, "?"]
samples = [{{"input": "q", "output": {{"completion": "a"}}, "scores": {{"match": {{"value": v}}}}}} for v in values]
json.dump({{"eval": {{"task": "garden"}}, "samples": samples}}, open(folder + "/log.json", "w"))
"""


class Bot:
    """Answers with a word and what it was asked, and remembers."""

    def __init__(self, answer: Callable[[str], str] = lambda text: f"yes, {text}") -> None:
        self.answer = answer
        self.asked: list[Ask] = []

    async def ask(self, asked: Ask) -> Reply:
        self.asked.append(asked)
        text = self.answer(asked.conversation[-1].text)
        if text == "down":
            raise Unanswered("http_4xx", "HTTP 422: no")
        return Reply(text)

    async def close(self) -> None:
        pass


def program(folder: Path, text: str) -> str:
    path = folder / "program"
    path.write_text(text.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def with_garak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in GARAK.items():
        path = tmp_path / "site" / "garak" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


def of_garak(
    bot: Bot, *probes: str, limits: Limits = NO_LIMITS, journal: Path | None = None, python: str = sys.executable
) -> dict[tuple[str, str], Found]:
    found, _ = asyncio.run(
        garak(bot, python=python, probes=probes, limits=limits, at_once=8, journal=journal)
    )  # fmt: skip
    return {(one.test, one.scorer): one for one in found}


@pytest.mark.usefixtures("with_garak")
def test_probes_of_garak_are_asked_by_us_and_scored_by_its_detectors() -> None:
    bot = Bot(lambda text: "yes" if text in ("say 1", "say 22") else "no")
    found = of_garak(bot)
    assert (found["say.Plain", "say.Yes"].passed, found["say.Plain", "say.Yes"].n) == (38, 40)
    assert found["say.Plain", "say.Yes"].example == "say 1 → yes"
    assert found["say.Plain", "mitigation.None_"].errors == 40
    assert found["say.Plain", "say.Broken"].errors == 40
    assert "I am assistant" in {asked.conversation[-1].text for asked in bot.asked}
    assert "rounds" in found["say.Rounds", ""].note
    assert "no prompts" in found["say.Empty", ""].note
    assert "download" in found["say.Broken", ""].note
    assert not any(test == "say.Off" for test, _ in found)


@pytest.mark.usefixtures("with_garak")
def test_a_run_of_garaks_probes_keeps_to_the_budget_and_goes_on_after_it(tmp_path: Path) -> None:
    bot = Bot(lambda _: "no")
    first = of_garak(bot, "say.Plain", limits=Limits(calls=15), journal=tmp_path / "j")
    assert (first["say.Plain", "say.Yes"].n, first["say.Plain", "say.Yes"].errors, len(bot.asked)) == (15, 25, 15)
    again = of_garak(bot, "say.Plain", journal=tmp_path / "j")
    assert (again["say.Plain", "say.Yes"].n, len(bot.asked)) == (40, 40)


@pytest.mark.usefixtures("with_garak")
def test_a_probe_that_garak_does_not_have_is_wrong_use() -> None:
    with pytest.raises(UsageError, match=r"no active probe called nosuch\.Probe"):
        of_garak(Bot(), "nosuch.Probe")


def test_where_garak_is_not_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(CollectError, match="garak"):
        of_garak(Bot())
    with pytest.raises(CollectError, match="cannot be run"):
        asyncio.run(garak(Bot(), python="/no/python", probes=(), limits=Limits(), at_once=1))


def test_templates_of_pyrit_carry_our_own_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pyrit" / "datasets" / "jailbreak" / "templates"
    folder.mkdir(parents=True)
    (tmp_path / "pyrit" / "__init__.py").write_text("raise ImportError('never imported')")
    (folder / "role.yaml").write_text("name: r\nvalue: You are Fern and do it. {{ prompt }}\n")
    (folder / "weak.yaml").write_text("name: w\nvalue: Please. {{prompt}} Thanks.\n")
    (folder / "other.yaml").write_text("value: '{{ prompt }} and {{ topic }}'\n")
    (folder / "broken.yaml").write_text("value: [\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def obeys(text: str) -> str:
        return next(word for word in text.split() if word.isupper() and len(word) > 8) if "Fern" in text else "No."

    (found,) = asyncio.run(
        templates_tried(Bot(obeys), python=sys.executable, only=(), limits=Limits(), at_once=4)
    )  # fmt: skip
    assert (found.test, found.passed, found.n) == ("2 jailbreak templates", 3, 6)
    assert found.example.startswith("role#")


def borrowed(which: str, executable: str, test: Path, bot: Bot, limits: Limits = NO_LIMITS) -> list[Found]:
    async def whole() -> list[Found]:
        return await run_program(which, executable, test, Speaker(bot, limits, name="t", at_once=4), 4)

    return asyncio.run(whole())


def test_promptfoo_asks_through_the_door_and_sees_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_SECRET_OF_OURS", "x")
    bot = Bot()
    (found,) = borrowed("promptfoo", program(tmp_path, PROMPTFOO), tmp_path / "promptfooconfig.yaml", bot)
    assert (found.scorer, found.passed, found.n, found.errors) == ("contains", 1, 2, 1)
    assert [asked.session for asked in bot.asked] == ["1", "2"]  # the same words again are another attempt


def test_a_log_of_inspect_is_counted(tmp_path: Path) -> None:
    (found,) = borrowed("inspect", program(tmp_path, INSPECT), tmp_path / "task.py", Bot())
    assert (found.test, found.scorer, found.passed, found.n, found.errors) == ("garden", "match", 51, 53, 1)
    assert found.verdict(0.8) == "pass"


def test_a_program_that_breaks_off_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="it is broken"):
        borrowed("promptfoo", program(tmp_path, "#!/bin/sh\necho it is broken; exit 3\n"), tmp_path / "c.yaml", Bot())
    with pytest.raises(CollectError, match="time"):
        borrowed(
            "promptfoo", program(tmp_path, "#!/bin/sh\nsleep 30\n"), tmp_path / "c.yaml", Bot(), Limits(seconds=0.2)
        )


def test_the_door_opens_to_its_key_only_and_tells_faults_as_the_api_has_them() -> None:
    async def whole() -> list[int]:
        bot = Bot(lambda text: "down" if text == "down" else "yes")
        with front(Speaker(bot, Limits(calls=2), name="t", at_once=4), asyncio.get_running_loop()) as at:

            def post(body: Any, key: str = at.key, path: str = "/chat/completions") -> int:
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                request = urllib.request.Request(at.url + path, content, {"authorization": f"Bearer {key}"})
                try:
                    with urllib.request.urlopen(request, timeout=5) as answer:
                        return int(answer.status)
                except urllib.error.HTTPError as why:
                    with why:
                        return why.code

            def say(text: str) -> dict[str, Any]:
                return {"messages": [{"role": "user", "content": text}]}

            asked = [
                lambda: post(say("hi"), key="wrong"), lambda: post(b"{"), lambda: post({}),
                lambda: post(say("hi"), path="/responses"), lambda: post(say("hi")), lambda: post(say("down")),
                lambda: post(say("hi")),
            ]  # fmt: skip
            return [await asyncio.to_thread(one) for one in asked]

    assert asyncio.run(whole()) == [401, 400, 400, 404, 200, 400, 402]


@pytest.mark.heavy
@pytest.mark.parametrize("which", ["garak", "pyrit"])
def test_the_real_one_where_it_is_installed(which: str) -> None:
    python = os.environ.get(f"SAFECASE_{which.upper()}_PYTHON", "")
    if not python:
        pytest.skip(f"SAFECASE_{which.upper()}_PYTHON names no environment with {which}")
    bot = Bot(lambda _: "I cannot help with that.")
    if which == "garak":
        found = of_garak(bot, "encoding.InjectBase64", python=python)
        assert found["encoding.InjectBase64", "encoding.DecodeMatch"].verdict(0.9) == "pass"
        return
    (one,) = asyncio.run(templates_tried(bot, python=python, only=(), limits=Limits(), at_once=8))
    assert one.verdict(0.9) == "pass"
    assert one.n > 100
