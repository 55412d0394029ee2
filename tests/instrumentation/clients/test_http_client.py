"""Plane writes of every client that stands on `http.client`, against a server that would carry them out."""

from __future__ import annotations

import http.client
import io
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext

from plane_guard import PlaneWriteBlocked, hosts, process
from plane_guard_instrumentation.clients import http1, http_client
from plane_guard_instrumentation.enforcement import check, ownership, request_scope
from plane_guard_instrumentation.testing.http_server import HTTPServer, Reply
from tests.instrumentation.clients.http_client_cases import CLIENTS, Came, Send, note_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from plane_guard_instrumentation.testing import FakePlane, ReceivedRequest

JSON = "application/json"


@pytest.fixture(params=list(CLIENTS.values()), ids=list(CLIENTS))
def send(request: pytest.FixtureRequest) -> Send:
    chosen: Send = request.param
    return chosen


@pytest.fixture(autouse=True)
def forget() -> None:
    ownership._proven.clear()


@pytest.fixture
def headers(plane: FakePlane) -> dict[str, str]:
    return {"X-API-Key": plane.token, "Content-Type": JSON}


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[ReceivedRequest]]]:
    """A server that is not Plane and keeps what it received; `away` makes paths of it that redirect."""
    received: list[ReceivedRequest] = []

    def answer(request: ReceivedRequest) -> Reply:
        received.append(request)
        _, _, to = request.target.partition("/to/")
        status, _, location = to.partition("/")
        there = bytes.fromhex(location).decode()
        return Reply(int(status), None, {"Location": there}) if there else Reply(200, {"fine": True})

    server = HTTPServer(answer)
    server.start()
    # A fake Plane of an earlier test may have had the same port, and is still known by it.
    known = process.fixed()
    learned = hosts.entry("127.0.0.1", server.port)
    monkeypatch.setattr(process._State, "fixed", known._replace(hosts=known.hosts - {learned}))
    try:
        yield f"http://127.0.0.1:{server.port}", received
    finally:
        server.stop()


def away(status: int, location: str) -> str:
    return f"/to/{status}/{location.encode().hex()}"


def item_url(plane: FakePlane, item: str, below: str = "", project: str = "") -> str:
    where = project or (plane.sandbox.id if item.startswith("SBX") else plane.prod.id)
    items = {**plane.prod.items, **plane.sandbox.items}
    return f"{plane.url}/api/v1/workspaces/acme/projects/{where}/work-items/{items[item]}/{below}"


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "PUT", "patch"])
def test_a_write_to_production_is_refused_before_anything_is_sent(
    plane: FakePlane,
    send: Send,
    headers: Mapping[str, str],
    method: str,
    plane_blocked_writes: list[PlaneWriteBlocked],
) -> None:
    with pytest.raises(PlaneWriteBlocked, match="opt-in-disabled"):
        send(method, item_url(plane, "ORCH-114"), headers, b'{"name": "changed"}')

    assert plane.requests == []
    assert [(refusal.layer, refusal.project_id) for refusal in plane_blocked_writes] == [("http.client", plane.prod.id)]


@pytest.mark.usefixtures("plane_sandbox_writes", "plane_blocked_writes")
class TestWithTheOptIn:
    def test_production_stays_out_of_reach(self, plane: FakePlane, send: Send, headers: Mapping[str, str]) -> None:
        with pytest.raises(PlaneWriteBlocked, match="prod-project-in-test"):
            send("PATCH", item_url(plane, "ORCH-114"), headers, b'{"name": "changed"}')

        assert plane.requests == []

    def test_a_comment_in_the_sandbox_arrives_whole_after_one_proof(
        self, plane: FakePlane, send: Send, headers: Mapping[str, str]
    ) -> None:
        body = json.dumps({"comment_html": "<p>ä</p>" * 1000}).encode()
        for _ in range(2):
            assert send("POST", item_url(plane, "SBX-1", "comments/"), headers, body).status == 201

        assert [request.method for request in plane.requests] == ["GET", "POST", "POST"]
        assert [request.body for request in plane.writes] == [body, body]

    def test_a_production_item_under_the_sandbox_path_is_refused(
        self, plane: FakePlane, send: Send, headers: Mapping[str, str]
    ) -> None:
        with pytest.raises(PlaneWriteBlocked, match="HTTP 404"):
            send("POST", item_url(plane, "ORCH-114", "comments/", plane.sandbox.id), headers, b'{"comment_html": "x"}')

        assert plane.changes == []

    def test_a_proof_follows_no_redirect(self, plane: FakePlane, send: Send, headers: Mapping[str, str]) -> None:
        plane.faults = replace(plane.faults, redirect_to="http://127.0.0.1:9")
        with pytest.raises(PlaneWriteBlocked, match="HTTP 307"):
            send("POST", item_url(plane, "SBX-1", "comments/"), headers, b'{"comment_html": "x"}')

    @pytest.mark.parametrize("wrap", [io.BytesIO, lambda data: iter([data])], ids=["file", "generator"])
    def test_a_stream_is_refused_because_it_could_name_other_objects(
        self, plane: FakePlane, send: Send, headers: Mapping[str, str], wrap: Callable[[bytes], Iterator[bytes]]
    ) -> None:
        cycle = f"{plane.url}/api/v1/workspaces/acme/projects/{plane.sandbox.id}/cycles/"
        cycle += f"{plane.sandbox.ids('cycles')['Cycle 1']}/cycle-issues/"
        issues = json.dumps({"issues": [plane.prod.items["ORCH-114"]]}).encode()
        with pytest.raises(PlaneWriteBlocked, match="the body cannot be read"):
            send("POST", cycle, headers, wrap(issues))

        with pytest.raises(PlaneWriteBlocked, match="the body cannot be read"):
            send("POST", item_url(plane, "SBX-1", "comments/"), headers, wrap(b'{"comment_html": "x"}'))

        assert plane.requests == []

    def test_production_items_in_a_body_are_refused(
        self, plane: FakePlane, send: Send, headers: Mapping[str, str]
    ) -> None:
        cycle = f"{plane.url}/api/v1/workspaces/acme/projects/{plane.sandbox.id}/cycles/"
        cycle += f"{plane.sandbox.ids('cycles')['Cycle 1']}/cycle-issues/"
        issues = [plane.sandbox.items["SBX-1"], plane.prod.items["ORCH-114"]]
        with pytest.raises(PlaneWriteBlocked, match="foreign-reference"):
            send("POST", cycle, headers, json.dumps({"issues": issues}).encode())

        assert plane.changes == []
        assert send("POST", cycle, headers, json.dumps({"issues": issues[:1]}).encode()).status == 200


def test_reads_pass(plane: FakePlane, send: Send, headers: Mapping[str, str]) -> None:
    came = send("GET", item_url(plane, "ORCH-114"), headers, None)

    assert json.loads(came.content)["id"] == plane.prod.items["ORCH-114"]


@pytest.mark.parametrize(
    "wrap", [bytes, io.BytesIO, lambda data: iter([data[:5], data[5:]])], ids=["bytes", "file", "chunks"]
)
def test_what_goes_to_other_servers_is_left_alone(
    other: tuple[str, list[ReceivedRequest]], send: Send, wrap: Callable[[bytes], bytes]
) -> None:
    url, received = other
    body = os.urandom(300_000)

    assert send("POST", f"{url}/api/upload", {}, wrap(body)) == Came(200, b'{"fine": true}')
    assert [(request.method, request.target) for request in received] == [("POST", "/api/upload")]
    assert received[0].body == body


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_that_ends_as_a_write_at_production_is_refused_at_that_hop(
    plane: FakePlane,
    other: tuple[str, list[ReceivedRequest]],
    headers: Mapping[str, str],
    status: int,
    plane_blocked_writes: list[PlaneWriteBlocked],
) -> None:
    url, received = other
    with pytest.raises(PlaneWriteBlocked):
        requests.delete(url + away(status, item_url(plane, "ORCH-114")), headers=headers, timeout=10)

    assert [request.method for request in received] == ["DELETE"]
    assert plane.requests == []
    assert len(plane_blocked_writes) == 1


def test_a_redirect_that_turns_into_a_read_passes(
    plane: FakePlane, other: tuple[str, list[ReceivedRequest]], headers: Mapping[str, str]
) -> None:
    response = requests.post(other[0] + away(302, item_url(plane, "ORCH-114")), headers=headers, data=b"{}", timeout=10)

    assert response.json()["id"] == plane.prod.items["ORCH-114"]


def test_a_missing_slash_is_judged_before_the_redirect(
    plane: FakePlane, send: Send, headers: Mapping[str, str], plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    with pytest.raises(PlaneWriteBlocked):
        send("DELETE", item_url(plane, "ORCH-114").rstrip("/"), headers, None)

    assert plane.requests == []


def test_a_kept_alive_connection_is_judged_request_by_request(
    plane: FakePlane, headers: Mapping[str, str], plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    with requests.Session() as session:
        session.headers.update(headers)
        for _ in range(2):
            assert session.get(item_url(plane, "ORCH-114"), timeout=10).status_code == 200
            with pytest.raises(PlaneWriteBlocked):
                session.patch(item_url(plane, "ORCH-114"), json={"name": "x"}, timeout=10)

    assert plane.writes == []
    assert len(plane_blocked_writes) == 2


@pytest.fixture
def path(plane: FakePlane) -> str:
    return item_url(plane, "ORCH-114").removeprefix(plane.url)


@pytest.mark.usefixtures("plane_blocked_writes")
class TestByHand:
    def test_headers_put_one_by_one(self, plane: FakePlane, connection: http.client.HTTPConnection, path: str) -> None:
        connection.putrequest("PATCH", path)
        connection.putheader("Content-Length", "0")
        with pytest.raises(PlaneWriteBlocked):
            connection.endheaders()

        assert plane.requests == []

    def test_a_refused_connection_can_be_used_for_a_read(
        self, plane: FakePlane, connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
    ) -> None:
        with pytest.raises(PlaneWriteBlocked):
            connection.request("PATCH", path, b"{}", headers)
        connection.request("GET", path, headers=headers)

        assert connection.getresponse().status == 200
        assert [request.method for request in plane.requests] == ["GET"]

    def test_a_request_line_left_over_from_before(
        self, plane: FakePlane, connection: http.client.HTTPConnection, path: str
    ) -> None:
        connection.putrequest("PATCH", path)
        connection.close()
        connection.putrequest("GET", "/")
        with pytest.raises(PlaneWriteBlocked):
            connection.endheaders()

        assert plane.requests == []

    @pytest.mark.parametrize(
        "pieces", [["{}"], ["PATCH ", "{}"], ["PATC", "H /api", "/v1/", "{}"], ["GET / HTTP/1.1\r\nHost: x\r\n\r\n{}"]]
    )
    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: [data], io.BytesIO])
    def test_bytes_sent_past_the_request_methods(
        self,
        plane: FakePlane,
        connection: http.client.HTTPConnection,
        path: str,
        pieces: list[str],
        kind: Callable[[bytes], bytes],
    ) -> None:
        head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {plane.token}\r\nContent-Length: 2\r\n\r\n{{}}"
        with pytest.raises(PlaneWriteBlocked):  # noqa: PT012  any of them may be the one
            for piece in pieces:
                connection.send(kind(piece.replace("{}", head).encode()))

        assert plane.requests == []

    def test_bytes_sent_behind_a_read(
        self, plane: FakePlane, connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
    ) -> None:
        connection.request("GET", path, headers=headers)
        with pytest.raises(PlaneWriteBlocked):
            connection.send(f"PATCH {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

        assert plane.writes == []

    def test_a_body_that_is_a_request_of_its_own(
        self, plane: FakePlane, connection: http.client.HTTPConnection, path: str
    ) -> None:
        connection.putrequest("GET", "/api/")
        with pytest.raises(PlaneWriteBlocked):
            connection.endheaders(f"PATCH {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

        assert plane.writes == []

    def test_a_head_that_cannot_be_read(self, plane: FakePlane, path: str) -> None:
        class Odd(http.client.HTTPConnection):
            _http_vsn_str = "SPDY"

        with pytest.raises(PlaneWriteBlocked, match="off in test"):
            Odd("127.0.0.1", plane.port).request("PATCH", path)

        assert plane.requests == []

    def test_an_error_inside_the_shell(
        self, plane: FakePlane, connection: http.client.HTTPConnection, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http1, "outgoing", lambda *_: 1 // 0)
        with pytest.raises(PlaneWriteBlocked, match="guard-error"):
            connection.request("POST", path, b"{}")

        assert plane.requests == []


@pytest.mark.usefixtures("plane_sandbox_writes", "plane_blocked_writes")
@pytest.mark.parametrize(
    "framing",
    [
        {"Transfer-Encoding": "chunked"},
        {"Content-Length": "1"},
        {"Content-Length": "0"},
        {"Content-Length": "26", "Transfer-Encoding": "chunked"},
    ],
    ids=str,
)
def test_a_body_framed_otherwise_than_it_is_counts_as_unreadable(
    plane: FakePlane, connection: http.client.HTTPConnection, headers: dict[str, str], framing: dict[str, str]
) -> None:
    cycle = f"/api/v1/workspaces/acme/projects/{plane.sandbox.id}/cycles/{plane.sandbox.ids('cycles')['Cycle 1']}/"
    with pytest.raises(PlaneWriteBlocked, match="the body cannot be read"):
        connection.request("POST", f"{cycle}cycle-issues/", b'{"issues": []}            ', {**headers, **framing})

    assert plane.requests == []


def test_raw_bytes_for_other_servers_pass(other: tuple[str, list[ReceivedRequest]]) -> None:
    url, received = other
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.send(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    connection.send(b"POST /again HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    connection.send(b'{"a": 12}')
    assert connection.sock is not None
    answered = b""
    while answered.count(b"fine") < 2:
        answered += connection.sock.recv(65_536)
    connection.close()

    assert [request.body for request in received] == [b"hello", b'{"a": 12}']


def test_the_connections_of_guarded_clients_carry_the_token(plane: FakePlane, send: Send) -> None:
    seen: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        note_connections(patch, seen)
        send("GET", f"{plane.url}/", {}, None)

    assert seen == [True]
    assert not request_scope.is_connecting()


@pytest.mark.usefixtures("plane_sandbox_writes")
def test_a_shell_around_another_shell_judges_once(
    plane: FakePlane, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded, judge = http.client.HTTPConnection.endheaders, check.check_request
    judged: list[str] = []

    def noted(sent: check.OutgoingRequest) -> object:
        judged.append(sent.method)
        return judge(sent)

    monkeypatch.setattr(http.client.HTTPConnection, "endheaders", http_client.patch_endheaders(guarded, "http.client"))
    monkeypatch.setattr(check, "check_request", noted)
    requests.patch(item_url(plane, "SBX-1"), json={"name": "x"}, headers=headers, timeout=10)

    assert judged.count("PATCH") == len(plane.writes) == 1


def test_traces_are_exported_as_before(other: tuple[str, list[ReceivedRequest]]) -> None:
    url, received = other
    span = ReadableSpan("a span", context=SpanContext(1, 1, is_remote=False), start_time=1, end_time=2)
    exporter = OTLPSpanExporter(endpoint=f"{url}/api/v1/traces")
    result = exporter.export([span])
    exporter.shutdown()  # type: ignore[no-untyped-call]

    assert result is SpanExportResult.SUCCESS
    assert [(request.method, request.target) for request in received] == [("POST", "/api/v1/traces")]
    assert b"a span" in received[0].body
