"""What code can do with a name from outside: start programs, run texts as code, load libraries, speak to the network.

Python's own modules are judged by default-deny: what is not known to be ordinary in the code of a model is told.
"""

from __future__ import annotations

import functools
import sys
from typing import Final, Literal, TypeAlias

from safecase.readers.pickles.policy import Policy

Capability: TypeAlias = Literal[
    "process", "code", "native", "fetch", "send", "write", "unpickle", "hook", "unusual", "build"
]

WHAT: Final[dict[Capability, str]] = {
    "process": "starts programs",
    "code": "runs data as code",
    "native": "calls native code",
    "fetch": "speaks to the network",
    "send": "sends over the network",
    "write": "changes files",
    "unpickle": "unpickles, which runs code",
    "hook": "changes how Python itself works",
    "unusual": "is no part of what models need",
    "build": "compiles and loads native code",
}

_EXACT: Final[dict[str, Capability]] = {
    **dict.fromkeys(
        ("eval", "exec", "compile", "execfile", "runpy.run_path", "runpy.run_module", "code.interact",
         "types.FunctionType", "types.CodeType", "types.LambdaType", "importlib.util.spec_from_file_location",
         "importlib.util.spec_from_loader", "zipimport.zipimporter", "timeit.timeit", "timeit.repeat", "timeit.Timer",
         "marshal.loads", "marshal.load", "pandas.eval", "numpy.f2py.compile", "torch.hub.load"), "code"),
    **dict.fromkeys(
        ("os.system", "os.popen", "os.startfile", "os.fork", "os.forkpty", "os.posix_spawn", "os.posix_spawnp",
         "os.kill", "os.killpg", "multiprocessing.util.spawnv_passfds", "asyncio.create_subprocess_exec",
         "asyncio.create_subprocess_shell", "pip.main",
         "asyncio.subprocess.create_subprocess_exec", "asyncio.subprocess.create_subprocess_shell", "os.setuid",
         "distutils.spawn.spawn", "pdb.Pdb", "torch.multiprocessing.spawn.python", "get_ipython().system",
         "IPython.get_ipython().system", "platform.popen"), "process"),
    **dict.fromkeys(
        ("os.remove", "os.unlink", "os.rename", "os.renames", "os.replace", "os.chmod", "os.chown", "os.symlink",
         "os.link", "os.rmdir", "os.removedirs", "os.truncate", "os.mkfifo", "os.write", "os.open", "os.mknod",
         "shutil.rmtree", "shutil.move", "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree",
         "shutil.unpack_archive", "shutil.make_archive", "shutil.chown", "os.makedirs", "os.mkdir",
         "os.utime"), "write"),
    **dict.fromkeys(
        ("pickle.load", "pickle.loads", "pickle.Unpickler", "_pickle.loads", "_pickle.load", "cPickle.loads",
         "cPickle.load", "dill.load", "dill.loads", "cloudpickle.load", "cloudpickle.loads", "joblib.load",
         "shelve.open", "pickle5.loads", "jsonpickle.decode", "pandas.read_pickle", "yaml.unsafe_load",
         "yaml.full_load_all", "yaml.unsafe_load_all"), "unpickle"),
    **dict.fromkeys(
        ("sys.settrace", "sys.setprofile", "sys.addaudithook", "sys.meta_path", "sys.path_hooks", "threading.settrace",
         "atexit.register", "sys.excepthook", "sys.displayhook", "sys._getframe", "gc.get_objects",
         "gc.get_referrers", "site.addsitedir", "signal.signal", "sys.breakpointhook", "sys.unraisablehook",
         "threading.setprofile"), "hook"),
    **dict.fromkeys(
        ("torch.ops.load_library", "torch.classes.load_library", "tensorflow.load_op_library",
         "tensorflow.load_library", "torch._C._jit_load"), "native"),
    **dict.fromkeys(
        ("torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load_inline", "cffi.FFI"), "build"),
    **dict.fromkeys(
        ("urllib.request.urlopen", "urllib.request.urlretrieve", "urllib.request.Request",
         "urllib.request.build_opener", "urllib.urlopen", "urllib.urlretrieve",
         "requests.get", "requests.head", "httpx.get", "urllib2.urlopen",
         "requests.Session", "requests.session", "httpx.Client", "aiohttp.ClientSession", "wget.download",
         "gdown.download",
         "urllib3.PoolManager", "httpx.AsyncClient", "requests.Session().get", "requests.session().get",
         "urllib.request.URLopener", "urllib.request.FancyURLopener", "urllib3.request",
         "urllib.request.install_opener"), "fetch"),
    **dict.fromkeys(
        ("requests.post", "requests.put", "requests.patch", "requests.delete", "requests.request", "httpx.post",
         "httpx.put",
         "httpx.patch", "httpx.request", "requests.Session().post", "requests.session().post", "requests.Session().put",
         "requests.Session().request", "httpx.Client().post"), "send"),
}  # fmt: skip
_MODULES: Final[dict[str, Capability]] = {
    **dict.fromkeys(
        ("subprocess", "_posixsubprocess", "pty", "pexpect", "sh", "plumbum", "invoke", "fabric", "commands", "popen2",
         "winrm", "ptyprocess", "delegator", "envoy", "multiprocessing.popen_fork", "psutil"), "process"),
    **dict.fromkeys(
        ("codeop", "bdb", "imp", "pip", "ensurepip", "venv", "_imp", "_frozen_importlib",
         "_frozen_importlib_external", "zipapp", "py_compile", "compileall", "pdb", "doctest", "trace", "cProfile",
         "profile", "_testcapi"), "code"),
    **dict.fromkeys(("ctypes", "_ctypes", "cffi", "_cffi_backend", "jpype"), "native"),
    **dict.fromkeys(
        ("socket", "_socket", "http.client", "httplib", "socketserver", "http.server", "ftplib", "smtplib", "poplib",
         "imaplib", "telnetlib", "nntplib", "xmlrpc", "paramiko", "websocket", "websockets", "dns", "asyncssh", "ssl",
         "pycurl", "zmq", "telegram", "discord", "scapy", "socks", "webbrowser", "wsgiref"), "send"),
    **dict.fromkeys(("pynput", "keyring", "pyautogui", "mss", "pyperclip", "browser_cookie3", "winreg", "_winreg",
                     "win32api", "crontab", "keyboard", "spwd", "crypt", "nis"), "unusual"),
}  # fmt: skip
_PREFIXES: Final = (("os.exec", "process"), ("os.spawn", "process"))
_HARMLESS: Final = frozenset(
    {
        "subprocess.PIPE", "subprocess.STDOUT", "subprocess.DEVNULL", "subprocess.CalledProcessError",
        "subprocess.TimeoutExpired", "subprocess.CompletedProcess", "subprocess.SubprocessError", "socket.timeout",
        "socket.gaierror", "socket.error", "socket.herror", "ctypes.c_int", "http.client.HTTPException",
        "http.client.RemoteDisconnected", "http.client.IncompleteRead", "ssl.SSLError", "doctest.ELLIPSIS",
        "subprocess.list2cmdline", "psutil.virtual_memory", "psutil.cpu_count", "psutil.Process", "socket.gethostname",
    }
)  # fmt: skip
_ORDINARY: Final = frozenset(
    {
        "__future__", "abc", "array", "argparse", "ast", "asyncio", "base64", "binascii", "bisect", "builtins", "bz2",
        "calendar", "cmath", "codecs", "collections", "colorsys", "concurrent", "configparser", "contextlib",
        "contextvars", "copy", "copyreg", "csv", "dataclasses", "datetime", "decimal", "difflib", "dis", "email",
        "encodings",
        "enum", "errno", "faulthandler", "filecmp", "fnmatch", "fractions", "functools", "gc", "genericpath", "getopt",
        "gettext", "glob", "graphlib", "gzip", "hashlib", "heapq", "hmac", "html", "http", "importlib", "inspect",
        "io", "ipaddress", "itertools", "json", "keyword", "linecache", "locale", "logging", "lzma", "math",
        "mimetypes", "multiprocessing", "numbers", "operator", "os", "pathlib", "pickle", "pickletools", "pkgutil",
        "platform", "posixpath", "pprint", "queue", "quopri", "random", "re", "reprlib", "secrets", "select",
        "selectors", "shlex", "shutil", "signal", "site", "sqlite3", "statistics", "stat", "string", "stringprep",
        "struct", "sys", "sysconfig", "tarfile", "tempfile", "textwrap", "threading", "time", "timeit", "token",
        "tokenize", "tomllib", "traceback", "tracemalloc", "types", "typing", "unicodedata", "unittest", "urllib",
        "uuid", "warnings", "wave", "weakref", "xml", "zipfile", "zlib", "zoneinfo", "sched", "resource", "cmd",
        "marshal", "optparse", "plistlib", "distutils", "test", "symtable", "opcode", "mmap", "ntpath",
        "fcntl", "audioop", "sndhdr", "imghdr", "chunk", "nturl2path", "this", "_thread", "_collections_abc",
        "_io", "_weakref", "_weakrefset", "_collections", "_operator", "_functools", "_json", "_struct", "_random",
    }
)  # fmt: skip
_ALIASES: Final = {"posix": "os", "nt": "os", "__builtin__": "builtins", "__builtins__": "builtins", "np": "numpy"}
_ALWAYS: Final = frozenset({"os", "sys", "subprocess", "builtins", "shutil", "socket", "ctypes", "pty", "runpy"})
"""Names that nobody gives to anything but the module itself."""
DYNAMIC_MODULES: Final = frozenset(
    {"os", "sys", "subprocess", "builtins", "ctypes", "socket", "shutil", "pty", "runpy", "marshal", "importlib"}
)
"""Modules whose attributes honest code calls by their names, and never by a computed one."""


def canonical(name: str) -> str:
    """Give the name under which a thing is known, without the ways around: `posix.system` is `os.system`."""
    head, dot, rest = name.partition(".")
    head = _ALIASES.get(head, head)
    if head == "builtins" and rest:
        return rest
    if head == "sys" and rest.startswith("modules."):
        return canonical(rest.removeprefix("modules."))
    parts = rest.split(".")
    for at in range(len(parts) - 1, -1, -1):
        # Modules are attributes of whoever imports them: `random._os.system` is `os.system`.
        if parts[at].lstrip("_") in _ALWAYS and at + 1 < len(parts):
            return canonical(".".join([parts[at].lstrip("_"), *parts[at + 1 :]]))
    return f"{head}{dot}{rest}"


@functools.lru_cache(maxsize=8192)
def capability(name: str) -> Capability | None:
    """Say what a name can do; None where that is nothing that a model's code should not do."""
    name = canonical(name)
    if name in _HARMLESS:
        return None
    if name in _EXACT:
        return _EXACT[name]
    for prefix, what in _PREFIXES:
        if name.startswith(prefix):
            return what  # type: ignore[return-value]
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        above = ".".join(parts[:length])
        if _EXACT.get(above) == "hook":
            return "hook"
        found = _MODULES.get(above)
        if found is not None:
            return _of_module(found, parts)
    return _by_default(parts, name)


def _of_module(found: Capability, parts: list[str]) -> Capability | None:
    if parts[0] in ("ctypes", "_ctypes") and _runs_text(parts[-1]):
        return "process"
    if "()" in ".".join(parts):
        # What made the object is told already.
        return None
    # Types, errors and constants do nothing; a class of a module that starts programs does.
    constant = parts[-1].isupper() and parts[-1] != "CDLL"
    if parts[0] in ("ctypes", "socket", "ssl") and (constant or parts[-1].startswith(("c_", "sizeof"))):
        return None
    if parts[-1].endswith(("Error", "Exception", "Warning")):
        return None
    return found


def _by_default(parts: list[str], name: str) -> Capability | None:
    if len(parts) < 2 or "()" in name:
        return None
    if parts[0] in sys.stdlib_module_names and parts[0] not in _ORDINARY and not parts[-1][:1].isupper():
        return "unusual"
    if parts[0] in ("numpy", "torch", "tensorflow", "sklearn", "pandas", "scipy", "keras"):
        ruling = _policy().judge(".".join(parts[:-1]), parts[-1])[2]
        if ruling == "dangerous" and _runs_text(parts[-1]):
            return "code"
    return None


def _runs_text(name: str) -> bool:
    return any(word in name.lower() for word in ("exec", "runstring", "system", "shell", "command", "popen"))


@functools.cache
def _policy() -> Policy:
    return Policy()
