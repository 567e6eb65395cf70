"""Credentials in text: found whatever stands around them, never shown, and placeholders are none."""

from __future__ import annotations

import base64
import json
import random
import re
import string
import zlib
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.checks import Context
from safecase.engines.secrets import RULES, find, is_placeholder
from safecase.measures.infrastructure.checks.no_secrets import no_secrets
from safecase.service.schema import InfrastructureBlock, Manifest, ServiceBlock
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding

# Put together here, so that no scanner takes them for real ones in our own repository.
RANDOM = random.Random(7)


def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(RANDOM.choice(alphabet) for _ in range(count))


def github() -> str:
    body, digits = "ghp" + "_" + letters(30), string.digits + string.ascii_uppercase + string.ascii_lowercase
    value, check = zlib.crc32(body[4:].encode()), ""
    while value:
        value, rest = divmod(value, 62)
        check = digits[rest] + check
    return body + check.rjust(6, "0")


def jwt() -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return ".".join([part({"alg": "HS256", "typ": "JWT"}), part({"sub": letters(12)}), letters(43)])


MADE = {
    "anthropic": "sk-" + "ant-api03-" + letters(93),
    "openai": "sk-" + letters(20) + "T3Blbk" + "FJ" + letters(24),
    "openai-project": "sk-" + "proj-" + letters(60),
    "huggingface": "hf" + "_" + letters(34, string.ascii_letters),
    "aws-key-id": "AKIA" + letters(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "aws-secret": 'aws_secret_access_key = "' + letters(40) + '"',
    "google": "AIza" + letters(35),
    "github": github(),
    "gitlab": "glpat" + "-" + letters(22),
    "slack": "xoxb" + "-" + letters(12, string.digits) + "-" + letters(24),
    "stripe": "sk_" + "live_" + letters(24),
    "npm": "npm" + "_" + letters(36),
    "groq": "gsk" + "_" + letters(52),
    "azure-storage": "AccountKey=" + letters(86) + "==",
    "langfuse": "sk-" + "lf-3f2a91c7-5b0e-4d68-9ac1-7e4f20b6d853",
    "google-oauth": "GOCSPX" + "-" + letters(28),
    "xai": "xai" + "-" + letters(80),
    "nvidia": "nvapi" + "-" + letters(64),
    "tavily": "tvly" + "-" + letters(32),
    "twilio": "SK" + letters(32, "0123456789abcdef"),
    "telegram": "712" + "4981536" + ":AA" + letters(33),
    "azure-key": letters(52) + "JQQ" + "J99" + letters(26),
    "basic-login": "Basic " + base64.b64encode(f"app:{letters(14)}".encode()).decode(),
    "jwt": jwt(),
    "private-key": "-----BEGIN RSA PRIVATE" + " KEY-----\n" + "\n".join(letters(64) for _ in range(4)) + "\n-----END",
    "url-password": "postgresql://app:" + letters(14) + "@db.shop.internal:5432/app",
}


@pytest.mark.parametrize("rule", MADE)
@pytest.mark.parametrize("around", ["{}", 'KEY = "{}"\n', "curl -H 'Authorization: Bearer {}' x", "a: {}  # c\nb: 1"])
def test_a_credential_of_a_known_format_is_found(rule: str, around: str) -> None:
    text = around.format(MADE[rule])
    found = list(find(text))
    assert [s.rule for s in found] == [rule]
    assert found[0].known


@pytest.mark.parametrize("rule", MADE)
def test_the_value_is_never_given_back(rule: str) -> None:
    text = MADE[rule]
    for secret in find(text):
        value = text[secret.start : secret.end]
        assert len(secret.masked) <= 7
        assert value not in repr(secret)
        assert len(secret.tag) <= 5


@pytest.mark.parametrize(
    "line",
    [
        'password = "{}"',
        "DB_PASSWORD={}",
        "  api_key: '{}'",
        '"client_secret": "{}",',
        "export SERVICE_TOKEN={}",
        'config["secret_key"] = "{}"',
        "x-api-key: {}",
        "DB_PASSWORD={}!+$",
        "{{" + "a:1," * 9000 + "password:'{}'}}",
    ],
)
def test_a_random_value_with_a_secret_name_is_found(line: str) -> None:
    found = list(find(line.format("hT7pQ2xWz9LmVb4Kc8")))
    assert [(s.rule, s.known) for s in found] == [("assignment", False)]


@pytest.mark.parametrize(
    "text",
    [
        'password = "changeme-please-1234"',
        'api_key = os.environ["OPENAI_API_KEY"]',
        "api_key: ${env:OPENAI_API_KEY}",
        "token = get_token(user, 12345678)",
        'token_url = "https://login.shop.internal/oauth/token1"',
        'secret_name = "projects/shop/secrets/key-2"',
        "password: <your password here 123>",
        'key = "' + "sk-" + "your-key-here-1234567890abcdef" + '"',
        "AWS_ACCESS_KEY_ID=" + "AKIA" + "IOSFODNN7EXAMPLE",
        "--hash=sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "postgresql://postgres:postgres@localhost/app",
        "https://user:secret99@www.example.com/",
        'password_field = "user_password_2"',
        "tokenizer = 'bert-base-uncased-v2'",
        "secret_key_ref: {name: shop-secret-2024}",
        "-----BEGIN PRIVATE" + " KEY-----\n...\n-----END PRIVATE KEY-----",
        "max_tokens: 4096",
        "Basic authentication is not wanted here",
        "postgresql://name:a%20secret@host/",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0." + letters(43),
    ],
)
def test_what_is_no_credential_is_passed_over(text: str) -> None:
    assert list(find(text)) == []


def test_a_github_token_with_a_wrong_checksum_is_none() -> None:
    token = github()
    assert not [s for s in find(token[:-1] + ("A" if token[-1] != "A" else "B")) if s.rule == "github"]


def test_two_in_a_line_are_two_in_their_order() -> None:
    text = f"{MADE['huggingface']} {MADE['gitlab']}"
    found = list(find(text))
    assert [s.rule for s in found] == ["huggingface", "gitlab"]
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_a_placeholder_is_told_by_its_words_or_by_repetition() -> None:
    assert is_placeholder("xxxxxxxxxxxx")
    assert is_placeholder("aaaaaaaaaaab")
    assert not is_placeholder("hT7pQ2xWz9Lm")


@given(st.text(max_size=400))
def test_any_text_is_searched_to_its_end(text: str) -> None:
    for secret in find(text):
        assert 0 <= secret.start < secret.end <= len(text)


@given(st.text(alphabet="sk-ant_AKIAeyJ.=:\"'PRIVATE KEY-----0123abcXYZ \n", max_size=800))
def test_text_made_of_the_words_of_rules_is_searched_to_its_end(text: str) -> None:
    assert all(secret.tag for secret in find(text))


@pytest.mark.parametrize(
    "unit", ["eyJ", "AKIA", "sk-", "a" * 50 + "=", "password=", "://a:", "-----BEGIN PRIVATE KEY-----a"]
)
def test_repetition_costs_no_more_than_its_length(unit: str) -> None:
    """Steps are not counted by a clock: text of a megabyte ends within the test's own bound."""
    assert len(list(find(unit * (1_000_000 // len(unit))))) < 100_000


def test_many_secrets_in_one_text_are_all_found_without_comparing_each_with_each() -> None:
    """Tens of thousands of both kinds: pairwise comparison would not end within the test's own bound."""
    tokens = "".join(f"hf_{letters(34, string.ascii_letters)}\n" for _ in range(15_000))
    assigned = "".join(f'token = "{letters(20)}"\n' for _ in range(15_000))
    assert len(list(find(tokens + assigned))) > 25_000


def test_positions_stay_where_lowering_makes_a_letter_longer() -> None:
    text = "\u0130" * 50 + ' password = "hT7p' + 'Q2xWz9LmVb4Kc8"'
    assert [text[s.start : s.end] for s in find(text)] == ["hT7pQ2xWz9LmVb4Kc8"]


def test_the_tag_of_what_a_person_chose_fits_many_guesses() -> None:
    tags = {s.tag for s in find(f'password = "{letters(12)}"\npostgres://a:{letters(9)}1@db.shop.internal/x')}
    assert {len(tag) for tag in tags} == {3}


def test_every_rule_has_words_that_its_pattern_wants() -> None:
    assert all(rule.words for rule in RULES)
    assert len({rule.rule for rule in RULES}) == len(RULES)


def scanned(folder: Path, ignore: tuple[str, ...] = (), **files: bytes) -> list[Finding]:
    """Run secret.scan on files by name, `__` for a dot."""
    names = sorted(name.replace("__", ".") for name in files)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    block = InfrastructureBlock(secrets_ignore=ignore)
    manifest = Manifest(safecase=1, service=ServiceBlock(id="bot"), infrastructure=block)
    context = Context(root=folder, manifest=manifest, now=datetime(2026, 1, 1, tzinfo=UTC), seconds=60)
    found = list(no_secrets.run(Repository(files=tuple(names)), context))
    kept = b"".join(content for _, _, content in context.kept.values())
    assert not any(value.encode() in kept for value in MADE.values())
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_finding_has_its_line_and_column_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    found = scanned(tmp_path, a__env=f"KEY={MADE['gitlab']}\nB={MADE['huggingface']}\n".encode(encoding))
    assert [(f.verdict, f.severity, str(f.place)) for f in found] == [
        ("fail", "critical", "a.env:1:5"),
        ("fail", "critical", "a.env:2:3"),
    ]
    assert not any(value in repr(found) for value in MADE.values())


def test_a_notebook_is_read_as_its_writer_sees_it(tmp_path: Path) -> None:
    value = "hT7p" + "Q2xWz9Lm"
    source = {
        "cells": [{"source": ["a = 1\n", f'password = "{value}"\n'], "outputs": []}],
        "metadata": {"token": value[::-1]},
    }
    found = scanned(tmp_path, n__ipynb=json.dumps(source, indent=1).encode())
    assert [(f.severity, f.place and f.place.line) for f in found] == [("high", 6), ("high", 12)]


def test_a_broken_notebook_is_read_as_text(tmp_path: Path) -> None:
    assert scanned(tmp_path, n__ipynb=b'{"cells": [' + MADE["gitlab"].encode())[0].verdict == "fail"


def test_what_is_ignored_and_skipped_is_said(tmp_path: Path) -> None:
    secret = MADE["gitlab"].encode()
    found = scanned(tmp_path, ("fixture*",), fixture__env=secret, b__bin=b"\0" + secret, a__py=b"pass")
    assert [f.verdict for f in found] == ["pass"]
    assert "1 text files looked at, 1 binary ones skipped, 1 left out" in found[0].message


def test_nothing_to_look_at_is_no_pass(tmp_path: Path) -> None:
    assert [f.verdict for f in scanned(tmp_path, ("*",), a__py=b"pass")] == ["unknown"]


def test_a_file_that_is_too_large_leaves_it_unproven(tmp_path: Path) -> None:
    found = scanned(tmp_path, a__py=b"pass", large__txt=b"a" * 5_000_001)
    assert [f.verdict for f in found] == ["unknown"]
    assert "large.txt" in found[0].message


def test_more_findings_than_are_listed_are_counted(tmp_path: Path) -> None:
    lines = "".join(f'token = "{letters(20)}"\n' for _ in range(400)).encode()
    found = scanned(tmp_path, a__py=lines)
    assert len(found) == 201
    assert re.match(r"[12]\d\d more were found", found[-1].message)
