from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.readers.uses import Use, find, projects
from safecase.readers.uses.projects import Project
from safecase.service.draft import Draft, Source, draft
from safecase.service.draft_services import services
from safecase.service.questions import QUESTIONS, next_question
from safecase.service.read import from_bytes
from safecase.service.schema import Manifest
from safecase.vocabulary import Place


def written(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def drafts(root: Path, files: dict[str, str], *, single: bool = False) -> dict[str, Draft]:
    written(root, files)
    found = services(find(root, files), projects.find(root, files), "shop", single=single)
    return {source.project.folder: draft(source) for source in found.sources}


def only(root: Path, files: dict[str, str]) -> Manifest:
    (made,) = drafts(root, files).values()
    return made.service.manifest


CHAT = {
    "pyproject.toml": '[project]\nname = "shop-chat"\ndescription = "Answers customers."\ndependencies = ["openai"]\n',
    "chat/main.py": (
        "import subprocess\nimport chromadb\nfrom openai import OpenAI\nfrom langchain_core.tools import tool\n"
        "@tool\ndef refund(order): ...\n"
        "OpenAI().responses.create(model='gpt-4o-2024-08-06')\nchromadb.Client()\n"
    ),
    ".mcp.json": '{"mcpServers": {"tickets": {"command": "npx", "args": ["tickets-mcp"]}}}',
    "k8s/ingress.yaml": "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n",
}


def test_what_matters_of_a_chat_service_is_filled(tmp_path: Path) -> None:
    manifest = only(tmp_path, CHAT)
    assert manifest.service.id == "shop-chat"
    assert manifest.service.purpose == "Answers customers."
    assert manifest.ai.kind == ("llm",)
    assert (manifest.deployment.hosting, manifest.deployment.exposure) == ("saas_api", "public")
    assert manifest.deployment.manifests == ("k8s/ingress.yaml",)
    assert [(m.id, m.origin, m.pinned, m.training) for m in manifest.models] == [
        ("gpt-4o-2024-08-06", "provider", True, "none")
    ]
    assert manifest.rag is not None
    assert manifest.rag.store == "chromadb"
    assert {(t.id, t.effect, t.via, t.pinned) for t in manifest.tools} == {
        ("tickets", "write", "mcp", False),
        ("refund", "pay", "function", None),
    }


def test_every_line_names_the_file_and_line_that_it_was_found_at(tmp_path: Path) -> None:
    (made,) = drafts(tmp_path, CHAT).values()
    told = [row for row in made.text.splitlines() if "  # " in row and not row.lstrip().startswith("#")]
    assert len(told) >= 9
    for row in told:
        for path, line in re.findall(r"([\w./-]+\.\w+):(\d+)", row.partition("  # ")[2]):
            assert int(line) <= len((tmp_path / path).read_text().splitlines())
    assert made.text.startswith("# yaml-language-server: $schema=./.safecase/schema.json\n")


def test_a_guess_is_called_one(tmp_path: Path) -> None:
    (made,) = drafts(tmp_path, CHAT).values()
    row = next(row for row in made.text.splitlines() if "id: refund" in row)
    assert row.endswith("# chat/main.py:6; guess: effect by its name (refund)")


def test_tests_and_examples_fill_nothing(tmp_path: Path) -> None:
    manifest = only(tmp_path, {"tests/test_a.py": "import openai\nM_MODEL = 'gpt-4o'\n", "a.py": "x = 1\n"})
    assert manifest.ai.kind == ()
    assert manifest.models == ()


def test_a_model_that_runs_here_says_self_hosted_and_its_address(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n  m:\n    image: vllm/vllm-openai\n    command: [--model, org/chat]\n",
        "app.py": (
            "import os\nfrom openai import OpenAI\n"
            "OpenAI(base_url=os.environ['LLM_BASE_URL'], api_key=os.environ['LLM_API_KEY'])\n"
        ),
    }
    manifest = only(tmp_path, files)
    assert manifest.deployment.hosting == "self_hosted"
    assert getattr(manifest.deployment.endpoint, "url", "") == "${env:LLM_BASE_URL}"
    assert getattr(manifest.deployment.endpoint, "key", "") == "${env:LLM_API_KEY}"
    assert ("hf:org/chat", "hub") in {(m.source, m.origin) for m in manifest.models}


def test_a_providers_client_that_is_sent_to_an_address_nearby_is_not_at_the_provider(tmp_path: Path) -> None:
    near = "from openai import OpenAI\nOpenAI(base_url='http://vllm:8000/v1')\n"
    far = "from openai import OpenAI\nOpenAI(base_url='https://llm.example.com/v1')\n"
    assert only(tmp_path / "a", {"a.py": near}).deployment.hosting == "self_hosted"
    assert only(tmp_path / "b", {"a.py": far}).deployment.hosting == "saas_api"


def test_a_model_that_is_trained_here_is_ours(tmp_path: Path) -> None:
    files = {
        "train.py": (
            "import pandas as pd\nfrom xgboost import XGBClassifier\n"
            "d = pd.read_csv('data/churn.csv')\nXGBClassifier().fit(d, d)\n"
        ),
        "data/churn.csv": "a,b\n1,2\n",
    }
    manifest = only(tmp_path, files)
    assert manifest.ai.kind == ("tabular",)
    assert [(m.origin, m.training) for m in manifest.models] == [("own", "own")]
    assert [(d.id, d.file) for d in manifest.datasets] == [("churn", "data/churn.csv")]


def test_two_projects_with_ai_are_two_services(tmp_path: Path) -> None:
    one = '[project]\nname = "one"\ndependencies = []\n'
    files = {
        "chat/pyproject.toml": one,
        "chat/a.py": "import openai\nA_MODEL = 'gpt-4o'\n",
        "score/requirements.txt": "scikit-learn\n",
        "score/b.py": "from sklearn.svm import SVC\nSVC().fit(a, b)\n",
        "web/package.json": '{"name": "web"}',
        "web/a.ts": "import React from 'react'\n",
    }
    made = drafts(tmp_path, files)
    assert set(made) == {"chat", "score"}
    assert made["chat"].service.manifest.service.id == "one"
    assert "# a.py:2" in made["chat"].text
    assert made["score"].service.manifest.ai.kind == ("tabular",)


def test_one_project_with_ai_is_one_service_of_the_whole_repository(tmp_path: Path) -> None:
    files = {
        "api/requirements.txt": "openai\n",
        "api/a.py": "import openai\n",
        "web/package.json": "{}",
        "pyproject.toml": "",
    }
    assert set(drafts(tmp_path, files)) == {""}


def test_a_library_that_another_project_asks_for_is_a_part_of_it(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "app"\ndependencies = ["app-core", "openai"]\n',
        "app/a.py": "import openai\n",
        "packages/core/pyproject.toml": '[project]\nname = "app_core"\ndependencies = ["litellm"]\n',
        "packages/core/b.py": "import litellm\n",
    }
    assert set(drafts(tmp_path, files)) == {""}


def test_what_lies_in_no_services_folder_is_told(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n  m:\n    image: ollama/ollama\n",
        "a/requirements.txt": "openai\n",
        "a/a.py": "import openai\n",
        "b/requirements.txt": "anthropic\n",
        "b/b.py": "import anthropic\n",
    }
    written(tmp_path, files)
    found = services(find(tmp_path, files), projects.find(tmp_path, files), "shop")
    assert [source.project.folder for source in found.sources] == ["a", "b"]
    assert [use.name for use in found.shared] == ["ollama"]


def test_services_below_one_of_the_root_are_left_out_of_its_own(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "root"\n',
        "main.py": "import openai\n",
        "b/requirements.txt": "anthropic\n",
        "b/b.py": "import anthropic\n",
    }
    made = drafts(tmp_path, files)
    assert made[""].service.manifest.settings.exclude == ("b",)
    assert [m.id for m in made[""].service.manifest.models] == ["openai"]


def test_two_projects_that_ask_for_each_other_end_somewhere(tmp_path: Path) -> None:
    files = {
        f"{a}/pyproject.toml": f'[project]\nname = "{a}"\ndependencies = ["{b}"]\n' for a, b in (("x", "y"), ("y", "x"))
    } | {"x/a.py": "import openai\n", "y/a.py": "import openai\n"}
    assert drafts(tmp_path, files)


@pytest.mark.parametrize("question", QUESTIONS, ids=[q.key for q in QUESTIONS])
def test_every_answer_gives_a_manifest_that_loads_and_says_it(question: object, tmp_path: Path) -> None:
    assert question in QUESTIONS
    written(tmp_path, CHAT)
    source = services(find(tmp_path, CHAT), projects.find(tmp_path, CHAT), "shop").sources[0]
    for one in [q for q in QUESTIONS if q is question]:
        for choice in one.choices:
            if choice.value is not None:
                value = choice.value if isinstance(choice.value, tuple) or not one.several else (choice.value,)
                for start in (source, Source(project=Project(folder=""), folder="empty", uses=())):
                    made = draft(start, {one.key: value})
                    assert not [note for note in made.notes if "left out" in note]
                    from_bytes(made.text.encode(), Path("safecase.yaml"))


def test_what_is_asked_first_decides_most_and_an_answer_is_not_asked_again(tmp_path: Path) -> None:
    source = services(find(written(tmp_path, CHAT), CHAT), projects.find(tmp_path, CHAT), "shop").sources[0]
    asked: list[str] = []
    waiting: list[int] = []
    answers: dict[str, object] = {}
    made = draft(source)
    while (following := next_question(made.service, {}, asked)) is not None and len(asked) < 12:
        question, count = following
        asked.append(question.key)
        waiting.append(count)
        value = question.choices[0].value
        answers[question.key] = (value,) if question.several and not isinstance(value, tuple) else value
        made = draft(source, answers)
    assert len(asked) == len(set(asked))
    assert "ai.kind" not in asked
    assert "deployment.hosting" not in asked
    assert waiting[0] >= 5


def uses() -> st.SearchStrategy[Use]:
    words = st.text(max_size=30) | st.sampled_from(
        ["gpt-4o", "true", "1.0", "a: b", "sk-proj-" + "a1B2" * 12, "\x1b[31m", "{{x}}"]
    )
    return st.builds(
        Use,
        kind=st.sampled_from(
            [
                "model",
                "tool",
                "mcp_server",
                "model_artifact",
                "vector_store",
                "dataset",
                "source",
                "agent",
                "llm_client",
                "memory",
                "exposure",
            ]
        ),
        name=words,
        path=words,
        line=st.integers(0, 10),
        model=words,
        provider=st.sampled_from(["", "openai"]),
        makes=st.sampled_from(["", "llm", "vlm", "tabular"]),
        hosting=st.sampled_from(["", "saas_api", "self_hosted"]),
        revision=words,
        origin=st.sampled_from(["", "own", "hub", "provider", "public_registry"]),
        because=words,
        url=words | st.just("https://a.example"),
    ).map(lambda use: use if use.kind != "exposure" else Use(kind="exposure", name="public", path=use.path, line=1))


@given(st.lists(uses(), max_size=8), st.text(max_size=60), st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_whatever_is_found_makes_a_manifest_that_loads(found: list[Use], name: str, purpose: str) -> None:
    project = Project(folder="", name=name, purpose=purpose, name_place=Place(file=name, line=1))
    source = Source(project=project, folder=name, uses=tuple(found), deployments=(name,) if name else ())
    made = draft(source)
    assert from_bytes(made.text.encode(), Path("safecase.yaml")).manifest.service.id
    assert "\x1b" not in made.text
    assert made.text == draft(source).text


def test_an_empty_inventory_says_that_a_person_must_say_the_kind(tmp_path: Path) -> None:
    made = draft(Source(project=Project(folder=""), folder="my shop!", uses=()))
    assert made.service.manifest.service.id == "my-shop"
    assert "# ai: {kind: [...]}" in made.text
