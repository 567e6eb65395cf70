"""Requests by template, and where in the answers the reply stands: for services that speak an API of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
from msgspec import Meta

from safecase.errors import UsageError
from safecase.readers.text import shown
from safecase.targets.dialects.chat import messages
from safecase.targets.dialects.completions import script
from safecase.targets.dialects.dialect import called, count_of, dict_of, dicts_of
from safecase.targets.locators import Locator, as_text, locator
from safecase.targets.target import Ask, Reply, Unanswered
from safecase.vocabulary import Noun

_SLOT: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
NAMES: Final = frozenset(
    {"prompt", "messages", "system", "session", "identity", "model", "max_tokens", "temperature", "seed"}
)
MOST_SESSIONS: Final = 100_000
_SAYABLE: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


class Request(Noun, frozen=True):
    """What is sent: texts in which `{{prompt}}`, `{{messages}}`, `{{session}}`, `{{identity}}` … stand."""

    method: str = "POST"
    path: Annotated[str, Meta(description="Behind base_url; what is put in is percent-encoded.")] = ""
    headers: Mapping[str, str] = {}
    body: Annotated[Any, Meta(description="JSON, or a text that is JSON, or any other text.")] = None
    form: Annotated[Mapping[str, str] | None, Meta(description="The fields of a form, in the place of a body.")] = None


class ReplyAt(Noun, frozen=True):
    """Where in the answer things stand: `a.b[0].c`, `header:NAME` or `regex:…`; nothing for the whole text."""

    text: str = ""
    session: Annotated[str, Meta(description="A token that the next request of this conversation carries.")] = ""
    calls: Annotated[str, Meta(description="The tools that it wants to call: objects with `name`, `arguments`.")] = ""
    refused: Annotated[str, Meta(description="What is there, and not false, where a filter stepped in.")] = ""
    finish_reason: str = ""
    tokens_in: str = ""
    tokens_out: str = ""
    done: Annotated[str, Meta(description="What is there, and not false, in the last message of a WebSocket.")] = ""


class Talk(NamedTuple):
    """What a target remembers of a conversation."""

    heard: int = 0
    """So many turns."""
    token: str = ""


class Filled(NamedTuple):
    """One request, ready to be sent."""

    path: str
    headers: dict[str, str]
    body: bytes | None


class Template:
    """Makes requests, and reads answers. It remembers what was said where the target does."""

    def __init__(self, request: Request, at: ReplyAt, *, model: str = "", first: str = "") -> None:
        """`first` is as whom it is asked where nobody says."""
        self._body = _parsed(request.body)
        self._request, self._model, self._first = request, model, first
        used = set(_slots([request.path, dict(request.headers), self._body, dict(request.form or {})]))
        if unknown := used - NAMES:
            known = ", ".join(sorted(NAMES))
            raise UsageError(f"a request knows no {{{{{shown(min(unknown))}}}}}", mend=f"there are {known}")
        if not used & {"prompt", "messages"}:
            raise UsageError("nothing of the request holds what is said", mend="put {{prompt}} or {{messages}} into it")
        places = {name: getattr(at, name) for name in ReplyAt.__struct_fields__}
        self._at: dict[str, Locator] = {name: locator(written) for name, written in places.items() if written}
        self._tells_system = "system" in used
        self._remembers = "session" in used and "messages" not in used
        self._talks: dict[tuple[str, str], Talk] = {}

    @property
    def searches(self) -> bool:
        """Say whether the reply is looked for in a text of any kind."""
        return "text" in self._at and self._at["text"].kind == "regex"

    def fill(self, asked: Ask, headers: Mapping[str, str], fields: Mapping[str, Any]) -> Filled:
        """Make a request; `headers` and `fields` are those of the identity."""
        request, values = self._request, self._values(asked)
        path = _in_text(request.path, values, lambda text: quote(text, safe=""))
        sent = {
            name.lower(): _in_text(text, values, lambda text: quote(text, safe=_SAYABLE))
            for name, text in request.headers.items()
        }
        if request.form is not None:
            form = {name: _in_text(text, values) for name, text in request.form.items()} | dict(fields)
            body: bytes | None = "&".join(f"{quote(k)}={quote(str(v), safe='')}" for k, v in form.items()).encode()
            kind = "application/x-www-form-urlencoded"
        else:
            body, kind = self._written(values, fields)
        if body is not None:
            sent.setdefault("content-type", kind)
        return Filled(path if path[:1] in ("", "/", "?") else f"/{path}", sent | dict(headers), body)

    def _written(self, values: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[bytes | None, str]:
        if self._body is None:
            return None, ""
        body = _filled(self._body, values)
        if isinstance(body, str) and not isinstance(self._request.body, dict | list):
            return body.encode("utf-8", "replace"), "text/plain; charset=utf-8"
        return msgspec.json.encode({**body, **fields} if isinstance(body, dict) else body), "application/json"

    def _values(self, asked: Ask) -> dict[str, Any]:
        talk = self._talks.get(_key(asked), Talk()) if self._remembers else Talk()
        turns = asked.conversation[talk.heard :] or asked.conversation[-1:]
        system = "\n\n".join(message.text for message in turns if message.role == "system")
        spoken = tuple(message for message in turns if message.role != "system") if self._tells_system else turns
        return {
            "prompt": script(spoken or turns),
            "messages": messages(asked.conversation),
            "system": system,
            "session": talk.token or ("" if "session" in self._at else asked.session),
            "identity": asked.identity or self._first,
            "model": self._model,
            "max_tokens": asked.max_tokens,
            "temperature": asked.temperature,
            "seed": asked.seed,
        }

    def reply(self, asked: Ask, texts: Sequence[str], headers: Mapping[str, str]) -> Reply:
        """Read an answer that came in one piece or in several; raises `Unanswered` where none stands there."""
        told = [_json(text) for text in texts]
        found = {
            name: [one for text, value in zip(texts, told, strict=True) for one in at.find(text, value, headers)]
            for name, at in self._at.items()
        }
        refused = any(found.get("refused", []))
        text = "" if refused and not found.get("text") else self._text(texts, told, found.get("text"))
        self._remember(asked, str((found.get("session") or [""])[-1]))
        calls = [dict_of(one.get("function")) or one for one in _objects(found.get("calls", []))]
        return Reply(
            text=text,
            calls=tuple(
                called(one.get("name") or one.get("tool"), one.get("arguments", one.get("input", ""))) for one in calls
            ),
            refused_by_filter=refused,
            finish_reason=as_text((found.get("finish_reason") or [""])[-1]) or "",
            tokens_in=count_of((found.get("tokens_in") or [0])[-1]),
            tokens_out=count_of((found.get("tokens_out") or [0])[-1]),
        )

    def _text(self, texts: Sequence[str], told: Sequence[Any], found: list[Any] | None) -> str:
        if found is None:
            if any(isinstance(one, dict | list) for one in told):
                raise Unanswered("bad_response", "the answer is JSON", mend="say in reply.text where its text stands")
            return "".join(one if isinstance(one, str) else text for text, one in zip(texts, told, strict=True))
        pieces = [piece for one in found if (piece := as_text(one)) is not None]
        if not pieces:
            raise Unanswered("bad_response", f"no text stands at {shown(self._at['text'].written)} of the answer")
        return "".join(pieces)

    def ends(self, text: str) -> bool:
        """Say whether a message of a WebSocket is the last: it says so, or has a text where it never says so."""
        at = self._at.get("done") or self._at.get("text")
        found = at.find(text, _json(text), {}) if at else [text]
        return any(found) if "done" in self._at else bool(found)

    def _remember(self, asked: Ask, token: str) -> None:
        if not self._remembers:
            return
        known = self._talks.pop(_key(asked), Talk())
        self._talks[_key(asked)] = Talk(len(asked.conversation) + 1, token or known.token)
        if len(self._talks) > MOST_SESSIONS:
            del self._talks[next(iter(self._talks))]


def _key(asked: Ask) -> tuple[str, str]:
    return asked.identity, asked.session


def _objects(values: Sequence[Any]) -> list[dict[str, Any]]:
    """Give the objects, those in a list among them."""
    return [one for value in values for one in dicts_of(value if isinstance(value, list) else [value])]


def _parsed(body: Any) -> Any:  # what JSON can hold
    """A text that is JSON is filled as JSON, so that what is put in is escaped."""
    found = _json(body) if isinstance(body, str) else body
    return found if isinstance(found, dict | list) else body


def _json(text: str) -> Any:  # what JSON can hold
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _slots(value: Any) -> Iterator[str]:  # what JSON can hold
    if isinstance(value, str):
        yield from _SLOT.findall(value)
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _slots(one)


def _filled(value: Any, values: Mapping[str, Any]) -> Any:  # what JSON can hold
    if isinstance(value, dict):
        made = {name: _filled(one, values) for name, one in value.items()}
        return {name: one for name, one in made.items() if one is not None or value[name] is None}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    if not isinstance(value, str):
        return value
    whole = _SLOT.fullmatch(value)
    return values[whole[1]] if whole else _in_text(value, values)


def _in_text(text: str, values: Mapping[str, Any], written: Callable[[str], str] = str) -> str:
    def put(met: re.Match[str]) -> str:
        value = values[met[1]]
        if not isinstance(value, str):
            value = "" if value is None else msgspec.json.encode(value).decode()
        return written(value)

    return _SLOT.sub(put, text)
