"""Bytes that reach the socket of an `http.client` connection otherwise than they were checked."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard import PlaneWriteBlocked
from plane_guard.request import OVERRIDES

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane


class Equal(bytes):
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = bytes.__hash__


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

    @pytest.mark.parametrize("between", ["\r\n", "\n", "\r\nA: b\n", "\r\n\r\n"])
    def test_a_write_behind_any_line_of_a_read(
        self, plane: FakePlane, connection: http.client.HTTPConnection, write: bytes, between: str
    ) -> None:
        with pytest.raises(PlaneWriteBlocked):
            connection.send(f"GET / HTTP/1.1{between}".encode() + write)

        assert plane.requests == []

    @pytest.mark.parametrize("field", ["{}: DELETE", "{}:DELETE", "{}:", "{} : DELETE", " {}: DELETE"])
    def test_an_override_in_any_spelling_behind_a_read(
        self, plane: FakePlane, connection: http.client.HTTPConnection, field: str
    ) -> None:
        for name in (spell(name) for name in sorted(OVERRIDES) for spell in (str.lower, str.upper, str.title)):
            head = f"GET /api/v1/workspaces/acme/projects/ HTTP/1.1\r\n{field.format(name)}\r\n"
            with pytest.raises(PlaneWriteBlocked):
                connection.send(f"{head}Host: x\r\n\r\n".encode())

        assert plane.requests == []

    def test_a_read_may_be_sent_by_hand(self, plane: FakePlane, connection: http.client.HTTPConnection) -> None:
        data = f"GET /api/v1/workspaces/acme/projects/ HTTP/1.1\r\nHost: x\r\nX-API-Key: {plane.token}\r\n\r\n"
        for _ in range(2):
            connection.send(data.encode())
            assert connection.sock is not None
            assert connection.sock.recv(65_536).startswith(b"HTTP/1.1 200")

        assert [request.method for request in plane.requests] == ["GET", "GET"]

    @pytest.mark.usefixtures("plane_sandbox_writes")
    @pytest.mark.parametrize(
        ("fields", "body"),
        [
            ("Content-Length: 9\r\n", "{}"),
            ("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
            ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "{}"),
            ("Content-Length: 2\n", "{}"),
            ("", "{}"),
            ("Content-Length: 2\r\n", ""),
        ],
        ids=["shorter", "two lengths", "chunked", "a bare line feed", "no length", "no body yet"],
    )
    def test_a_body_by_hand_that_servers_could_frame_differently(
        self, plane: FakePlane, connection: http.client.HTTPConnection, fields: str, body: str
    ) -> None:
        head = f"POST /api/v1/workspaces/acme/projects/{plane.sandbox.id}/labels/ HTTP/1.1\r\n"
        head += f"Host: 127.0.0.1:{plane.port}\r\n"
        with pytest.raises(PlaneWriteBlocked, match="the body cannot be read"):
            connection.send(f"{head}X-API-Key: {plane.token}\r\n{fields}\r\n{body}".encode())

        assert plane.requests == []
