"""Patches for urllib3-future, which niquests brings and which installs itself under the name of urllib3.

Its connections speak HTTP/1.1, HTTP/2 and HTTP/3 with a protocol stack of its own, so nothing of it passes
`http.client`. A request is checked when its head is complete, on the backend that all protocols share, sync and async.
"""

from __future__ import annotations

import functools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard.paths import might_be_plane
from plane_guard_instrumentation.clients import gate, http_client, self_check
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import check, request_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from plane_guard_instrumentation.enforcement.ownership import LookupRequest, LookupResponse

    Method = Callable[..., object]
    AsyncMethod = Callable[..., Awaitable[Any]]

# The attributes of the request that a backend composes; a lookup composes one of its own in between.
_COMPOSED = (
    "headers",
    "expected_body_length",
    "remaining_body_length",
    "legacy_host_entry",
    "authority_bit_set",
    "protocol_bit_set",
)
_UNREADABLE = object()


def patch_endheaders(original: Method, layer: str) -> Method:
    """Return an `endheaders` that checks each request before any of it is sent."""

    @functools.wraps(original)
    def endheaders(self: Any, *arguments: Any, **options: Any) -> object:
        __tracebackhide__ = True
        if not _concerns_plane(self):
            return original(self, *arguments, **options)
        with gate.connecting(layer), request_scope.asking():
            sent = _outgoing(self, layer, arguments, options)
            try:
                gate.run_check(sent, functools.partial(_look_up, original, self))
                _refuse_changed(self, sent, arguments, options)
            except BaseException:
                _forget(self)
                raise
            return original(self, *arguments, **options)

    return endheaders


def patch_async_endheaders(original: AsyncMethod, layer: str) -> AsyncMethod:
    """Return the async form of `patch_endheaders`."""

    @functools.wraps(original)
    async def endheaders(self: Any, *arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if not _concerns_plane(self):
            return await original(self, *arguments, **options)
        with gate.connecting(layer), request_scope.asking():
            sent = _outgoing(self, layer, arguments, options)
            try:
                await gate.run_check_async(sent, functools.partial(_look_up_async, original, self))
                _refuse_changed(self, sent, arguments, options)
            except BaseException:
                _forget(self)
                raise
            return await original(self, *arguments, **options)

    return endheaders


def patch_async_body(original: AsyncMethod, layer: str) -> AsyncMethod:  # noqa: ARG001  every patch is called with both
    """Return an async `request` that notes the body which is sent behind the head."""

    @functools.wraps(original)
    async def request(self: Any, *arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        arguments, body = http_client.with_private_body(arguments, options)
        with http_client.noting_body(self, body):
            return await original(self, *arguments, **options)

    return request


def patch_async_asking(original: AsyncMethod, layer: str) -> AsyncMethod:  # noqa: ARG001  as above
    """Return an async method that connects before it composes a request over the connection."""

    @functools.wraps(original)
    async def ask(self: Any, *arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        with request_scope.asking():
            return await original(self, *arguments, **options)

    return ask


def patch_async_connect(original: AsyncMethod, layer: str) -> AsyncMethod:
    """Return an async `connect` that lets a connection be opened for requests that are checked."""

    @functools.wraps(original)
    async def connect(self: Any, *arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if not process.test_evidence() or not request_scope.is_asking():
            return await original(self, *arguments, **options)
        with gate.connecting(layer):
            return await original(self, *arguments, **options)

    return connect


def probe(owner: type) -> None:
    """Send a probe through a backend that has no connection."""
    _probe_backend(owner).endheaders()


def probe_async(owner: type) -> None:
    """Run a probe until it would wait for something."""
    _probe_backend(owner).endheaders().send(None)


def _probe_backend(owner: type) -> Any:
    backend: Any = object.__new__(owner)
    backend.__dict__.update(host=self_check.HOST, port=80, _tunnel_host=None, _tunnel_port=None, sock=None)
    fields = {":method": "POST", ":authority": self_check.HOST, ":scheme": "http", ":path": self_check.PATH}
    _set_composed(backend, {"headers": [(name.encode(), value.encode()) for name, value in fields.items()]})
    return backend


def _prefix(backend: object) -> str:
    """Return the prefix of the private attributes of a backend's class."""
    names = ("AsyncHfaceBackend", "HfaceBackend")
    name = next(cls.__name__ for cls in type(backend).__mro__ if cls.__name__ in names)
    return f"_{name}__"


def _composed(backend: Any) -> dict[str, Any]:
    prefix = _prefix(backend)
    return {name: getattr(backend, prefix + name, None) for name in _COMPOSED}


def _set_composed(backend: Any, values: dict[str, Any]) -> None:
    prefix = _prefix(backend)
    for name, value in values.items():
        setattr(backend, prefix + name, value)


def _forget(backend: Any) -> None:
    """Leave a connection whose request was refused as if there had been none."""
    with suppress(Exception):
        _set_composed(backend, {"headers": [], "expected_body_length": None, "legacy_host_entry": None})


def _concerns_plane(backend: Any) -> bool:
    try:
        fields = dict(getattr(backend, _prefix(backend) + "headers"))
        return might_be_plane(fields[b":path"]) or bool(known_hosts.plane_host(*_server(backend)))
    except Exception:  # noqa: BLE001  a head that cannot be read might be anything
        return True


def _server(backend: Any) -> tuple[object, object]:
    if backend._tunnel_host is not None:  # noqa: SLF001  it has no public name
        return backend._tunnel_host, backend._tunnel_port  # noqa: SLF001
    return backend.host, backend.port


def _outgoing(backend: Any, layer: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> check.OutgoingRequest:
    """Return the request in the form that the check takes; refuse one that cannot be read."""
    __tracebackhide__ = True
    cause: Exception | None = None
    try:
        sent = _read(backend, layer, arguments, options)
        host, port = _server(backend)
    except Exception as error:  # noqa: BLE001  a request that cannot be read is not sent
        cause = error
    if cause is not None:
        check.refuse_unreadable(layer, cause)
        raise cause
    pseudo = [(b"upgrade", b"protocol") for name, _ in sent.headers if name == b":protocol"]
    gate.refuse_upgrade(host, port, [*sent.headers, *pseudo], layer)
    return sent


def _read(backend: Any, layer: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> check.OutgoingRequest:
    composed = _composed(backend)
    fields = dict(composed["headers"])
    authority = composed["legacy_host_entry"] or fields.get(b":authority", b"")
    host, port = _server(backend)
    name = f"[{host}]" if isinstance(host, str) and ":" in host.strip("[]") else host
    scheme, target = fields[b":scheme"].decode("latin-1"), fields[b":path"].decode("latin-1")
    origin = f"{scheme}://{name}{'' if port is None else f':{port}'}"
    before, separator, rest = target.partition("://")
    if separator and before.isalpha():  # as a forwarding proxy gets it
        origin, target = f"{before}://{rest.partition('/')[0]}", f"/{rest.partition('/')[2]}"
    others = [(name, value) for name, value in composed["headers"] if not name.startswith(b":") or name == b":protocol"]
    return check.OutgoingRequest(
        layer=layer,
        method=fields[b":method"].decode("latin-1"),
        url=origin + (target if target.startswith("/") else f"/{target}"),
        headers=[(b"Host", authority), *others],
        body=_body(backend, others, arguments, options),
        origin=origin,
    )


def _body(
    backend: Any, fields: list[tuple[bytes, bytes]], arguments: tuple[Any, ...], options: dict[str, Any]
) -> object:
    message_body = arguments[0] if arguments else options.get("message_body")
    if message_body is not None:
        return _UNREADABLE  # the backend ignores it
    body = http_client.noted_body(backend)
    if body is None:
        return _UNREADABLE if options.get("expect_body_afterward") else None
    content = body.encode() if isinstance(body, str) else body
    lengths = [value for name, value in fields if name == b"content-length"]
    if not isinstance(content, bytes) or (lengths and lengths != [b"%d" % len(content)]):
        return _UNREADABLE
    return content


def _refuse_changed(
    backend: Any, sent: check.OutgoingRequest, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Refuse a request that was changed while its lookups were awaited."""
    __tracebackhide__ = True
    if _read(backend, sent.layer, arguments, options) != sent:
        check.refuse_unreadable(sent.layer)


def _compose_lookup(backend: Any, lookup: LookupRequest) -> None:
    backend.putrequest(lookup.method, lookup.path, skip_host=True, skip_accept_encoding=True)
    for name, value in lookup.headers:
        if name != b":protocol":
            backend.putheader(name.decode("latin-1"), value.decode("latin-1"))


def _look_up(original: Method, backend: Any, lookup: LookupRequest) -> LookupResponse:
    """Send a lookup over the connection at hand, before the request that it is for."""
    import time

    time.sleep(lookup.delay)
    composed, base = _composed(backend), _base_class(backend)
    try:
        _compose_lookup(backend, lookup)
        promise = original(backend, expect_body_afterward=bool(lookup.content))
        if lookup.content:
            promise = base.send(backend, lookup.content, eot=True)
        response = base.getresponse(backend, promise=promise)
        return gate.response(response.status, _fields(response), response.read())
    finally:
        _set_composed(backend, composed)


async def _look_up_async(original: AsyncMethod, backend: Any, lookup: LookupRequest) -> LookupResponse:
    """Send a lookup over the connection at hand, before the request that it is for."""
    import asyncio

    await asyncio.sleep(lookup.delay)
    composed, base = _composed(backend), _base_class(backend)
    try:
        _compose_lookup(backend, lookup)
        promise = await original(backend, expect_body_afterward=bool(lookup.content))
        if lookup.content:
            promise = await base.send(backend, lookup.content, eot=True)
        response = await base.getresponse(backend, promise=promise)
        return gate.response(response.status, _fields(response), await response.read())
    finally:
        _set_composed(backend, composed)


def _fields(response: Any) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.msg.items()]


def _base_class(backend: object) -> Any:
    names = ("AsyncHfaceBackend", "HfaceBackend")
    return next(cls for cls in type(backend).__mro__ if cls.__name__ in names)
