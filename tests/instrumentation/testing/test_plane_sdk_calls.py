"""plane-sdk runs its ordinary calls against the fake server."""

from __future__ import annotations

import os
from typing import Any

import pytest
from plane import PlaneClient
from plane.errors.errors import HttpError
from plane.models.cycles import CreateCycle, TransferCycleWorkItemsRequest, UpdateCycle
from plane.models.intake import CreateIntakeWorkItem
from plane.models.labels import CreateLabel, UpdateLabel
from plane.models.modules import CreateModule, UpdateModule
from plane.models.query_params import PaginatedQueryParams, WorkItemQueryParams
from plane.models.states import CreateState, UpdateState
from plane.models.work_items import (
    CreateWorkItem,
    CreateWorkItemComment,
    CreateWorkItemDependency,
    CreateWorkItemLink,
    CreateWorkItemRelation,
    UpdateWorkItem,
    UpdateWorkItemComment,
    UpdateWorkItemLink,
)

from plane_guard_instrumentation.testing import FakePlane


@pytest.fixture
def where(fake_plane: FakePlane) -> tuple[str, str]:
    return fake_plane.workspace, fake_plane.project


@pytest.fixture
def client(fake_plane: FakePlane) -> PlaneClient:
    return PlaneClient(base_url=os.environ["PLANE_BASE_URL"], api_key=os.environ["PLANE_API_KEY"])


def test_work_items(client: Any, where: tuple[str, str], fake_plane: FakePlane) -> None:
    made = client.work_items.create(*where, CreateWorkItem(name="Fix it", priority="high"))
    assert made.id
    state = fake_plane.sandbox.states["Done"]
    assert client.work_items.update(*where, made.id, UpdateWorkItem(state=state)).state == state
    assert client.work_items.retrieve(*where, made.id).name == "Fix it"
    assert client.work_items.retrieve_by_identifier(where[0], "SBX", made.sequence_id).id == made.id
    assert made.id in {row.id for row in client.work_items.list(*where).results}
    assert [row.id for row in client.work_items.search(where[0], "fix").issues] == [made.id]
    client.work_items.delete(*where, made.id)
    with pytest.raises(HttpError, match="404"):
        client.work_items.retrieve(*where, made.id)


def test_pages_of_a_list(client: Any, where: tuple[str, str], fake_plane: FakePlane) -> None:
    fake_plane.seed(work_items=[{"name": f"item {number}"} for number in range(5)])
    seen, cursor = [], None
    while True:
        query = {"per_page": 3, "cursor": cursor, "order_by": "sequence_id"}
        page = client.work_items.list(*where, WorkItemQueryParams.model_validate(query))
        seen += [row.sequence_id for row in page.results]
        cursor = page.next_cursor
        if not page.next_page_results:
            break
    assert (page.total_pages, seen) == (3, [1, 2, 3, 5, 6, 7, 8, 9])


def test_comments_and_links(client: Any, where: tuple[str, str], fake_plane: FakePlane) -> None:
    item = fake_plane.sandbox.items["SBX-1"]
    comments, links = client.work_items.comments, client.work_items.links
    comment = comments.create(*where, item, CreateWorkItemComment(comment_html="<p>one</p>"))
    assert comment.id
    assert comments.update(*where, item, comment.id, UpdateWorkItemComment(comment_html="<p>two</p>")).id == comment.id
    assert comments.retrieve(*where, item, comment.id).comment_html == "<p>two</p>"
    assert comment.id in {row.id for row in comments.list(*where, item).results}
    comments.delete(*where, item, comment.id)
    link = links.create(*where, item, CreateWorkItemLink(url="https://x.example/1"))
    assert link.id
    links.update(*where, item, link.id, UpdateWorkItemLink(url="https://x.example/2"))
    assert links.retrieve(*where, item, link.id).url == "https://x.example/2"
    links.delete(*where, item, link.id)
    assert link.id not in {row.id for row in links.list(*where, item).results}


def test_relations_activities_and_attachments(client: Any, where: tuple[str, str], fake_plane: FakePlane) -> None:
    item, other = fake_plane.sandbox.items["SBX-1"], fake_plane.sandbox.items["SBX-2"]
    relation = CreateWorkItemRelation(relation_type="blocking", issues=[other])
    client.work_items.relations.create(*where, item, relation)
    assert client.work_items.relations.list(*where, item).blocking == [other]
    assert client.work_items.relations.list(*where, other).blocked_by == [item]
    client.work_items.update(*where, item, UpdateWorkItem(priority="urgent"))
    activities = client.work_items.activities.list(*where, item).results
    assert [(one.field, one.new_value) for one in activities] == [("blocking", "SBX-2"), ("priority", "urgent")]
    assert len(client.work_items.attachments.list(*where, item)) == 1


def test_labels_and_states(client: Any, where: tuple[str, str]) -> None:
    label = client.labels.create(*where, CreateLabel(name="urgent", color="#ff0000"))
    assert label.id
    assert client.labels.update(*where, label.id, UpdateLabel(name="later")).name == "later"
    assert client.labels.retrieve(*where, label.id).name == "later"
    client.labels.delete(*where, label.id)
    assert {row.name for row in client.labels.list(*where).results} == {"bug", "chore"}
    state = client.states.create(*where, CreateState(name="Review", color="#00ff00", group="started"))
    assert state.id
    assert client.states.update(*where, state.id, UpdateState(name="In review")).name == "In review"
    assert client.states.retrieve(*where, state.id).group == "started"
    client.states.delete(*where, state.id)
    assert len(client.states.list(*where).results) == 5


def test_cycles_and_modules(client: Any, where: tuple[str, str], fake_plane: FakePlane) -> None:
    item = fake_plane.sandbox.items["SBX-1"]
    user = client.users.get_me().id
    cycle = client.cycles.create(*where, CreateCycle(name="Sprint", owned_by=user, project_id=where[1]))
    assert cycle.id
    client.cycles.update(*where, cycle.id, UpdateCycle(name="Sprint 1"))
    client.cycles.add_work_items(*where, cycle.id, [item])
    assert [row.id for row in client.cycles.list_work_items(*where, cycle.id).results] == [item]
    target = TransferCycleWorkItemsRequest(new_cycle_id=fake_plane.sandbox.ids("cycles")["Cycle 2"])
    client.cycles.transfer_work_items(*where, cycle.id, target)
    assert client.cycles.retrieve(*where, cycle.id).name == "Sprint 1"
    client.cycles.archive(*where, cycle.id)
    assert cycle.id in {row.id for row in client.cycles.list_archived(*where).results}
    client.cycles.unarchive(*where, cycle.id)
    client.cycles.delete(*where, cycle.id)
    module = client.modules.create(*where, CreateModule(name="Part"))
    assert module.id
    client.modules.update(*where, module.id, UpdateModule(name="Part 1"))
    client.modules.add_work_items(*where, module.id, [item])
    assert [row.id for row in client.modules.list_work_items(*where, module.id).results] == [item]
    client.modules.remove_work_item(*where, module.id, item)
    client.modules.delete(*where, module.id)
    assert [row.name for row in client.modules.list(*where).results] == ["Module 1"]


def test_projects_members_and_intake(client: Any, where: tuple[str, str]) -> None:
    assert {row.identifier for row in client.projects.list(where[0]).results} == {"ORCH", "SBX"}
    assert client.projects.retrieve(*where).identifier == "SBX"
    assert {row.display_name for row in client.projects.get_members(*where)} == {"ada", "lin"}
    made = client.intake.create(*where, CreateIntakeWorkItem.model_validate({"issue": {"name": "Please fix"}}))
    assert made.issue in {
        row.issue for row in client.intake.list(*where, PaginatedQueryParams.model_validate({"per_page": 10})).results
    }
    assert client.intake.retrieve(*where, str(made.issue)).id == made.id
    client.intake.delete(*where, str(made.issue))


def test_calls_that_only_plane_cloud_answers(client: Any, where: tuple[str, str], fake_plane: FakePlane) -> None:
    item, other = fake_plane.sandbox.items["SBX-1"], fake_plane.sandbox.items["SBX-2"]
    assert {row.identifier for row in client.projects.list_lite(where[0]).results} == {"ORCH", "SBX"}
    assert [row.name for row in client.cycles.list_lite(*where).results] == ["Cycle 1", "Cycle 2"]
    assert [row.name for row in client.modules.list_lite(*where).results] == ["Module 1"]
    dependency = CreateWorkItemDependency.model_validate({"relation_type": "blocking", "work_item_ids": [other]})
    client.work_items.dependencies.create(*where, item, dependency)
    assert [row.id for row in client.work_items.dependencies.list(*where, item).blocking] == [other]
    client.work_items.dependencies.remove(*where, item, other)
    assert client.work_items.dependencies.list(*where, item).blocking == []
    client.work_items.update(*where, item, UpdateWorkItem(state=fake_plane.sandbox.states["Done"]))
    client.work_items.archive(*where, item)
    with pytest.raises(HttpError, match="404"):
        client.work_items.retrieve(*where, item)


def test_the_open_server_does_not_answer_them() -> None:
    with FakePlane() as plane:
        client = PlaneClient(base_url=plane.url, api_key=plane.token)
        with pytest.raises(HttpError, match="404"):
            client.projects.list_lite(plane.workspace)
