from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.readers.uses import (
    KINDS,
    Use,
    containers,
    find,
    inventory,
    javascript,
    known,
    located_json,
    mcp,
    notebooks,
    python,
    terraform,
)


def python_uses(text: str, **more: object) -> list[Use]:
    return list(python.read("app.py", text, **more))  # type: ignore[arg-type]


def told(uses: object) -> list[tuple[str, str, int]]:
    return [(u.kind, u.model or u.name, u.line) for u in uses]  # type: ignore[attr-defined]


def in_repository(root: Path, files: dict[str, str | bytes]) -> list[Use]:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(find(root, list(files)).uses)


def test_an_import_under_another_name_is_found_with_its_line() -> None:
    assert told(python_uses("import os\nimport openai as o\n")) == [("llm_client", "openai", 2)]


def test_a_module_imported_by_a_literal_is_found() -> None:
    text = "import importlib\nlib = importlib.import_module('anthropic')\nclient = lib.Anthropic()\n"
    assert ("llm_client", "anthropic", 2) in told(python_uses(text))


@pytest.mark.parametrize(
    "text",
    [
        "# import openai\n",
        "x = 'import openai'\n",
        '"""\nimport openai\nOpenAI(model="gpt-4o")\n"""\n',
        "openai = 1\nmodel_openai = openai\n",
        "def gpt(claude):\n    return claude\n",
        "prices = {'gpt-4o': 2.5, 'claude-3-opus': 15}\n",
        "if name == 'gpt-4o':\n    pass\n",
        "print('model=gpt-4o')\n",
        "from .openai import client\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import openai\n",
    ],
)
def test_comments_texts_and_mere_names_are_no_uses(text: str) -> None:
    assert python_uses(text) == []


def test_a_model_named_in_a_call_a_default_and_a_constant_is_found() -> None:
    text = (
        "from openai import OpenAI\n"
        "CHAT_MODEL = 'gpt-4.1-mini'\n"
        "client = OpenAI()\n"
        "client.chat.completions.create(model='gpt-4o-2024-08-06')\n"
        "client.responses.create(model=CHAT_MODEL)\n"
        "def ask(q, model='o3-mini'): ...\n"
    )
    found = {(u.model, u.line): u for u in python_uses(text) if u.kind == "model"}
    assert set(found) == {("gpt-4.1-mini", 2), ("gpt-4o-2024-08-06", 4), ("o3-mini", 6)}
    assert found["gpt-4o-2024-08-06", 4].pinned is True
    assert found["o3-mini", 6].pinned is False


def test_a_name_that_nobody_knows_counts_where_it_goes_to_a_client() -> None:
    text = "from openai import OpenAI\nc = OpenAI()\nc.responses.create(model='our-own-tune')\ncar(model='corolla')\n"
    assert [u.model for u in python_uses(text) if u.kind == "model"] == ["our-own-tune"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import google.generativeai as g\ng.GenerativeModel('gemini-1.5-pro')", "gemini-1.5-pro"),
        ("from pydantic_ai import Agent\nAgent('openai:gpt-4o')", "openai:gpt-4o"),
        ("import dspy\ndspy.LM('anthropic/claude-3-5-haiku')", "anthropic/claude-3-5-haiku"),
        (
            "import boto3\nc = boto3.client('bedrock-runtime')\nc.invoke_model(modelId='amazon.nova-lite-v1:0')",
            "amazon.nova-lite-v1:0",
        ),
        ("import ollama\nollama.chat(model='mymodel')", "mymodel"),
        ("import spacy\nspacy.load('en_core_web_sm')", "en_core_web_sm"),
        ("from vllm import LLM\nLLM(model='org/chat')", "org/chat"),
        ("import requests\nrequests.post(u, json={'model': 'gpt-4o'})", "gpt-4o"),
        ("p.add_argument('--model', default='gpt-4o')", "gpt-4o"),
        ("class S:\n    llm_model: str = Field(default='gpt-4o')", "gpt-4o"),
        ("import os\nMODEL = os.getenv('M', 'gpt-4o')", "gpt-4o"),
    ],
)
def test_the_usual_ways_to_name_a_model_are_known(text: str, name: str) -> None:
    assert name in {u.model for u in python_uses(text)}


def test_a_model_of_a_hub_is_pinned_by_a_whole_commit_only() -> None:
    commit = "a" * 40
    text = (
        "from transformers import AutoModelForCausalLM as A, AutoTokenizer\n"
        f"A.from_pretrained('org/one', revision='{commit}')\n"
        "A.from_pretrained('org/two', revision='main')\n"
        "A.from_pretrained('org/three')\n"
    )
    found = {u.model: u for u in python_uses(text) if u.kind == "model"}
    assert [found[f"org/{n}"].pinned for n in ("one", "two", "three")] == [True, False, False]
    assert found["org/one"].makes == "llm"
    assert found["org/one"].revision == commit


def test_a_tool_is_found_by_its_decorator_and_its_effect_by_what_it_calls() -> None:
    text = (
        "import subprocess\nimport requests\nfrom langchain_core.tools import tool\n"
        "@tool\ndef get_status(x): return requests.get(x)\n"
        "@tool('refund')\ndef f(x): ...\n"
        "@tool\ndef look(x): return subprocess.run(x)\n"
        "@property\ndef other(x): ...\n"
    )
    found = {u.name: u for u in python_uses(text) if u.kind == "tool"}
    assert {n: u.effect for n, u in found.items()} == {"get_status": "read", "refund": "pay", "look": "exec"}
    assert found["get_status"].egress is True


def test_tools_written_as_json_for_a_model_are_found() -> None:
    text = "TOOLS = [{'type': 'function', 'function': {'name': 'send_mail', 'parameters': {}}}]\n"
    assert [(u.name, u.effect) for u in python_uses(text)] == [("send_mail", "send")]


def test_stores_agents_memory_sources_and_training_are_found() -> None:
    text = (
        "from langchain_community.vectorstores import FAISS\n"
        "from langchain_community.document_loaders import WebBaseLoader\n"
        "from langgraph.checkpoint.sqlite import SqliteSaver\n"
        "from crewai import Agent\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "FAISS.from_texts(['a'], e)\nWebBaseLoader('https://example.org')\n"
        "SqliteSaver.from_conn_string('x')\nAgent(role='clerk')\nLogisticRegression().fit(a, b)\n"
    )
    found = {(u.kind, u.name) for u in python_uses(text)}
    assert {("vector_store", "faiss"), ("source", "WebBaseLoader"), ("agent", "clerk")} <= found
    assert {("memory", "SqliteSaver"), ("training_run", "scikit-learn")} <= found


def test_a_server_of_mcp_that_is_offered_and_one_that_is_called_are_told_apart() -> None:
    text = (
        "from mcp.server.fastmcp import FastMCP\nfrom mcp import StdioServerParameters\n"
        "mcp = FastMCP('orders')\n@mcp.tool()\ndef cancel_order(n): ...\n"
        "StdioServerParameters(command='uvx', args=['git-mcp==1.2'])\n"
    )
    found = {u.name: u for u in python_uses(text) if u.kind in ("mcp_server", "tool")}
    assert {n: (u.kind, u.because == "offered", u.pinned) for n, u in found.items()} == {
        "orders": ("mcp_server", True, None),
        "cancel_order": ("tool", False, None),
        "git-mcp": ("mcp_server", False, True),
    }


def test_a_model_that_is_fetched_from_an_address_is_pinned_by_a_digest_beside_it() -> None:
    text = f"get('https://a.example/m.onnx', 'md5:{'a' * 32}')\nget('https://a.example/n.onnx?sig=secret')\n"
    found = {u.model: u.pinned for u in python_uses(text)}
    assert found == {"https://a.example/m.onnx": True, "https://a.example/n.onnx": None}


def test_an_address_is_told_without_user_password_and_query() -> None:
    text = "from openai import OpenAI\nOpenAI(base_url='https://me:hunter2@llm.example.org/v1?key=hunter2')\n"
    found = [u for u in python_uses(text) if u.kind == "llm_endpoint"]
    assert [u.name for u in found] == ["https://llm.example.org/v1"]
    assert "hunter2" not in str(found)


def test_an_address_that_is_read_from_the_environment_is_a_reference() -> None:
    text = "import os\nfrom openai import OpenAI\nOpenAI(base_url=os.environ['LLM_BASE_URL'])\n"
    assert [u.url for u in python_uses(text) if u.kind == "llm_endpoint"] == ["${env:LLM_BASE_URL}"]


def test_a_module_of_the_repository_is_not_the_library_of_that_name(tmp_path: Path) -> None:
    files = {"agents/__init__.py": "", "main.py": "from agents import Agent\nAgent(name='x')\n"}
    assert in_repository(tmp_path, files) == []


def test_a_package_inside_of_another_does_not_hide_the_library(tmp_path: Path) -> None:
    files = {"app/__init__.py": "", "app/openai/__init__.py": "", "app/main.py": "import openai\n"}
    assert [u.path for u in in_repository(tmp_path, files)] == ["app/main.py"]


@pytest.mark.parametrize("text", ["def f(:\n", "x = " + "(" * 5000 + ")" * 5000, "\0", "x = " + "-" * 200_000 + "1"])
def test_python_that_cannot_be_read_is_told_and_does_not_stop_anything(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text("import openai\n" + text)
    (tmp_path / "b.py").write_text("import openai\n")
    found = find(tmp_path, ["a.py", "b.py"])
    assert [u.path for u in found.uses] == ["b.py"]
    assert [one.path for one in found.unread] == ["a.py"]


@given(st.text(max_size=400))
@settings(max_examples=150, deadline=None)
def test_no_text_stops_a_reader(text: str) -> None:
    for _ in python_or_nothing(text):
        pass
    javascript.read("a.js", text)
    containers.read_yaml("a.yaml", text.encode("utf-8", "replace"))
    list(containers.read_dockerfile("Dockerfile", text))
    for read in (lambda: list(terraform.read("a.tf", text)), lambda: list(mcp.read("mcp.json", text))):
        with contextlib.suppress(ValueError, RecursionError):
            read()


def python_or_nothing(text: str) -> tuple[Use, ...]:
    try:
        return python.read("a.py", text)
    except python.Unparsable:
        return ()


def test_a_notebooks_use_stands_at_the_line_of_the_file(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["import cohere\n"]},
        {"cell_type": "code", "source": ["%pip install -q 'chromadb>=1'\n", "import os\n", "\n", "import openai\n"]},
        {"cell_type": "code", "source": "%%bash\nimport anthropic"},
        {"cell_type": "code", "source": ["this is no python (\n"]},
        {"cell_type": "code", "source": ["!ls\n", "openai.OpenAI().responses.create(model='gpt-4o')"]},
    ]
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=1)
    (tmp_path / "n.ipynb").write_text(text)
    found = find(tmp_path, ["n.ipynb"])
    rows = text.splitlines()
    assert {(u.kind, u.name) for u in found.uses} >= {("package", "chromadb"), ("llm_client", "openai")}
    assert not any(u.name in ("cohere", "anthropic") for u in found.uses)
    for use in found.uses:
        assert (use.model or use.name) in rows[use.line - 1]
    assert [one.why for one in found.unread] == ["1 cells are no Python that can be read"]


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2]", '{"cells": 3}', "[" * 100_000, '{"cells": [{"cell_type": "code", "source": 5}]}']
)
def test_a_notebook_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "n.ipynb").write_text(text)
    found = find(tmp_path, ["n.ipynb"])
    assert found.uses == ()
    assert len(found.unread) == (0 if "source" in text else 1)


def test_every_string_of_json_knows_its_line() -> None:
    text = json.dumps({"a": ["x\ny", {"b": "zz"}], "c": "w"}, indent=2)
    line_of = located_json.Lines(text)
    found = located_json.read(text)
    for value in (found["a"][0], found["a"][1]["b"], found["c"]):
        assert json.dumps(value) in text.splitlines()[line_of(value.at) - 1]


def test_javascript_imports_count_and_comments_and_types_do_not() -> None:
    text = (
        "// import x from 'cohere-ai'\n/* require('groq-sdk') */\n"
        "import type { A } from 'openai'\n"
        "import Anthropic from '@anthropic-ai/sdk'\n"
        'const { ChatOpenAI } = require("@langchain/openai");\n'
        "const s = \"import y from 'together-ai'\";\n"
        "const re = /['\"`]/g; const k = process.env.OPENAI_API_KEY;\n"
        "await c.messages.create({ model: 'claude-3-5-haiku-20241022', max_tokens: 1 })\n"
        "import('ollama')\n"
    )
    assert told(javascript.read("a.ts", text)) == [
        ("llm_client", "anthropic", 4),
        ("llm_client", "openai", 5),
        ("env_var", "OPENAI_API_KEY", 7),
        ("model", "claude-3-5-haiku-20241022", 8),
        ("llm_client", "ollama", 9),
    ]


def test_the_ai_sdks_way_of_naming_a_model_is_found() -> None:
    text = "import { openai } from '@ai-sdk/openai';\ngenerateText({ model: openai('gpt-4o-mini') });\n"
    assert ("model", "gpt-4o-mini", 2) in told(javascript.read("a.ts", text))


def test_images_models_and_variables_of_compose_are_found_without_values() -> None:
    text = (
        "services:\n  llm:\n    image: vllm/vllm-openai:v0.6@sha256:" + "0" * 64 + "\n"
        "    command: [--model, org/chat, '--revision=main']\n"
        "    environment:\n      HF_TOKEN: hf_verysecret\n      - no\n"
    ).replace("      - no\n", "")
    found, problem = containers.read_yaml("compose.yaml", text.encode())
    assert problem == ""
    assert told(found) == [("model_server", "vllm", 3), ("model", "org/chat", 4), ("env_var", "HF_TOKEN", 6)]
    assert "verysecret" not in str(found)


def test_kubernetes_images_doors_and_templates_are_found() -> None:
    text = (
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\n---\n"
        "image:\n  repository: ghcr.io/huggingface/text-generation-inference\n"
    )
    found, _ = containers.read_yaml("k8s/a.yaml", text.encode())
    assert told(found) == [("exposure", "public", 2), ("model_server", "text-generation-inference", 6)]
    template = (
        "{{- if .Values.on }}\nspec:\n  - image: ollama/ollama:{{ .Values.tag }}\n{{- end }}\n# image: qdrant/qdrant\n"
    )
    found, problem = containers.read_yaml("t.yaml", template.encode())
    assert problem
    assert told(found) == [("model_server", "ollama", 3)]


def test_accelerators_are_found_where_they_are_asked_for() -> None:
    text = (
        "services:\n  m:\n    image: a/b\n    limits:\n      nvidia.com/gpu: 2\n    devices:\n      - driver: nvidia\n"
    )
    found, _ = containers.read_yaml("compose.yaml", text.encode())
    assert told(found) == [("accelerator", "nvidia.com/gpu", 5), ("accelerator", "nvidia", 7)]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("ollama/ollama", "ollama"),
        ("docker.io/ollama/ollama:latest", "ollama"),
        ("localhost:5000/qdrant/qdrant", "qdrant-client"),
        ("nvcr.io/nvidia/tritonserver:24.05-py3", "triton"),
        ("ghcr.io/berriai/litellm@sha256:00", "litellm"),
        ("mcp/fetch", "fetch"),
        ("ollama", None),
        ("example/vllm-openai-docs", None),
        ("", None),
    ],
)
def test_an_image_is_known_by_its_name(image: str, name: str | None) -> None:
    found = known.image(image)
    assert (found.name if found else None) == name


def test_terraform_types_and_models_are_found_and_comments_are_not() -> None:
    text = (
        '# resource "aws_bedrock_x" "no" {}\n/* resource "google_vertex_ai_endpoint" "no" {} */\n'
        'resource "aws_bedrockagent_agent" "clerk" {\n'
        '  foundation_model = "anthropic.claude-3-5-sonnet-20240620-v1:0"\n'
        '  instruction = <<-EOT\n    resource "azurerm_cognitive_account" "no" {\n  EOT\n}\n'
        'resource "azurerm_cognitive_deployment" "d" {\n  model {\n    name = "gpt-4o"\n  }\n}\n'
        'resource "aws_s3_bucket" "b" { name = "gpt-4o" }\n'
    )
    assert told(terraform.read("a.tf", text)) == [
        ("agent", "bedrock-agent", 3),
        ("model", "anthropic.claude-3-5-sonnet-20240620-v1:0", 4),
        ("llm_client", "azure-cognitive-services", 9),
        ("model", "gpt-4o", 11),
    ]


def test_terraform_that_does_not_close_is_told_and_what_it_gave_counts(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text('resource "aws_sagemaker_endpoint" "e" {\n')
    found = find(tmp_path, ["a.tf"])
    assert told(found.uses) == [("model_server", "sagemaker", 1)]
    assert [one.why for one in found.unread] == ["a block is not closed"]


def test_mcp_settings_give_servers_and_names_of_variables_only() -> None:
    text = """{
  // comments are usual here
  "mcpServers": {
    "files": {"command": "npx", "args": ["-y", "@a/files@1.2.3", "/data"], "env": {"OPENAI_API_KEY": "secret"}},
    "shell": {"command": "uvx", "args": ["shell-mcp"]},
    "far": {"url": "https://user:secret@mcp.example.org/sse?token=secret"},
    "ours": {"command": "python", "args": ["./server.py"]},
  }
}"""
    found = list(mcp.read(".mcp.json", text))
    servers = {u.name: u for u in found if u.kind == "mcp_server"}
    assert {n: (u.line, u.origin, u.pinned) for n, u in servers.items()} == {
        "files": (4, "public_registry", True),
        "shell": (5, "public_registry", False),
        "far": (6, "third_party", False),
        "ours": (7, "own", True),
    }
    assert "secret" not in str(found)


def test_a_variables_value_is_never_read(tmp_path: Path) -> None:
    found = in_repository(tmp_path, {".env": "export OPENAI_API_KEY=sk-hunter2\nDEBUG=1\n#ANTHROPIC_API_KEY=x\n"})
    assert told(found) == [("env_var", "OPENAI_API_KEY", 1)]
    assert "hunter2" not in str(found)


def test_packages_stand_at_their_lines_and_a_lock_says_less_than_a_declaration(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "x"\ndependencies = [\n  # openai is gone\n  "Qdrant_Client>=1",\n]\n',
        "uv.lock": 'version = 1\n[[package]]\nname = "openai"\nversion = "1.0"\n',
        "setup.py": "from setuptools import setup\nsetup(install_requires=['litellm>1'])\n",
        "web/package.json": '{\n "dependencies": {\n  "ollama": "1"\n }\n}\n',
    }
    found = {(u.path, u.name): u for u in in_repository(tmp_path, files)}
    assert found["pyproject.toml", "qdrant-client"].line == 5
    assert found["uv.lock", "openai"].confidence == "medium"
    assert found["setup.py", "litellm"].line == 2
    assert found["web/package.json", "ollama"].line == 3


def test_what_tests_and_examples_use_counts_little(tmp_path: Path) -> None:
    files = dict.fromkeys(
        ("tests/a.py", "examples/b.py", "src/test_c.py", "src/d.py", "contest/e.py"), "import openai\n"
    )
    found = {u.path: u.confidence for u in in_repository(tmp_path, files)}
    assert {p for p, c in found.items() if c == "high"} == {"src/d.py", "contest/e.py"}


def test_a_model_file_is_found_by_its_bytes(tmp_path: Path) -> None:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    files = {"m.safetensors": len(header).to_bytes(8, "little") + header + bytes(4), "notes.bin": b"only words"}
    assert told(in_repository(tmp_path, files)) == [("model_artifact", "m.safetensors", 1)]


def test_large_binary_and_looping_files_are_told_or_passed_over(tmp_path: Path) -> None:
    (tmp_path / "big.py").write_bytes(b"import openai\n" + b"x = 1\n" * 200_000)
    (tmp_path / "line.js").write_text("import OpenAI from 'openai';" + "a" * 900_000)
    (tmp_path / "bin.py").write_bytes(b"import openai\n" + bytes(range(256)))
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    found = find(tmp_path, ["big.py", "line.js", "bin.py", "loop.py", "gone.py"])
    assert told(found.uses) == [("llm_client", "openai", 1)]
    assert [one.path for one in found.unread] == ["big.py", "bin.py", "gone.py", "loop.py"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import openai\n")
    (tmp_path / "a.py").chmod(0)
    assert [one.path for one in find(tmp_path, ["a.py"]).unread] == ["a.py"]


def test_the_inventory_is_the_same_at_every_look(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        f"p{n}/a.py": f"import openai\nMODEL = 'gpt-4{'o' * (n % 2)}'\n" for n in range(12)
    }
    first = in_repository(tmp_path, files)
    assert first == list(find(tmp_path, reversed(list(files))).uses)
    assert {u.kind for u in first} <= set(KINDS)


@given(st.text(max_size=40))
def test_a_tools_effect_is_always_one_of_the_schemas(name: str) -> None:
    effect, why = known.effect_of(name)
    assert effect in ("read", "write", "exec", "pay", "send", "actuate")
    assert why


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_no_bytes_stop_a_look_at_a_notebook(content: bytes) -> None:
    with contextlib.suppress(python.Unparsable):
        notebooks.source(content.decode("utf-8", "replace"))


@pytest.mark.parametrize(
    "part",
    [
        '"\\"',
        "'\\'",
        "=/[",
        "/*",
        "`${`",
        "x.y()",
        "//",
        '{"a":',
        "<<A\n",
        "a=(",
        "\\",
        "# ",
        "import ",
        "@x\n",
        "- image: ",
    ],
)
def test_no_repetition_makes_a_reader_slow(tmp_path: Path, part: str) -> None:
    names = ("a.py", "a.ts", "a.tf", "a.yaml", ".mcp.json", "a.ipynb", "Dockerfile", ".env", "package.json")
    for name in names:
        (tmp_path / name).write_text("import openai\n" + part * (100_000 // len(part)))
    started = time.monotonic()
    find(tmp_path, names)
    assert time.monotonic() - started < 5


def test_the_quick_look_lets_everything_through_that_a_parse_would_find() -> None:
    rows = known.known()
    python_texts = [f"import {module}\n" for module in known.by_import()]
    python_texts += [f"from {module} import x\n" for module in known.by_import()]
    python_texts += [f'm = importlib.import_module("{module}")\n' for module in known.by_import()]
    python_texts += [f'URL = "https://{host}/v1"\n' for host in rows.hosts]
    python_texts += [f'URL = "https://example.org/a{suffix}"\n' for suffix in rows.models.fetched]
    python_texts += [f'os.environ["{prefix}X"]\n' for prefix in rows.environment.prefixes]
    python_texts += [f'f(model="{name}")\n' for name in NAMES]
    assert [text for text in python_texts if not inventory._worth(text.encode())] == []
    assert all(known.model_name(name) for name in NAMES)


NAMES = (
    *("gpt-4o", "chatgpt-4o-latest", "o3-mini", "text-embedding-3-small", "text-davinci-003", "dall-e-3", "whisper-1"),
    *("tts-1", "claude-3-opus-20240229", "gemini-2.0-flash", "imagen-3", "mistral-large-latest", "open-mixtral-8x7b"),
    *(
        "codestral-latest",
        "command-r-plus",
        "embed-english-v3.0",
        "rerank-v3.5",
        "deepseek-chat",
        "grok-2",
        "sonar-pro",
    ),
    *("voyage-3", "anthropic.claude-v2", "us.amazon.nova-pro-v1:0", "llama3.1:8b", "llama-3.3-70b", "qwen2.5:7b"),
    *("gemma3:4b", "phi-4", "nomic-embed-text", "openai/gpt-4o", "ollama/llama3", "bedrock/anthropic.claude-v2"),
)


@pytest.mark.parametrize("name", ["model", "large", "o", "gpt", "chat", "x/y", "openai/", "a b", "claude", "", "3.5"])
def test_words_that_are_no_names_of_models_are_none(name: str) -> None:
    assert known.model_name(name) is None
