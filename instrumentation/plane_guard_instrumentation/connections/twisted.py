"""Patches for Twisted, whose reactor swallows an exception that a lookup raises in its thread pool."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import request_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., Any]


def patch_endpoint(original: Connect, layer: str) -> Connect:
    """Return an endpoint's `connect` whose deferred fails for a known Plane host."""

    @functools.wraps(original)
    def connect(self: Any, *args: Any, **options: Any) -> Any:
        host, port = getattr(self, "_hostBytes", getattr(self, "_hostText", "")), getattr(self, "_port", None)
        if known_hosts.plane_host(host, port) and not request_scope.is_connecting():
            from twisted.internet.defer import fail  # type: ignore[import-not-found,unused-ignore]

            return fail(known_hosts.refusal(host, port, layer))
        return original(self, *args, **options)

    return connect


def patch_connect_tcp(original: Connect, layer: str) -> Connect:
    """Return a reactor's `connectTCP` that refuses a known Plane host before the reactor looks it up."""

    @functools.wraps(original)
    def connect_tcp(self: Any, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        known_hosts.refuse_unpatched(host, port, layer)
        return original(self, host, port, *args, **options)

    return connect_tcp
