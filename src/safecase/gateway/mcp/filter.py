"""One connection between a client and a server: each message passes, changed or not, or is answered. No I/O."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from safecase.errors import SafecaseError
from safecase.gateway.mcp import messages
from safecase.gateway.mcp.definitions import Definitions, doubts
from safecase.gateway.mcp.lock import Sort
from safecase.gateway.mcp.messages import FAILED, INVALID, NO_METHOD, REFUSED, UNREADABLE, Id, Message
from safecase.gateway.mcp.texts import Texts, called
from safecase.gateway.policy import LimitsPolicy, McpPolicy
from safecase.gateway.refusals import Refused
from safecase.readers.text import shown

LISTS: Final[dict[str, Sort]] = {
    "tools/list": "tools", "prompts/list": "prompts", "resources/templates/list": "resourceTemplates",
}  # fmt: skip
ASKED_BY_CLIENTS: Final = frozenset(
    {
        *LISTS, "initialize", "ping", "tools/call", "prompts/get", "resources/list", "resources/read",
        "resources/subscribe", "resources/unsubscribe", "completion/complete", "logging/setLevel",
    }
)  # fmt: skip
TOLD_BY_CLIENTS: Final = frozenset(
    {
        "notifications/initialized", "notifications/cancelled", "notifications/progress",
        "notifications/roots/list_changed",
    }
)  # fmt: skip
CHANGES: Final[dict[str, tuple[Sort, ...]]] = {
    "notifications/tools/list_changed": ("tools",),
    "notifications/prompts/list_changed": ("prompts",),
    "notifications/resources/list_changed": ("resourceTemplates",),
}
TOLD_BY_SERVERS: Final = frozenset(
    {
        *CHANGES, "notifications/cancelled", "notifications/progress", "notifications/message",
        "notifications/resources/updated", "notifications/elicitation/complete",
    }
)  # fmt: skip
ASKED_BY_SERVERS: Final[dict[str, str]] = {
    "sampling/createMessage": "sampling", "elicitation/create": "elicitation", "roots/list": "roots",
}  # fmt: skip
SAYS_OF_SERVERS: Final = frozenset({"tools", "prompts", "resources", "logging", "completions"})
"""Capabilities that are told on; what needs others would not pass."""


class Passed(NamedTuple):
    """What becomes of a message."""

    on: Message | None = None
    """What the other side gets."""
    back: Message | None = None
    """What whoever sent it gets for an answer."""


class Asked(NamedTuple):
    """A request that waits for its answer."""

    method: str
    name: str = ""
    cursor: bool = False


class Rules(NamedTuple):
    """What all connections to one server share."""

    definitions: Definitions
    texts: Texts
    mcp: McpPolicy
    limits: LimitsPolicy
    note: Callable[[dict[str, Any]], None]
    """Takes events for the log."""
    admits: Callable[[], bool]
    """Whether the log has room: what is not logged does not happen, and the log counts what is refused for that."""
    with_texts: bool = False
    threshold: float | None = None


class Filter:
    """Knows what either side asked and was not answered yet; safe for one thread a side."""

    def __init__(self, rules: Rules, by_server: dict[Id, Asked] | None = None) -> None:
        self._rules = rules
        self._by_client: dict[tuple[type, Id], Asked] = {}
        self._by_server: dict[Id, Asked] = {} if by_server is None else by_server
        self._alone = threading.RLock()

    def client_line(self, line: bytes | None) -> Passed:
        """Take a line of the client; None is one that was too long."""
        return self._line(line, self._rules.limits.body_bytes, self.from_client, from_client=True)

    def server_line(self, line: bytes | None) -> Passed:
        """Take a line of the server; None is one that was too long."""
        return self._line(line, self._rules.limits.answer_bytes, self.from_server, from_client=False)

    def _line(self, line: bytes | None, most: int, take: Callable[[Message], Passed], *, from_client: bool) -> Passed:
        with self._alone:
            try:
                if line is None or len(line) > most:
                    raise Refused("too_large", f"a message is larger than {most} bytes")
                message = messages.read(line, self._rules.limits.depth)
            except Refused as why:
                self._event("client" if from_client else "server", "", "block", why.message)
                code = UNREADABLE if why.reason == "unreadable" else INVALID
                if from_client:
                    return Passed(back=messages.failure(None, code, why.message))
                return Passed(on=self._only_one_waits(why.message))
            return take(message)

    def _only_one_waits(self, told: str) -> Message | None:
        """An answer that cannot be read is that of the only request that waits, where there is but one."""
        if len(self._by_client) != 1:
            return None
        (_, to), _ = self._by_client.popitem()
        return messages.failure(to, REFUSED, f"the server's answer was refused: {told}")

    def ended(self, told: str) -> list[Message]:
        """Answer all that wait for a server that answers no more."""
        with self._alone:
            waiting = list(self._by_client)
            self._by_client.clear()
        return [messages.failure(to, REFUSED, told) for _, to in waiting]

    def from_client(self, message: Message) -> Passed:
        """Decide on a message of the client."""
        return self._decided(message, "client", self._of_client)

    def from_server(self, message: Message) -> Passed:
        """Decide on a message of the server."""
        return self._decided(message, "server", self._of_server)

    def _decided(self, message: Message, side: str, decide: Callable[[Message], Passed]) -> Passed:
        kind = messages.kind_of(message)
        method = message.get("method", "")
        logged, admitted = "", self._rules.admits()
        try:
            if not admitted:
                raise Refused("busy", "the log cannot be written, and what is not logged does not happen")
            return decide(message)
        except Refused as why:
            code = NO_METHOD if why.reason == "no_path" else INVALID if why.reason == "invalid" else REFUSED
            told = why.message
            if why.param == "arguments" and not self._rules.with_texts:
                logged = told.partition(": ")[0]  # what stands behind it names values
        except SafecaseError as why:
            code, told = REFUSED, why.message
        except Exception as why:  # noqa: BLE001  what breaks here must not let a message through
            code, told = FAILED, f"the proxy failed ({type(why).__name__}), and nothing passes without it"
        if admitted:
            self._event(side, method, "error" if code == FAILED else "block", logged or told, self._name_of(message))
        if kind == "request":
            return Passed(back=messages.failure(message["id"], code, told))
        if kind == "response":
            return Passed(on=messages.failure(message["id"], code, told)) if message["id"] is not None else Passed()
        return Passed()

    # --- what clients say

    def _of_client(self, message: Message) -> Passed:
        kind = messages.kind_of(message)
        if kind == "response":
            return self._answer_to_server(message)
        method, params = message["method"], message.get("params", {})
        if kind == "notification":
            if method not in TOLD_BY_CLIENTS:
                raise Refused("no_path", f"{shown(method)} does not pass here")
            if method == "notifications/cancelled":
                self._by_client.pop(_key(params.get("requestId")), None)
            return Passed(on=message)
        if method not in ASKED_BY_CLIENTS:
            raise Refused("no_path", f"{shown(method)} does not pass here")
        key = _key(message["id"])
        if key in self._by_client:
            raise Refused("invalid", "a request with this id waits already")
        if len(self._by_client) >= self._rules.limits.at_once:
            raise Refused("busy", "too many requests wait for their answers")
        on = {**message, "params": self._asked(method, params)} if params else message
        name = params.get("name", params.get("uri", ""))
        self._by_client[key] = Asked(method, name if isinstance(name, str) else "", "cursor" in params)
        return Passed(on=on)

    def _asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Give the params as the server gets them; raises `Refused`."""
        rules = self._rules
        if method == "initialize":
            told = params.get("capabilities", {})
            allowed = {word for asked, word in ASKED_BY_SERVERS.items() if asked in rules.mcp.server_requests}
            kept = {key: of for key, of in told.items() if key in allowed} if isinstance(told, dict) else {}
            return {**params, "capabilities": kept}
        if method in ("tools/call", "prompts/get"):
            return self._called(method, params)
        if method in ("completion/complete", "resources/read"):
            params, looked = rules.texts.outgoing(params)
            if looked.result != "pass":
                self._event("client", method, looked.result, looked.told, found=looked.found)
        return params

    def _called(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        rules, name, arguments = self._rules, params.get("name"), params.get("arguments", {})
        if "task" in params:
            raise Refused("invalid", "tasks do not pass here")
        if not isinstance(arguments, dict):
            raise Refused("invalid", "the arguments are no object")
        if why := rules.definitions.refused("tools" if method == "tools/call" else "prompts", name):
            raise Refused("policy", f"{called(name)} may not be used: {why}")
        told = rules.texts.call(str(name), arguments) if method == "tools/call" else ""
        sent, looked = rules.texts.outgoing(arguments)
        result = "flag" if told and looked.result == "pass" else looked.result
        texts = {"arguments": arguments} if rules.with_texts else {}
        why = f"approved by {told}" if told else looked.told
        self._event("client", method, result, why, called(name), looked.found, texts)
        return {**params, "arguments": sent} if looked.result == "redact" else params

    def _answer_to_server(self, message: Message) -> Passed:
        if self._by_server.pop(message["id"], None) is None:
            self._event("client", "", "block", "an answer to what nobody asked")
            return Passed()
        part = "result" if "result" in message else "error"
        sent, looked = self._rules.texts.outgoing(message[part])
        self._event("client", "", looked.result, looked.told, found=looked.found)
        return Passed(on={**message, part: sent})

    # --- what servers say

    def _of_server(self, message: Message) -> Passed:
        kind = messages.kind_of(message)
        if kind == "response":
            return self._answer_to_client(message)
        method = message["method"]
        if kind == "request":
            return self._server_asks(message)
        if method not in TOLD_BY_SERVERS:
            raise Refused("no_path", f"{shown(method)} does not pass here")
        for sort in CHANGES.get(method, ()):
            self._rules.definitions.changed(sort)
        params, looked = self._rules.texts.incoming(message.get("params", {}))
        if looked.result != "pass":
            self._event("server", method, looked.result, looked.told, found=looked.found)
        return Passed(on={**message, "params": params} if params else message)

    def _server_asks(self, message: Message) -> Passed:
        method = message["method"]
        if method == "ping":
            return Passed(back={"jsonrpc": "2.0", "id": message["id"], "result": {}})
        if method not in ASKED_BY_SERVERS or method not in self._rules.mcp.server_requests:
            raise Refused("no_path", f"{shown(method)} is not allowed to servers (mcp.server_requests)")
        if message["id"] in self._by_server or len(self._by_server) >= self._rules.limits.at_once:
            raise Refused("invalid", "a request with this id waits already, or too many do")
        params, looked = self._rules.texts.incoming(message.get("params", {}))
        self._event("server", method, looked.result, looked.told, found=looked.found)
        self._by_server[message["id"]] = Asked(method)
        return Passed(on={**message, "params": params} if "params" in message else message)

    def _answer_to_client(self, message: Message) -> Passed:
        asked = self._by_client.pop(_key(message["id"]), None)
        if asked is None:
            self._event("server", "", "block", "an answer to what nobody asked")
            return Passed()
        if "error" in message:
            told, looked = self._rules.texts.incoming(message["error"])
            if looked.result != "pass":
                self._event("server", asked.method, looked.result, looked.told, called(asked.name), looked.found)
            return Passed(on={**message, "error": told})
        return Passed(on={**message, "result": self._result(asked, message["result"])})

    def _result(self, asked: Asked, result: dict[str, Any]) -> dict[str, Any]:
        if result.get("resultType", "complete") != "complete" or "inputRequests" in result or "task" in result:
            raise Refused("policy", "the server asks for something in its answer, which does not pass here")
        if asked.method == "initialize":
            return self._introduced(result)
        if asked.method in LISTS:
            return self._listed(LISTS[asked.method], asked, result)
        if asked.method == "resources/list":
            return self._resources(result)
        told, looked = self._rules.texts.incoming(result)
        texts = {"answer": result} if self._rules.with_texts else {}
        if asked.method != "ping":
            self._event("server", asked.method, looked.result, looked.told, called(asked.name), looked.found, texts)
        return dict(told)

    def _introduced(self, result: dict[str, Any]) -> dict[str, Any]:
        """Instructions are read by the model like the description of a tool, and pinned like one."""
        info = result.get("serverInfo")
        kept = {
            key: shown(of, 100)
            for key in ("name", "title", "version")
            if isinstance(info, dict) and isinstance(of := info.get(key), str)
        }
        if not isinstance(result.get("protocolVersion"), str):
            raise Refused("invalid", "the server names no revision of the protocol")
        definitions = self._rules.definitions
        definitions.introduced(kept.get("name", ""), kept.get("version", ""))
        said = result.get("capabilities")
        capabilities = {key: of for key, of in said.items() if key in SAYS_OF_SERVERS} if isinstance(said, dict) else {}
        plain = {"protocolVersion": result["protocolVersion"], "capabilities": capabilities, "serverInfo": kept}
        self._event("server", "initialize", "pass", "", kept.get("name", ""))
        instructions = result.get("instructions")
        pieces = [{"name": "instructions", "text": instructions}] if isinstance(instructions, str) else []
        seen, _ = self._judged("instructions", pieces, first=True, last=True)
        return {**plain, "instructions": instructions} if seen else plain

    def _listed(self, sort: Sort, asked: Asked, result: dict[str, Any]) -> dict[str, Any]:
        page = result.get(sort)
        if not isinstance(page, list):
            raise Refused("invalid", f"the server's list has no {sort}")
        cursor = result.get("nextCursor")
        kept, withheld = self._judged(sort, page, first=not asked.cursor, last=not cursor)
        self._event("server", asked.method, "block" if withheld else "pass", "", found=withheld)
        return {sort: kept, **({"nextCursor": cursor} if isinstance(cursor, str) else {})}

    def _judged(self, sort: Sort, page: list[Any], *, first: bool, last: bool) -> tuple[list[dict[str, Any]], int]:
        kept, withheld = self._rules.definitions.shown(sort, page, first=first, last=last)
        for seen in withheld:
            told = "; ".join((f"withheld: {seen.why}", *seen.warnings))
            self._event("server", sort, "block", told, called(seen.name))
        return kept, len(withheld)

    def _resources(self, result: dict[str, Any]) -> dict[str, Any]:
        """Resources come and go by their nature: they are looked at, and not pinned."""
        page = result.get("resources")
        if not isinstance(page, list) or not all(isinstance(one, dict) for one in page):
            raise Refused("invalid", "the server's list has no resources")
        kept = []
        for one in page:
            if told := doubts(one, self._rules.threshold):
                self._event("server", "resources/list", "block", "; ".join(told), called(one.get("name")))
            else:
                kept.append(one)
        cursor = result.get("nextCursor")
        return {"resources": kept, **({"nextCursor": cursor} if isinstance(cursor, str) else {})}

    # --- the log

    def _event(
        self,
        side: str,
        method: str,
        result: str,
        told: str = "",
        name: str = "",
        found: int = 0,
        texts: dict[str, Any] | None = None,
    ) -> None:
        event: dict[str, Any] = {
            "event": "mcp",
            "server": self._rules.definitions.server,
            "from": side,
            "method": shown(method),
            "result": result,
        }
        optional = {"name": name, "told": shown(told, 300), "found": found, "texts": texts}
        self._rules.note(event | {key: of for key, of in optional.items() if of})

    @staticmethod
    def _name_of(message: Message) -> str:
        params = message.get("params")
        return called(params["name"]) if isinstance(params, dict) and "name" in params else ""


def _key(value: object) -> tuple[type, Id]:
    """1 and "1" are two ids, and so is 1 and true."""
    return type(value), value if isinstance(value, (str, int)) else ""
