"""The fake server reads request targets as a real Plane server does (table A of the measurements)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

import pytest

from plane_guard_instrumentation.testing import FakePlane
from plane_guard_instrumentation.testing.world import PROD_ID, SANDBOX_ID, stable_id
from tests.instrumentation.testing.raw_http import send

URGENT = {"priority": "urgent"}


class Case(NamedTuple):
    """A request on the PROD item, what the server answers, and whether the item changed."""

    name: str
    target: str
    status: int
    changed: bool = False
    method: str = "PATCH"
    headers: tuple[str, ...] = ()


def _encode_all(text: str) -> str:
    return "".join(f"%{ord(letter):02X}" for letter in text)


def _cases() -> list[Case]:
    p, s, i = PROD_ID, SANDBOX_ID, stable_id("ORCH", 114)
    base = "/api/v1/workspaces/acme/projects"
    item = f"{base}/{p}/work-items/{i}/"
    sandboxed = f"{base}/{s}/../{p}/work-items/{i}/"
    return [
        Case("path as is", item, 200, changed=True),
        Case("the older spelling issues", item.replace("work-items", "issues"), 200, changed=True),
        Case("upper-case project", item.replace(p, p.upper()), 404),
        Case("upper-case item", item.replace(i, i.upper()), 404),
        Case("project without dashes", item.replace(p, p.replace("-", "")), 404),
        Case("project in braces", item.replace(p, f"{{{p}}}"), 404),
        Case("project as urn", item.replace(p, f"urn:uuid:{p}"), 404),
        Case("two slashes in front", f"/{item}", 404),
        Case("two slashes after api", item.replace("/api/", "/api//"), 404),
        Case("two slashes before the project", item.replace("projects/", "projects//"), 404),
        Case("two slashes at the end", f"{item}/", 404),
        *(
            Case(f"dot segments spelled {dots}", sandboxed.replace("..", dots, 1), 404)
            for dots in ("..", "%2e%2e", ".%2E", "%252e%252e", "..\\..")
        ),
        Case("dots with an encoded slash", sandboxed.replace("../", "..%2f"), 404),
        Case("a single dot", item.replace("/projects/", "/projects/./"), 404),
        Case("an encoded single dot", item.replace("/projects/", "/projects/%2e/"), 404),
        Case("PATCH without the slash", item[:-1], 301),
        Case("POST without the slash", f"{base}/{p}/work-items", 301, method="POST"),
        Case("DELETE without the slash", item[:-1], 301, method="DELETE"),
        Case("one character encoded", item.replace(p, f"%{ord(p[0]):02x}{p[1:]}"), 200, changed=True),
        Case("dashes encoded", item.replace(p, p.replace("-", "%2D")), 200, changed=True),
        Case("every character of the project encoded", item.replace(p, _encode_all(p)), 200, changed=True),
        Case("a literal segment encoded", item.replace("projects", "p%72ojects"), 200, changed=True),
        Case("the slug encoded", item.replace("acme", "%61cme"), 200, changed=True),
        Case("the whole path encoded", "/" + _encode_all(item[1:]), 200, changed=True),
        Case("slashes encoded", "/" + quote(item[1:], safe=""), 200, changed=True),
        Case("double encoding", item.replace(p, f"%25{ord(p[0]):02x}{p[1:]}"), 404),
        Case("an encoded upper-case letter", item.replace(p, f"%41{p[1:]}"), 404),
        *(
            Case(f"{junk} after the project", item.replace(p, p + junk), 404)
            for junk in ("%zz", "%00", "%0a", "%20", ";x", "%3F", ".json")
        ),
        Case("a query that names the sandbox", f"{item}?x=/projects/{s}/", 200, changed=True),
        Case("a query that looks like a path", f"{item}?/projects/{s}/#", 200, changed=True),
        Case("a format in the query", f"{item}?format=json", 200, changed=True),
        Case("a fragment in the request line", f"{item}#x", 404),
        Case("upper-case API", item.replace("/api/v1", "/API/V1"), 404),
        Case("upper-case Projects", item.replace("/projects", "/Projects"), 404),
        Case("upper-case Work-Items", item.replace("/work-items", "/Work-Items"), 404),
        Case("upper-case slug", item.replace("acme", "ACME"), 403),
        Case("another workspace", item.replace("acme", "other"), 403),
        Case("absolute form", f"http://127.0.0.1{item}", 404),
        Case("another Host header", item, 200, changed=True, headers=("Host: elsewhere.example",)),
        Case("the web app's own API", item.replace("/v1", ""), 401),
        Case("API v2", item.replace("/v1", "/v2"), 404),
        Case("the public API", item.replace("/v1", "/public"), 404),
        Case("by identifier", "/api/v1/workspaces/acme/work-items/ORCH-114/", 403),
        *(
            Case(f"POST with {name}", item, 405, method="POST", headers=(f"{name}: PATCH",))
            for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
        ),
        Case(
            "GET with an override header",
            item,
            200,
            method="GET",
            headers=("X-HTTP-Method-Override: DELETE",),
        ),
        *(Case(f"the method {m}", item, 200, changed=True, method=m) for m in ("patch", "Patch")),
        Case("the method delete", item, 204, changed=True, method="delete"),
        *(Case(f"the method {m}", item, 405, method=m) for m in ("PUT", "HEAD", "OPTIONS", "TRACE", "FOO")),
    ]


CASES = _cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_target_is_read_as_a_real_server_reads_it(plane: FakePlane, case: Case) -> None:
    before = plane.snapshot(plane.prod.id)
    body = None if case.method == "GET" else URGENT
    reply = send(plane, case.method, case.target, body, headers=case.headers)
    assert reply.status == case.status
    assert (plane.snapshot(plane.prod.id) != before) is case.changed
    assert bool(plane.changes_of(plane.prod.id)) is case.changed
    assert [request.target for request in plane.requests] == [case.target]


@pytest.mark.parametrize(
    "header",
    ["X-Original-URL: {}", "X-Rewrite-URL: {}", "X-Forwarded-Prefix: {}", "Script-Name: {}"],
)
def test_headers_that_name_another_path_are_ignored(plane: FakePlane, header: str) -> None:
    item, foreign = (
        f"/api/v1/workspaces/acme/projects/{project.id}/work-items/{next(iter(project.items.values()))}/"
        for project in (plane.sandbox, plane.prod)
    )
    assert send(plane, "PATCH", item, URGENT, headers=(header.format(foreign),)).status == 200
    assert plane.changes_of(plane.sandbox.id)
    assert not plane.changes_of(plane.prod.id)


@pytest.mark.parametrize("field", ["project_id", "project", "pk", "issue_id", "slug"])
def test_a_query_that_names_production_is_ignored(plane: FakePlane, field: str) -> None:
    item = plane.sandbox.items["SBX-1"]
    target = f"/api/v1/workspaces/acme/projects/{plane.sandbox.id}/work-items/{item}/?{field}={plane.prod.id}"
    assert send(plane, "PATCH", target, URGENT).status == 200
    assert not plane.changes_of(plane.prod.id)


def test_a_forgotten_slash_is_answered_with_the_full_address(plane: FakePlane) -> None:
    target = f"/api/v1/workspaces/acme/projects/{plane.prod.id}/work-items"
    assert send(plane, "POST", f"{target}?x=1", {"name": "n"}).headers["location"] == f"{target}/?x=1"


def test_below_a_prefix_only_the_prefixed_routes_exist() -> None:
    with FakePlane(prefix="/plane") as plane:
        path = f"/api/v1/workspaces/acme/projects/{plane.prod.id}/"
        assert plane.url.endswith("/plane")
        assert send(plane, "GET", f"/plane{path}").status == 200
        assert send(plane, "GET", path).status == 404
        assert send(plane, "GET", f"/plane{path[:-1]}").headers["location"] == f"/plane{path}"


@pytest.mark.parametrize("dots", ["..", "%2e%2e", "..%2f..%2fprojects", "//.."])
def test_a_normalising_proxy_lets_dot_segments_reach_production(dots: str) -> None:
    with FakePlane(normalises=True) as plane:
        item = plane.prod.items["ORCH-114"]
        base = "/api/v1/workspaces/acme/projects"
        send(plane, "PATCH", f"{base}/{plane.sandbox.id}/{dots}/{plane.prod.id}/work-items/{item}/", URGENT)
        assert plane.changes_of(plane.prod.id)
