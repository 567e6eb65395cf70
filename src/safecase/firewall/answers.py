"""What the hub tells of repositories, given on without what would lead a client around the firewall.

Xet hashes go (a client that knows one fetches the bytes elsewhere), links to next pages lead back here, and what is
hidden by policy is not listed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from safecase.firewall import names
from safecase.firewall.desk import Desk
from safecase.firewall.names import Repo, WantedAnswer, WantedFile
from safecase.firewall.refusals import Refusal, upstream_failed
from safecase.firewall.repositories import read_about, replaceable
from safecase.firewall.store import Store
from safecase.firewall.upstream import Told, Upstream
from safecase.vocabulary import Noun

MOST_DEPTH: Final = 30
XET: Final = frozenset({"xetHash", "xet", "xetEnabled"})
_NEXT: Final = re.compile(r"<([^<>\s]{1,4000})>\s*;\s*rel=\"?next\"?")
_QUERY: Final = re.compile(r"[A-Za-z0-9._~%=&+:,/?@!*()\[\]-]{0,4000}")


class Question(Noun, frozen=True):
    """What a client asks of a repository, as it asks it."""

    wanted: WantedAnswer
    method: str = "GET"
    query: str = ""
    body: bytes = b""
    content_type: str = ""

    def at(self, commit: str) -> str:
        """Give its path at the hub, of a commit."""
        return self.wanted.path(commit) + (f"?{self.query}" if self.query else "")


class Given(Noun, frozen=True):
    """An answer for a client."""

    body: bytes
    headers: Mapping[str, str]


class Answers:
    """Gives on what the hub tells."""

    def __init__(self, desk: Desk, store: Store, upstream: Upstream, hub: str) -> None:
        self._desk = desk
        self._store = store
        self._upstream = upstream
        self._hub = hub

    async def give(self, question: Question, here: str) -> Given:
        """Answer a question; `here` is where the client reaches the firewall. Raises `Refusal`."""
        wanted = question.wanted
        policy = self._desk.policy
        policy.permits(wanted.repo)
        if not _QUERY.fullmatch(question.query):
            raise Refusal(400, "", "safecase firewall: the question holds characters that have no place in it")
        if wanted.what == "refs":
            told, commit = await self._upstream.ask(question.at("")), ""
        else:
            revision = policy.revision(wanted.repo, wanted.revision or "main")
            commit = await self._desk.commit(wanted.repo, revision, lambda: self._commit(wanted.repo, revision))
            told = await self._told(question, commit)
        value = self._hidden(_without_xet(_decoded(told.body)), wanted.repo, commit)
        headers = {"X-Repo-Commit": commit} if commit else {}
        if link := self._next(told.link, here):
            headers["Link"] = link
        return Given(body=msgspec.json.encode(value), headers=headers)

    async def _commit(self, repo: Repo, revision: str) -> str:
        told = await self._upstream.ask(WantedAnswer(repo=repo, what="info", revision=revision).path())
        commit = read_about(told).commit
        if not names.is_commit(commit):
            raise upstream_failed("the hub names no commit")
        self._store.keep_told(WantedAnswer(repo=repo, what="info", revision=commit).path(), told)
        return commit

    async def _told(self, question: Question, commit: str) -> Told:
        """What is told of a commit cannot change, and is asked once."""
        path = question.at(commit)
        key = path + (f" {question.content_type} {hashlib.sha256(question.body).hexdigest()}" if question.body else "")
        told = self._store.told(key)
        if told is None:
            told = await self._upstream.ask(
                path, method=question.method, body=question.body, content_type=question.content_type
            )
            self._store.keep_told(key, told)
        return told

    def _next(self, link: str, here: str) -> str:
        found = _NEXT.search(link)
        if found is None:
            return ""
        target = urlsplit(found[1])
        if f"{target.scheme}://{target.netloc}" not in (self._hub, "://"):
            return ""
        try:
            names.wanted(target.path)
        except Refusal:
            return ""
        query = target.query if _QUERY.fullmatch(target.query) else ""
        return f'<{here}{target.path}?{query}>; rel="next"'

    def _hidden(self, value: Any, repo: Repo, commit: str) -> Any:  # what JSON can hold
        """Leave out of lists of files what is said not to be there."""
        if not self._desk.policy.hide or not commit:
            return value
        if isinstance(value, dict) and isinstance(value.get("siblings"), list):
            return value | {"siblings": self._listed(value["siblings"], repo, commit, "rfilename")}
        return self._listed(value, repo, commit, "path") if isinstance(value, list) else value

    def _listed(self, files: list[Any], repo: Repo, commit: str, key: str) -> list[Any]:
        named = [f[key] for f in files if isinstance(f, dict) and isinstance(f.get(key), str)]
        gone = {f for f in replaceable(named) if self._is_refused(repo, commit, f)}
        return [f for f in files if not isinstance(f, dict) or f.get(key) not in gone]

    def _is_refused(self, repo: Repo, commit: str, file: str) -> bool:
        if self._desk.policy.refuses_file(WantedFile(repo=repo, revision=commit, file=file)):
            return True
        record = self._store.file(repo, commit, file)
        return record is not None and self._desk.is_refused(record)


def _decoded(body: bytes) -> Any:  # what JSON can hold
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as why:
        raise upstream_failed("the hub answers with something that is no JSON") from why


def _without_xet(value: Any, depth: int = 0) -> Any:  # what JSON can hold
    if depth > MOST_DEPTH:
        return None
    if isinstance(value, dict):
        return {k: _without_xet(v, depth + 1) for k, v in value.items() if k not in XET}
    return [_without_xet(v, depth + 1) for v in value] if isinstance(value, list) else value
