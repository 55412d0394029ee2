"""The patch of `http.client` beside mocks, other tools, other versions, and in processes that are not guarded."""

from __future__ import annotations

import copy
import http.client
import pickle
import re
import socket
from typing import TYPE_CHECKING

import httplib2
import pytest
import vcr
from urllib3.http2.connection import HTTP2Connection

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.clients import patches
from tests.instrumentation.clients.http_client_cases import note_connections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

WRITE = """
    import os, requests
    URL = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/labels/'
    HEADERS = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
    def write():
        return requests.post(URL, json={"name": "urgent"}, headers=HEADERS, timeout=10).status_code
"""


@pytest.fixture
def url(plane: FakePlane) -> str:
    return f"{plane.url}/api/v1/workspaces/acme/projects/{plane.prod.id}/work-items/{plane.prod.items['ORCH-114']}/"


def test_a_mock_that_replaces_the_classes_is_not_taken_for_a_missing_patch(tmp_path: Path) -> None:
    with vcr.use_cassette(str(tmp_path / "cassette.yaml")):
        assert http.client.HTTPConnection.__name__ != "HTTPConnection"
        assert patches.verify() == []
    assert patches.verify() == []


def test_every_patch_is_in_place_and_put_back_when_it_was_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    present = [(owner, target) for owner, target in patches._present_targets() if target.layer == "http.client"]
    assert {target.module for _, target in present} >= {"http.client", "urllib3.connection", "httplib2"}
    for owner, target in present:
        monkeypatch.setattr(owner, target.method, getattr(owner, target.method).__plane_guard_original__)
        assert patches.verify() == [str(target)]
        assert patches.verify() == []


def test_connections_can_be_copied_and_pickled_as_before() -> None:
    connection = http.client.HTTPConnection("127.0.0.1", 9, timeout=1)
    connection.putrequest("GET", "/")

    for twin in (copy.copy(connection), copy.deepcopy(connection), pickle.loads(pickle.dumps(connection))):
        assert type(twin) is http.client.HTTPConnection
        assert twin.__dict__ == connection.__dict__


def test_the_evidence_names_layer_test_operation_and_the_callers_own_line(child: Child, plane: FakePlane) -> None:
    child.write("client.py", WRITE)
    child.write("test_it.py", "import client\ndef test_it():\n    client.write()\n")
    result = child.pytest()

    assert "1 failed" in result.stdout, result.stdout + result.stderr
    (decision,) = child.decisions()
    assert (decision.layer, decision.op, decision.test) == ("http.client", "label", "test_it.py::test_it")
    assert (decision.reason, decision.target, decision.project_id) == ("opt-in-disabled", "prod", plane.prod.id)
    assert (str(decision.file).rpartition("/")[2], decision.line, decision.function) == ("client.py", 6, "write")
    assert plane.requests == []


def test_a_live_process_sends_what_it_sent_before(child: Child, plane: FakePlane) -> None:
    code = child.write("client.py", WRITE).read_text() + "print(write())\n"
    results = [
        child.python(prelude + code)
        for prelude in ("", "import plane_guard_instrumentation; plane_guard_instrumentation.instrument()\n")
    ]

    assert [result.stdout for result in results] == ["201\n", "409\n"], results  # the second label has the same name
    sent = [re.sub(rb"traceparent: .*\r\n", b"", request.head) + request.body for request in plane.writes]
    assert sent[0] == sent[1]
    assert child.decisions() == []


def test_a_live_process_is_not_told_of_requests_that_cannot_be_read(child: Child, plane: FakePlane) -> None:
    result = child.python("""
        import http.client, os, plane_guard_instrumentation
        plane_guard_instrumentation.instrument()
        class Odd(http.client.HTTPConnection):
            _http_vsn_str = "SPDY"
            default_port = property(lambda self: 1 // 0)
        odd = Odd("127.0.0.1", int(os.environ["PLANE_API_URL"].rpartition(":")[2]))
        odd.putrequest("PATCH", "/api/v1/", skip_host=True)
        odd.endheaders()
        odd.close()
        odd.send(b"PATCH ")
        odd._http_vsn_str = "HTTP/1.1"
        odd.close()
        odd.putrequest("PATCH", "/api/v1/workspaces/acme/", skip_host=True)
        odd.putheader("Host", "127.0.0.1")
        odd.endheaders()
        print(odd.getresponse().status)
    """)

    assert result.stdout == "404\n", result.stderr
    assert result.stderr == ""
    assert child.decisions() == []


@pytest.fixture
def over_http2(plane: FakePlane) -> Iterator[HTTP2Connection]:
    """A connection of urllib3's experimental HTTP/2, past TLS: whatever it sends, the server reads."""
    connection = HTTP2Connection("127.0.0.1", plane.port)
    with socket.create_connection(("127.0.0.1", plane.port)) as connection.sock:
        yield connection


def test_a_write_over_http2_is_judged(
    over_http2: HTTP2Connection, url: str, plane_blocked_writes: list[PlaneWriteBlocked], plane: FakePlane
) -> None:
    over_http2.putrequest("PATCH", url.removeprefix(plane.url))
    with pytest.raises(PlaneWriteBlocked):
        over_http2.endheaders()

    assert plane_blocked_writes[0].project_id == plane.prod.id


def test_a_read_over_http2_passes_and_a_write_that_needs_a_proof_does_not(
    plane: FakePlane,
    plane_sandbox_writes: None,
    plane_blocked_writes: list[PlaneWriteBlocked],
    over_http2: HTTP2Connection,
) -> None:
    path = f"/api/v1/workspaces/acme/projects/{plane.sandbox.id}/work-items/{plane.sandbox.items['SBX-1']}/"
    with over_http2._h2_conn as state:
        state.initiate_connection()
    over_http2.putrequest("GET", path)
    over_http2.endheaders()
    over_http2.putrequest("POST", f"{path}comments/")
    with pytest.raises(PlaneWriteBlocked, match="no answer"):
        over_http2.endheaders(message_body=b"{}")


def test_httplib2_is_a_guarded_client(
    plane: FakePlane, url: str, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    seen: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        note_connections(patch, seen)
        with pytest.raises(PlaneWriteBlocked):
            httplib2.Http(timeout=10).request(url, "PATCH", b"{}")

    assert seen == [True]
    assert plane.requests == []
