"""The fake server answers reads, asks for a token, remembers everything, and goes wrong when it is asked to."""

from __future__ import annotations

import socket

import pytest

from plane_guard_instrumentation.testing import FakePlane, Faults
from tests.instrumentation.testing.fake_plane_cases import NAMED, P, S, W, fill, known
from tests.instrumentation.testing.raw_http import cut, exchange, send


@pytest.mark.parametrize(("token", "status"), [("", 401), ("plane_api_wrong", 403)])
def test_without_a_good_token_nothing_is_answered(plane: FakePlane, token: str, status: int) -> None:
    target = (P + "/work-items/{p_item}/").format(**known(plane))
    assert send(plane, "PATCH", target, {"priority": "low"}, token=token).status == status
    assert not plane.changes


def test_a_token_that_is_no_member_of_production_cannot_address_it(plane: FakePlane) -> None:
    target = (P + "/work-items/{p_item}/").format(**known(plane))
    assert send(plane, "PATCH", target, {"priority": "low"}, token=plane.limited_token).status == 403


@pytest.mark.parametrize(
    ("target", "field", "expected"),
    [
        (P + "/", "identifier", "ORCH"),
        (P + "/work-items/{p_item}/", "sequence_id", 114),
        (P + "/issues/{p_item}/", "project", "{prod}"),
        (W + "/work-items/ORCH-114/", "id", "{p_item}"),
        (W + "/issues/ORCH-114/", "id", "{p_item}"),
    ],
)
def test_one_thing_can_be_read(plane: FakePlane, target: str, field: str, expected: object) -> None:
    ids = known(plane)
    reply = send(plane, "GET", target.format(**ids))
    assert (reply.status, reply.value[field]) == (200, fill(expected, ids))


@pytest.mark.parametrize(
    ("target", "count"),
    [
        ("/states/", 5),
        ("/work-items/", 4),
        ("/issues/", 4),
        ("/cycles/", 2),
        ("/labels/", 2),
        ("/intake-issues/", 1),
    ],
)
def test_lists_come_in_planes_envelope(plane: FakePlane, target: str, count: int) -> None:
    value = send(plane, "GET", (P + target).format(**known(plane))).value
    assert (value["total_count"], len(value["results"]), value["next_page_results"]) == (count, count, False)


def test_a_comment_can_be_read_back(plane: FakePlane) -> None:
    target = (S + "/work-items/{s_item}/comments/").format(**known(plane))
    send(plane, "POST", target, {"comment_html": "<p>hello</p>"})
    assert send(plane, "GET", target).value["results"][-1]["comment_html"] == "<p>hello</p>"


def test_a_deleted_item_is_gone(plane: FakePlane) -> None:
    target = (S + "/work-items/{s_item}/").format(**known(plane))
    send(plane, "PATCH", target, {"deleted_at": "2026-01-05"})
    assert send(plane, "GET", target).status == 404


def test_the_file_of_an_attachment_goes_to_the_storage(plane: FakePlane) -> None:
    target = (S + "/work-items/{s_item}/attachments/").format(**known(plane))
    url = send(plane, "POST", target, NAMED).value["upload_data"]["url"]
    assert send(plane, "POST", url.removeprefix(plane.url), b"file", kind="text/plain").status == 204


def test_the_record_holds_the_request_byte_for_byte(plane: FakePlane) -> None:
    head = (
        b"PaTcH /odd%20path?q=1 HTTP/1.1\r\nHost: x\r\nX-One:  two \r\nConnection: close\r\nContent-Length: 4\r\n\r\n"
    )
    exchange(plane, head + b"body")
    (request,) = plane.requests
    assert (request.method, request.target, request.body) == ("PaTcH", "/odd%20path?q=1", b"body")
    assert request.head == head
    assert request.header("x-one") == "two"
    assert plane.writes == [request]


def test_a_change_names_the_request_that_made_it(plane: FakePlane) -> None:
    target = (P + "/work-items/{p_item}/").format(**known(plane))
    send(plane, "PATCH", target, {"priority": "low"})
    (change,) = plane.changes_of(plane.prod.id)
    assert (change.table, change.what, change.request.target) == (
        "work_items",
        "changed priority",
        target,
    )


def test_reads_are_not_counted_as_writes(plane: FakePlane) -> None:
    send(plane, "GET", (P + "/").format(**known(plane)))
    assert len(plane.requests) == 1
    assert plane.writes == []


def test_reset_goes_back_to_the_first_day(plane: FakePlane) -> None:
    before = plane.snapshot(plane.prod.id)
    plane.faults = Faults(limited=3)
    send(plane, "DELETE", (P + "/").format(**known(plane)))
    plane.faults = Faults()
    assert send(plane, "DELETE", (P + "/").format(**known(plane))).status == 204
    assert plane.snapshot(plane.prod.id) == {}
    plane.reset()
    assert (plane.snapshot(plane.prod.id), plane.requests, plane.changes) == (before, [], [])


def test_a_limited_client_is_told_when_to_come_back(plane: FakePlane) -> None:
    plane.faults = Faults(limited=1, retry_after="7")
    target = (P + "/").format(**known(plane))
    first, second = send(plane, "GET", target), send(plane, "GET", target)
    assert (first.status, first.headers["retry-after"], first.value["error_code"]) == (429, "7", 5900)
    assert "x-ratelimit-remaining" not in first.headers
    assert (second.status, second.headers["x-ratelimit-remaining"]) == (200, "59")


def test_a_redirect_keeps_method_and_target(plane: FakePlane) -> None:
    plane.faults = Faults(redirect_to="http://127.0.0.1:9")
    reply = send(plane, "PATCH", "/api/v1/x/?y=1", {})
    assert (reply.status, reply.headers["location"]) == (307, "http://127.0.0.1:9/api/v1/x/?y=1")


def test_with_the_broker_down_a_500_hides_a_write_that_landed(plane: FakePlane) -> None:
    plane.faults = Faults(broker_down=True)
    target = (P + "/work-items/{p_item}/").format(**known(plane))
    assert send(plane, "PATCH", target, {"priority": "low"}).status == 500
    assert plane.changes_of(plane.prod.id)


def test_a_slow_server_is_slow(plane: FakePlane) -> None:
    plane.faults = Faults(delay=0.3)
    with socket.create_connection(("127.0.0.1", plane.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_connection_is_kept_for_the_next_request(plane: FakePlane) -> None:
    with socket.create_connection(("127.0.0.1", plane.port), timeout=5) as connection:
        for _ in range(2):
            connection.sendall(b"GET /nowhere/ HTTP/1.1\r\nHost: x\r\n\r\n")
            assert cut(connection.recv(65536)).status == 404
    assert len(plane.requests) == 2


def test_a_chunked_body_is_put_together(plane: FakePlane) -> None:
    target = (S + "/work-items/").format(**known(plane))
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {plane.token}\r\nContent-Type: application/json\r\n"
    chunks = b'8\r\n{"name":\r\n4\r\n"x"}\r\n0\r\n\r\n'
    sent = head.encode() + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks
    assert exchange(plane, sent).status == 201
    assert plane.requests[0].body == b'{"name":"x"}'


def test_a_client_that_waits_for_permission_gets_it_before_the_answer(plane: FakePlane) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    with socket.create_connection(("127.0.0.1", plane.port), timeout=5) as connection:
        connection.sendall(head)
        assert cut(connection.recv(65536)).status == 100
        connection.sendall(b"body")
        assert cut(connection.recv(65536)).status == 404
    assert plane.requests[0].body == b"body"


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"])
def test_bytes_that_are_no_request_are_400(plane: FakePlane, sent: bytes) -> None:
    assert exchange(plane, sent).status == 400
    assert plane.requests == []


def test_leaving_the_block_hangs_up_on_idle_clients() -> None:
    with FakePlane() as plane:
        connection = socket.create_connection(("127.0.0.1", plane.port), timeout=5)
        connection.sendall(b"GET /nowhere/ HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(65536)
    with connection:
        assert connection.recv(1) == b""
