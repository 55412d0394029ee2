"""What lies around a request of `http.client`: its connection being opened, and its body following in pieces."""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard_instrumentation.enforcement import request_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    Method = Callable[..., object]

# The connection that urllib3 is about to send a body over, and that body.
_noted: ContextVar[tuple[object, object] | None] = ContextVar("plane_guard_noted_body", default=None)


def guard(original: Method, layer: str) -> Method:  # noqa: ARG001  every shell is called with both
    """Let the connection be opened: each request over it is judged."""

    @functools.wraps(original)
    def connect(self: Any, *arguments: Any, **options: Any) -> object:
        __tracebackhide__ = True
        if not process.test_evidence():
            return original(self, *arguments, **options)
        with request_scope.connecting():
            return original(self, *arguments, **options)

    return connect


def note(original: Method, layer: str) -> Method:  # noqa: ARG001  every shell is called with both
    """Remember the body that urllib3 sends behind the head, for the judgement of that head."""

    @functools.wraps(original)
    def request(self: Any, *arguments: Any, **options: Any) -> object:
        __tracebackhide__ = True
        arguments, body = with_own_body(arguments, options, 2, "body")
        token = _noted.set((self, body))
        try:
            return original(self, *arguments, **options)
        finally:
            _noted.reset(token)

    return request


def with_own_body(
    arguments: tuple[Any, ...], options: dict[str, Any], place: int, name: str
) -> tuple[tuple[Any, ...], Any]:
    """The arguments of a call with a body of our own in them (or in the options), and that body."""
    if name in options:
        options[name] = own(options[name])
        return arguments, options[name]
    arguments = (*arguments[:place], *map(own, arguments[place : place + 1]), *arguments[place + 1 :])
    return arguments, arguments[place] if len(arguments) > place else None


def own(data: Any) -> Any:
    """A copy of bytes in memory that somebody else could change while a proof is awaited; in a test process only."""
    is_shared = isinstance(data, (bytearray, memoryview)) and process.test_evidence()
    return bytes(data) if is_shared else data


def noted_body(connection: object) -> object:
    """The body that follows the head which this connection sends now; ``None`` if there is none."""
    noted = _noted.get()
    return noted[1] if noted is not None and noted[0] is connection else None
