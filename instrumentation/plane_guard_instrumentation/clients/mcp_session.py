"""Patch for the official MCP client: the caller of a refused call gets the refusal.

The client's SSE transport sends from a task of its own and only logs what that raises. Its caller would wait for an
answer that cannot come.
"""

from __future__ import annotations

import functools
import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard_instrumentation.clients.state import WaitingCall, state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from plane_guard import PlaneWriteBlocked

    Method = Callable[..., Awaitable[Any]]


def patch_send_request(original: Method, layer: str) -> Method:  # noqa: ARG001  every patch is called with both
    """Return a `send_request` of sessions that raises the refusal of its request."""

    @functools.wraps(original)
    async def send_request(self: Any, request: Any, *arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        message = _message(request) if process.test_evidence() else None
        if message is None:
            return await original(self, request, *arguments, **options)
        call = WaitingCall(self, message, threading.get_ident())
        state.waiting.append(call)
        try:
            return await original(self, request, *arguments, **options)
        except Exception:
            if call.refusal is None:
                raise
        finally:
            state.waiting.remove(call)
        raise call.refusal

    return send_request


def end_wait(body: object, refusal: PlaneWriteBlocked) -> None:
    """Answer the calls whose request was refused with an error, in the place of the server."""
    if not state.waiting or not isinstance(body, bytes):
        return
    with suppress(Exception):  # the request is refused, whoever hears of it
        sent = json.loads(body)
        for call in state.waiting:
            if call.message == _essence(sent) and call.thread == threading.get_ident():
                call.refusal = refusal
                _answer(call.session, sent["id"], str(refusal))


def _answer(session: Any, request_id: object, text: str) -> None:
    from mcp import types

    error = types.ErrorData(code=types.INTERNAL_ERROR, message=text)
    answer = types.JSONRPCError(jsonrpc="2.0", id=request_id, error=error)  # type: ignore[arg-type]
    session._response_streams[request_id].send_nowait(answer)  # noqa: SLF001  it has no public name


def _message(request: Any) -> dict[str, Any] | None:
    """Return the essence of a request, or None if it is no request of the library, which is the library's to refuse."""
    try:
        return _essence(request.model_dump(by_alias=True, mode="json", exclude_none=True))
    except Exception:  # noqa: BLE001  the caller gets the library's own error
        return None


def _essence(message: dict[str, Any]) -> dict[str, Any]:
    """Return method and parameters of a message, without what the session adds to them."""
    params = {name: value for name, value in (message.get("params") or {}).items() if name != "_meta"}
    return {"method": message.get("method"), "params": params}
