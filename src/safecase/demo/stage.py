"""The demo's service, running: its language model and its bot as processes on loopback, gone when the stage closes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from safecase.demo import loopback, model
from safecase.demo.children import START_SECONDS, Child
from safecase.demo.folder import materialise
from safecase.errors import CollectError

__all__ = ["Stage", "materialise"]

STAND_IN = "stand-in"
HEALTH_SECONDS = 2.0


class Stage:
    """Starts the model and the bot of a service folder, and stops both, whatever happens in between.

    `environment` is what the service's manifest refers to; `model_name` says what answers, `notes` what a reader of
    the case must know of it.
    """

    def __init__(self, folder: Path, *, offline: bool = False, say: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        self._offline = offline
        self._say = say
        self._children = ExitStack()
        self.environment: dict[str, str] = {}
        self.model_name = ""
        self.notes: tuple[str, ...] = ()
        self.processes: tuple[int, ...] = ()

    def __enter__(self) -> Stage:
        """Start; whatever was started is stopped again where the rest fails."""
        with ExitStack() as children:
            brain = self._start_model(children)
            key, code = secrets.token_urlsafe(24), f"HALBRAD-{secrets.token_hex(6).upper()}"
            bot = Child(
                "the demo's bot",
                "safecase.demo.bot",
                ["--folder", str(self._folder), "--model-url", f"http://{loopback.HOST}:{_healthy(brain)}"],
                environment={"HALBRAD_API_KEY": key, "HALBRAD_STAFF_CODE": code},
            )
            children.callback(bot.close)
            self.environment = {
                "SAFECASE_DEMO_URL": f"http://{loopback.HOST}:{_healthy(bot)}/v1",
                "SAFECASE_DEMO_KEY": key,
                "SAFECASE_DEMO_CANARY": code,
            }
            self.processes = (brain.process.pid, bot.process.pid)
            self._children = children.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both, the bot first."""
        self._children.close()

    def _start_model(self, children: ExitStack) -> Child:
        file, why_not = model.obtain(offline=self._offline, say=self._say)
        if file is None:
            self.model_name = STAND_IN
            self.notes = (f"A stand-in answered in the place of a language model: {why_not}.",)
            child = Child("the demo's stand-in", "safecase.demo.stand_in", [], environment={})
        else:
            self.model_name = model.NAME
            self.notes = (f"{model.NAME} answered, a real but very small model: it answers poorly and obeys anybody.",)
            child = Child("the demo's model", "safecase.demo.model_server", ["--model", str(file)], environment={})
        for note in self.notes:
            self._say(note)
        children.callback(child.close)
        return child


def _healthy(child: Child) -> int:
    """Wait until a child answers its health route; gives its port."""
    deadline = time.monotonic() + START_SECONDS
    port = child.port()
    while time.monotonic() < deadline and child.process.poll() is None:
        try:
            if loopback.ask(port, "GET", "/health", seconds=HEALTH_SECONDS)[0] == 200:
                return port
        except CollectError:
            pass
        time.sleep(0.05)
    raise child.failure("does not answer" if child.process.poll() is None else "ended while it started")
