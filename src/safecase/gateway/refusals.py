"""What a client is told when its request does not go through: a reason, in the shape of the API that it spoke."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Reason: TypeAlias = Literal[
    "no_key",
    "not_allowed",
    "policy",
    "no_model",
    "no_path",
    "too_large",
    "unreadable",
    "invalid",
    "wrong_method",
    "wrong_type",
    "too_many",
    "no_budget",
    "busy",
    "guard_failed",
    "upstream",
    "upstream_slow",
    "slow",
]

STATUS: Final[dict[Reason, int]] = {
    "no_key": 401,
    "not_allowed": 403,
    "policy": 403,
    "no_model": 404,
    "no_path": 404,
    "wrong_method": 405,
    "too_large": 413,
    "wrong_type": 415,
    "unreadable": 400,
    "invalid": 422,
    "too_many": 429,
    "no_budget": 429,
    "busy": 503,
    "guard_failed": 503,
    "upstream": 502,
    "upstream_slow": 504,
    "slow": 408,
}
_OPENAI: Final[dict[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
_ANTHROPIC: Final[dict[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class Refused(Exception):  # noqa: N818  an answer, not a crash
    """A request that does not go through."""

    def __init__(self, reason: Reason, message: str, *, param: str | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = sayable(message)
        self.param = param and sayable(param)
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.reason]

    def body(self, api: str) -> bytes:
        """Give the body in the API's own shape."""
        return error_body(api, self.status, self.reason, self.message, self.param)


def sayable(text: str) -> str:
    """Give a text that UTF-8 can say: JSON of strangers can spell halves of signs, which stay spelt."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def error_body(api: str, status: int, code: str, message: str, param: str | None = None) -> bytes:
    """Write an error as the API's clients know it."""
    if api == "anthropic":
        kind = _ANTHROPIC.get(status, "api_error")
        return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}})
    kind = _OPENAI.get(status, "server_error")
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})
