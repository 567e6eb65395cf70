"""What `env.static` says of settings that belong to one environment each."""

from __future__ import annotations

from pathlib import Path

import pytest

from safecase.measures.infrastructure.checks.environments_apart import environments_apart
from safecase.readers.environments import environment_of
from tests.measures.looking import looked, rules, written

KEY = "kq8Zt2LmX0vB7yRw"


@pytest.mark.parametrize(
    ("path", "environment"),
    [
        (".env.production", "production"),
        (".env.dev", "development"),
        (".env", None),
        (".env.production.example", None),
        ("docker-compose.test.yml", "test"),
        ("docker-compose.yml", None),
        ("charts/bot/values-prod.yaml", "production"),
        ("k8s/overlays/staging/bot.yaml", "test"),
        ("config/settings/production.py", "production"),
        ("src/bot/development.py", None),
        ("environments/live/main.tfvars", "production"),
        ("tests/test_live_view.py", None),
        ("overlays/prod/dev-tools.yaml", None),
        ("README-prod.md", None),
    ],
)
def test_a_path_says_which_environment_a_file_belongs_to(path: str, environment: str | None) -> None:
    assert environment_of(path) == environment


@pytest.mark.parametrize(
    ("production", "development", "wrong"),
    [
        (f"API_KEY={KEY}", f"OPENAI_API_KEY={KEY}", ["same-credential"]),
        ("API_KEY=${API_KEY}", "API_KEY=${API_KEY}", []),
        ("API_KEY=changeme-please", "API_KEY=changeme-please", []),
        ("DATABASE_URL=postgres://u:p@db.shop.eu/a", "DATABASE_URL=postgres://u:p@db.shop.eu/b", ["same-place"]),
        ("DB_HOST=db.shop.eu", "PGHOST=db.shop.eu", ["same-place"]),
        ("DB_HOST=db", "DB_HOST=db", []),
        ("DB_HOST=127.0.0.1", "DB_HOST=127.0.0.1", []),
        ("MODEL_BUCKET=shop-models", "MODEL_BUCKET=shop-models", ["same-place"]),
        ("SOURCE=s3://shop-data/x", "SOURCE=s3://shop-data/y", ["same-place"]),
        ("DB_HOST=a.shop.eu", "DB_HOST=prod-db.shop.eu", ["uses-production"]),
        ("DB_HOST=a.shop.eu", "DB_HOST=prod-db", ["uses-production"]),
        ("DB_HOST=dev-db.shop.eu", "DB_HOST=b.shop.eu", ["uses-development"]),
        (
            "DB_SECRET_ARN=arn:aws:secretsmanager:eu:1:secret:a",
            "DB_SECRET_ARN=arn:aws:secretsmanager:eu:1:secret:a",
            ["same-credential"],
        ),
        ("DEBUG=1", "DEBUG=1", ["debug"]),
        ("DEBUG=false", "DEBUG=1", []),
        ("APP_ENV=development", "APP_ENV=development", ["named"]),
        ("APP_ENV=production", "APP_ENV=development", []),
        ("LOG_LEVEL=info", "LOG_LEVEL=info", []),
        ("MAX_TOKEN=10000000", "MAX_TOKEN=10000000", []),
        ("EOS_TOKEN=endoftext", "EOS_TOKEN=endoftext", []),
        ("SECRET_KEY=openai-api-key", "SECRET_KEY=openai-api-key", []),
        ('SECRET_KEY=os.environ["SECRET_KEY"]', 'SECRET_KEY=os.environ["SECRET_KEY"]', []),
        (f"A=postgres://a:{KEY}@a.shop.eu/x", f"B=postgres://b:{KEY}@b.shop.eu/x", ["same-credential"]),
        (f"A=redis://:{KEY}@a.shop.eu", f"REDIS_PASSWORD={KEY}", ["same-credential"]),
        (f"A=postgres://a:{KEY}@a.shop.eu,redis://:x@b.eu", f"A=amqps://a:{KEY}@c.eu/%2f", ["same-credential"]),
        ("A=https://a:kq8%5At2LmX0v@a.shop.eu/x", "A=https://a:kq8Zt2LmX0v@b.shop.eu/x", ["same-credential"]),
        (f"A='Server=a.eu;Password={KEY};Pooling=1'", f"A='Server=b.eu;Pwd={KEY}'", ["same-credential"]),
        (f"A='host=a.eu password={KEY} sslmode=require'", f"A='host=b.eu password={KEY}'", ["same-credential"]),
        (f"A=jdbc:mysql://a.eu/x?user=a&password={KEY}", f"A=jdbc:mysql://b.eu/x?password={KEY}", ["same-credential"]),
        (f"A=postgres://a:{KEY}@a.shop.eu/x", "A=postgres://a:other-than-that@b.shop.eu/x", []),
        ("A=postgres://a:${DB_PASSWORD}@a.shop.eu/x", "A=postgres://a:${DB_PASSWORD}@b.shop.eu/x", []),
        ("A=postgres://a:$DB_PASSWORD@a.shop.eu/x", "A=postgres://a:$DB_PASSWORD@b.shop.eu/x", []),
        ("A=postgres://a:PASSWORD@a.shop.eu/x", "A=postgres://a:PASSWORD@b.shop.eu/x", []),
        ("A=postgres://a:xxxxxxxxxx@a.shop.eu/x", "A=postgres://a:xxxxxxxxxx@b.shop.eu/x", []),
        ("A=postgres://a:%(password)s@a.shop.eu/x", "A=postgres://a:%(password)s@b.shop.eu/x", []),
        ("A=docker://bot:2026.11.23-slim@sha256:00", "A=docker://bot:2026.11.23-slim@sha256:00", []),
        ("A=http://a.shop.eu:8080/b/c@d", "A=http://b.shop.eu:8080/b/c@d", []),
        ("A=https://sharedkey0123@logs.shop.eu/1", "A=https://sharedkey0123@logs.shop.eu/1", []),
        (f"DB_PASS={KEY}", f"DB_PASS={KEY}", ["same-credential"]),
        (f"X=vault://{KEY}@v/a", f"X=vault://{KEY}@v/a", ["same-credential"]),
    ],
)
def test_what_production_shares_with_development_is_found(
    tmp_path: Path, production: str, development: str, wrong: list[str]
) -> None:
    folder = written(tmp_path, {".env.production": production + "\n", ".env.dev": f"# dev\n{development}\n"})
    found = looked(environments_apart, folder)
    assert rules(found) == wrong
    assert KEY not in str(found)
    assert all(f.place and f.place.line and f.mend for f in found if f.verdict == "fail")
    assert [f.verdict for f in found if not wrong] == ([] if wrong else ["pass"])


def test_containers_and_namespaces_are_read_as_well(tmp_path: Path) -> None:
    pod = """\
apiVersion: v1
kind: Pod
metadata: {name: bot, namespace: shop}
spec: {containers: [{name: bot, env: [{name: DB_HOST, value: %s}, {name: PW, valueFrom: {secretKeyRef: {name: %s}}}]}]}
"""
    compose = "services: {bot: {environment: ['DB_HOST=db.shop.eu', 'DEBUG=0']}}\n"
    files: dict[str, str | bytes] = {
        "overlays/prod/bot.yaml": pod % ("db.shop.eu", "prod-db"),
        "overlays/dev/bot.yaml": pod % ("dev.shop.eu", "prod-db"),
        "docker-compose.test.yml": compose,
    }
    found = looked(environments_apart, written(tmp_path, files))
    assert rules(found) == ["same-namespace", "same-place", "uses-production"]


def test_notebooks_and_tests_must_not_read_production_data(tmp_path: Path) -> None:
    # Put together here: this file is a test too, and Safecase looks at its own repository.
    bucket, database = "s3:" + "//shop-prod-data/x", "postgresql:" + "//reader@prod.shop.eu/a"
    files: dict[str, str | bytes] = {
        "notebooks/look.ipynb": f'{{"cells": [{{"source": ["df = read(\\"{bucket}\\")"]}}]}}\n',
        "tests/test_a.py": f"URL = 1\nDB = '{database}'\n",
        "src/app.py": f"DB = '{database}'\n",
    }
    found = looked(environments_apart, written(tmp_path, files))
    assert rules(found) == ["reads-production", "reads-production"]
    assert sorted(str(f.place) for f in found) == ["notebooks/look.ipynb:1", "tests/test_a.py:2"]


def test_without_files_of_two_environments_it_is_unknown(tmp_path: Path) -> None:
    assert [f.verdict for f in looked(environments_apart, written(tmp_path / "a", {}))] == ["unknown"]
    folder = written(tmp_path / "b", {".env.production": "A=1\n"})
    assert [f.verdict for f in looked(environments_apart, folder)] == ["unknown"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"a: &a [*a]",
        b"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]",
        b"a: " + b"[" * 500,
        b"{{ .Values.x }}: 1",
        b"DB_HOST: " + b"$" * 500_000,
        b"x: 1\n" * 300_000,
    ],
)
def test_files_of_any_shape_are_answered_without_a_crash(tmp_path: Path, content: bytes) -> None:
    files: dict[str, str | bytes] = {"values-prod.yaml": content, ".env.dev": content}
    assert looked(environments_apart, written(tmp_path, files))
