"""The program that is sent to wherever a service runs code: it says what can be reached there.

Its text travels as it stands, so it imports the standard library only. Of secrets it says names, of files only whether
they are the ones that we know; it makes one file, which it must not be able to make.
"""

import contextlib
import hashlib
import hmac
import json
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

SECRET = {"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "CREDENTIALS", "DSN"}
PUBLIC = {"GPG_KEY"}
TOKENS = ("/var/run/secrets/kubernetes.io/serviceaccount/token", "/var/run/docker.sock")
FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def look(key: str, host: str, port: int, known: list[str], new: str) -> str:
    """Give one line that nobody writes who did not run this: `SAFECASE <mac> <JSON>`."""
    found = {
        "reached": works(reach, host, port, key),
        "route": any(works(route, family, far) for family, far in FAR),
        "names": secret_names(name for name, value in os.environ.items() if value),
        "others": names_of_others(),
        "tokens": [path for path in TOKENS if os.access(path, os.R_OK)],
        "read": [mac_of(key, path) for path in known],
        "wrote": works(write, new),
    }
    said = json.dumps(found, sort_keys=True)
    return f"SAFECASE {mac(key, said.encode())} {said}"


def mac(key: str, content: bytes) -> str:
    """Seal content: who does not know the key or does not compute cannot make it up."""
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()[:32]


def works(act: Callable[..., None], *arguments: object) -> bool:
    """Say whether something can be done; sandboxes refuse in many ways."""
    try:
        act(*arguments)
    except Exception:  # noqa: BLE001
        return False
    return True


def reach(host: str, port: int, key: str) -> None:
    """Go to who listens."""
    with socket.create_connection((host, port), 3) as reached:
        reached.sendall(key.encode())


def route(family: int, far: str) -> None:
    """Ask the system for a way to an address of documents (RFC 5737, RFC 3849); nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        end.connect((far, 9))


def mac_of(key: str, path: str) -> str:
    """Seal the beginning of a file; empty where it cannot be read."""
    with contextlib.suppress(Exception), Path(path).open("rb") as file:
        return mac(key, file.read(65536))
    return ""


def write(new: str) -> None:
    """Make a file that is not there."""
    with Path(new).open("x") as file:
        file.write("SAFECASE")


def secret_names(names: Iterable[str]) -> list[str]:
    """Give the names of variables that sound like a credential's."""
    return sorted({name[:60] for name in names if name not in PUBLIC and SECRET & set(name.upper().split("_"))})[:20]


def names_of_others() -> list[str]:
    """Give such names of other processes, as far as they let themselves be looked into."""
    found: list[str] = []
    with contextlib.suppress(Exception):
        for process in sorted(Path("/proc").glob("[1-9]*"))[:500]:
            with contextlib.suppress(Exception):
                rows = (process / "environ").read_bytes().decode("utf-8", "replace").split("\0")
                if process.name != str(os.getpid()):
                    found += [row.partition("=")[0] for row in rows if row.partition("=")[2]]
    return secret_names(found)
