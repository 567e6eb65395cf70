"""A hub of models that behaves as the real one does, and badly where a test asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import parse_qs, unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def commit_of(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def safetensors(size: int = 4) -> bytes:
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


EVIL = b"cposix\nsystem\n(S'touch /dev/null'\ntR."
"""A pickle that would run a harmless command."""

LFS = (".safetensors", ".bin", ".pkl", ".pt", ".gguf", ".npy")


class Hub:
    """Repositories in memory; `gets` counts what was asked for, `breaks` and `lies` say what goes wrong."""

    def __init__(self) -> None:
        self.url = ""
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        self.refs: dict[tuple[str, str], str] = {}
        self.card: dict[str, object] = {}
        self.calls: Counter[str] = Counter()
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.break_after: dict[str, list[int]] = {}
        self.content: dict[str, bytes] = {}
        """Other bytes than the announced ones."""
        self.etags: dict[str, str] = {}
        self.lengths: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.status: int = 0
        self.slow: float = 0.0
        self.page = 1000
        self.no_ranges = False
        self.fail_gets = 0
        self.drips = False

    def put(self, repo: str, files: dict[str, bytes], *, revision: str = "main") -> str:
        commit = commit_of(repo + repr(sorted(files)) + repr([sha256(c) for c in files.values()]))
        self.repos.setdefault(repo, {})[commit] = files
        self.refs[repo, revision] = commit
        return commit

    def app(self) -> ASGIApp:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "HEAD", "POST"])])

    async def _answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].partition(b"?")[0].decode()
        self.calls[f"{request.method} {path}"] += 1
        self.seen.append((request.method, path, dict(request.headers)))
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.status:
            return Response(status_code=self.status, headers={"X-Error-Message": "the hub is ill\x01"[:14]})
        if path in self.redirects:
            return Response(status_code=307, headers={"Location": self.redirects[path]})
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts[0] == "api":
            return await self._api(request, parts[1:])
        kind = parts.pop(0) if parts[0] in ("datasets", "spaces") else ""
        at = parts.index("resolve")
        repo = "/".join([*([kind] if kind else []), *parts[:at]])
        return self._file(request, repo, parts[at + 1], "/".join(parts[at + 2 :]))

    def _commit(self, repo: str, revision: str) -> str | None:
        known = self.repos.get(repo, {})
        return revision if revision in known else self.refs.get((repo, revision))

    def _file(self, request: Request, repo: str, revision: str, file: str) -> Response:
        commit = self._commit(repo, revision)
        if repo not in self.repos:
            return Response(status_code=401, headers={"X-Error-Code": "RepoNotFound", "X-Error-Message": "no such"})
        if commit is None:
            return Response(status_code=404, headers={"X-Error-Code": "RevisionNotFound"})
        files = self.repos[repo][commit]
        if file not in files:
            return Response(
                status_code=404,
                headers={
                    "X-Error-Code": "EntryNotFound",
                    "X-Error-Message": "Entry not found",
                    "X-Repo-Commit": commit,
                },
            )
        announced = files[file]
        lfs = file.endswith(LFS)
        etag = self.etags.get(file) or (sha256(announced) if lfs else git_sha1(announced))
        headers = {"X-Repo-Commit": commit, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        size = self.lengths.get(file, len(announced))
        if lfs:
            headers |= {
                "X-Linked-Etag": f'"{etag}"',
                "X-Linked-Size": str(size),
                "X-Xet-Hash": "0" * 64,
                "Link": f'<{self.url}/api/models/{repo}/xet-read-token/{commit}>; rel="xet-auth"',
            }
        headers |= self.headers
        if request.method == "HEAD":
            return Response(headers=headers | {"Content-Length": str(size)})
        return self._bytes(request, file, self.content.get(file, announced), headers)

    def _bytes(self, request: Request, file: str, content: bytes, headers: dict[str, str]) -> Response:
        start, status = 0, 200
        if self.fail_gets:
            self.fail_gets -= 1
            return Response(status_code=503)
        asked = request.headers.get("range")
        if asked and not self.no_ranges:
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        rest = content[start:]
        headers |= {"Content-Length": str(len(rest))}
        if self.drips:
            return StreamingResponse(_drops(rest), status_code=status, headers=headers)
        breaks = self.break_after.get(file)
        if not breaks:
            return Response(rest, status_code=status, headers=headers)
        after = breaks.pop(0)

        async def broken() -> AsyncIterator[bytes]:
            yield rest[:after]
            await asyncio.sleep(0.01)
            raise ConnectionResetError

        return StreamingResponse(broken(), status_code=status, headers=headers)

    async def _api(self, request: Request, parts: list[str]) -> Response:
        kind, rest = parts[0], parts[1:]
        words = [i for i, p in enumerate(rest) if p in ("revision", "tree", "paths-info", "refs", "commits")]
        at = words[0] if words else len(rest)
        repo = ("" if kind == "models" else f"{kind}/") + "/".join(rest[:at])
        if repo not in self.repos:
            return JSONResponse({"error": "no"}, status_code=401, headers={"X-Error-Code": "RepoNotFound"})
        revision = rest[at + 1] if len(rest) > at + 1 else "main"
        commit = self._commit(repo, revision)
        if commit is None:
            return JSONResponse({}, status_code=404, headers={"X-Error-Code": "RevisionNotFound"})
        files = self.repos[repo][commit]
        word = rest[at] if words else "revision"
        if word == "paths-info":
            wanted = parse_qs((await request.body()).decode())["paths"]
            return JSONResponse([self._entry(f, files[f]) for f in wanted if f in files])
        if word == "tree":
            first = int(request.query_params.get("cursor", "0"))
            named = sorted(files)[first : first + self.page]
            headers = {}
            if first + self.page < len(files):
                following = f"{self.url}{request.url.path}?recursive=true&cursor={first + self.page}"
                headers["Link"] = f'<{following}>; rel="next"'
            return JSONResponse([self._entry(f, files[f]) for f in named], headers=headers)
        info = {"id": repo, "modelId": repo, "sha": commit, "siblings": [{"rfilename": f} for f in sorted(files)]}
        return JSONResponse(info | self.card | {"tags": [], "downloads": 0, "private": False})

    def _entry(self, file: str, content: bytes) -> dict[str, object]:
        entry: dict[str, object] = {"type": "file", "path": file, "size": len(content), "oid": git_sha1(content)}
        if file.endswith(LFS):
            entry |= {
                "lfs": {"oid": sha256(content), "size": len(content), "pointerSize": 134},
                "xetHash": "0" * 64,
            }
        return entry

    def gets(self, file: str) -> int:
        return sum(n for call, n in self.calls.items() if call.startswith("GET ") and call.endswith("/" + file))


async def _drops(content: bytes) -> AsyncIterator[bytes]:
    for at in range(len(content)):
        yield content[at : at + 1]
        await asyncio.sleep(0.02)


@contextlib.contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Run an application on a loopback port, in a thread of its own."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="critical", lifespan="on", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _until(lambda: server.started or not thread.is_alive())
    assert server.started
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def _until(so: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not so() and time.monotonic() < deadline:
        threading.Event().wait(0.005)
    assert so()
