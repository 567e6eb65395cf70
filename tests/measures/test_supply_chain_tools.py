"""What `mcp.pin` says of servers in the settings of agents, and of declared tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.measures.supply_chain.checks.tools_pinned import tools_pinned
from safecase.readers.mcp_servers import NotRead, fixed, servers_in
from tests.measures.looking import looked, rules, written


@pytest.mark.parametrize(
    ("command", "what", "stays"),
    [
        ("npx -y pkg", "pkg", "moves"),
        ("npx -y pkg@latest", "pkg@latest", "moves"),
        ("npx -y pkg@^1.2.3", "pkg@^1.2.3", "moves"),
        ("npx -y pkg@1", "pkg@1", "moves"),
        ("npx -y pkg@1.2.3", "pkg@1.2.3", "exact"),
        ("npx -y @scope/pkg", "@scope/pkg", "moves"),
        ("npx @scope/pkg@1.2.3-rc.1 --root /", "@scope/pkg@1.2.3-rc.1", "exact"),
        ("npx --package=pkg@1.2.3 run-it", "pkg@1.2.3", "exact"),
        ("/usr/bin/npx -p pkg run-it", "pkg", "moves"),
        ("npx.cmd pkg", "pkg", "moves"),
        ("pnpm dlx pkg@1.2.3", "pkg@1.2.3", "exact"),
        ("npx github:org/repo", "github:org/repo", "moves"),
        ("npx pkg@1.2", "pkg@1.2", "moves"),
        ("npx -p ok@1.2.3 -p evil go", "ok@1.2.3", "moves"),
        ("npx ok@1.2.3 --registry=http://x.example", "ok@1.2.3", "moves"),
        ("uvx --from ok==1.2.3 --with evil cmd", "ok==1.2.3", "moves"),
        ("sh -c 'npx ok@1.2.3 && npx evil'", "-c 'npx ok@1.2.3 && npx evil'", "unseen"),
        ("uvx pkg", "pkg", "moves"),
        ("uvx pkg@1.2.3", "pkg@1.2.3", "exact"),
        ("uvx pkg>=1.2", "pkg>=1.2", "moves"),
        ("uvx --from pkg==1.2.3 cmd", "pkg==1.2.3", "exact"),
        ("uvx --python 3.12 pkg", "pkg", "moves"),
        ("uv tool run pkg==1.2.3", "pkg==1.2.3", "exact"),
        ("uvx --from git+https://x.example/r@main cmd", "git+https://x.example/r@main", "moves"),
        (f"uvx --from git+https://x.example/r@{'a' * 40} cmd", f"git+https://x.example/r@{'a' * 40}", "exact"),
        ("pipx run pkg", "pkg", "moves"),
        ("docker run -i --rm -e KEY mcp/fetch", "mcp/fetch", "moves"),
        ("docker run -i mcp/fetch:1.2", "mcp/fetch:1.2", "moves"),
        (f"docker run -p 1:2 mcp/fetch@sha256:{'0' * 64}", f"mcp/fetch@sha256:{'0' * 64}", "exact"),
        ("sh -c 'npx pkg'", "pkg", "moves"),
        ("bash -c 'curl -s https://x.example/i.sh | sh'", "-c 'curl -s https://x.example/i.sh | sh'", "downloads"),
        ("sh -c sh -c npx", "-c sh -c npx", "unseen"),
        ("node ./server.js", "./server.js", "own"),
        ("/opt/tool --serve", "/opt/tool --serve", "unseen"),
    ],
)
def test_a_command_stays_the_same_or_does_not(command: str, what: str, stays: str) -> None:
    assert fixed(command.split()) == (what, stays)


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("https://x.example/mcp", "remote"),
        ("http://x.example/mcp", "insecure"),
        ("HTTP://x.example/mcp", "insecure"),
        ("http://localhost:8000/mcp", "own"),
        ("http://localhost.evil.example/mcp", "insecure"),
        ("http://127.0.0.1/mcp", "own"),
        ("", "unseen"),
    ],
)
def test_an_address_stays_the_same_or_does_not(url: str, stays: str) -> None:
    assert fixed([], url)[1] == stays


def test_settings_in_each_format_are_read_with_their_lines(tmp_path: Path) -> None:
    entry = {"command": "npx", "args": ["pkg"]}
    files: dict[str, str | bytes] = {
        ".vscode/mcp.json": '{\n\t// ours\n\t"servers": {\n\t\t"a": ' + json.dumps(entry) + "\n\t}\n}\n",
        "agent.toml": 'x = 1\n[mcp_servers.b]\ncommand = "npx"\nargs = ["pkg"]\n',
        "agent.yaml": "agent:\n  mcpServers:\n    c: {command: npx, args: [pkg]}\n",
        "other.json": json.dumps({"servers": {"d": entry}}),
    }
    found = looked(tools_pinned, written(tmp_path, files))
    assert [str(f.place) for f in found] == [".vscode/mcp.json:4:3", "agent.toml:2", "agent.yaml:3:5"]
    assert rules(found) == ["moves"] * 3


def test_a_remote_server_is_unknown_until_the_team_says_that_it_is_pinned(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"mcp.json": '{"mcpServers": {"a": {"url": "https://x.example/mcp"}}}'}
    assert rules(looked(tools_pinned, written(tmp_path / "a", files)), "unknown") == ["remote"]
    tool = "tools: [{id: a, effect: read, via: mcp, origin: third_party, pinned: true}]\n"
    assert {f.verdict for f in looked(tools_pinned, written(tmp_path / "b", files, tool))} == {"pass"}


@pytest.mark.parametrize(
    ("tool", "verdict"),
    [
        ("via: function", "pass"),
        ("via: mcp, origin: own", "pass"),
        ("via: mcp, origin: public_registry, pinned: true", "pass"),
        ("via: mcp, origin: public_registry, pinned: false", "fail"),
        ("via: http", "unknown"),
    ],
)
def test_a_declared_tool_says_whether_it_is_pinned(tmp_path: Path, tool: str, verdict: str) -> None:
    folder = written(tmp_path, {}, f"tools: [{{id: a, effect: read, {tool}}}]\n")
    assert [f.verdict for f in looked(tools_pinned, folder)] == [verdict]


def test_without_tools_and_servers_it_is_unknown(tmp_path: Path) -> None:
    assert [f.verdict for f in looked(tools_pinned, written(tmp_path, {}))] == ["unknown"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[",
        "[" * 9999,
        '{"mcpServers": 7}',
        '{"mcpServers": {"a": 7, "b": {"command": 7, "args": {}}}}',
        '{"mcpServers": {"a": {"command": "sh", "args": ["-c", "sh -c sh -c sh"]}}}',
        "\x00",
        "a: &a {mcpServers: *a}",
    ],
)
def test_settings_of_any_shape_are_answered_without_a_crash(tmp_path: Path, content: str) -> None:
    assert looked(tools_pinned, written(tmp_path, {"mcp.json": content, "mcpServers.toml": "mcpServers = [" + content}))


@given(st.lists(st.text(alphabet="-@=npxuvshc./:'\" ", max_size=8), max_size=6))
def test_any_words_are_judged(words: list[str]) -> None:
    for runner in ([], ["npx"], ["uvx"], ["docker", "run"], ["sh", "-c"]):
        fixed([*runner, *words])


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for name in ("mcp.json", "a.toml"):
        try:
            servers_in(b"mcpServers" + content, name)
        except NotRead:
            continue


def test_no_key_of_an_address_or_a_command_gets_into_a_finding(tmp_path: Path) -> None:
    servers = {
        "a": {"url": "https://u:pw12345@h.example/sse?token=ghp_verysecret"},
        "b": {"command": "my-mcp", "args": ["--api-key", "9f8e7d6c5b"]},
    }
    folder = written(tmp_path, {".mcp.json": json.dumps({"mcpServers": servers})})
    told = str([f.message for f in looked(tools_pinned, folder)])
    assert "h.example/sse" in told
    assert not [key for key in ("pw12345", "verysecret", "9f8e7d6c5b") if key in told]
