"""FakePlane validates, paginates, logs activities, takes seeds and speaks TLS as users of a real Plane expect."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from plane_guard_instrumentation.testing import FakePlane
from tests.instrumentation.testing.fake_plane_cases import S, W, known
from tests.instrumentation.testing.raw_http import RawReply, send

if TYPE_CHECKING:
    from pathlib import Path

ITEM = S + "/work-items/{s_item}/"


def ask(plane: FakePlane, method: str, target: str, body: object = None) -> RawReply:
    return send(plane, method, target.format(**known(plane)), body)


@pytest.mark.parametrize(
    ("method", "target", "body", "answer"),
    [
        ("POST", S + "/work-items/", {}, (400, "name")),
        ("POST", S + "/work-items/", {"name": "x" * 256}, (400, "255")),
        ("PATCH", ITEM, {"priority": "asap"}, (400, "not a valid choice")),
        ("PATCH", ITEM, {"start_date": "2026-02-01", "target_date": "2026-01-01"}, (400, "Start date")),
        ("PATCH", ITEM, {"state": "not an id"}, (400, "valid detail")),
        ("POST", ITEM + "links/", {"url": "ftp://x"}, (400, "Invalid URL")),
        (
            "POST",
            S + "/work-items/{s_first}/links/",
            {"url": "https://wiki.example.com/runbook"},
            (400, "already exists"),
        ),
        ("POST", S + "/labels/", {"name": "bug"}, (409, "same name")),
        ("POST", S + "/states/", {"name": "Done"}, (409, "same name")),
        ("DELETE", S + "/states/{s_state}/", None, (403, "Default state")),
        ("POST", W + "/projects/", {"name": "x", "identifier": "SBX"}, (409, "already taken")),
        ("GET", S + "/work-items/?per_page=many", None, (400, "per_page")),
        ("GET", S + "/work-items/?per_page=1001", None, (400, "Cannot exceed 1000")),
        ("GET", S + "/work-items/?cursor=x", None, (400, "cursor")),
        ("GET", "/api/v1/workspaces/acme/projects/{p_item}/", None, (403, "permission")),
        ("GET", ITEM + "comments/{s_item}/", None, (404, "does not exist")),
        ("PUT", ITEM, {}, (405, "PUT")),
    ],
)
def test_a_bad_request_is_refused_with_a_reason(
    plane: FakePlane, method: str, target: str, body: object, answer: tuple[int, str]
) -> None:
    reply = ask(plane, method, target, body)
    status, said = answer
    assert reply.status == status
    assert said in reply.body.decode()
    assert plane.changes == []


def test_an_external_id_is_unique_and_finds_its_item(plane: FakePlane) -> None:
    body = {"name": "x", "external_id": "1", "external_source": "github"}
    made = ask(plane, "POST", S + "/work-items/", body).value
    again = ask(plane, "POST", S + "/work-items/", body)
    assert (again.status, again.value["id"]) == (409, made["id"])
    assert ask(plane, "GET", S + "/issues/?external_id=1&external_source=github").value["id"] == made["id"]


def test_pages_follow_each_other(plane: FakePlane) -> None:
    first = ask(plane, "GET", S + "/work-items/?per_page=2&order_by=-sequence_id").value
    second = ask(plane, "GET", f"{S}/work-items/?per_page=2&order_by=-sequence_id&cursor={first['next_cursor']}").value
    assert [row["sequence_id"] for row in first["results"] + second["results"]] == [3, 2, 1]
    flags = [(page["next_page_results"], page["prev_page_results"]) for page in (first, second)]
    assert flags == [(True, False), (False, True)]
    assert (first["total_pages"], first["total_count"]) == (2, 3)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=playground&project_id={sandbox}", [1, 2, 3]),
        ("search=runbook&workspace_search=true", [115]),
        ("search=runbook&project_id={sandbox}", []),
        ("search=SBX-2&workspace_search=true", [2]),
        ("search=", []),
    ],
)
def test_search_finds_items_by_name_number_and_project(plane: FakePlane, query: str, found: list[int]) -> None:
    issues = ask(plane, "GET", f"{W}/work-items/search/?{query}").value["issues"]
    assert sorted(row["sequence_id"] for row in issues) == found


def test_expand_replaces_ids_by_objects(plane: FakePlane) -> None:
    row = ask(plane, "GET", ITEM + "?expand=state").value
    assert row["state"]["name"] == "Todo"
    assert row["labels"] == []


@pytest.mark.parametrize(
    ("method", "target", "body", "logged"),
    [
        ("PATCH", ITEM, {"priority": "high"}, [("updated", "priority", "none", "high")]),
        ("PATCH", ITEM, {"state": "{done}"}, [("updated", "state", "Todo", "Done")]),
        ("PATCH", ITEM, {"labels": ["{s_label}"]}, [("updated", "labels", None, "bug")]),
        ("PATCH", ITEM, {"parent": "{s_other}"}, [("updated", "parent", None, "SBX-3")]),
        ("PATCH", ITEM, {"name": "New"}, [("updated", "name", "Playground", "New")]),
        ("PATCH", ITEM, {"state_id": "{p_state}"}, [("updated", "state", None, None)]),
        ("DELETE", ITEM, None, [("deleted", "issue", None, None)]),
        ("POST", ITEM + "comments/", {"comment_html": "<p>x</p>"}, [("created", "comment", None, "<p>x</p>")]),
        ("POST", ITEM + "links/", {"url": "https://x.example"}, [("created", "link", None, "https://x.example")]),
        (
            "POST",
            ITEM + "relations/",
            {"relation_type": "blocking", "issues": ["{s_second}"]},
            [("updated", "blocking", None, "SBX-2"), ("updated", "blocked_by", None, "SBX-1")],
        ),
        (
            "POST",
            S + "/cycles/{s_cycle2}/cycle-issues/",
            {"issues": ["{s_second}"]},
            [("updated", "cycles", "Cycle 1", "Cycle 2")],
        ),
        ("POST", S + "/work-items/", {"name": "New"}, [("created", None, None, None)]),
        ("POST", S + "/labels/", {"name": "New"}, []),
    ],
)
def test_a_change_of_an_item_is_logged_with_its_user_and_values(
    plane: FakePlane, method: str, target: str, body: Any, logged: list[tuple[str, ...]]
) -> None:
    text = json.dumps(body)
    for name, value in (known(plane) | {"done": plane.sandbox.states["Done"]}).items():
        text = text.replace(f"{{{name}}}", value)
    assert ask(plane, method, target, json.loads(text)).status < 300
    rows = plane.activities
    assert [(row["verb"], row["field"], row["old_value"], row["new_value"]) for row in rows] == logged
    assert {row["actor"] for row in rows} <= {ask(plane, "GET", "/api/v1/users/me/").value["id"]}
    assert all(row["created_at"] and row["project"] == plane.project for row in rows)


def test_the_log_says_which_of_two_users_it_was(plane: FakePlane) -> None:
    target = (ITEM).format(**known(plane))
    for token, priority in ((plane.token, "high"), (plane.limited_token, "low")):
        send(plane, "PATCH", target, {"priority": priority}, token=token)
    users = {row["display_name"]: row["id"] for row in plane.rows("users")}
    shown = send(plane, "GET", target + "activities/").value["results"]
    assert [row["actor"] for row in shown] == [users["ada"], users["lin"]]


def test_a_hook_runs_before_each_request_until_the_reset(plane: FakePlane) -> None:
    seen: list[str] = []
    plane.hooks.append(lambda request: seen.append(request.method))
    ask(plane, "PATCH", ITEM, {"priority": "high"})
    assert seen == ["PATCH"]
    plane.reset()
    ask(plane, "GET", ITEM)
    assert seen == ["PATCH"]


def test_a_seed_names_what_it_refers_to(plane: FakePlane) -> None:
    rows = plane.seed(
        labels=[{"name": "urgent"}],
        work_items=[
            {"name": "Parent", "state": "Done", "labels": ["urgent", "bug"], "assignees": ["lin@example.com"]},
            {"name": "Child", "parent": "Parent"},
            {"name": "Elsewhere", "project": "ORCH"},
        ],
        comments=[{"issue": "SBX-1", "comment_html": "<p>hello</p>"}],
        relations=[{"issue": "Parent", "related_issue": "Child", "relation_type": "blocking"}],
    )
    parent, child, elsewhere = rows["work_items"]
    shown = ask(plane, "GET", f"{S}/work-items/{parent['id']}/").value
    assert shown["state"] == plane.sandbox.states["Done"]
    assert shown["labels"] == [rows["labels"][0]["id"], plane.sandbox.ids("labels")["bug"]]
    assert (child["parent"], child["sequence_id"]) == (parent["id"], parent["sequence_id"] + 1)
    assert elsewhere["project"] == plane.prod.id
    assert ask(plane, "GET", ITEM + "comments/").value["results"][-1]["comment_html"] == "<p>hello</p>"
    assert ask(plane, "GET", f"{S}/work-items/{child['id']}/relations/").value["blocked_by"] == [parent["id"]]
    assert plane.changes == []


def test_a_seed_may_be_a_json_file_and_survives_a_reset(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    seed = {"projects": [{"identifier": "OPS", "name": "Operations"}], "pages": [{"name": "Runbook", "project": "OPS"}]}
    file.write_text(json.dumps(seed), encoding="utf-8")
    with FakePlane(seed=file) as plane:
        for _ in range(2):
            [project] = plane.rows("projects", identifier="OPS")
            assert send(plane, "GET", f"/api/v1/workspaces/acme/projects/{project['id']}/").status == 200
            assert [page["name"] for page in plane.snapshot(project["id"])["pages"].values()] == ["Runbook"]
            assert len(plane.rows("states", project=project["id"])) == 5
            plane.reset()


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        ({"tickets": [{}]}, "unknown table tickets.*the tables are projects, states"),
        ({"work_items": [{"name": "x", "state": "Nowhere"}]}, "'Nowhere', which is not in the states"),
        ({"work_items": [{"name": "x", "project": "NONE"}]}, "'NONE', which is not in the projects of this workspace"),
        ({"comments": [{"issue": "ORCH-114"}]}, "'ORCH-114', which is not in the work_items"),
    ],
)
def test_a_seed_that_makes_no_sense_is_refused(plane: FakePlane, seed: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plane.seed(seed)


def test_a_seed_file_without_an_object_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text("[]", encoding="utf-8")
    with pytest.raises(TypeError, match="expected a JSON object"):
        FakePlane(seed=file)


def test_it_speaks_tls_and_a_plain_client_does_not_stop_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    context, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(trusted)
    with FakePlane(ssl_context=context) as plane:
        assert plane.url.startswith("https://127.0.0.1:")
        with pytest.raises(httpx.TransportError):
            httpx.get(plane.url.replace("https", "http") + "/api/v1/users/me/")
        with httpx.Client(verify=trusted, headers=plane.headers) as client:
            assert client.get(f"{plane.url}/api/v1/users/me/").json()["display_name"] == "ada"


def test_a_body_in_many_pieces_and_two_requests_at_once_are_read(plane: FakePlane) -> None:
    import socket

    target = ITEM.format(**known(plane))
    head = f"PATCH {target} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {plane.token}\r\nContent-Type: application/json\r\n"
    one = f"{head}Content-Length: 19\r\n\r\n".encode() + b'{"priority": "low" }'[:19]
    with socket.create_connection(("127.0.0.1", plane.port), timeout=5) as connection:
        connection.sendall(one[:20])
        connection.sendall(one[20:] + b"GET /nowhere/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"HTTP/1.1 ") == 2
    assert [(request.method, request.head.split()[1].decode()) for request in plane.requests] == [
        ("PATCH", target),
        ("GET", "/nowhere/"),
    ]
