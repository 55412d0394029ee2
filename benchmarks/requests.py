"""The time that a patch adds to a request: to another host, and to a read from Plane. The patched method is a stub.

Peer: the same call of the same stub without the patch.
"""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import httpcore
from aiohttp import ClientRequest
from yarl import URL

from benchmarks import timing
from benchmarks.plane import DETAIL, FIELDS, HOST, ORIGIN
from benchmarks.registry import Effort, Figure, measure
from plane_guard_instrumentation.clients import patches, self_check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

AGAINST = "the same without the guard"
UNIT = "us added"
_NUMBER = 2_000


class Case(NamedTuple):
    """A request, and what may be added to it."""

    name: str
    method: str
    origin: str
    path: str
    host: str
    goal: float


CASES = (
    Case("one request to another host", "POST", "http://example.org", "/hooks/1?x=2", "example.org", 5.0),
    Case("one Plane read", "GET", ORIGIN, DETAIL, HOST, 50.0),
)


def shell(method: str, layer: str, around: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method with the patches of a client: of its pool, its connection and its protocol, if it has them."""
    module = "httpcore" if layer == "httpx" else ""
    for target in reversed(patches.CLIENT_TARGETS):
        if target.layer == layer and target.method == method and target.module.startswith(module):
            around = self_check.load(target.patch)(around, layer)
    return around


def httpx_sync(case: Case, effort: Effort) -> Figure:
    """The pool of httpcore, sync."""

    def stub(_pool: object, _request: object) -> None:
        """Send nothing."""

    request, guarded = _httpcore_request(case), shell("handle_request", "httpx", stub)
    return _timed(lambda: stub(None, request), lambda: guarded(None, request), effort)


def httpx_async(case: Case, effort: Effort) -> Figure:
    """The pool of httpcore, async."""

    async def stub(_pool: object, _request: object) -> None:
        """Send nothing."""

    request, guarded = _httpcore_request(case), shell("handle_async_request", "httpx", stub)
    return _timed_async(lambda: stub(None, request), lambda: guarded(None, request), effort)


def http_client(case: Case, effort: Effort) -> Figure:
    """A whole request of `http.client` into a socket that takes everything: head and body pass two shells."""
    originals = {name: getattr(HTTPConnection, name).__plane_guard_original__ for name in ("endheaders", "send")}
    unguarded = type("HTTPConnection", (HTTPConnection,), originals)
    body = b"{}" if case.method == "POST" else None

    def sending(kind: type[HTTPConnection]) -> Callable[[], None]:
        connection: Any = kind(case.host)
        connection.sock = _Sink()
        fields = {name: value for name, value in FIELDS if name != "Host"}

        def send() -> None:
            connection.request(case.method, case.path, body, fields)
            connection._HTTPConnection__state = "Idle"

        return send

    return _timed(sending(unguarded), sending(HTTPConnection), effort)


def aiohttp_both(case: Case, effort: Effort) -> Figure:
    """The connector of aiohttp, and the request behind it."""

    async def connect(_connector: object, _request: object, _traces: object, _timeout: object) -> None:
        """Open nothing."""

    async def send(_request: object, _connection: object) -> None:
        """Send nothing."""

    loop = asyncio.new_event_loop()
    request = ClientRequest(case.method, URL(case.origin + case.path), headers=FIELDS, loop=loop)
    guarded_connect, guarded_send = shell("connect", "aiohttp", connect), shell("send", "aiohttp", send)

    async def peer() -> None:
        await connect(None, request, (), None)
        await send(request, None)

    async def ours() -> None:
        await guarded_connect(None, request, (), None)
        await guarded_send(request, None)

    try:
        return _timed_async(peer, ours, effort)
    finally:
        loop.close()


def _register(case: Case, client: str, run: Callable[[Case, Effort], Figure]) -> None:
    how = measure(f"{case.name}: {client}", against=AGAINST, goal=case.goal, slip=case.goal * 6, unit=UNIT)
    how(lambda effort: run(case, effort))


for _case in CASES:
    _register(_case, "httpx", httpx_sync)
    _register(_case, "httpx, async", httpx_async)
    _register(_case, "http.client", http_client)
    _register(_case, f"aiohttp {aiohttp.__version__.partition('.')[0]}", aiohttp_both)


class _Sink:
    def sendall(self, data: object) -> None:
        """Take everything."""


def _httpcore_request(case: Case) -> httpcore.Request:
    return httpcore.Request(case.method, case.origin + case.path, headers=list(FIELDS))


def _timed(peer: Callable[[], object], ours: Callable[[], object], effort: Effort) -> Figure:
    return timing.added_us(timing.calls(peer, ours, rounds=effort.of(41, 9), number=_NUMBER))


def _timed_async(
    peer: Callable[[], Awaitable[object]], ours: Callable[[], Awaitable[object]], effort: Effort
) -> Figure:
    return timing.added_us(timing.awaits(peer, ours, rounds=effort.of(41, 9), number=_NUMBER))
