"""The shell for `http.client`, which carries requests, urllib3, `urllib.request` and Plane's own SDK as well.

A request is judged when its last header line is in place: below every mock of these libraries, above the socket, and
once for each hop of a redirect. Nothing of it has been sent by then.
"""

# ruff: noqa: SLF001  what http.client holds ready has no public name

from __future__ import annotations

import functools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard.paths import first_line_might_be_plane, might_be_plane
from plane_guard_instrumentation.clients import http_connection, http_lookup, http_message
from plane_guard_instrumentation.enforcement import check, learning, request_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    Method = Callable[..., object]

_SENDING_BODY = "Request-sent"


def guard_request(original: Method, layer: str) -> Method:
    """Judge each request when its head is complete, before any of it is sent."""

    def go_on(connection: Any, message_body: object, encode_chunked: object) -> object:
        __tracebackhide__ = True
        if encode_chunked:
            return original(connection, message_body, encode_chunked=encode_chunked)
        return original(connection, message_body)  # urllib3's method for HTTP/2 takes no more than this

    @functools.wraps(original)
    def endheaders(self: Any, message_body: Any = None, *, encode_chunked: Any = False) -> object:
        __tracebackhide__ = True
        if not _concerns_plane(self):
            return go_on(self, message_body, encode_chunked)
        if not process.test_evidence():
            _note_live(self, message_body, encode_chunked, layer)
            return go_on(self, message_body, encode_chunked)
        message_body = http_connection.own(message_body)
        head, body = _head(self), _body_of(self, message_body, encode_chunked)
        if http_message.reads(head, body):
            return go_on(self, message_body, encode_chunked)
        if request_scope.checked_form(self) != (head, body):
            _judge(self, head, body, layer)
        with request_scope.sending(self, (head, body)):
            return go_on(self, message_body, encode_chunked)

    return endheaders


def guard_bytes(original: Method, layer: str) -> Method:
    """Judge what is sent as the beginning of a request without having passed `guard_request`."""

    @functools.wraps(original)
    def send(self: Any, data: Any) -> object:
        __tracebackhide__ = True
        if not process.test_evidence():
            return original(self, data)
        if type(data) is bytes and (data == http_message.last.read or _is_elsewhere(self, data)):
            return original(self, data)
        data = http_connection.own(data)
        if not _begins_unjudged(self, data):
            return original(self, data)
        head = http_message.in_memory(data)
        _judge(self, head, http_message.UNREADABLE, layer)
        with request_scope.sending(self, (head, http_message.UNREADABLE)):
            return original(self, data)

    return send


def _judge(connection: Any, data: bytes, body: http_message.Body, layer: str) -> None:
    """Judge every request in these bytes, and leave a connection whose request is refused as if there was none."""
    __tracebackhide__ = True
    try:
        queued, found = _head(connection), _read(connection, data, body, layer)
        for sent, prefix in found:
            check.run_check(check.check_request(sent), functools.partial(http_lookup.ask, connection, prefix))
        if (_head(connection), _read(connection, data, body, layer)) != (queued, found):
            check.refuse_unreadable(layer)
    except BaseException:
        with suppress(Exception):
            del connection._buffer[:]
            connection.close()
        raise


def _read(
    connection: Any, data: bytes, body: http_message.Body, layer: str
) -> list[tuple[check.OutgoingRequest, bytes]]:
    """The requests in these bytes; bytes that are no request at all are refused."""
    __tracebackhide__ = True
    cause: Exception | None = None
    found: list[tuple[check.OutgoingRequest, bytes]] = []
    try:
        for head in http_message.heads(data):
            prefix = http_message.forwarded_to(connection, head.target)
            found.append((http_message.sent(connection, head, body, layer), prefix))
    except Exception as error:  # noqa: BLE001  what cannot be read is not sent
        cause = error
    if cause is not None or not found:
        check.refuse_unreadable(layer, cause)
    return found


def _note_live(connection: Any, message_body: object, encode_chunked: Any, layer: str) -> None:
    with suppress(Exception):  # telemetry may not disturb a live process
        body = _body_of(connection, message_body, encode_chunked)
        for head in http_message.heads(_head(connection)):
            sent = http_message.sent(connection, head, body, layer)
            check.run_check(check.check_request(sent), functools.partial(http_lookup.ask, connection, b""))


def _concerns_plane(connection: Any) -> bool:
    try:
        line = (connection._buffer or http_message.queued(connection))[0]
        concerns = might_be_plane(line)
        if concerns:
            learning.learn_host(http_message.url_of(connection, line.split()[1]))
    except Exception:  # noqa: BLE001  what cannot be read might be anything
        return True
    return concerns


def _head(connection: Any) -> bytes:
    """The head that is about to be sent; empty, and then refused, if it is nothing that `http.client` composes."""
    try:
        return http_message.as_sent(http_message.queued(connection))
    except Exception:  # noqa: BLE001  see above
        return b""


def _begins_unjudged(connection: Any, data: Any) -> bool:
    """Whether these bytes begin a request, other than the one that was judged and is being sent."""
    judged = request_scope.checked_form(connection)
    if isinstance(judged, tuple) and isinstance(data, bytes) and data in http_message.as_judged(*judged):
        return False
    within_request = getattr(connection, "_HTTPConnection__state", None) == _SENDING_BODY
    try:
        return http_message.concerns_plane(data, within_request=within_request)
    except Exception:  # noqa: BLE001  what cannot be read might be anything
        return True


def _is_elsewhere(connection: Any, data: bytes) -> bool:
    """Whether these bytes follow in a request, and could not begin one for Plane if they began one."""
    try:
        return connection._HTTPConnection__state == _SENDING_BODY and not first_line_might_be_plane(data)
    except AttributeError:  # whatever it is, it is no connection as http.client makes it
        return False


def _body_of(connection: object, message_body: object, encode_chunked: Any) -> http_message.Body:
    if message_body is not None:
        return http_message.Body(message_body, encode_chunked)
    noted = http_connection.noted_body(connection)
    return http_message.NOTHING if noted is None else http_message.Body(noted, encoded=True)
