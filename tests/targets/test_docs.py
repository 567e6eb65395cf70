"""Every example of docs/targets.md, run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from safecase.readers.conversations import said
from safecase.targets.described import read_target
from safecase.targets.embedded import model
from safecase.targets.target import Ask, Reply
from tests.targets.asking import replies
from tests.targets.servers import Request, Response, completion, serving
from tests.targets.test_mcp import SERVER
from tests.targets.test_sockets import listening, talking

PAGE = Path(__file__).parents[2] / "docs" / "targets.md"
BOT = "import sys, json\nfor line in sys.stdin:\n    print(json.dumps({'text': 'heard'}), flush=True)\n"


def blocks() -> list[str]:
    found: list[list[str]] = [[]]
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("    "):
            found[-1].append(line[4:])
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines and not lines[0].startswith("{")]


def example(kind: str) -> str:
    (found,) = (block for block in blocks() if kind in block)
    return found


def run(text: str, folder: Path, url: str = "") -> Reply:
    text = text.replace("[python,", f"[{json.dumps(sys.executable)},")
    for address in ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000", "ws://127.0.0.1:8000/talk"):
        text = text.replace(address, url or address)
    (folder / "target.yaml").write_text(text)
    (came,) = replies(folder / "target.yaml", [Ask(conversation=said("rose"), max_tokens=20)], folder)
    assert isinstance(came, Reply), came
    return came


def test_every_example_is_a_target_file(tmp_path: Path) -> None:
    assert len(blocks()) == 9
    for block in blocks():
        assert isinstance(yaml.safe_load(block), dict)
        (tmp_path / "target.yaml").write_text(block)
        read_target(tmp_path / "target.yaml")


def test_an_api_of_the_four(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOT_KEY", "ADA_KEY", "BOB_KEY"):
        monkeypatch.setenv(name, f"key {name}")
    with serving(lambda request: completion(request.headers["authorization"])) as url:
        assert run(example("api: chat"), tmp_path, url).text == "Bearer <key>"


def test_an_api_by_template(tmp_path: Path) -> None:
    def answers(request: Request) -> Response:
        assert request.path == "/v1/ask/ada"
        text = f"{request.body['question']} {request.body['limit']}"
        return Response(200, json.dumps({"data": {"answers": [{"text": text}], "session": "s"}}).encode())

    with serving(answers) as url:
        assert run(example("x-session"), tmp_path, url).text == "rose 20"


def test_a_form(tmp_path: Path) -> None:
    with serving(lambda request: Response(200, f'<p class="answer">{request.body}</p>'.encode())) as url:
        assert run(example("form:"), tmp_path, url).text == "q=rose"


def test_a_websocket(tmp_path: Path) -> None:
    async def talk(socket: Any, request: Any) -> None:
        asked = await socket.receive_json()
        await socket.send_json({"delta": asked["q"]})
        await socket.send_json({"delta": "s", "end": True})

    with listening(talking(talk)) as url:
        assert run(example("done: end"), tmp_path, url).text == "roses"


def test_a_function_and_a_program(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text("def answer(prompt):\n    return prompt + 's'\n")
    (tmp_path / "bot_lines.py").write_text(BOT)
    assert run(example("processes:"), tmp_path).text == "roses"
    assert run(example("bot_lines.py"), tmp_path).text == "heard"


def test_an_mcp_server(tmp_path: Path) -> None:
    (tmp_path / "plants_server.py").write_text(SERVER)
    assert run(example("plants_server"), tmp_path).text.startswith('look_up{"kind": "tree", "most": 3, "name": "rose"')


def test_a_transcript(tmp_path: Path) -> None:
    (tmp_path / "talk.jsonl").write_text('{"prompt": "rose", "reply": "A shrub."}\n')
    assert run(example("transcript:"), tmp_path).text == "A shrub."


@pytest.mark.model
@pytest.mark.skipif(not model.runtime_is_here() or model.locate() is None, reason="the model is not installed")
def test_the_embedded_model(tmp_path: Path) -> None:
    assert run(example("local:tiny"), tmp_path).tokens_out > 0
