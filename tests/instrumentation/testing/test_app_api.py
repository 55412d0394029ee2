"""The app API and public boards trust ids that a path or body names, as measured on a real server (table F)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from plane_guard_instrumentation.testing.world import SHARED_PAGE, anchor
from tests.instrumentation.testing.fake_plane_cases import fill, known
from tests.instrumentation.testing.raw_http import RawReply, send

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane

A = "/api/workspaces/acme/projects/{sandbox}"
V1 = "/api/v1/workspaces/acme/projects/{sandbox}"
BOARD = "/api/public/anchor/{p_anchor}"
PRODUCTION = "/api/workspaces/acme/projects/{prod}"


class Case(NamedTuple):
    """A write with the session cookie, its status, and the tables in which rows of PROD changed."""

    name: str
    method: str
    target: str
    body: object
    status: int
    prod_tables: tuple[str, ...] = ()
    sandbox_tables: tuple[str, ...] = ()


MEASURED = [
    Case(
        "a point", "DELETE", A + "/estimates/{s_estimate}/estimate-points/{p_point}/", None, 200, ("estimate_points",)
    ),
    Case("a board, to delete", "DELETE", A + "/project-deploy-boards/{p_board}/", None, 204, ("deploy_boards",)),
    Case(
        "a board, to change",
        "PATCH",
        A + "/project-deploy-boards/{p_board}/",
        {"is_votes_enabled": False},
        200,
        ("deploy_boards",),
    ),
    Case(
        "an estimate, for a new point",
        "POST",
        A + "/estimates/{p_estimate}/estimate-points/",
        {"key": 9, "value": "13"},
        200,
        (),
        ("estimate_points",),
    ),
    Case(
        "a module, for items",
        "POST",
        A + "/modules/{p_module}/issues/",
        {"issues": ["{s_item}"]},
        201,
        (),
        ("module_issues",),
    ),
    Case(
        "a module, for a link",
        "POST",
        A + "/modules/{p_module}/module-links/",
        {"url": "https://x.example"},
        201,
        (),
        ("module_links",),
    ),
    Case("a shared page", "PATCH", A + "/pages/{shared_page}/", {"name": "Renamed"}, 200, ("pages",), ("pages",)),
    Case("a shared page, to copy", "POST", A + "/pages/{shared_page}/duplicate/", None, 201, ("pages",), ("pages",)),
    Case("a page of PROD only", "PATCH", A + "/pages/{p_page}/", {"name": "Renamed"}, 400),
    Case("a label's parent", "POST", A + "/issue-labels/", {"name": "x", "parent": "{p_label}"}, 201, (), ("labels",)),
    Case(
        "a comment's parent",
        "POST",
        A + "/issues/{s_item}/comments/",
        {"comment_html": "<p>x</p>", "parent": "{p_comment}"},
        201,
        (),
        ("comments", "work_items"),
    ),
    Case("a favourite cycle", "POST", A + "/user-favorite-cycles/", {"cycle": "{p_cycle}"}, 204, (), ("favorites",)),
    Case(
        "a favourite module",
        "POST",
        A + "/user-favorite-modules/",
        {"module": "{p_cycle2}"},
        204,
        (),
        ("favorites",),
    ),
    Case("a favourite view", "POST", A + "/user-favorite-views/", {"view": "{p_cycle}"}, 204, (), ("favorites",)),
    Case("a favourite page", "POST", A + "/favorite-pages/{p_page}/", None, 204, (), ("favorites",)),
    Case(
        "a board's object",
        "PATCH",
        A + "/project-deploy-boards/{s_board}/",
        {"entity_identifier": "{prod}"},
        200,
        (),
        ("deploy_boards",),
    ),
    Case(
        "a board's intake, alone",
        "PATCH",
        A + "/project-deploy-boards/{s_board}/",
        {"intake": "{p_intake}"},
        200,
        (),
        ("deploy_boards",),
    ),
    Case(
        "a board's intake, of a new board",
        "POST",
        A + "/project-deploy-boards/",
        {"intake": "{p_intake}"},
        200,
        (),
        ("deploy_boards",),
    ),
    Case(
        "a board's intake",
        "PATCH",
        A + "/project-deploy-boards/{s_board}/",
        {"intake": "{p_intake}", "entity_identifier": "{prod}"},
        200,
        (),
        ("deploy_boards",),
    ),
    Case("an item", "PATCH", A + "/issues/{p_item}/", {"name": "x"}, 404),
    Case(
        "a comment on an item",
        "POST",
        A + "/issues/{p_item}/comments/",
        {"comment_html": "<p>x</p>"},
        201,
        ("work_items",),
        ("comments",),
    ),
    Case(
        "a sub-item",
        "POST",
        A + "/issues/{s_item}/sub-issues/",
        {"sub_issue_ids": ["{p_item}"]},
        200,
        ("work_items",),
    ),
    Case(
        "a module's items",
        "POST",
        A + "/issues/{s_item}/modules/",
        {"modules": ["{p_module}"]},
        201,
        (),
        ("module_issues",),
    ),
    Case(
        "items, to delete in bulk",
        "DELETE",
        A + "/bulk-delete-issues/",
        {"issue_ids": ["{p_item}"]},
        200,
        ("cycle_issues",),
    ),
    Case(
        "a reaction to a comment",
        "POST",
        A + "/comments/{p_comment}/reactions/",
        {"reaction": "128077"},
        201,
        (),
        ("comment_reactions",),
    ),
]
ITEM, COMMENT = BOARD + "/issues/{p_item}", BOARD + "/issues/{p_first}/comments/{p_comment}/"
PUBLIC = [
    Case("comment", "POST", ITEM + "/comments/", {"comment_html": "<p>x</p>"}, 201, ("comments", "work_items")),
    Case("change a comment", "PATCH", COMMENT, {"comment_html": "<p>y</p>"}, 200, ("comments",)),
    Case("delete a comment", "DELETE", COMMENT, None, 204, ("comments",)),
    Case("react", "POST", ITEM + "/reactions/", {"reaction": "128077"}, 201, ("reactions", "work_items")),
    Case("take a reaction back", "DELETE", BOARD + "/issues/{p_first}/reactions/128077/", None, 204, ("reactions",)),
    Case("vote", "POST", ITEM + "/votes/", {"vote": 1}, 201, ("votes", "work_items")),
    Case("take a vote back", "DELETE", BOARD + "/issues/{p_first}/votes/", None, 204, ("votes",)),
    Case(
        "react to a comment",
        "POST",
        BOARD + "/comments/{p_comment}/reactions/",
        {"reaction": "128077"},
        201,
        ("comment_reactions",),
    ),
    Case(
        "take a comment's reaction back",
        "DELETE",
        BOARD + "/comments/{p_comment}/reactions/10084/",
        None,
        204,
        ("comment_reactions",),
    ),
    Case(
        "ask for intake",
        "POST",
        BOARD + "/intakes/{p_intake}/intake-issues/",
        {"issue": {"name": "x"}},
        200,
        ("intake", "work_items"),
    ),
    Case(
        "ask for intake in the older spelling",
        "POST",
        BOARD + "/intakes/{p_intake}/inbox-issues/",
        {"issue": {"name": "x"}},
        200,
        ("intake", "work_items"),
    ),
    Case(
        "upload",
        "POST",
        "/api/public/assets/v2/anchor/{p_anchor}/",
        {"name": "trace.txt"},
        200,
        ("attachments",),
    ),
]
LEGITIMATE = [
    Case("change an item", "PATCH", A + "/issues/{s_item}/", {"name": "x"}, 204, (), ("work_items",)),
    Case("close an item", "PATCH", A + "/issues/{s_item}/", {"state_id": "{s_state}"}, 204, (), ("work_items",)),
    Case("restore an item", "DELETE", A + "/issues/{s_archived}/archive/", None, 204, (), ("work_items",)),
    Case("accept intake", "PATCH", A + "/intake-issues/{s_first}/", {"status": 1}, 200, (), ("intake",)),
    Case("refuse intake", "DELETE", A + "/intake-issues/{s_first}/", None, 204, (), ("intake",)),
    *(
        Case(
            f"{verb} intake in the older spelling",
            method,
            A + "/inbox-issues/{s_first}/",
            body,
            status,
            (),
            ("intake",),
        )
        for verb, method, body, status in (("accept", "PATCH", {"status": 1}, 200), ("refuse", "DELETE", None, 204))
    ),
    Case("ask for intake", "POST", A + "/intake-issues/", {"issue": {"name": "x"}}, 200, (), ("intake", "work_items")),
    Case(
        "react to a comment",
        "POST",
        A + "/comments/{s_comment}/reactions/",
        {"reaction": "128077"},
        201,
        (),
        ("comment_reactions",),
    ),
    Case(
        "take a reaction back",
        "DELETE",
        A + "/comments/{s_comment}/reactions/10084/",
        None,
        204,
        (),
        ("comment_reactions",),
    ),
    Case("rename a page", "PATCH", A + "/pages/{s_page}/", {"name": "x"}, 200, (), ("pages",)),
    Case("lock a page", "POST", A + "/pages/{s_page}/lock/", None, 204, (), ("pages",)),
    Case(
        "new estimate",
        "POST",
        A + "/estimates/",
        {"estimate": {"name": "Sizes"}, "estimate_points": [{"key": 1, "value": "S"}]},
        200,
        (),
        ("estimate_points", "estimates"),
    ),
    Case(
        "change a point",
        "PATCH",
        A + "/estimates/{s_estimate}/estimate-points/{s_point}/",
        {"value": "2"},
        200,
        (),
        ("estimate_points",),
    ),
    Case("unpublish", "DELETE", A + "/project-deploy-boards/{s_board}/", None, 204, (), ("deploy_boards",)),
    Case(
        "fill a cycle",
        "POST",
        A + "/cycles/{s_cycle}/cycle-issues/",
        {"issues": ["{s_item}"]},
        201,
        (),
        ("cycle_issues", "work_items"),
    ),
]


def names(plane: FakePlane) -> dict[str, str]:
    """Return the ids behind the braces, those of the app API among them."""
    found = known(plane) | {"shared_page": plane.sandbox.ids("pages")[SHARED_PAGE]}
    for letter, project in (("p", plane.prod), ("s", plane.sandbox)):
        for name in ("estimates", "intakes", "deploy_boards"):
            found[f"{letter}_{name.removesuffix('s').rpartition('_')[2]}"] = next(iter(project.ids(name).values()))
        found[f"{letter}_point"] = project.ids("estimate_points")["point 1"]
        found[f"{letter}_page"] = project.ids("pages")[f"{project.identifier} page"]
        found[f"{letter}_anchor"] = anchor(project.identifier)
        found[f"{letter}_archived"] = next(iter(project.archived.values()))
    return found


def write(plane: FakePlane, case: Case) -> RawReply:
    ids = names(plane)
    cookie = f"Cookie: session-id={plane.session}"
    return send(plane, case.method, str(fill(case.target, ids)), fill(case.body, ids), token="", headers=(cookie,))


def tables(plane: FakePlane, project: object) -> tuple[str, ...]:
    return tuple(sorted({change.table for change in plane.changes_of(project)}))


@pytest.mark.parametrize("case", MEASURED + PUBLIC + LEGITIMATE, ids=lambda case: case.name)
def test_a_write_changes_the_rows_that_it_changes_on_a_real_server(plane: FakePlane, case: Case) -> None:
    before = plane.snapshot(plane.prod)
    reply = write(plane, case)
    assert reply.status == case.status, reply.body
    assert tables(plane, plane.prod) == case.prod_tables
    assert (plane.snapshot(plane.prod) != before) is bool(case.prod_tables)
    assert set(case.sandbox_tables) <= set(tables(plane, plane.sandbox))


@pytest.mark.parametrize("case", MEASURED + PUBLIC, ids=lambda case: case.name)
def test_without_a_session_nothing_changes(plane: FakePlane, case: Case) -> None:
    ids = names(plane)
    reply = send(plane, case.method, str(fill(case.target, ids)), fill(case.body, ids))
    assert reply.status == 401
    assert plane.changes == []


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/issues/{s_item}/", "{sandbox}"),
        ("/issues/{s_archived}/", "{sandbox}"),
        ("/cycles/{s_cycle}/", "{sandbox}"),
        ("/modules/{s_module}/", "{sandbox}"),
        ("/issue-labels/{s_label}/", "{sandbox}"),
        ("/states/{s_state}/", "{sandbox}"),
    ],
)
def test_an_object_names_its_project(plane: FakePlane, path: str, shown: str) -> None:
    ids = names(plane)
    assert read(plane, A + path).value["project_id"] == shown.format(**ids)


def read(plane: FakePlane, target: str) -> RawReply:
    cookie = f"Cookie: other=1; session-id={plane.session}"
    return send(plane, "GET", target.format(**names(plane)), token="", headers=(cookie,))


def test_a_new_point_shows_up_in_the_estimate_of_production(plane: FakePlane) -> None:
    write(plane, next(case for case in MEASURED if case.name == "an estimate, for a new point"))
    points = read(plane, PRODUCTION + "/estimates/{p_estimate}/").value["points"]
    assert [point["value"] for point in points] == ["1", "3", "8", "13"]
    assert points[-1]["project"] == plane.project


def test_a_page_lists_all_its_projects(plane: FakePlane) -> None:
    assert set(read(plane, A + "/pages/{shared_page}/").value["project_ids"]) == {plane.prod.id, plane.project}
    assert read(plane, A + "/pages/{p_page}/").status == 404


def test_an_intake_row_has_an_id_of_its_own_and_the_item_in_issue(plane: FakePlane) -> None:
    row = read(plane, A + "/intake-issues/{s_first}/").value
    assert row["id"] != row["issue"]["id"] == names(plane)["s_first"]
    assert row["issue"]["project_id"] == plane.project


def test_api_v1_hides_an_archived_item_but_lets_it_be_written(plane: FakePlane) -> None:
    target = (V1 + "/work-items/{s_archived}/").format(**names(plane))
    assert send(plane, "GET", target).status == 404
    assert "SBX-4" not in {
        row["sequence_id"] for row in send(plane, "GET", V1.format(**names(plane)) + "/issues/").value["results"]
    }
    assert send(plane, "PATCH", target, {"priority": "low"}).status == 200
    assert send(plane, "POST", target + "comments/", {"comment_html": "<p>x</p>"}).status == 201
    assert send(plane, "DELETE", target).status == 204


def test_the_app_api_lists_archived_items(plane: FakePlane) -> None:
    rows = read(plane, A + "/archived-issues/").value["results"]
    assert [(row["id"], row["project_id"]) for row in rows] == [(names(plane)["s_archived"], plane.project)]


def test_deleting_the_user_ends_the_session(plane: FakePlane) -> None:
    cookie = (f"Cookie: session-id={plane.session}",)
    assert send(plane, "DELETE", "/api/users/me/", token="", headers=cookie).status == 204
    assert send(plane, "GET", "/api/users/me/", token="", headers=cookie).status == 401
    assert "members" in tables(plane, plane.prod)


def test_a_board_can_be_read_without_a_session(plane: FakePlane) -> None:
    reply = send(plane, "GET", (BOARD + "/issues/").format(**names(plane)), token="")
    assert reply.value["total_count"] == 4


def test_a_board_without_comments_takes_none(plane: FakePlane) -> None:
    board = Case("", "PATCH", A + "/project-deploy-boards/{p_board}/", {"is_comments_enabled": False}, 200)
    write(plane, board)
    assert write(plane, PUBLIC[0]).status == 400
