"""Patches for name lookups that audit events do not show, or show without the context of the request.

asyncio and gevent look names up in threads that know nothing of the request. So they are judged here, in the context
of the request, and that context goes with the lookup into the thread. uvloop asks libuv, which no hook sees.
"""

from __future__ import annotations

import functools
import socket
from contextlib import nullcontext
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import request_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Look = Callable[..., Awaitable[Any]]


def patch_asyncio(original: Look, layer: str) -> Look:
    """Return a `getaddrinfo` of event loops that judges a lookup, and runs it in the caller's context."""

    @functools.wraps(original)
    async def getaddrinfo(self: Any, host: Any, port: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if not known_hosts.plane_host(host, port):
            return await original(self, host, port, **options)
        listens = options.get("flags", 0) & socket.AI_PASSIVE
        with request_scope.connecting() if listens else nullcontext():
            known_hosts.refuse_unpatched(host, port, layer)
            look_up = functools.partial(socket.getaddrinfo, host, port, **options)
            return await self.run_in_executor(None, copy_context().run, look_up)

    return getaddrinfo


def patch_gevent(original: Callable[..., Any], layer: str) -> Callable[..., Any]:
    """Return a `getaddrinfo` of gevent that judges a lookup, and runs it in the caller's context."""

    @functools.wraps(original)
    def getaddrinfo(self: Any, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if not known_hosts.plane_host(host, port):
            return original(self, host, port, *args, **options)
        known_hosts.refuse_unpatched(host, port, layer)
        import _socket  # the native one: gevent replaces what `socket` holds

        look_up = functools.partial(_socket.getaddrinfo, host, port, *args, **options)
        return self.pool.apply(copy_context().run, (look_up,))

    return getaddrinfo


def patch_uvloop(original: Look, layer: str) -> Look:
    """Return a `getaddrinfo` of uvloop that judges a lookup."""

    @functools.wraps(original)
    async def getaddrinfo(self: Any, host: Any, port: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if not options.get("flags", 0) & socket.AI_PASSIVE:
            known_hosts.refuse_unpatched(host, port, layer)
        return await original(self, host, port, **options)

    return getaddrinfo


def patch_uvloop_connection(original: Look, layer: str) -> Look:
    """Return a `create_connection` of uvloop that judges it; uvloop looks the name up in C."""

    @functools.wraps(original)
    async def create_connection(
        self: Any, protocol_factory: Any, host: object = None, port: object = None, **options: Any
    ) -> Any:
        __tracebackhide__ = True
        known_hosts.refuse_unpatched(host, port, layer)
        return await original(self, protocol_factory, host, port, **options)

    return create_connection


def patch_uvloop_socket(original: Look, layer: str) -> Look:
    """Return a `sock_connect` of uvloop that judges the address, which may be a name that uvloop looks up."""

    @functools.wraps(original)
    async def sock_connect(self: Any, sock: object, address: Any) -> Any:
        __tracebackhide__ = True
        if isinstance(address, tuple) and len(address) > 1:
            known_hosts.refuse_unpatched(address[0], address[1], layer)
        return await original(self, sock, address)

    return sock_connect
