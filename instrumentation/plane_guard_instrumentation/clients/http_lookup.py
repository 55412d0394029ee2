"""Asking the server for a proof over a connection of its own, built like the one whose request is being judged."""

# ruff: noqa: SLF001  what http.client holds ready has no public name

from __future__ import annotations

import copy
from typing import Any

from plane_guard_instrumentation.enforcement.check import LookupRequest, LookupResponse

_LONGEST_WAIT = 30.0


def ask(connection: Any, prefix: bytes, probe: LookupRequest) -> LookupResponse:
    """Send the probe's GET and read the answer, following no redirect; ``prefix`` is for a forwarding proxy."""
    import time

    time.sleep(probe.delay)
    twin, base = _twin(connection), base_class(connection)
    try:
        base.putrequest(
            twin, probe.method, prefix.decode("latin-1") + probe.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in probe.headers:
            base.putheader(twin, name, value)
        base.endheaders(twin, probe.content or None)
        response = base.getresponse(twin)
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
        return LookupResponse(response.status, fields, response.read())
    finally:
        twin.close()


def base_class(connection: object) -> Any:
    """The standard library's own connection class, whatever stands under its name while a mock is active."""
    names = ((cls.__module__, cls.__name__, cls) for cls in type(connection).__mro__)
    return next(cls for module, name, cls in names if (module, name) == ("http.client", "HTTPConnection"))


def _twin(connection: Any) -> Any:
    """An unconnected copy: same host, tunnel, timeout and TLS settings, whatever class the connection is of."""
    import socket

    if hasattr(connection, "_h2_conn"):
        raise NotImplementedError("the state of HTTP/2 cannot be copied")
    twin = copy.copy(connection)
    twin.sock, twin._buffer, twin._method = None, [], None
    twin._HTTPConnection__state, twin._HTTPConnection__response = "Idle", None
    twin.auto_open, twin.debuglevel = 1, 0
    if not isinstance(twin.timeout, (int, float)) and socket.getdefaulttimeout() is None:
        twin.timeout = _LONGEST_WAIT
    return twin
