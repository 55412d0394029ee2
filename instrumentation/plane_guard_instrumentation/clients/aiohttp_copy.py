"""Copies of aiohttp's requests, whose head and body nobody else can change. Imported when aiohttp is there."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from aiohttp.client_reqrep import ClientRequest
from multidict import CIMultiDict

from plane_guard import process
from plane_guard.request import OVERRIDES
from plane_guard.vocabulary import READ_METHODS
from plane_guard_instrumentation.clients import httpcore_copy

if TYPE_CHECKING:
    from aiohttp import ClientResponse
    from aiohttp.payload import BytesPayload

_SAYING_HOW_TO_COPY = {"__slots__", "__copy__", "__new__", "__reduce__", "__reduce_ex__", "__getstate__"}
# What `copy` would do for this class takes it ten times as long to find out.
_PLAIN = None if any(_SAYING_HOW_TO_COPY & vars(kind).keys() for kind in ClientRequest.__mro__[:-1]) else ClientRequest

_LOOKS_PAST_CASE = not CIMultiDict({"X-A": ""}).keys().isdisjoint(["x-a"])


def own(request: ClientRequest) -> ClientRequest:
    """A copy that nobody else can change; the request itself in a live process."""
    if not process.test_evidence():
        return request
    if type(request) is _PLAIN:
        copied = object.__new__(_PLAIN)
        copied.__dict__ = request.__dict__.copy()
    else:
        copied = copy.copy(request)
    copied.headers = request.headers.copy()
    if body := request.body:
        content = body_in_memory(body)
        if isinstance(content, bytes):
            name = "_body" if "_body" in copied.__dict__ else "body"  # the latter before aiohttp 3.12
            copied.__dict__[name] = _payload(content)
    return copied


def reads(request: ClientRequest) -> bool:
    """Whether this is nothing but a read. Judging it would say the same, and take ten times as long."""
    method, headers = request.method, request.headers
    if type(method) is not str or method not in READ_METHODS or type(headers) is not CIMultiDict:
        return False
    return _LOOKS_PAST_CASE and headers.keys().isdisjoint(OVERRIDES)


def as_if_sent_by(request: ClientRequest, copied: ClientRequest, response: ClientResponse) -> ClientResponse:
    """Leave behind in the request what its own `send` would have."""
    if request is not copied:
        request.__dict__["response"] = response
        writer = copied._writer  # noqa: SLF001  what `close` and `terminate` wait for and cancel
        if writer is not None:
            request._writer = writer  # noqa: SLF001
    return response


def body_in_memory(body: object) -> object:
    """The body, if it is one piece of bytes; what it will be read from where it may be a stream."""
    from aiohttp.payload import Payload

    if isinstance(body, Payload) and type(body).__module__ == Payload.__module__:
        body = body._value  # noqa: SLF001  the public `decode` replaces what is not text
    return bytes(body) if isinstance(body, (bytearray, memoryview)) else httpcore_copy.body_in_memory(body)


def _payload(content: bytes) -> BytesPayload:
    """A payload of these bytes; one that is made of many bytes at once warns of itself."""
    from aiohttp.payload import BytesPayload

    payload = BytesPayload(b"")
    payload._value, payload._size = content, len(content)  # noqa: SLF001  see above
    return payload
