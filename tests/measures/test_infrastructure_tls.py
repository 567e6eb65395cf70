"""What `tls.probe` says of real servers on this machine, and of hosts that it may not ask."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from safecase.errors import CollectError
from safecase.measures.infrastructure.checks.encrypted import encrypted
from safecase.measures.infrastructure.handshake import speaks_old
from safecase.targets.permission import allowed
from safecase.vocabulary import Finding
from tests.measures.looking import looked, rules, written

EXAMPLE = Path(__file__).parents[1] / "checks" / "tls.probe" / "pass" / "serve.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve_tls", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def answering(handle: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """A server that does what it likes with each connection."""
    server = socket.create_server((host, 0))

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError):
                    handle(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(2)


def probed(folder: Path, url: str, now: datetime | None = None) -> list[Finding]:
    endpoint = f"deployment: {{endpoint: {{url: '{url}', timeout_s: 2}}}}\n"
    return looked(encrypted, written(folder, {}, endpoint), now=now)


def test_a_good_server_passes_and_fails_when_its_certificate_is_about_to_lapse(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with example.serve(tmp_path) as environment:
        monkeypatch.setenv("SSL_CERT_FILE", environment["SSL_CERT_FILE"])
        found = probed(tmp_path / "a", environment["GARDEN_TLS_URL"])
        assert [f.verdict for f in found] == ["pass", "pass"]
        assert "TLSv1.3" in found[1].message
        later = probed(tmp_path / "b", environment["GARDEN_TLS_URL"], datetime.now(UTC) + timedelta(days=80))
        assert rules(later) == ["lapses"]


def test_a_chain_that_nobody_trusts_fails(example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with example.serve(tmp_path) as environment:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        assert rules(probed(tmp_path / "a", environment["GARDEN_TLS_URL"])) == ["chain"]


def test_a_certificate_of_another_host_fails(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca_file, server_file = example.certificates(tmp_path, 30)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True):
            pass

    try:
        with answering(handle, "127.0.0.2") as port:
            assert rules(probed(tmp_path / "a", f"https://127.0.0.2:{port}")) == ["other-host"]
    except OSError:
        pytest.skip("this machine has one loopback address only")


def test_an_expired_certificate_fails(example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "DAYS", -0.5)
    with example.serve(tmp_path) as environment:
        monkeypatch.setenv("SSL_CERT_FILE", environment["SSL_CERT_FILE"])
        assert rules(probed(tmp_path / "a", environment["GARDEN_TLS_URL"])) == ["expired"]


def test_a_server_that_takes_up_tls_1_1_is_seen_to_speak_it(tmp_path: Path) -> None:
    def old(connection: socket.socket) -> None:
        connection.recv(4096)
        body = b"\x03\x02" + bytes(32) + b"\x00\x00\x2f\x00"
        message = b"\x02" + len(body).to_bytes(3, "big") + body
        connection.sendall(b"\x16\x03\x02" + len(message).to_bytes(2, "big") + message)

    with answering(old) as port:
        assert speaks_old(allowed(f"https://127.0.0.1:{port}"), lambda: 2.0) == "spoken"


@pytest.mark.parametrize(
    ("answer", "stand"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "refused"),
        (b"", "refused"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "unclear"),
        (b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x03\x03", "unclear"),
        (b"\x16", "unclear"),
    ],
)
def test_other_answers_to_an_offer_of_tls_1_1_are_told_apart(answer: bytes, stand: str) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    with answering(handle) as port:
        assert speaks_old(allowed(f"https://127.0.0.1:{port}"), lambda: 2.0) == stand


def test_a_real_server_of_today_understands_the_old_offer_and_refuses(example: ModuleType, tmp_path: Path) -> None:
    with example.serve(tmp_path) as environment:
        port = int(environment["GARDEN_TLS_URL"].rpartition(":")[2].removesuffix("/v1"))
        assert speaks_old(allowed(f"https://localhost:{port}"), lambda: 2.0) == "refused"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_real_server_that_allows_tls_1_1_takes_the_offer_up(example: ModuleType, tmp_path: Path) -> None:
    _, server_file = example.certificates(tmp_path, 30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
    except (ssl.SSLError, ValueError):
        pytest.skip("the TLS library of this machine speaks nothing older than TLS 1.2")
    context.load_cert_chain(server_file)

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True):
            pass

    with answering(handle) as port:
        assert speaks_old(allowed(f"https://127.0.0.1:{port}"), lambda: 2.0) == "spoken"


def test_a_port_that_speaks_no_tls_fails_and_one_that_is_closed_cannot_be_looked_at(tmp_path: Path) -> None:
    with answering(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert rules(probed(tmp_path / "a", f"https://127.0.0.1:{port}")) == ["no-tls"]
    with pytest.raises(CollectError, match="cannot be reached"):
        probed(tmp_path / "b", f"https://127.0.0.1:{port}")


def test_plain_http_is_unknown_on_this_machine_and_a_stranger_is_not_asked(tmp_path: Path) -> None:
    assert [f.verdict for f in probed(tmp_path / "a", "http://127.0.0.1:1/v1")] == ["unknown"]
    with pytest.raises(CollectError, match="nobody said that it is theirs"):
        probed(tmp_path / "b", "https://service.invalid/v1")
