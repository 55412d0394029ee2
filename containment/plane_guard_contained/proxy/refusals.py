"""Refusals as a client receives them: a response that a person or an agent can act on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from plane_guard import advice

if TYPE_CHECKING:
    from plane_guard import PlaneWriteBlocked

FORBIDDEN = 403
REASON_HEADER = "X-Plane-Guard"
PLACEHOLDER = "placeholder-token"
_PLACEHOLDER_TEXT = (
    "The request holds the placeholder of a token where plane-guard inserts no token, so it was not sent. The real "
    "token is inserted only into header fields of requests to the Plane server that it belongs to, over TLS. Send it "
    "there, or name the server: PLANE_BASE_URL or PLANE_GUARD_HOSTS."
)


class Refusal(NamedTuple):
    """The response to a request that is not sent."""

    reason: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The header fields of the response."""
        return {"Content-Type": "application/json", REASON_HEADER: self.reason, "Connection": "close"}


def of_decision(blocked: PlaneWriteBlocked) -> Refusal:
    """Return the response for a write that was blocked."""
    return _refusal(
        str(blocked.reason),
        str(blocked),
        op=str(blocked.op),
        project=blocked.project_id,
        what_to_do=_what_to_do(blocked),
    )


def of_placeholder() -> Refusal:
    """Return the response for a request that holds a placeholder where no token is inserted."""
    return _refusal(PLACEHOLDER, _PLACEHOLDER_TEXT, op=None, project=None, what_to_do=_PLACEHOLDER_TEXT)


def _what_to_do(blocked: PlaneWriteBlocked) -> str:
    _, _, remedies = blocked.detail.partition("\n")
    return remedies or advice.what_to_do(str(blocked.reason))


def _refusal(reason: str, message: str, *, op: str | None, project: str | None, what_to_do: str) -> Refusal:
    content = {
        "error": "plane_guard.blocked",
        "reason": reason,
        "op": op,
        "project": project,
        "what_to_do": what_to_do,
        "retry": False,
        "message": message,
    }
    return Refusal(reason, json.dumps(content, indent=2).encode() + b"\n")
