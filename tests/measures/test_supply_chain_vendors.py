"""The register of vendors: faults are placed, ends are seen, and nobody is better than who answers for him."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from safecase.cli import app
from safecase.errors import ManifestError
from safecase.measures.supply_chain.vendors.probe import probe
from safecase.measures.supply_chain.vendors.register import Register, questions, questions_for, read, template
from safecase.measures.supply_chain.vendors.standing import Standing, standings
from safecase.measures.supply_chain.vendors.used import _begins

TODAY = date(2026, 11, 23)
PAPER = b"We do not train on your data."


def answers(kind: str, **changed: Any) -> dict[str, Any]:
    """Give good answers to all questions of a kind; None leaves one out."""
    paper = {"file": "paper.txt", "sha256": hashlib.sha256(PAPER).hexdigest(), "until": date(2027, 6, 1)}
    found = {
        q.id: {"answer": q.wanted[0] if q.wanted else "see §4", "evidence": [{"kind": q.evidence[0], **paper}]}
        for q in questions_for(kind)  # type: ignore[arg-type]
    }
    found.update(changed)
    return {name: answer for name, answer in found.items() if answer is not None}


def vendor(id: str = "acme", **changed: Any) -> dict[str, Any]:
    kind = changed.get("kind", "model_api")
    return {
        "id": id,
        "name": id.title(),
        "kind": kind,
        "decision": "approved",
        "decided_by": "Ada Example",
        "decided": date(2026, 1, 1),
        "until": date(2027, 1, 1),
        "answers": answers(kind),
    } | changed


def register(folder: Path, *vendors: dict[str, Any]) -> Register:
    (folder / "paper.txt").write_bytes(PAPER)
    (folder / "vendors.yaml").write_text(yaml.safe_dump({"vendors": list(vendors)}, sort_keys=False))
    return read(folder / "vendors.yaml", "vendors.yaml")


def standing(folder: Path, *vendors: dict[str, Any], today: date = TODAY) -> Standing:
    return standings(register(folder, *vendors), folder, today)[0]


def test_a_vendor_with_answers_and_evidence_is_approved(tmp_path: Path) -> None:
    one = standing(tmp_path, vendor())
    assert (one.status, one.reasons, one.next_day) == ("approved", (), date(2027, 1, 1))
    assert one.answered == one.asked == len(questions_for("model_api"))


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"decision": "rejected", "reason": "keeps prompts"}, "rejected"),
        ({"decision": "conditional", "conditions": ["turn retention off"]}, "conditional"),
        ({"until": date(2026, 11, 22)}, "expired"),
        ({"until": TODAY}, "approved"),
        ({"decided": date(2026, 12, 24)}, "incomplete"),
        ({"answers": None}, "incomplete"),
        ({"answers": answers("model_api", exit_plan=None)}, "incomplete"),
        ({"answers": answers("model_api", trains_on_our_data={"answer": "yes"})}, "conditional"),
        ({"answers": answers("model_api", retention={"answer": "30 days"})}, "incomplete"),
    ],
)
def test_the_status_follows_from_the_day_the_decision_and_the_answers(
    changed: dict[str, Any], status: str, tmp_path: Path
) -> None:
    assert standing(tmp_path, vendor(**changed)).status == status


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        ({"kind": "contract", "url": "https://acme.test/dpa", "seen": date(2026, 5, 1)}, "approved"),
        ({"kind": "contract", "url": "https://acme.test/dpa", "seen": date(2025, 5, 1)}, "expired"),
        ({"kind": "contract", "url": "https://acme.test/dpa", "until": date(2026, 11, 1)}, "expired"),
        ({"kind": "contract", "url": "https://acme.test/dpa", "seen": date(2026, 12, 1)}, "incomplete"),
        ({"kind": "contract", "url": "https://acme.test/dpa"}, "incomplete"),
        ({"kind": "contract", "until": date(2027, 1, 1)}, "incomplete"),
        ({"kind": "signature", "url": "https://acme.test", "seen": date(2026, 5, 1)}, "incomplete"),
        ({"kind": "contract", "file": "paper.txt", "until": date(2027, 1, 1)}, "incomplete"),
        ({"kind": "contract", "file": "gone.txt", "until": date(2027, 1, 1)}, "incomplete"),
        ({"kind": "contract", "file": "../paper.txt", "until": date(2027, 1, 1)}, "incomplete"),
        ({"kind": "contract", "file": "paper.txt", "sha256": "0" * 64, "until": date(2027, 1, 1)}, "expired"),
    ],
)
def test_evidence_ages_and_is_bound_to_its_bytes(evidence: dict[str, Any], status: str, tmp_path: Path) -> None:
    changed = answers("model_api", retention={"answer": "30 days", "evidence": [evidence]})
    assert standing(tmp_path, vendor(answers=changed)).status == status


def test_an_intermediary_is_no_better_than_who_answers_behind_it(tmp_path: Path) -> None:
    router = vendor("router", kind="intermediary", upstream=["acme"])
    assert standing(tmp_path, router, vendor()).status == "approved"
    assert standing(tmp_path, router, vendor(decision="rejected")).status == "rejected"
    behind = vendor("middle", kind="intermediary", upstream=["acme"])
    first = vendor("router", kind="intermediary", upstream=["middle"])
    assert standing(tmp_path, first, behind, vendor(until=date(2026, 2, 1))).status == "expired"
    circle = [vendor("a", kind="intermediary", upstream=["b"]), vendor("b", kind="intermediary", upstream=["a"])]
    assert standing(tmp_path, *circle).status == "approved"


@pytest.mark.parametrize(
    ("vendors", "message", "line"),
    [
        ([vendor(), vendor()], "acme is there twice", 1),
        ([vendor(kind="intermediary")], "upstream is missing", 1),
        ([vendor(kind="intermediary", upstream=["nobody"])], "no other vendor called nobody", 1),
        ([vendor(answers={"likes_cats": {"answer": "yes"}})], "no question likes_cats", 1),
        ([vendor(until=date(2025, 1, 1))], "it ends before it begins", 1),
        ([vendor(kind="friend")], "invalid enum value", 4),
        ([vendor(until="soon")], "", 8),
        ([vendor(colour="red")], "unknown field", 1),
    ],
)
def test_faults_are_told_with_their_place(
    vendors: list[dict[str, Any]], message: str, line: int, tmp_path: Path
) -> None:
    with pytest.raises(ManifestError) as raised:
        register(tmp_path, *vendors)
    fault = raised.value.faults[0]
    assert message in fault.message
    assert fault.place is not None
    assert fault.place.line >= line


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"vendors: 3", b"\xff\xfe", b"vendors: [{id: " + b"[" * 5000, b"a: &a [*a]"]
)
def test_what_is_no_register_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_bytes(content)
    with pytest.raises(ManifestError):
        read(tmp_path / "v.yaml", "v.yaml")
    with pytest.raises(ManifestError):
        read(tmp_path / "missing.yaml", "missing.yaml")


@pytest.mark.parametrize("kind", ["model_api", "intermediary", "model_publisher", "dataset", "tool"])
def test_a_template_is_a_register_once_it_has_a_head(kind: Any, tmp_path: Path) -> None:
    other = template("other", "model_api", TODAY)
    text = "vendors:\n" + template("acme", kind, TODAY).replace("upstream: []", "upstream: [other]") + other
    (tmp_path / "v.yaml").write_text(text)
    assert read(tmp_path / "v.yaml", "v.yaml").vendors[0].kind == kind


def test_every_question_is_asked_of_somebody_and_belongs_to_a_control() -> None:
    assert len(questions()) >= 15
    for question in questions():
        assert question.kinds
        assert question.evidence
        assert question.control in ("SC-08", "SC-10")
        assert question.ask.endswith("?")
        assert question.most_days >= 90


@pytest.mark.parametrize(
    ("url", "start", "wanted"),
    [
        ("https://api.acme.test/v1", "https://api.acme.test/", True),
        ("https://api.acme.test", "https://api.acme.test/", True),
        ("https://api.acme.test.evil.test/v1", "https://api.acme.test", False),
        ("https://api.acme.test:8443/v1", "https://api.acme.test", False),
        ("https://api.acme.test/v10", "https://api.acme.test/v1", False),
        ("https://api.acme.test/v1?key=1", "https://api.acme.test/v1", True),
    ],
)
def test_an_address_belongs_to_a_vendor_by_whole_parts(url: str, start: str, wanted: bool) -> None:
    assert _begins(url, start) is wanted


# The command line


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["supply", "vendors", *arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value or 0), done.stdout


def test_the_command_tells_each_vendor_and_answers_by_its_exit_code(tmp_path: Path) -> None:
    register(tmp_path, vendor(), vendor("old", until=date(2026, 2, 1)))
    file = str(tmp_path / "vendors.yaml")
    assert run(file, "--as-of", "2026-01-15")[0] == 0
    code, text = run(file, "--as-of", "2026-11-23")
    assert code == 1
    assert "expired" in text
    told = json.loads(run(file, "--as-of", "2026-11-23", "--format", "json")[1])
    assert [v["status"] for v in told["vendors"]] == ["approved", "expired"]
    assert run(file, "--as-of", "2026-11-23", "--format", "md")[1].count("|") > 10
    assert "trains_on_our_data" in run("--questions")[1]
    assert run("--new", "Some Vendor!")[1].startswith("  - id: some-vendor\n")


# Certificates


def certificate(folder: Path, days: int) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    (folder / "root.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "server.pem"


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, ssl.SSLContext]]:
    pem = certificate(tmp_path, getattr(request, "param", 90))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    http = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{http.server_port}/", ssl.create_default_context(cafile=str(tmp_path / "root.pem"))
    http.shutdown()
    http.server_close()


def test_a_probe_tells_whether_the_pinned_key_answers(server: tuple[str, ssl.SSLContext]) -> None:
    endpoint, roots = server
    first = probe("acme", endpoint, (), roots=roots)
    assert first.verdict == "pass"
    assert first.pin.startswith("sha256/")
    assert probe("acme", endpoint, (first.pin,), roots=roots).verdict == "pass"
    assert probe("acme", endpoint, ("sha256/" + "A" * 43 + "=",), roots=roots).verdict == "fail"
    assert probe("acme", endpoint, ()).verdict == "fail", "nobody vouches for it"


@pytest.mark.parametrize("server", [5], indirect=True)
def test_a_certificate_that_ends_soon_is_told(server: tuple[str, ssl.SSLContext]) -> None:
    assert "ends on" in probe("acme", server[0], (), roots=server[1]).message


def test_what_cannot_be_reached_or_is_no_https_is_never_a_pass() -> None:
    assert probe("acme", "http://localhost/", ()).verdict == "fail"
    assert probe("acme", "https://127.0.0.1:9/", ()).verdict == "unknown"
    assert probe("acme", "https://", ()).verdict == "fail"
