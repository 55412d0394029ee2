"""The shell for httpx and httpx2: the connection pools of httpcore and httpcore2, sync and async.

This is below every mock and inside OpenTelemetry's client span, sees each redirect hop and each retry of the
application, and is not passed at all by requests that a mock answers.
"""

from __future__ import annotations

import functools
import sys
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from plane_guard._paths import might_be_plane
from plane_guard_instrumentation import _check, _connection, _httpcore_probe, _passage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import httpcore

    Sync = Callable[[Any, httpcore.Request], httpcore.Response]
    Async = Callable[[Any, httpcore.Request], Awaitable[httpcore.Response]]

_CORE_OF = {"httpx": "httpcore", "httpx2": "httpcore2"}
_OWN_STREAMS = frozenset({*_CORE_OF, *_CORE_OF.values()})
# A pool may be wrapped twice when another tool's wrapper hides the first shell: a request is judged once.
_judged: ContextVar[object] = ContextVar("plane_guard_judged", default=None)


def guard_sync(original: Sync, layer: str) -> Sync:
    """Judge each request of a sync pool before it is sent. The name of the function stays: respx looks at it."""
    _httpcore_probe.remember_genuine(sys.modules[_CORE_OF[layer]])

    @functools.wraps(original)
    def handle_request(self: Any, request: httpcore.Request) -> httpcore.Response:
        __tracebackhide__ = True
        if _judged.get() is request or not _concerns_plane(request):
            return original(self, request)
        with _judging(request), _passage.guarded():
            steps = _check.judge(_sent(request, layer))
            _check.drive(steps, lambda probe: _httpcore_probe.ask(original, self, request, probe))
            return original(self, request)

    return handle_request


def guard_async(original: Async, layer: str) -> Async:
    """Judge each request of an async pool before it is sent; see `guard_sync`."""

    @functools.wraps(original)
    async def handle_async_request(self: Any, request: httpcore.Request) -> httpcore.Response:
        __tracebackhide__ = True
        if _judged.get() is request or not _concerns_plane(request):
            return await original(self, request)
        with _judging(request), _passage.guarded():
            steps = _check.judge(_sent(request, layer))
            await _check.drive_async(steps, lambda probe: _httpcore_probe.ask_async(original, self, request, probe))
            return await original(self, request)

    return handle_async_request


@contextmanager
def _judging(request: httpcore.Request) -> Iterator[None]:
    token = _judged.set(request)
    try:
        yield
    finally:
        with suppress(ValueError):  # an abandoned coroutine is closed in whatever context
            _judged.reset(token)


def _concerns_plane(request: httpcore.Request) -> bool:
    """Whether the request could be a write to Plane, or opens a connection to a known Plane host."""
    url = request.url
    return might_be_plane(url.target) or bool(_connection.plane_host(url.host))


def _sent(request: httpcore.Request, layer: str) -> _check.Sent:
    url = request.url
    port = b"" if url.port is None else b":%d" % url.port
    target = url.target if url.target.startswith(b"/") else b"/" + url.target
    return _check.Sent(
        layer=layer,
        method=request.method.decode("latin-1"),
        url=(url.scheme + b"://" + url.host + port + target).decode("latin-1"),
        headers=request.headers,
        body=body_in_memory(request.stream),
        origin=(url.scheme + b"://" + url.host + port).decode("latin-1"),
    )


def body_in_memory(stream: object) -> object:
    """The body, if sending it again would send the same bytes; the stream itself where that is not known."""
    if type(stream).__name__ == "ByteStream" and type(stream).__module__.partition(".")[0] in _OWN_STREAMS:
        return b"".join(stream)  # type: ignore[arg-type]
    return stream
