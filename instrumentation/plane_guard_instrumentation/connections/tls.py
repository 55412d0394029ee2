"""Patches for TLS: the host name that a client asks a server to prove.

Every client of Python's `ssl` gives it, also through proxies and on event loops that raise no audit event.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.connections import known_hosts

if TYPE_CHECKING:
    from collections.abc import Callable

    Wrap = Callable[..., Any]

_NAME = "server_hostname"
_SOCKET_POSITION = 5
_BIO_POSITION = 4


def patch_wrap_socket(original: Wrap, layer: str) -> Wrap:
    """Return a `wrap_socket` that judges the host name."""

    @functools.wraps(original)
    def wrap_socket(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        known_hosts.refuse_unpatched(_server_name(args, options, _SOCKET_POSITION), None, layer)
        return original(*args, **options)

    return wrap_socket


def patch_wrap_bio(original: Wrap, layer: str) -> Wrap:
    """Return a `wrap_bio` that judges the host name; event loops use it."""

    @functools.wraps(original)
    def wrap_bio(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        known_hosts.refuse_unpatched(_server_name(args, options, _BIO_POSITION), None, layer)
        return original(*args, **options)

    return wrap_bio


def _server_name(args: tuple[Any, ...], options: dict[str, Any], position: int) -> object:
    return args[position] if len(args) > position else options.get(_NAME)
