"""Bodies that `http.client` sends separately from their heads, and answers that a server compresses."""

from __future__ import annotations

import gzip
import http.client
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from urllib3.exceptions import ProtocolError
from urllib3.http2.connection import HTTP2Connection

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.clients import gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane

BODY = json.dumps({"name": "urgent"}).encode()


def start(connection: http.client.HTTPConnection, plane: FakePlane, project: str, length: int = len(BODY)) -> None:
    connection.putrequest("POST", f"/api/v1/workspaces/acme/projects/{project}/labels/")
    connection.putheader("X-API-Key", plane.token)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(length))
    connection.endheaders()


WAYS: dict[str, Callable[[http.client.HTTPConnection], object]] = {
    "one piece": lambda connection: connection.send(BODY),
    "many pieces": lambda connection: list(map(connection.send, [BODY[:1], BODY[1:9], BODY[9:]])),
    "bytearray": lambda connection: connection.send(bytearray(BODY)),
    "file": lambda connection: connection.send(io.BytesIO(BODY)),
    "iterable": lambda connection: connection.send([BODY[:5], BODY[5:]]),
}


@pytest.mark.usefixtures("plane_sandbox_writes")
@pytest.mark.parametrize("way", WAYS)
def test_a_body_that_follows_its_head_is_read_with_it(
    plane: FakePlane, connection: http.client.HTTPConnection, way: str
) -> None:
    start(connection, plane, plane.sandbox.id)
    assert plane.requests == []
    WAYS[way](connection)

    assert connection.getresponse().status == 201
    assert [request.body for request in plane.requests] == [BODY]


@pytest.mark.usefixtures("plane_blocked_writes")
@pytest.mark.parametrize("way", WAYS)
def test_a_write_to_production_is_refused_when_its_body_is_complete(
    plane: FakePlane, connection: http.client.HTTPConnection, way: str
) -> None:
    start(connection, plane, plane.prod.id)
    with pytest.raises(PlaneWriteBlocked, match="opt-in-disabled"):
        WAYS[way](connection)

    assert plane.requests == []


@pytest.mark.usefixtures("plane_sandbox_writes")
def test_a_body_that_never_comes_sends_nothing(plane: FakePlane, connection: http.client.HTTPConnection) -> None:
    start(connection, plane, plane.sandbox.id)
    connection.send(BODY[:5])
    with pytest.raises(http.client.ResponseNotReady):
        connection.getresponse()

    assert plane.requests == []
    connection.close()
    start(connection, plane, plane.sandbox.id)
    connection.send(BODY)
    assert connection.getresponse().status == 201


def test_a_call_out_of_sequence_gets_the_library_s_own_error(plane: FakePlane) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", plane.port)
    with pytest.raises(http.client.CannotSendHeader):
        connection.endheaders()
    connection.auto_open = 0
    with pytest.raises(http.client.NotConnected):
        connection.send(b"POST /api/v1/workspaces/acme/ HTTP/1.1\r\n\r\n")
    connection.putrequest("POST", "/api/v1/workspaces/acme/")
    with pytest.raises(http.client.CannotSendRequest):
        connection.putrequest("POST", "/")
    with pytest.raises(ProtocolError):
        HTTP2Connection("127.0.0.1", plane.port).endheaders()


@pytest.mark.parametrize("encoding", [b"gzip", b"x-gzip", b"deflate", b"identity"])
def test_an_answer_is_read_as_it_was_encoded(encoding: bytes) -> None:
    import zlib

    encode: dict[bytes, Callable[[bytes], bytes]] = {b"deflate": zlib.compress, b"identity": bytes}
    content: Any = encode.get(encoding, gzip.compress)(b'{"id": 1}')

    assert gate.response(200, [(b"Content-Encoding", encoding)], content).content == b'{"id": 1}'


def test_an_answer_that_grows_when_it_is_decoded_stays_bounded() -> None:
    bomb = gzip.compress(b"x" * 20_000_000)

    assert len(gate.response(200, [(b"content-encoding", b"gzip")], bomb).content) < 5_000_000
