"""A small agent over HTTP (A2A 1.0, 0.3 or MCP) that verifies what it is sent, or leaves some of it out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

CARD = {
    "name": "researcher",
    "description": "Looks things up.",
    "version": "1",
    "capabilities": {},
    "skills": [],
    "supportedInterfaces": [
        {"url": "https://researcher.example/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    ],
}
OLD_CARD = {
    "name": "researcher",
    "capabilities": {},
    "url": "https://researcher.example/a2a",
    "protocolVersion": "0.3.0",
}
_PARAMS = re.compile(
    r'sig1=(\((?P<covered>[^)]*)\);created=(?P<created>\d+);keyid="(?P<keyid>[^"]*)";alg="[^"]*";nonce="(?P<nonce>[^"]*)")'
)


def pem_of(key: Any) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def public_of(key: Any) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def signed_card(card: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """Sign a card as A2A 1.0, 8.4, says: JWS over canonical JSON."""

    def url_safe(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    protected = url_safe(json.dumps({"alg": "ES256", "typ": "JOSE", "kid": "card"}).encode())
    body = json.dumps(card, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    r, s = decode_dss_signature(key.sign(f"{protected}.{url_safe(body)}".encode(), ec.ECDSA(hashes.SHA256())))
    signature = url_safe(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return card | {"signatures": [{"protected": protected, "signature": signature}]}


class Rules:
    """Whom an agent believes; `without` names what it leaves out."""

    def __init__(self, token: str, listed: dict[str, ed25519.Ed25519PublicKey], without: tuple[str, ...]) -> None:
        self._token, self._listed, self._without = token, listed, without
        self._nonces: set[str] = set()

    def refuses(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
        if self._token and "token" not in self._without and headers.get("authorization") != f"Bearer {self._token}":
            return True
        found = _PARAMS.fullmatch(headers.get("signature-input", ""))
        if not self._listed or (found is None and "signature" in self._without):
            return False
        if found is None:
            return True
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        if "digest" not in self._without and headers.get("content-digest") != digest:
            return True
        if "age" not in self._without and abs(time.time() - int(found["created"])) > 300:
            return True
        if "nonce" not in self._without and found["nonce"] in self._nonces:
            return True
        values = {"@method": method, "@path": path, "@authority": headers["host"]} | headers
        covered = re.findall(r'"([^"]+)"', found["covered"])
        base = "\n".join([*(f'"{name}": {values[name]}' for name in covered), f'"@signature-params": {found[1]}'])
        signature = base64.b64decode(headers["signature"].removeprefix("sig1=:").removesuffix(":"))
        if found["keyid"] not in self._listed:
            return "list" not in self._without
        try:
            self._listed[found["keyid"]].verify(signature, base.encode())
        except InvalidSignature:
            return "key" not in self._without
        self._nonces.add(found["nonce"])
        return False


@contextmanager
def agent(
    rules: Rules, card: dict[str, Any] | None = None, *, method: str = "SendMessage", state: str = ""
) -> Iterator[str]:
    """Serve; gives the URL for messages. With `state` it answers refused messages by a task in that state."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            found = card is not None and self.path == "/.well-known/agent-card.json"
            self._say(200 if found else 404, card if found else {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = json.loads(body)
            if rules.refuses("POST", self.path, headers, body):
                task = {"task": {"id": "1", "status": {"state": state}}}
                self._say(200, {"jsonrpc": "2.0", "id": asked["id"], "result": task}) if state else self._say(401, {})
            elif asked["method"] != method:
                self._say(200, {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no"}})
            else:
                self._say(200, {"jsonrpc": "2.0", "id": asked["id"], "result": {"message": {"parts": []}}})

        def _say(self, status: int, value: Any) -> None:
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/a2a"
    finally:
        server.shutdown()
        server.server_close()
