# ruff: noqa: E501  the files of a made repository, a line each
"""Which uses of AI are found, and which decoys are taken for one, beside other inventories of AI.

    python bench/discover.py [--airom EXE] [--aibom-scanner EXE] [--ai-bom EXE] [--repository FOLDER]

A repository is made with uses, each marked with its line, and decoys: comments, texts, names. A use is found where a
tool reports anything within two lines of it in its file (kinder to others than to ask for the right kind); a decoy is
taken where a tool reports anything in its file. Others are read by their SARIF or JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import NamedTuple

GGUF = b"GGUF\x03\x00\x00\x00" + bytes(40)
SAFETENSORS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"

USES: dict[str, tuple[str | bytes, int]] = {
    "a/openai_client.py": ("from openai import OpenAI\n\nclient = OpenAI()\n", 3),
    "a/openai_model.py": (
        "import openai\nc = openai.OpenAI()\nc.chat.completions.create(\n    model='gpt-4o-mini', messages=[])\n",
        4,
    ),
    "a/renamed.py": ("import anthropic as an\n\nbot = an.Anthropic()\n", 3),
    "a/dynamic.py": ("import importlib\n\nsdk = importlib.import_module('mistralai')\n", 3),
    "a/constant.py": (
        "from openai import OpenAI\nNAME = 'gpt-4.1'\n\n\ndef ask(q):\n    return OpenAI().responses.create(model=NAME, input=q)\n",
        -1,
    ),
    "a/langchain_agent.py": (
        "from langchain_openai import ChatOpenAI\nfrom langgraph.prebuilt import create_react_agent\n\nbot = create_react_agent(ChatOpenAI(model='gpt-4o'), [])\n",
        4,
    ),
    "a/tools.py": (
        "from langchain_core.tools import tool\n\n\n@tool\ndef refund(order: str) -> str:\n    'Refund an order.'\n    return order\n",
        4,
    ),
    "a/hub.py": (
        "from transformers import AutoModelForCausalLM\n\nm = AutoModelForCausalLM.from_pretrained('mistralai/Mistral-7B-v0.1')\n",
        3,
    ),
    "a/pipeline.py": (
        "from transformers import pipeline\n\nclassify = pipeline('sentiment-analysis', model='distilbert-base-uncased')\n",
        3,
    ),
    "a/embeddings.py": (
        "from sentence_transformers import SentenceTransformer\n\ne = SentenceTransformer('all-MiniLM-L6-v2')\n",
        3,
    ),
    "a/chroma.py": ("import chromadb\n\ndb = chromadb.PersistentClient('db')\n", 3),
    "a/pinecone_store.py": ("from pinecone import Pinecone\n\npc = Pinecone()\n", 3),
    "a/bedrock.py": ("import boto3\n\nbr = boto3.client('bedrock-runtime')\n", 3),
    "a/training.py": (
        "from sklearn.ensemble import RandomForestClassifier\n\nmodel = RandomForestClassifier()\nmodel.fit([[0]], [0])\n",
        4,
    ),
    "a/trainer.py": ("from transformers import Trainer\n\nTrainer(model=None).train()\n", 3),
    "a/http_endpoint.py": (
        "import httpx\n\n\ndef ask(body):\n    return httpx.post('https://api.openai.com/v1/chat/completions', json=body)\n",
        5,
    ),
    "a/joblib_load.py": ("import joblib\n\nclf = joblib.load('churn.joblib')\n", 3),
    "b/notebook.ipynb": (
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "metadata": {},
                        "outputs": [],
                        "execution_count": None,
                        "source": ["from openai import OpenAI\n", "c = OpenAI()"],
                    }
                ],
                "metadata": {},
                "nbformat": 4,
                "nbformat_minor": 5,
            },
            indent=1,
        ),
        -1,
    ),
    "b/chat.ts": ("import OpenAI from 'openai';\n\nconst c = new OpenAI();\n", 3),
    "b/package.json": ('{\n "name": "x",\n "dependencies": {\n  "@anthropic-ai/sdk": "0.30.0"\n }\n}\n', 4),
    "c/requirements.txt": ("flask==3.0.0\nlangchain==0.3.0\n", 2),
    "d/pyproject.toml": ('[project]\nname = "x"\nversion = "1"\ndependencies = [\n  "openai>=1",\n]\n', 5),
    "e/compose.yaml": (
        "services:\n  llm:\n    image: vllm/vllm-openai:v0.6.0\n    command: ['--model', 'meta-llama/Llama-3.1-8B']\n",
        3,
    ),
    "e/k8s.yaml": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: tgi}\nspec:\n  template:\n    spec:\n      containers:\n        - name: tgi\n          image: ghcr.io/huggingface/text-generation-inference:2.0\n",
        9,
    ),
    "e/main.tf": ('resource "aws_sagemaker_endpoint" "m" {\n  name = "m"\n}\n', 1),
    "f/.mcp.json": (
        '{\n "mcpServers": {\n  "files": {\n   "command": "npx",\n   "args": ["-y", "@modelcontextprotocol/server-filesystem"]\n  }\n }\n}\n',
        3,
    ),
    "f/.env.example": ("PORT=80\nOPENAI_API_KEY=\n", 2),
    "f/Dockerfile": ("FROM ollama/ollama:0.3.0\n", 1),
    "g/weights.bin": (GGUF, -1),
    "g/model.safetensors": (SAFETENSORS, -1),
}
DECOYS: dict[str, str] = {
    "z/comment.py": "# from openai import OpenAI\n# client = OpenAI()\nx = 1\n",
    "z/text.py": "HELP = 'pip install openai; then write from openai import OpenAI'\n",
    "z/docstring.py": 'def f():\n    """Uses gpt-4o? No: import anthropic is only an example."""\n    return 1\n',
    "z/names.py": "class Agent:\n    def __init__(self, model):\n        self.model = model\n\n\nagent = Agent(model='T-800')\n",
    "z/orm.py": "from django.db import models\n\n\nclass Prompt(models.Model):\n    chain = models.TextField()\n",
    "z/weather.py": "class OpenAIr:\n    'Open air events.'\n\n\nclient = OpenAIr()\n",
    "z/local_openai/__init__.py": "",
    "z/transformer.py": "def transformers(rows):\n    return [row.upper() for row in rows]\n",
    "z/page.md": "# Notes\n\nWe looked at `gpt-4o` and langchain, and took neither.\n",
    "z/requirements.txt": "# openai==1.0\nopenapi-core==0.19\n",
    "z/compose.yaml": "services:\n  web:\n    image: nginx:1.27\n    labels: {note: 'no ollama here'}\n",
    "z/settings.json": '{"theme": "claude-monet", "model": "tesla"}\n',
}  # fmt: skip


class Report(NamedTuple):
    """Where a tool reports anything: file and line (0: no line)."""

    places: frozenset[tuple[str, int]]
    seconds: float


def make(root: Path) -> None:
    for name, content in {**{k: v[0] for k, v in USES.items()}, **DECOYS}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def ours(root: Path) -> Report:
    start = time.perf_counter()
    command = [sys.executable, "-m", "safecase.cli", "threats", "discover", str(root), "--format", "json"]
    told = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    took = time.perf_counter() - start
    return Report(frozenset((row["path"], row["line"]) for row in told["components"]), took)


def read(command: list[str], root: Path) -> Report:
    with tempfile.TemporaryDirectory() as made:
        out = Path(made, "out.sarif")
        start = time.perf_counter()
        done = subprocess.run([part.format(root=root, out=out) for part in command], capture_output=True, check=False)
        took = time.perf_counter() - start
        text = out.read_text() if out.exists() else done.stdout.decode()
        log = json.loads(text[text.index("{") :])
    found = {(row["file_path"], row["line_number"]) for row in log.get("detections", ())}
    for result in log["runs"][0]["results"] if "runs" in log else ():
        for location in result.get("locations", ()):
            place = location["physicalLocation"]
            name = place["artifactLocation"]["uri"].removeprefix("file://").removeprefix(str(root)).lstrip("./")
            name = name if (root / name).exists() else "." + name
            found.add((name, place.get("region", {}).get("startLine", 0)))
    return Report(frozenset(found), took)


def score(name: str, report: Report) -> None:
    def in_file(file: str) -> list[int]:
        return [line for path, line in report.places if path.lstrip("./") == file.lstrip("./")]

    hits, missed = 0, []
    for file, (_, line) in USES.items():
        found = in_file(file)
        if found if line < 0 else any(abs(one - line) <= 2 for one in found):
            hits += 1
        else:
            missed.append(file)
    taken = [file for file in DECOYS if in_file(file)]
    print(f"| {name} | {hits} of {len(USES)} | {len(taken)} of {len(DECOYS)} | {report.seconds:.2f} |")
    print(f"  {name} missed {missed}; taken {taken}", file=sys.stderr)


def main() -> None:
    asked = argparse.ArgumentParser()
    for name in ("airom", "aibom-scanner", "ai-bom"):
        asked.add_argument(f"--{name}", type=Path)
    asked.add_argument("--repository", type=Path, action="append", default=[], help="Count findings there, too.")
    said = asked.parse_args()
    commands = {"safecase": None}
    if said.airom:
        commands["airom"] = [str(said.airom), "fs", "{root}", "--offline", "-o", "sarif={out}"]
    if said.aibom_scanner:
        commands["aibom-scanner"] = [str(said.aibom_scanner), "scan", "-p", "{root}", "-f", "json", "-o", "{out}"]
    if said.ai_bom:
        commands["ai-bom --deep"] = [str(said.ai_bom), "scan", "{root}", "--deep", "-f", "sarif", "-o", "{out}", "-q"]
    with tempfile.TemporaryDirectory() as made:
        root = Path(made).resolve()
        make(root)
        print(f"{date.today()}\n\n| tool | uses found | decoys taken | s |\n|---|---|---|---|")
        for name, command in commands.items():
            score(name, ours(root) if command is None else read(command, root))
    for repository in said.repository:
        for name, command in commands.items():
            report = ours(repository) if command is None else read(command, repository.resolve())
            print(f"{repository.name}: {name}: {len(report.places)} places, {report.seconds:.2f} s")


if __name__ == "__main__":
    main()
