"""`c2pa.verify` on samples that lie here, and on what an endpoint makes."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from safecase.measures.protection.checks.media_marked import media_marked
from safecase.vocabulary import Finding
from tests.measures.looking import looked, rules, written
from tests.targets.servers import Request, Response, serving

MADE = Path(__file__).parents[1] / "readers" / "media_samples"
SAMPLES = "protection: {media: [samples]}\n"
ROOTS = "supply_chain: {roots: [root.pem]}\n"


def found(folder: Path, names: tuple[str, ...] = (), manifest: str = ROOTS, said: str = "") -> list[Finding]:
    files = {f"samples/{name}": (MADE / name).read_bytes() for name in names}
    return looked(
        media_marked,
        written(
            folder,
            {
                "root.pem": (MADE / "root.pem").read_bytes(),
                **files,
            },
            manifest + (said or (SAMPLES if files else "")),
        ),
    )


def test_signed_media_pass_and_nothing_is_said_of_a_watermark(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, ("signed.png", "signed.wav", "ps256.png"))
    assert finding.verdict == "pass"
    assert "no watermark was looked for" in finding.message


@pytest.mark.parametrize(("name", "rule"), [("plain.png", "media.unsigned"), ("photo.png", "media.unsaid")])
def test_media_that_do_not_say_that_they_were_generated_fail(name: str, rule: str, tmp_path: Path) -> None:
    findings = found(tmp_path, (name, "signed.png"))
    assert rules(findings) == [rule]
    assert [f.place.file for f in findings if f.place and f.verdict == "fail"] == [f"samples/{name}"]


def test_without_a_declared_root_it_is_not_known_whom_to_trust(tmp_path: Path) -> None:
    assert rules(found(tmp_path, ("signed.png",), ""), "unknown") == ["media.trust"]


def test_a_signer_below_another_root_fails(tmp_path: Path) -> None:
    other = Path(__file__).parents[1] / "readers" / "media_samples" / "other_root.pem"
    manifest = "supply_chain: {roots: [other.pem]}\n"
    written(tmp_path, {"other.pem": other.read_bytes()})
    assert rules(found(tmp_path, ("signed.png",), manifest)) == ["media.trust"]


def test_a_format_that_is_not_read_is_unknown_and_a_readme_is_nothing(tmp_path: Path) -> None:
    written(tmp_path, {"samples/film.webm": b"\x1aE\xdf\xa3", "samples/README.md": "# Samples"})
    findings = found(tmp_path, ("signed.png",))
    assert rules(findings, "unknown") == ["media.unread"]
    assert rules(findings, "pass") == [""]


def test_no_sample_and_no_endpoint_is_unknown(tmp_path: Path) -> None:
    assert rules(found(tmp_path), "unknown") == ["media.none"]
    assert "media.unread" in rules(found(tmp_path, said=SAMPLES), "unknown")


def test_an_endpoint_that_knows_no_small_pictures_is_asked_without_a_size(tmp_path: Path) -> None:
    asked: list[dict[str, object]] = []

    def answers(request: Request) -> Response:
        asked.append(request.body)
        for name in ("size", "response_format"):
            if name in request.body:
                return Response(400, json.dumps({"error": {"param": name}}).encode())
        picture = base64.b64encode((MADE / "signed.png").read_bytes()).decode()
        return Response(200, json.dumps({"data": [{"b64_json": picture}]}).encode())

    with serving(answers) as url:
        manifest = f"ai: {{kind: image_gen}}\ndeployment: {{endpoint: '{url}'}}\n{ROOTS}"
        (finding,) = found(tmp_path, (), manifest)
    assert finding.verdict == "pass"
    assert len(asked) == 3


def test_speech_without_credentials_fails(tmp_path: Path) -> None:
    sound = (MADE / "signed.wav").read_bytes().replace(b"C2PA", b"LIST", 1)
    with serving(lambda _: Response(200, sound)) as url:
        manifest = f"ai: {{kind: speech_gen}}\ndeployment: {{endpoint: '{url}'}}\n{ROOTS}"
        assert rules(found(tmp_path, (), manifest)) == ["media.unsigned"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": [{"url": "http://elsewhere.example/1.png"}]}', b"\xff"])
def test_an_answer_without_a_picture_is_unknown(body: bytes, tmp_path: Path) -> None:
    with serving(lambda _: Response(200, body)) as url:
        manifest = f"ai: {{kind: image_gen}}\ndeployment: {{endpoint: '{url}'}}\n{ROOTS}"
        assert rules(found(tmp_path, (), manifest), "unknown") == ["media.unread"]
