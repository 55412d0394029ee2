"""Questions that the guard asks over httpcore's connections before a write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.clients.httpcore_copy import core_of, url_with
from plane_guard_instrumentation.enforcement.ownership import LookupRequest, LookupResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

    import httpcore

    Sync = Callable[[Any, httpcore.Request], httpcore.Response]
    Async = Callable[[Any, httpcore.Request], Awaitable[httpcore.Response]]

_MOCKED = LookupResponse(0, (), b"", "a mock stands below the guard, and what it answers proves nothing")
_genuine: dict[str, tuple[Sync, Async]] = {}


def remember_genuine(core: ModuleType) -> None:
    """Keep the connections' own methods: respx mocks them, and a mock could answer while the write goes out."""
    methods = (core.HTTPConnection.handle_request, core.AsyncHTTPConnection.handle_async_request)
    if all(_is_of(core, method) for method in methods):
        _genuine.setdefault(core.__name__, methods)


def ask(original: Sync, pool: Any, request: httpcore.Request, probe: LookupRequest) -> LookupResponse:
    """Ask over the pool that the write will use, or past a mock over a connection of its own."""
    import time

    time.sleep(probe.delay)
    core, question = core_of(request), _question(request, probe)
    if _is_of(core, core.HTTPConnection.handle_request):
        return _read(original(pool, question))
    connection = pool.create_connection(request.url.origin)
    if type(connection) is not core.HTTPConnection or core.__name__ not in _genuine:
        return _MOCKED
    try:
        return _read(_genuine[core.__name__][0](connection, question))
    finally:
        connection.close()


async def ask_async(original: Async, pool: Any, request: httpcore.Request, probe: LookupRequest) -> LookupResponse:
    """Ask as `ask` does, for an async pool."""
    import anyio

    await anyio.sleep(probe.delay)
    core, question = core_of(request), _question(request, probe)
    if _is_of(core, core.AsyncHTTPConnection.handle_async_request):
        return await _read_async(await original(pool, question))
    connection = pool.create_connection(request.url.origin)
    if type(connection) is not core.AsyncHTTPConnection or core.__name__ not in _genuine:
        return _MOCKED
    try:
        return await _read_async(await _genuine[core.__name__][1](connection, question))
    finally:
        await connection.aclose()


def _read(response: httpcore.Response) -> LookupResponse:
    try:
        return LookupResponse(response.status, response.headers, response.read())
    finally:
        response.close()


async def _read_async(response: httpcore.Response) -> LookupResponse:
    try:
        return LookupResponse(response.status, response.headers, await response.aread())
    finally:
        await response.aclose()


def _question(request: httpcore.Request, probe: LookupRequest) -> httpcore.Request:
    core = core_of(request)
    url = url_with(core, request.url, probe.path)
    extensions = {"timeout": request.extensions.get("timeout", {})}
    content = probe.content or None
    question: httpcore.Request = core.Request(
        probe.method, url, headers=probe.headers, content=content, extensions=extensions
    )
    return question


def _is_of(core: ModuleType, method: object) -> bool:
    """Whether a method is the library's own and no mock in its place."""
    code = getattr(method, "__code__", None)
    return code is not None and code.co_filename.startswith(str(core.__path__[0]))
