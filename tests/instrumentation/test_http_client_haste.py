"""What `http.client` lets pass in haste is a plain read, or nothing that could begin a request to Plane."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plane_guard import PlaneWriteBlocked
from plane_guard.request import OVERRIDES
from plane_guard_instrumentation.clients import http_client, http_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane

PIECES = [
    "GET",
    "PATCH",
    " ",
    "\t",
    "/",
    "x",
    "api",
    "aPI",
    "/api/v1/",
    "%61pi",
    "HTTP/1.1",
    "HTTP/",
    "1",
    ":",
    "\r",
    "\n",
]
SPELLINGS = [spell(name) for name in sorted(OVERRIDES) for spell in (str.lower, str.upper, str.title, str.swapcase)]
NOTHING = http_message.Body()


class Equal(bytes):
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = bytes.__hash__


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_follows_in_a_request_passes_in_haste_only_if_a_careful_look_would_let_it(text: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1")
    connection.__dict__["_HTTPConnection__state"] = "Request-sent"
    data = text.encode()

    if http_client._is_elsewhere(connection, data):
        assert not http_message.concerns_plane(data, within_request=True)


def test_nothing_passes_in_haste_before_a_request_has_begun() -> None:
    assert not http_client._is_elsewhere(http.client.HTTPConnection("127.0.0.1"), b"{}")
    assert not http_client._is_elsewhere(object(), b"{}")


def head(line: bytes, *fields: bytes) -> bytes:
    return http_message.as_sent([line, b"Host: x", *fields])


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_head_with_an_override_in_any_spelling_is_no_plain_read(name: str) -> None:
    for field in (b"%s: DELETE", b"%s:DELETE", b"%s:", b"%s : DELETE", b" %s: DELETE"):
        assert not http_message.reads(head(b"GET / HTTP/1.1", field % name.encode()), NOTHING)
        assert not http_message.reads(head(b"GET / HTTP/1.1", b"Accept: */*", field % name.encode()), NOTHING)


@pytest.mark.parametrize(
    "field",
    [
        b"A: b\rPATCH /api/v1/ HTTP/1.1",
        b"A: \xff",
        b"A: \x00",
        b"A\xff: b",
        b": b",
        b"A",
        b"A b: c",
        b"A: b\r\n folded",
    ],
)
def test_a_head_with_a_header_that_some_read_otherwise_is_no_plain_read(field: bytes) -> None:
    assert not http_message.reads(head(b"GET / HTTP/1.1", field), NOTHING)


@pytest.mark.parametrize("field", [b"X-HTTP-Method-Overrides: x", b"X-Script: x", b"A: X-HTTP-Method: x", b"A:\t b"])
def test_a_header_that_is_like_an_override_leaves_a_read_a_read(field: bytes) -> None:
    assert http_message.reads(head(b"GET / HTTP/1.1", field), NOTHING)


@pytest.mark.parametrize(
    "line",
    [b"get / HTTP/1.1", b"GET / HTTP/2", b"GET / HTTP/1.1 ", b"GET  / HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET /"],
)
def test_a_request_line_that_is_not_the_usual_one_is_no_plain_read(line: bytes) -> None:
    assert not http_message.reads(head(line), NOTHING)


@pytest.fixture
def write(plane: FakePlane) -> bytes:
    path = f"/api/v1/workspaces/acme/projects/{plane.prod.id}/work-items/{plane.prod.items['ORCH-114']}/"
    return f"DELETE {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {plane.token}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.usefixtures("plane_blocked_writes")
class TestOnTheWire:
    @pytest.mark.parametrize("first", ["/", "/api/v1/workspaces/acme/projects/"], ids=["elsewhere", "a read"])
    def test_a_head_that_changes_behind_the_look_at_it(
        self, plane: FakePlane, write: bytes, first: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Changing(http.client.HTTPConnection):
            def _send_output(self: Any, *arguments: Any, **options: Any) -> None:
                self._buffer[:] = write.removesuffix(b"\r\n\r\n").split(b"\r\n")
                super()._send_output(*arguments, **options)  # type: ignore[misc]

        with pytest.raises(PlaneWriteBlocked):
            Changing("127.0.0.1", plane.port, timeout=10).request("GET", first)
        assert plane.requests == []

    @pytest.mark.parametrize("kind", [Equal, bytearray, memoryview])
    def test_bytes_that_are_no_plain_ones_behind_a_read(
        self, plane: FakePlane, connection: http.client.HTTPConnection, write: bytes, kind: Callable[[bytes], bytes]
    ) -> None:
        connection.request("GET", "/api/v1/workspaces/acme/projects/", headers={"X-API-Key": plane.token})
        connection.getresponse().read()
        connection.request("GET", "/")
        with pytest.raises(PlaneWriteBlocked):
            connection.send(kind(write))

        assert plane.writes == []

    def test_a_request_line_that_can_be_changed_where_it_is(
        self, plane: FakePlane, connection: http.client.HTTPConnection, write: bytes
    ) -> None:
        connection.putrequest("GET", "/api/v1/workspaces/acme/projects/")
        line = bytearray(b"GET /api/v1/workspaces/acme/projects/ HTTP/1.1")
        connection._buffer[0] = line  # type: ignore[attr-defined]
        output = connection._send_output  # type: ignore[attr-defined]

        def change(*arguments: Any, **options: Any) -> None:
            line[:] = write.partition(b"\r\n")[0]
            output(*arguments, **options)

        connection._send_output = change  # type: ignore[attr-defined]
        with pytest.raises(PlaneWriteBlocked):
            connection.endheaders()
        assert plane.requests == []

    def test_the_same_head_with_a_body_behind_it(
        self, plane: FakePlane, connection: http.client.HTTPConnection, write: bytes
    ) -> None:
        connection.request("GET", "/api/v1/workspaces/acme/projects/")
        connection.getresponse().read()
        connection.putrequest("GET", "/api/v1/workspaces/acme/projects/")
        with pytest.raises(PlaneWriteBlocked):
            connection.endheaders(write)

        assert plane.writes == []

    def test_a_read_that_was_remembered_may_be_sent_by_hand(
        self, plane: FakePlane, connection: http.client.HTTPConnection
    ) -> None:
        data = head(b"GET /api/v1/workspaces/acme/projects/ HTTP/1.1", b"X-API-Key: " + plane.token.encode())
        for _ in range(2):
            assert http_message.reads(data, NOTHING)
            connection.send(data)
            assert connection.sock is not None
            assert connection.sock.recv(65_536).startswith(b"HTTP/1.1 200")

        assert [request.method for request in plane.requests] == ["GET", "GET"]
