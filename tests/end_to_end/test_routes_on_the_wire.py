"""Every known write route, through every client: production is never reached, the sandbox is where it may be."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.testing.http_server import HTTPServer, ReceivedRequest, Reply
from tests.end_to_end.clients import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.clients import Send

    Row = dict[str, Any]

SANDBOX = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"
PROD = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"
FACTS = Path(__file__).parents[1] / "data" / "plane_writes.jsonl"
ROWS: list[Row] = [json.loads(line) for line in FACTS.read_text(encoding="utf-8").splitlines()]
HEADERS = {"X-API-Key": "plane_api_0123456789abcdef0123456789abcdef"}
DETAIL = re.compile(r"/projects/(?P<project>[0-9a-f-]{36})/(?P<kind>[a-z-]+)/(?P<id>[0-9a-f-]{36})/$")
PROVABLE = ("issue", "parent", "work_item", "epic", "related", "duplicate", "add", "remove", "cycle_id", "module")
NEVER = frozenset({"project", "member"})
# Reactions to a comment, named without its work item: the server does not check, and no GET could tell.
UNPROVABLE = "{project_id}/comments/{comment_id}/"


def object_of(project: str, name: str) -> str:
    """The id of an object that is in a project, and in no other."""
    return str(uuid.uuid5(uuid.UUID(project), name))


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
        found = DETAIL.search(request.target)
        if found and found["id"] in {object_of(found["project"], name) for name in ("work_item", "cycle", "module")}:
            detail = {"id": found["id"], "project": found["project"]}
            intake = {"id": str(uuid.uuid4()), "issue": found["id"], "project": found["project"]}
            return Reply(200, intake if found["kind"] in {"intake-issues", "inbox-issues"} else detail)
        return Reply(404, {"error": "not found"})


@pytest.fixture(scope="module")
def everything() -> Iterator[Everything]:
    with Everything() as server:
        yield server


@pytest.fixture(params=CLIENTS.values(), ids=list(CLIENTS))
def send(request: pytest.FixtureRequest) -> Send:
    client: Send = request.param
    return client


def path(row: Row, project: str) -> str:
    """The path of a row with every id inside a project."""

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name == "slug":
            return "acme"
        if name == "project_id":
            return project
        return object_of(project, "work_item" if "work_item" in name else name)

    return re.sub(r"\{(\w+)\}", fill, str(row["template"]))


def body(row: Row, project: str) -> dict[str, object]:
    """A body whose fields name objects of a project, as far as a proof of them exists."""
    found: dict[str, object] = {}
    for field in row["body_project_fields"] if "/comments/" not in row["template"] else ():
        name = field.split(" ")[0]
        kind = next((kind for kind in ("cycle", "module") if kind in name), "work_item")
        value: object = (
            project if name.rstrip("[]").rstrip("s") in {"project_id", "project"} else object_of(project, kind)
        )
        if not (value == project or any(part in name for part in PROVABLE)) or name.startswith("work_item_types"):
            continue
        head, nested, tail = name.partition("[].")
        if nested:
            found[head] = [{tail.removesuffix("[]"): [value] if tail.endswith("[]") else value}]
        else:
            found[head.removesuffix("[]")] = [value] if head.endswith("[]") else value
    return found


def test_no_row_reaches_production(
    everything: Everything, send: Send, plane_sandbox_writes: None, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    everything.received.clear()
    for row in ROWS:
        if row["op"] == "read" or "{format}" in row["template"]:
            continue
        if not re.search(r"^/api/(v[12]/|assets/v2/)?workspaces/", row["template"]):
            continue
        with pytest.raises(PlaneWriteBlocked):
            send(row["method"], everything.url + path(row, PROD), body(row, PROD), HEADERS)

    assert everything.received == []
    assert len(plane_blocked_writes) > 700


def test_every_row_of_the_sandbox_gets_through_and_no_other(
    everything: Everything, send: Send, plane_sandbox_writes: None, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    for row in ROWS:
        if row["op"] == "read" or row["project_param"] is None or row["op"] == "workspace":
            continue
        everything.received.clear()
        url = everything.url + path(row, SANDBOX)
        if row["op"] in NEVER or UNPROVABLE in row["template"]:
            with pytest.raises(PlaneWriteBlocked, match=r"protected-operation|foreign-reference"):
                send(row["method"], url, None, HEADERS)
            assert everything.received == []
        else:
            assert send(row["method"], url, body(row, SANDBOX), HEADERS) == 200, row
            assert [request.method for request in everything.writes] == [row["method"]], row


def test_no_row_of_the_sandbox_names_objects_of_production(
    everything: Everything, send: Send, plane_sandbox_writes: None, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    tried = 0
    for row in ROWS:
        foreign_item = row["work_item_param"] is not None
        foreign_body = body(row, PROD)
        if row["op"] in {"read", *NEVER} or row["project_param"] is None or row["op"] == "workspace":
            continue
        everything.received.clear()
        if foreign_item:
            target = path(row, SANDBOX).replace(object_of(SANDBOX, "work_item"), object_of(PROD, "work_item"))
            with pytest.raises(PlaneWriteBlocked, match="foreign-reference"):
                send(row["method"], everything.url + target, None, HEADERS)
            tried += 1
        if foreign_body:
            with pytest.raises(PlaneWriteBlocked, match="foreign-reference"):
                send(row["method"], everything.url + path(row, SANDBOX), foreign_body, HEADERS)
            tried += 1
        assert everything.writes == [], row

    assert tried > 150
