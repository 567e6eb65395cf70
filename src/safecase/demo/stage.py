"""The demo's service, running: model, bot and gateway as processes on loopback, gone when the stage closes."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from safecase.demo import gate, loopback
from safecase.demo.folder import materialise
from safecase.errors import CollectError
from safecase.service import read
from safecase.targets.embedded import model
from safecase.targets.embedded.children import START_SECONDS, Child

__all__ = ["Stage", "materialise"]

STAND_IN = "stand-in"
HEALTH_SECONDS = 2.0


class Stage:
    """Starts the model and the bot of a service folder, and stops all, whatever happens in between.

    Where the folder's manifest says `protection.gateway`, clients reach the bot by a gateway only. `environment`
    is what the service's manifest refers to; `model_name` says what answers, `notes` what a reader of the case must
    know of it.
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
            manifest = read.find(self._folder)
            if read.read(manifest).manifest.protection.gateway:
                self._put_behind_gateway(manifest, children)
            self._children = children.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all, what was started last first."""
        self._children.close()

    def _put_behind_gateway(self, manifest: Path, children: ExitStack) -> None:
        """Start a gateway before the bot; from then on the environment knows the gateway only.

        Without the extra there is none: then the case says so, and its checks find none in the path.
        """
        keys = Path(children.enter_context(tempfile.TemporaryDirectory())) / "keys.db"
        environment = {
            # Without vowels it holds none of the words for which the gateway refuses a secret.
            "SAFECASE_GATEWAY_SECRET": "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXYZ") for _ in range(48)),
            "SAFECASE_DEMO_CANARY": self.environment["SAFECASE_DEMO_CANARY"],
            "HALBRAD_API_KEY": self.environment["SAFECASE_DEMO_KEY"],
        }
        arguments = ["--service", str(manifest), "--keys", str(keys), "--upstream"]
        try:
            key = gate.make_key(keys, environment)
            child = Child(
                "the demo's gateway",
                "safecase.demo.gate",
                [*arguments, self.environment["SAFECASE_DEMO_URL"]],
                environment=environment,
            )
            children.callback(child.close)
            url = f"http://{loopback.HOST}:{_healthy(child, '/healthz')}/v1"
        except CollectError as why:
            self.notes = (*self.notes, f"No gateway stands before the bot: {why.message}.")
            self._say(self.notes[-1])
            return
        self.environment |= {"SAFECASE_DEMO_URL": url, "SAFECASE_DEMO_KEY": key}
        self.processes = (*self.processes, child.process.pid)

    def _start_model(self, children: ExitStack) -> Child:
        file, why_not = model.obtain(offline=self._offline, say=self._say)
        if file is None:
            self.model_name = STAND_IN
            self.notes = (f"A stand-in answered in the place of a language model: {why_not}.",)
            child = Child("the demo's stand-in", "safecase.demo.stand_in", [], environment={})
        else:
            self.model_name = model.NAME
            self.notes = (f"{model.NAME} answered, a real but very small model: it answers poorly and obeys anybody.",)
            child = Child(
                "the demo's model", "safecase.targets.embedded.model_server", ["--model", str(file)], environment={}
            )
        for note in self.notes:
            self._say(note)
        children.callback(child.close)
        return child


def _healthy(child: Child, route: str = "/health") -> int:
    """Wait until a child answers its health route; gives its port."""
    deadline = time.monotonic() + START_SECONDS
    port = child.port()
    while time.monotonic() < deadline and child.process.poll() is None:
        try:
            if loopback.ask(port, "GET", route, seconds=HEALTH_SECONDS)[0] == 200:
                return port
        except CollectError:
            pass
        time.sleep(0.05)
    raise child.failure("does not answer" if child.process.poll() is None else "ended while it started")
