"""A service with an API of its own, asked over HTTP by a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from safecase.readers.text import shown
from safecase.targets.answers import Credentials, events_in, is_stream, json_in, refused, text_in
from safecase.targets.target import Ask, Reply
from safecase.targets.templates import Template
from safecase.targets.wire import Wire


class TemplatedTarget:
    """Sends what a template makes of each question."""

    def __init__(
        self,
        wire: Wire,
        template: Template,
        method: str,
        *,
        identities: Mapping[str, Mapping[str, str]],
        fields: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """`identities` are headers by name, `fields` what stands in the bodies of their requests beside ours."""
        self._wire, self._template, self._method = wire, template, method
        self._identities, self._fields = identities, fields
        self._first = next(iter(identities))
        self._credentials = Credentials(value for headers in identities.values() for value in headers.values())

    async def ask(self, asked: Ask) -> Reply:
        """Answer once."""
        who = asked.identity or self._first
        made = self._template.fill(asked, self._identities.get(who, {}), self._fields.get(who, {}))
        answer = await self._wire.exchange(self._method, self._wire.base + made.path, made.headers, made.body)
        if answer.status >= 300:
            return refused(answer, self._credentials)
        if "text/html" in answer.headers.get("content-type", "") and not self._template.searches:
            json_in(answer)  # says what is wrong with it
        events = events_in(answer) if is_stream(answer) else []
        texts = [event.data for event in events] or [text_in(answer)]
        reply = self._template.reply(asked, texts, answer.headers)
        return finished(reply, self._credentials, answer.status, answer.seconds, events[0].seconds if events else 0.0)

    async def close(self) -> None:
        """Close its connections."""
        await self._wire.close()


def finished(reply: Reply, credentials: Credentials, status: int, seconds: float, first_token_s: float) -> Reply:
    """Add to a reply what the exchange says of it, and take our credentials out."""
    return msgspec.structs.replace(
        reply,
        text=credentials.redacted(reply.text),
        finish_reason=shown(reply.finish_reason, 40),
        status=status,
        seconds=seconds,
        first_token_s=first_token_s,
    )
