"""Plane's own SDK, the real package: nothing that it sends reaches production, its sandbox writes do get through."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from plane import PlaneClient
from plane.api.work_items import WorkItems
from plane.config import Configuration, RetryConfig
from plane.models.v2.work_items import CreateWorkItemComment as CreateCommentV2
from plane.models.v2.work_items import UpdateWorkItem as UpdateWorkItemV2
from plane.models.work_items import CreateWorkItemComment, UpdateWorkItem

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.enforcement import ownership
from plane_guard_instrumentation.testing.http_server import HTTPServer, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plane_guard_instrumentation.testing import FakePlane, ReceivedRequest

    Call = Callable[[PlaneClient, str, str], object]

CHANGED = UpdateWorkItem(name="changed")
SAID = CreateWorkItemComment(comment_html="<p>done</p>")
V1: dict[str, Call] = {
    "update": lambda sdk, project, item: sdk.work_items.update("acme", project, item, CHANGED),
    "delete": lambda sdk, project, item: sdk.work_items.delete("acme", project, item),
    "comment": lambda sdk, project, item: sdk.work_items.comments.create("acme", project, item, SAID),
}
V2: dict[str, Call] = {
    "update": lambda sdk, project, item: sdk.v2.workspaces.projects.work_items.update(
        "acme", project, item, UpdateWorkItemV2(name="changed")
    ),
    "delete": lambda sdk, project, item: sdk.v2.workspaces.projects.work_items.delete("acme", project, item),
    "comment": lambda sdk, project, item: sdk.v2.workspaces.projects.work_items.comments.create(
        "acme", project, item, CreateCommentV2(comment_html="<p>done</p>")
    ),
}
METHODS: dict[str, Callable[..., object]] = {
    "update": lambda sdk, *where: sdk.work_items.update(*where, CHANGED),
    "delete": lambda sdk, *where: sdk.work_items.delete(*where),
    "comment": lambda sdk, *where: sdk.work_items.comments.create(*where, SAID),
}
CALLS = {**{f"v1 {name}": call for name, call in V1.items()}, **{f"v2 {name}": call for name, call in V2.items()}}


@pytest.fixture(autouse=True)
def forget() -> None:
    ownership._proven.clear()


@pytest.fixture
def sdk(plane: FakePlane) -> PlaneClient:
    return PlaneClient(base_url=plane.url, api_key=plane.token)


@pytest.fixture(params=list(CALLS.values()), ids=list(CALLS))
def call(request: pytest.FixtureRequest) -> Call:
    chosen: Call = request.param
    return chosen


@pytest.fixture
def api_v2(plane: FakePlane) -> Iterator[tuple[str, list[ReceivedRequest]]]:
    """The v2 API as far as these calls need it: it holds one sandbox item and keeps what it received."""
    received: list[ReceivedRequest] = []
    item = plane.sandbox.items["SBX-1"]
    shown = {"id": item, "project": plane.sandbox.id, "name": "one"}

    def answer(request: ReceivedRequest) -> Reply:
        received.append(request)
        if f"/projects/{plane.sandbox.id}/work-items/{item}/" not in request.target:
            return Reply(404, {"detail": "Not found."})
        if request.method == "DELETE":
            return Reply(204)
        made = {**shown, "id": str(uuid4()), "comment_html": "<p>done</p>"}
        return Reply(201, made) if request.method == "POST" else Reply(200, shown)

    server = HTTPServer(answer)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}", received
    finally:
        server.stop()


def test_it_cannot_write_to_production(
    plane: FakePlane, sdk: PlaneClient, call: Call, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    with pytest.raises(PlaneWriteBlocked, match="opt-in-disabled"):
        call(sdk, plane.prod.id, plane.prod.items["ORCH-114"])

    assert plane.requests == []
    assert [(refusal.layer, refusal.project_id) for refusal in plane_blocked_writes] == [("http.client", plane.prod.id)]


@pytest.mark.usefixtures("plane_sandbox_writes", "plane_blocked_writes")
class TestWithTheOptIn:
    def test_production_stays_out_of_reach(self, plane: FakePlane, sdk: PlaneClient, call: Call) -> None:
        with pytest.raises(PlaneWriteBlocked, match="prod-project-in-test"):
            call(sdk, plane.prod.id, plane.prod.items["ORCH-114"])

        assert plane.requests == []

    @pytest.mark.parametrize("name", V1)
    def test_a_v1_write_to_the_sandbox_is_carried_out(self, plane: FakePlane, sdk: PlaneClient, name: str) -> None:
        V1[name](sdk, plane.sandbox.id, plane.sandbox.items["SBX-1"])

        assert plane.changes_of(plane.sandbox.id) != []

    @pytest.mark.parametrize("name", V2)
    def test_a_v2_write_to_the_sandbox_is_sent(
        self, plane: FakePlane, api_v2: tuple[str, list[ReceivedRequest]], name: str
    ) -> None:
        V2[name](PlaneClient(base_url=api_v2[0], api_key=plane.token), plane.sandbox.id, plane.sandbox.items["SBX-1"])

        assert [request.method for request in api_v2[1] if request.is_write] == [
            {"update": "PATCH", "delete": "DELETE", "comment": "POST"}[name]
        ]

    @pytest.mark.parametrize("comment", [V1["comment"], V2["comment"]], ids=["v1", "v2"])
    def test_a_comment_on_a_production_item_under_the_sandbox_is_refused(
        self, plane: FakePlane, sdk: PlaneClient, comment: Call
    ) -> None:
        with pytest.raises(PlaneWriteBlocked, match="HTTP 404"):
            comment(sdk, plane.sandbox.id, plane.prod.items["ORCH-114"])

        assert plane.changes == []

    @pytest.mark.parametrize(
        "arguments",
        [
            ("acme", "{S}/../{P}", "{i}"),
            ("acme", "{S}", "../../{P}/work-items/{i}"),
            ("acme/projects/{P}/work-items/{i}/?x=", "{S}", "{s}"),
            ("acme/projects/{P}/work-items/{i}/#", "{S}", "{s}"),
            ("acme", "{P}%2Fwork-items%2F{i}%2F?x=", "{s}"),
            ("acme/projects/{P}", "{S}", "{i}"),
            ("acme", "{S}/work-items/{s}/../../../{P}", "{i}"),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("method", METHODS)
    def test_arguments_that_lead_somewhere_else_do_not_get_there(
        self, plane: FakePlane, sdk: PlaneClient, arguments: tuple[str, ...], method: str
    ) -> None:
        prod, sandbox = plane.prod, plane.sandbox
        names = {"S": sandbox.id, "P": prod.id, "i": prod.items["ORCH-114"], "s": sandbox.items["SBX-1"]}
        given = [argument.format(**names) for argument in arguments]
        with pytest.raises(PlaneWriteBlocked):
            METHODS[method](sdk, *given)

        assert plane.writes == []
        assert plane.changes_of(plane.prod.id) == []

    @pytest.mark.parametrize(
        "spell", [lambda text: "".join(f"%{ord(c):02x}" for c in text), lambda text: "%" + text[1:]]
    )
    def test_an_encoded_id_is_read_as_the_server_reads_it(
        self, plane: FakePlane, sdk: PlaneClient, spell: Callable[[str], str]
    ) -> None:
        with pytest.raises(PlaneWriteBlocked):
            sdk.work_items.update("acme", spell(plane.prod.id), plane.prod.items["ORCH-114"], CHANGED)

        assert plane.writes == []


def test_its_retries_repeat_no_refusal(plane: FakePlane, plane_blocked_writes: list[PlaneWriteBlocked]) -> None:
    config = Configuration(base_path=plane.url, api_key=plane.token, retry=RetryConfig(backoff_factor=0))
    with pytest.raises(PlaneWriteBlocked):
        WorkItems(config).update("acme", plane.prod.id, plane.prod.items["ORCH-114"], CHANGED)

    assert len(plane_blocked_writes) == 1


def test_reads_pass(plane: FakePlane, sdk: PlaneClient) -> None:
    shown = sdk.work_items.retrieve("acme", plane.prod.id, plane.prod.items["ORCH-114"])

    assert shown.id == plane.prod.items["ORCH-114"]
