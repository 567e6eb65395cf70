"""A tiny MCP server over stdio; the file that its only argument names says what it does (JSON)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def answer(said: dict[str, Any], method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        info = {"name": "garden", "version": "1.0"}
        told = {"instructions": said["instructions"]} if "instructions" in said else {}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info, **told}
    if method == "tools/list":
        return {"tools": said["tools"]}
    if method == "tools/call":
        text = json.dumps(params["arguments"]) if "answer" not in said else said["answer"]
        return {"content": [{"type": "text", "text": text}]}
    return {}


def main() -> None:
    for line in sys.stdin.buffer:
        said = json.loads(Path(sys.argv[1]).read_text())
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        method, params = message["method"], message.get("params", {})
        if method == "tools/call" and (raw := said.get("raw")):
            os.write(1, raw.encode())
        if method == "tools/call" and "flood" in said:
            for _ in range(said["flood"]):
                os.write(1, b"x" * 65536)
            os.write(1, b"\n")
        if method == "tools/call" and "exit" in said:
            os._exit(said["exit"])
        sent = {"jsonrpc": "2.0", "id": message["id"], "result": answer(said, method, params)}
        sys.stdout.write(json.dumps(sent) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
