"""Judge Python code that a loader imports: by what it reaches when it is imported, and when the model is used.

Honest code of models computes, logs, and reads the files beside it. What starts programs, runs data as code, changes
files elsewhere or talks to strangers is told; the code is parsed and followed, never run.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Final

from safecase.readers.artifacts.code import python_values as values
from safecase.readers.artifacts.code.python_capabilities import WHAT, Capability, capability
from safecase.readers.artifacts.code.python_running import Runner, TooLong, Use
from safecase.readers.artifacts.code.python_values import HOLE, Hole, Items, Known, Value
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

MOST_CODE: Final = 4 * 1024 * 1024
MOST_NESTED: Final = 4
SECRET_PATHS: Final = re.compile(
    r"\.ssh(/|$)|\.aws/|/etc/(shadow|passwd|sudoers)|\.kube/config|\.netrc|\.git-credentials|\.docker/config"
    r"|id_(rsa|ed25519|ecdsa|dsa)\b|\.(bash|zsh)_history|/Login Data|\.gnupg|wallet\.dat|\.pypirc|\.npmrc"
    r"|huggingface/token|/proc/self/environ|(^|/)\.env$|\.config/gcloud|cookies\.sqlite",
    re.IGNORECASE,
)
_OUTSIDE: Final = re.compile(
    r"^(~|/(?!dev/(null|stdout|stderr|shm))|\\|[A-Za-z]:[\\/]|%\w+%|\$)|(^|[/\\])\.\.([/\\]|$)"
)
_TEMPORARY: Final = re.compile(r"^/(var/)?tmp(/|$)")
_ADDRESS: Final = re.compile(r"^(https?|ftp|wss?)://", re.IGNORECASE)
_KNOWN_HOSTS: Final = re.compile(
    r"^https?://([\w-]+\.)*(huggingface\.co|hf\.co|github\.com|githubusercontent\.com|pytorch\.org|openai\.com"
    r"|googleapis\.com|tensorflow\.org|fbaipublicfiles\.com|localhost|127\.0\.0\.1|amazonaws\.com|aliyuncs\.com)([/:]|$)"
)
_PROGRAMS: Final = frozenset(
    {"ffmpeg", "ffprobe", "sox", "nvidia-smi", "nvcc", "espeak", "espeak-ng", "rocm-smi", "lscpu"}
)
_SETUP: Final = frozenset({"setup.py"})
_SECRET_SETTINGS: Final = frozenset(
    {"LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSTARTUP", "PATH", "BASH_ENV"}
)


def check_python(content: bytes, name: str, problems: Problems, member: str) -> None:
    """Note what the code of a file does besides computing; `name` is the file's."""
    if len(content) > MOST_CODE:
        problems.add("code.large", "error", f"{len(content)} bytes of code: not judged", member=member)
        return
    judge = _Judge(problems, member, name)
    try:
        tree = parsed(content)
    except (SyntaxError, ValueError) as why:
        problems.add("code.syntax", "error", f"it is no Python that can be parsed: {shown(str(why))}", member=member)
        return
    except (RecursionError, MemoryError):
        problems.add("code.depth", "suspicious", "its code is nested deeper than people write", member=member)
        return
    judge.follow(tree)


def parsed(content: bytes | str) -> ast.Module:
    """Parse code; raises what `ast.parse` raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(content)


class _Judge:
    """Hears what one file of code reaches."""

    def __init__(self, problems: Problems, member: str, name: str) -> None:
        self._problems = problems
        self._member = member
        self._file = name.rpartition("/")[2]
        self._runner = Runner(self)
        self._nested = 0
        self._secrets: ast.AST | None = None
        self._sends: ast.AST | None = None

    def follow(self, tree: ast.Module) -> None:
        """Follow the whole file."""
        try:
            self._runner.module(tree)
        except TooLong:
            self._problems.add("code.large", "error", "its code takes too many steps to follow", member=self._member)
        except RecursionError:
            self._problems.add(
                "code.depth", "suspicious", "its code is nested deeper than people write", member=self._member
            )
        if self._secrets is not None and self._sends is not None:
            self._tell(
                "code.exfiltrates", "malicious", "it reads secrets and sends over the network", self._sends, "both"
            )

    # The listener of the runner

    def inner(self, name: str, node: ast.AST, *, at_import: bool) -> None:
        """A way through objects into Python's inner parts is how sandboxes are left."""
        message = f"it reaches by {name} into Python's inner parts, and from there to any function"
        self._tell("code.inner", "malicious" if at_import else "suspicious", message, node, name)

    def hidden(self, what: str, node: ast.AST, *, at_import: bool) -> None:
        """A name that cannot be read is hidden on purpose, where its owner can start programs."""
        self._tell("code.hidden", "malicious" if at_import else "suspicious", f"it takes {shown(what)}", node, what)

    def used(self, use: Use) -> Value | None:
        """Judge one use of a name from outside."""
        if use.name in _READERS:
            return _READERS[use.name](self, use)
        if use.name.startswith("pathlib.Path()."):
            return self._path(use)
        if use.name == "os.environ":
            return self._environment(use)
        what = capability(use.name)
        if _means_yes(use.keywords.get("trust_remote_code")) and use.arguments is not None:
            message = f"{shown(use.name)} runs code of another repository (trust_remote_code)"
            self._tell("code.remote", "suspicious", message, use.node, use.name)
        if what is None:
            return self._taint(use)
        if use.made and what != "fetch":
            message = f"it reaches {shown(use.name)}, which {WHAT[what]}, by a name that it puts together"
            self._tell("code.hidden", "malicious", message, use.node, use.name)
        return self._capable(use, what)

    def _taint(self, use: Use) -> Value | None:
        if use.name in ("getpass.getuser", "platform.node", "socket.gethostname", "platform.uname", "os.getlogin"):
            return HOLE
        if use.name.startswith("os.environ.") and use.name.rpartition(".")[2] in ("copy", "items", "values"):
            self._secrets = use.node
            return Hole(frozenset({"secret"}))
        if use.name == "os.getenv" or use.name.startswith("os.environ"):
            return HOLE
        if use.name == "tempfile.gettempdir":
            return Known("/tmp", made=True)  # noqa: S108 - where a path leads
        if use.arguments is not None and any(
            isinstance(a, values.Ref) and a.name == "os.environ" for a in (*use.arguments, *use.keywords.values())
        ):
            self._secrets = use.node
            return Hole(frozenset({"secret"}))
        return None

    def _capable(self, use: Use, what: Capability) -> Value | None:
        match what:
            case "process":
                self._process(use)
            case "code":
                return self._code(use)
            case "native" | "build":
                says: FileVerdict = "malicious" if use.at_import and what == "native" else "suspicious"
                self._reach(use, what, says)
                return None
            case "fetch" | "send":
                return self._network(use, what)
            case "write":
                self._writes(use, use.arguments or ())
            case "unpickle":
                return self._unpickles(use)
            case "hook":
                self._hooks(use)
            case "unusual":
                self._reach(use, what, "suspicious")
        return HOLE

    def _process(self, use: Use) -> None:
        if use.name == "subprocess.Popen" and use.arguments is None and not use.made:
            return
        command = use.arguments[0] if use.arguments else use.keywords.get("args", HOLE)
        first = command.values[0] if isinstance(command, Items) and command.values else None
        shell = use.keywords.get("shell")
        listed = isinstance(first, Known) and str(first.value).rpartition("/")[2] in _PROGRAMS
        if listed and shell in (None, Known(value=False)) and not use.made:
            return
        self._reach(use, "process", "malicious")

    def _code(self, use: Use) -> Value | None:
        if use.name in ("eval", "exec", "compile", "execfile", "timeit.timeit", "marshal.loads", "pandas.eval"):
            return self._evaluates(use)
        self._reach(use, "code", "malicious" if use.at_import else "suspicious")
        return None

    def _evaluates(self, use: Use) -> Value | None:
        if use.arguments is None:
            self._reach(use, "code", "malicious" if use.at_import else "suspicious")
            return HOLE
        source = use.arguments[0] if use.arguments else HOLE
        if use.name == "compile" and isinstance(source, Known | Hole):
            # What is compiled is judged where it is run.
            return source
        if isinstance(source, Known) and isinstance(source.value, str | bytes):
            self._text(source, use)
            return HOLE
        self._judge_source(use, values.traits_of((source,)))
        return HOLE

    def _judge_source(self, use: Use, traits: frozenset[str]) -> None:
        if traits & {"decoded", "remote"} or use.name == "marshal.loads":
            message = f"{use.name} runs what is decoded or downloaded as code"
            self._tell("code.evaluates", "malicious", message, use.node, "decoded")
        elif "file" in traits and self._file in _SETUP and use.name == "exec":
            return
        elif use.at_import:
            message = f"{use.name} runs data as code when the file is imported"
            self._tell(
                "code.evaluates", "malicious" if use.name == "exec" else "suspicious", message, use.node, use.name
            )
        else:
            message = f"{use.name} runs data as code when the model is used"
            self._tell("code.evaluates", "suspicious", message, use.node, use.name, confidence="medium")

    def _text(self, source: Known, use: Use) -> None:
        """Follow a text that is run as code."""
        try:
            tree = parsed(source.value if isinstance(source.value, str | bytes) else "")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        if source.made and use.name == "exec":
            self._tell("code.hidden", "malicious", "exec runs a text that the code puts together", use.node, "exec")
        if self._nested < MOST_NESTED:
            self._nested += 1
            self._runner.text(tree, at_import=use.at_import)
            self._nested -= 1

    def _network(self, use: Use, what: Capability) -> Value | None:
        given = (*(use.arguments or ()), *use.keywords.values())
        self._sends = self._sends or use.node
        if "secret" in values.traits_of(given):
            self._tell("code.exfiltrates", "malicious", f"{use.name} is given secrets", use.node, use.name)
        if use.at_import and use.arguments is not None:
            self._reach(use, what, "malicious")
        elif what == "send" or any(_strange(v) for v in given):
            self._reach(use, what, "suspicious", confidence="medium")
        if use.name.endswith(("Session", "session", "Client", "Manager")):
            return None
        return Hole(frozenset({"remote"}))

    def _unpickles(self, use: Use) -> Value | None:
        given = use.arguments or ()
        traits = values.traits_of(given)
        if traits & {"decoded", "remote"} or any(isinstance(g, Known) and isinstance(g.value, bytes) for g in given):
            self._reach(use, "unpickle", "malicious")
        elif use.at_import:
            self._reach(use, "unpickle", "suspicious")
        return HOLE

    def _hooks(self, use: Use) -> None:
        if use.at_import and use.name not in ("sys._getframe", "signal.signal"):
            self._reach(use, "hook", "suspicious")

    def _environment(self, use: Use) -> Value | None:
        return None if use.arguments is None else HOLE

    # Files

    def _open(self, use: Use) -> Value:
        given = use.arguments or ()
        path = given[0] if given else use.keywords.get("file", HOLE)
        mode = given[1] if len(given) > 1 else use.keywords.get("mode", Known("r"))
        text = mode.value if isinstance(mode, Known) else "r"
        if use.arguments is not None:
            if isinstance(text, str) and any(letter in text for letter in "wax+"):
                self._writes(use, (path,))
            if self._secret(path, use):
                return Hole(frozenset({"file", "secret"}))
        traits = values.traits_of((path,))
        return Hole(traits | {"file"})

    def _path(self, use: Use) -> Value:
        given = use.arguments or ()
        verb = use.name.rpartition(".")[2]
        path = given[0] if given else HOLE
        if verb == "open":
            return self._open(use._replace(arguments=given))
        if verb in ("read_text", "read_bytes"):
            found = {"file", "secret"} if self._secret(path, use) else {"file"}
            return Hole(frozenset(found) | values.traits_of((path,)))
        # Of an object that is not known, it may be any method of that name.
        if isinstance(path, Known) or (use.at_import and verb in ("write_text", "write_bytes", "touch")):
            self._writes(use, (path,))
        return HOLE

    def _secret(self, path: Value, use: Use) -> bool:
        if not isinstance(path, Known) or not SECRET_PATHS.search(str(path.value)):
            return False
        self._secrets = use.node
        message = f"it reads {shown(str(path.value))}, where secrets lie"
        self._tell("code.secrets", "malicious", message, use.node, str(path.value)[:100])
        return True

    def _writes(self, use: Use, paths: tuple[Value, ...]) -> None:
        texts = [p.value for p in paths[:2] if isinstance(p, Known) and isinstance(p.value, str)]
        leads_out = next((t for t in texts if _OUTSIDE.search(t)), None)
        if leads_out is not None and not use.at_import and _TEMPORARY.match(leads_out):
            self._tell_write(use, "suspicious", leads_out)
        elif leads_out is not None:
            self._tell_write(use, "malicious", leads_out)
        elif use.at_import and use.arguments is not None and use.name not in ("os.makedirs", "os.mkdir"):
            own = self._file in _SETUP and (use.name == "open" or texts)
            if not own:
                self._tell_write(use, "malicious" if not texts else "suspicious", texts[0] if texts else "")

    def _tell_write(self, use: Use, says: FileVerdict, path: str) -> None:
        where = f" ({shown(path)})" if path else ""
        when = "when it is imported" if use.at_import else "when the model is used"
        self._tell("code.writes", says, f"{shown(use.name)} changes a file{where} {when}", use.node, path[:100])

    def _reach(self, use: Use, what: Capability, says: FileVerdict, confidence: str = "high") -> None:
        when = "when it is imported" if use.at_import else "when the model is used"
        called = f"{use.name}" if use.arguments is None else f"{use.name}()"
        rule = f"code.{what}"
        self._tell(rule, says, f"{shown(called)} {WHAT[what]} {when}", use.node, use.name, confidence=confidence)

    def _tell(
        self, rule: str, says: FileVerdict, message: str, node: ast.AST, key: str, confidence: str = "high"
    ) -> None:
        line = getattr(node, "lineno", 0)
        self._problems.add(
            rule,
            says,
            f"line {line}: {message}",
            member=self._member,
            key=key,
            confidence="medium" if confidence == "medium" else "high",
        )


def _means_yes(value: Value | None) -> bool:
    return isinstance(value, Known) and value.value is True


def _strange(value: Value) -> bool:
    """Say whether a value is an address that is none of those that models come from."""
    if isinstance(value, Hole):
        return "address" in value.traits
    if not isinstance(value, Known) or not isinstance(value.value, str):
        return False
    return bool(_ADDRESS.match(value.value)) and not _KNOWN_HOSTS.match(value.value)


_READERS: Final = {
    "open": _Judge._open,
    "io.open": _Judge._open,
    "codecs.open": _Judge._open,
    "io.FileIO": _Judge._open,
}
