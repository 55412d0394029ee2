"""aiohttp and httpx2, whatever runs them: nothing reaches production, the sandbox and other hosts are left alone."""

from __future__ import annotations

import gc
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.enforcement import ownership
from plane_guard_instrumentation.testing import http_server
from tests.end_to_end.test_live_process import recorder
from tests.instrumentation.clients.senders import SENDERS, Ask, decisions, layer
from tests.instrumentation.testing.fake_plane_cases import FOREIGN, LEGITIMATE, P, S, fill, known
from tests.instrumentation.testing.test_request_targets import CASES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard_instrumentation.testing import FakePlane
    from tests.instrumentation.clients.senders import Sender

COMMENT = {"comment_html": "<p>x</p>"}
PROTECTED = {"archive the project"}

pytestmark = pytest.mark.usefixtures("plane_blocked_writes")


@pytest.fixture(params=SENDERS)
def client(request: pytest.FixtureRequest) -> str:
    ownership._proven.clear()
    return str(request.param)


@pytest.fixture
def send(client: str) -> Sender:
    return SENDERS[client]


@pytest.fixture(autouse=True, scope="module")
def nothing_left_open() -> Iterator[None]:
    """What a client forgot to close says so when it is collected; warnings are errors here."""
    yield
    gc.collect()


def ask(plane: FakePlane, method: str, target: str, body: object = None, **headers: str) -> Ask:
    ids = known(plane)
    return Ask(method, plane.url + target.format(**ids), fill(body, ids), {"X-API-Key": plane.token, **headers})


def test_a_write_to_production_is_blocked_and_a_read_is_not(plane: FakePlane, send: Sender) -> None:
    assert send(ask(plane, "GET", P + "/work-items/"))[0].status == 200
    with pytest.raises(PlaneWriteBlocked, match="opt-in-disabled"):
        send(
            ask(plane, "GET", P + "/work-items/"), ask(plane, "PATCH", P + "/work-items/{p_item}/", {"priority": "low"})
        )

    assert plane.writes == []


def test_a_block_is_recorded_once_with_what_was_tried(
    plane: FakePlane, client: str, send: Sender, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(PlaneWriteBlocked) as refusal:
        send(ask(plane, "POST", P + "/work-items/{p_item}/comments/", COMMENT))

    (row,) = decisions(request)
    assert (row.layer, row.outcome, row.target, row.op) == (layer(client), "block", "prod", "comment")
    assert (row.project_id, row.work_item_id) == (plane.prod.id, plane.prod.items["ORCH-114"])
    assert (row.method, row.server_address, row.server_port) == ("POST", "127.0.0.1", plane.port)
    assert row.url_template == "/api/v1/workspaces/{slug}/projects/{project_id}/work-items/{work_item_id}/comments/"
    assert (row.file or "").endswith("tests/instrumentation/clients/senders.py")
    assert ("aioresponses" if layer(client) == "aiohttp" else "httpx2.MockTransport") in str(refusal.value)


@pytest.mark.usefixtures("plane_sandbox_writes")
def test_a_write_to_the_sandbox_gets_through_after_one_proof(
    plane: FakePlane, send: Sender, request: pytest.FixtureRequest
) -> None:
    comment = ask(plane, "POST", S + "/work-items/{s_item}/comments/", COMMENT)

    assert [reply.status for reply in send(comment, comment)] == [201, 201]
    assert [received.method for received in plane.requests] == ["GET", "POST", "POST"]
    assert [row.reason for row in decisions(request)] == ["sandbox-allowed"] * 2


@pytest.mark.usefixtures("plane_sandbox_writes")
def test_a_block_leaves_the_only_connection_usable(plane: FakePlane, send: Sender) -> None:
    read = ask(plane, "GET", S + "/work-items/")
    for refused in (S + "/work-items/{p_item}/comments/", P + "/work-items/"):
        with pytest.raises(PlaneWriteBlocked):
            send(read, ask(plane, "POST", refused, COMMENT))
        assert send(read, read)[1].status == 200

    assert plane.changes == []


@pytest.mark.usefixtures("plane_sandbox_writes")
def test_no_odd_path_changes_production(plane: FakePlane, send: Sender) -> None:
    before, changed = plane.snapshot(plane.prod.id), []
    for case in CASES:
        headers = dict(header.split(": ") for header in case.headers)
        with suppress(Exception):
            send(
                Ask(case.method, plane.url + case.target, {"priority": "urgent"}, {"X-API-Key": plane.token, **headers})
            )
        if plane.changes_of(plane.prod.id):
            changed.append(case.name)
            plane.reset()

    assert changed == []
    assert plane.snapshot(plane.prod.id) == before


@pytest.mark.usefixtures("plane_sandbox_writes")
def test_no_object_of_production_is_reached_through_the_sandbox(plane: FakePlane, send: Sender) -> None:
    for case in FOREIGN:
        with suppress(PlaneWriteBlocked):
            send(ask(plane, case.method, case.target, case.body))

    assert plane.changes_of(plane.prod.id) == []


@pytest.mark.usefixtures("plane_sandbox_writes")
def test_every_legitimate_write_lands(plane: FakePlane, send: Sender) -> None:
    for case in LEGITIMATE:
        if case.prod_tables or case.name in PROTECTED:
            continue
        plane.reset()
        assert send(ask(plane, case.method, case.target, case.body))[0].status == case.status, case.name


@pytest.mark.usefixtures("plane_sandbox_writes")
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_write_that_a_missing_slash_repeats_is_judged_at_both_addresses(
    plane: FakePlane, send: Sender, method: str, request: pytest.FixtureRequest
) -> None:
    send(ask(plane, method, S + "/work-items/{s_item}", {"priority": "low"}), follow=True)

    assert [row.outcome for row in decisions(request)] == ["allow"] * 2
    assert [received.method for received in plane.writes] == [method] * 2
    assert plane.changes_of(plane.sandbox.id)


@pytest.mark.usefixtures("plane_sandbox_writes")
@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_write_that_another_host_redirects_to_production_is_blocked(
    plane: FakePlane, send: Sender, status: int
) -> None:
    target = plane.url + (P + "/work-items/{p_item}/").format(**known(plane))
    redirects = http_server.HTTPServer(lambda _: http_server.Reply(status, headers={"Location": target}))
    redirects.start()
    try:
        with pytest.raises(PlaneWriteBlocked):
            send(Ask("PATCH", f"http://127.0.0.1:{redirects.port}/hook", {"name": "x"}), follow=True)
    finally:
        redirects.stop()

    assert plane.requests == []


def test_what_is_sent_to_other_hosts_is_left_alone(client: str, send: Sender) -> None:
    with recorder() as (url, received):
        (reply,) = send(Ask("POST", url + "/hooks/x%2Fy/..;/?a=%41", {"id": 1}))

    assert (reply.status, len(received)) == (200, 1)
    assert re.match(rb"POST /hooks/x%2Fy/..;/\?a=(%41|A) HTTP/1.1\r\n", received[0])
    assert re.search(rb'\r\n\r\n\{"id": ?1\}$', received[0])
