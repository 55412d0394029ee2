"""Patch for the official MCP client: the caller of a refused call gets the refusal.

The client's SSE transport sends from a task of its own and only logs what that raises. Its caller would wait for an
answer that cannot come.
"""

from __future__ import annotations

import functools
import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard_instrumentation.clients.state import state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from plane_guard import PlaneWriteBlocked

    Method = Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class WaitingCall:
    """A call that waits for its answer, and what ends the wait. Event loops do not share threads."""

    message: dict[str, Any]
    scope: Any
    thread: int
    refusal: PlaneWriteBlocked | None = None


def patch_send_request(original: Method, layer: str) -> Method:  # noqa: ARG001  every patch is called with both
    """Return a `send_request` of sessions that raises the refusal of its request."""

    @functools.wraps(original)
    async def send_request(self: Any, request: Any, *arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if not process.test_evidence():
            return await original(self, request, *arguments, **options)
        import anyio

        message = _essence(request.model_dump(by_alias=True, mode="json", exclude_none=True))
        with anyio.CancelScope() as scope:
            call = WaitingCall(message, scope, threading.get_ident())
            state.waiting.append(call)
            try:
                return await original(self, request, *arguments, **options)
            finally:
                state.waiting.remove(call)
        assert call.refusal is not None  # noqa: S101  nothing else cancels this scope
        raise call.refusal

    return send_request


def end_wait(body: object, refusal: PlaneWriteBlocked) -> None:
    """End the wait of the calls whose request was refused."""
    if not state.waiting or not isinstance(body, bytes):
        return
    with suppress(Exception):  # the request is refused, whoever hears of it
        message = _essence(json.loads(body))
        for call in state.waiting:
            if call.message == message and call.thread == threading.get_ident():
                call.refusal = refusal
                call.scope.cancel()


def _essence(message: dict[str, Any]) -> dict[str, Any]:
    """Return method and parameters of a message, without what the session adds to them."""
    params = {name: value for name, value in (message.get("params") or {}).items() if name != "_meta"}
    return {"method": message.get("method"), "params": params}
