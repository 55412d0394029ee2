"""Every known write route, through every client: production is never reached, the sandbox is where it may be."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Self

import pytest

from plane_guard import PlaneWriteBlocked, kinds
from plane_guard_instrumentation.testing.http_server import HTTPServer, ReceivedRequest, Reply
from tests.end_to_end.clients import CLIENTS
from tests.end_to_end.refused_by_design import (
    BODY,
    PAGE,
    SANDBOX,
    WRITES,
    body,
    fields,
    name,
    object_of,
    page,
    path,
    reason,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.clients import Send

PROD = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"
HEADERS = {"X-API-Key": "plane_api_0123456789abcdef0123456789abcdef"}
LOOKUP = re.compile(r"/projects/(?P<project>[0-9a-f-]{36})/(?P<below>.*)/$")
POSITIONS = ("work_item_id", "related_work_item_id", *(key.strip("{}") for key in kinds.PARAMETERS if " " not in key))
BELOW = [row for row in WRITES if row["project_param"] and not row["template"].endswith("{format}")]
OBJECTS = (*POSITIONS, BODY)
# The data file calls an asset `pk`.
NO_OBJECT = {"slug", "project_id", "pk", *(key.strip("{}") for key in kinds.HARMLESS_PARAMETERS)}


class Everything:
    """A server on which every route exists: it shows an object only under its own project, and accepts every write."""

    def __init__(self) -> None:
        self.received: list[ReceivedRequest] = []
        self._server = HTTPServer(self._answer)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def writes(self) -> list[ReceivedRequest]:
        return [request for request in self.received if request.is_write]

    def _answer(self, request: ReceivedRequest) -> Reply:
        self.received.append(request)
        if request.is_write:
            return Reply(200, {"id": str(uuid.uuid4())})
        found = LOOKUP.search(request.target)
        if found is None:
            return Reply(404, {"error": "not found"})
        return _show(found["project"], found["below"], is_app="/v" not in request.target)


def _show(project: str, below: str, *, is_app: bool) -> Reply:
    """Answer a read below a project: a detail by its id, or a listing of everything that the project holds."""
    rows = [{"id": object_of(project, kind), "project": project} for kind in OBJECTS]
    last = below.rsplit("/", maxsplit=1)[-1]
    if len(last) < len(project):
        points = [{**row, "points": rows} for row in rows]
        listing = points if below.startswith("estimates") else {"results": rows}
        return Reply(200, rows[OBJECTS.index("estimate_id")] if below == "estimates" and not is_app else listing)
    detail = next((row for row in rows if row["id"] == last), None)
    if detail is None:
        return Reply(404, {"error": "not found"})
    if below.startswith(("intake-issues", "inbox-issues")):
        issue = detail if is_app else detail["id"]
        return Reply(200, {"id": str(uuid.uuid4()), "issue": issue, "project": project})
    return Reply(200, detail)


@pytest.fixture(scope="module")
def everything() -> Iterator[Everything]:
    with Everything() as server:
        yield server


# All clients share the check and differ in how they are read, so a push runs all routes with one client of each kind.
ON_A_PUSH = {"httpx", "http.client"}


@pytest.fixture(
    params=[
        pytest.param(client, id=name, marks=() if name in ON_A_PUSH else pytest.mark.exhaustive)
        for name, client in CLIENTS.items()
    ]
)
def send(request: pytest.FixtureRequest) -> Send:
    client: Send = request.param
    return client


def test_no_row_reaches_production(
    everything: Everything, send: Send, plane_sandbox_writes: None, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    everything.received.clear()
    for row in WRITES:
        if "{format}" in row["template"] or not re.search(r"^/api/(v[12]/|assets/v2/)?workspaces/", row["template"]):
            continue
        with pytest.raises(PlaneWriteBlocked):
            send(row["method"], everything.url + path(row, PROD, PROD), body(row, PROD), HEADERS)

    assert everything.received == []
    assert len(plane_blocked_writes) > 700


def test_every_row_of_the_sandbox_lands_or_is_refused_by_design(
    everything: Everything, send: Send, plane_sandbox_writes: None, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    # Reactions to a comment are proven through an item that the test has written to.
    item = f"/api/workspaces/acme/projects/{SANDBOX}/issues/{object_of(SANDBOX, 'work_item_id')}/"
    assert send("PATCH", everything.url + item, {"name": "x"}, HEADERS) == 200
    landed = 0
    for row in BELOW:
        everything.received.clear()
        url, sent = everything.url + path(row, SANDBOX, SANDBOX), body(row, SANDBOX)
        if reason(row):
            with pytest.raises(PlaneWriteBlocked):
                send(row["method"], url, sent, HEADERS)
            assert everything.received == [], name(row)
        else:
            assert send(row["method"], url, sent, HEADERS) == 200, name(row)
            assert [request.method for request in everything.writes] == [row["method"]], name(row)
            landed += 1

    assert landed > 250


def test_no_row_of_the_sandbox_names_an_object_of_production_in_any_position(
    everything: Everything, send: Send, plane_sandbox_writes: None, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    everything.received.clear()
    tried = 0
    for row in BELOW:
        for position in re.findall(r"\{(\w+)\}", row["template"]):
            if position in NO_OBJECT:
                continue
            with pytest.raises(PlaneWriteBlocked, match=r"foreign-reference|protected-operation"):
                send(row["method"], everything.url + path(row, SANDBOX, PROD, position), None, HEADERS)
            tried += 1
        for field in fields(row):
            with pytest.raises(PlaneWriteBlocked, match=r"foreign-reference|protected-operation"):
                send(row["method"], everything.url + path(row, SANDBOX, SANDBOX), body(row, PROD, field), HEADERS)
            tried += 1

    assert everything.writes == []
    assert tried > 500


def test_the_docs_list_what_is_refused_by_design() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.end_to_end.refused_by_design"
