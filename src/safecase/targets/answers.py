"""What stands in a stranger's HTTP answer: JSON, events of a stream, a refusal, a wish to be asked later."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from safecase.readers.text import shown
from safecase.targets.connection import Answer
from safecase.targets.dialects.dialect import Json, dict_of, text_of
from safecase.targets.target import Fault, Reply, Unanswered

LONGEST_WAIT_S: Final = 120.0
BASE: Final = "give the base URL of the API, with its /v1"
_SHORTEST_KEY: Final = 4
_FILTERED: Final = frozenset(
    {"content_filter", "content_policy_violation", "policy", "responsible_ai_policy_violation"}
)
_MENDS: Final = {
    401: "give a credential that it takes",
    403: "give a credential that it takes",
    404: BASE,
    405: BASE,
    429: "ask less at once, or raise its limit for this test",
}


class Credentials:
    """What a target may say back although it is ours: nothing that is kept may hold it."""

    def __init__(self, values: Iterable[str]) -> None:
        bare = (value.removeprefix("Bearer ") for value in values)
        self._secrets = tuple(secret for secret in bare if len(secret) >= _SHORTEST_KEY)

    def redacted(self, text: str) -> str:
        """Take them out of a text."""
        for secret in self._secrets:
            text = text.replace(secret, "<key>")
        return text

    def shown(self, text: str) -> str:
        """Take them out of a text, and shorten it for a message."""
        return shown(self.redacted(text), 120)


class Event(NamedTuple):
    """One event of a stream."""

    data: str
    seconds: float
    """After which it was there."""


def is_stream(answer: Answer) -> bool:
    """Say whether an answer came as server-sent events."""
    return answer.headers.get("content-type", "").startswith("text/event-stream")


def text_in(answer: Answer) -> str:
    """Read a body in the encoding that it names, as far as it can be read."""
    kind = answer.headers.get("content-type", "").lower()
    name = kind.partition("charset=")[2].partition(";")[0].strip("\"' ") or "utf-8"
    try:
        return answer.body.decode(name, "replace").removeprefix("\ufeff")
    except (LookupError, ValueError):  # no encoding of that name, or none of texts
        return answer.body.decode("utf-8", "replace")


def json_in(answer: Answer) -> Json:
    """Read a body as an object of JSON; raises `Unanswered` where it is no JSON."""
    try:
        return dict_of(msgspec.json.decode(text_in(answer)))
    except (msgspec.DecodeError, RecursionError) as why:
        what = "is a web page" if "text/html" in answer.headers.get("content-type", "") else "is no JSON"
        raise Unanswered("bad_response", f"the answer {what}", mend=BASE) from why


def events_in(answer: Answer) -> list[Event]:
    """Read the events of a stream."""
    found: list[Event] = []
    data: list[str] = []
    marks, read = iter(answer.arrived), 0
    there, seconds = next(marks, (len(answer.body), answer.seconds))
    for line in answer.body.split(b"\n"):
        read += len(line) + 1
        while there < read and (later := next(marks, None)):
            there, seconds = later
        text = line.rstrip(b"\r").decode("utf-8", "replace")
        if text.startswith("data:"):
            data.append(text[5:].removeprefix(" "))
        elif not text and data:
            found.append(Event("\n".join(data), seconds))
            data = []
    if data:  # cut off, or without its last line
        found.append(Event("\n".join(data), answer.seconds))
    return [event for event in found if event.data.strip() != "[DONE]"]


def object_in(event: Event) -> Json:
    """Read an event as an object of JSON; raises `Unanswered` where it is no JSON."""
    try:
        return dict_of(msgspec.json.decode(event.data))
    except (msgspec.DecodeError, RecursionError) as why:
        raise Unanswered("bad_response", "an event of the stream is no JSON") from why


def error_in(answer: Answer) -> Json:
    """Read what an answer with a bad status says of it; nothing where it says nothing that can be read."""
    try:
        return dict_of(json_in(answer).get("error"))
    except Unanswered:
        return {}


def filtered(answer: Answer) -> Reply | None:
    """Give the reply where a filter stepped in before the model was asked; None where it is another error."""
    return _filtered(error_in(answer), answer.status, answer.seconds)


def failed(told: Json, credentials: Credentials, seconds: float) -> Reply | None:
    """Read an error that came with a good status, or in the middle of a stream; None where there is none."""
    error = told.get("error")
    if not error:
        return None
    if (reply := _filtered(dict_of(error), 200, seconds)) is not None:
        return reply
    said = error if isinstance(error, str) else text_of(dict_of(error).get("message"))
    raise Unanswered("bad_response", f"the answer is an error: {credentials.shown(said)}")


def refused(answer: Answer, credentials: Credentials) -> Reply:
    """Read an answer with a bad status: a filter that stepped in is a reply, all else raises `Unanswered`."""
    if (reply := filtered(answer)) is not None:
        return reply
    fault: Fault = "http_5xx" if answer.status >= 500 else "http_4xx"
    if answer.status in (408, 409, 425, 429):
        fault = "rate_limited"
    mend = _MENDS.get(answer.status, "look into the log of the service")
    message = f"HTTP {answer.status}"
    if 300 <= answer.status < 400:
        message, mend = f"{message}: it sends us elsewhere, and we follow nowhere", "give that address"
    elif error := error_in(answer):
        message += f": {credentials.shown(text_of(error.get('message')))}"
    raise Unanswered(fault, message, again_s=wait(answer.headers), mend=mend)


def _filtered(error: Json, status: int, seconds: float) -> Reply | None:
    if status >= 500 or not {text_of(error.get("code")), text_of(error.get("type"))} & _FILTERED:
        return None
    return Reply(text="", status=status, finish_reason="content_filter", refused_by_filter=True, seconds=seconds)


def wait(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float:
    """Give the seconds that a server asks us to wait, as a number or a date (RFC 9110, 10.2.3); 0 where it does not."""
    told = headers.get("retry-after", "")
    try:
        return min(max(0.0, float(told)), LONGEST_WAIT_S) if told else 0.0
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(told).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, until - clock()), LONGEST_WAIT_S)
