"""The fake server does to rows what a real Plane server does (table B of the measurements)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.instrumentation.testing.fake_plane_cases import FOREIGN, LEGITIMATE, Case, P, S, fill, known
from tests.instrumentation.testing.raw_http import send

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane

FORM = "application/x-www-form-urlencoded"


def changed_tables(plane: FakePlane, project: str) -> tuple[str, ...]:
    return tuple(sorted({change.table for change in plane.changes_of(project)}))


@pytest.mark.parametrize("limited", [False, True], ids=["admin token", "sandbox-only token"])
@pytest.mark.parametrize("case", FOREIGN, ids=[case.name for case in FOREIGN])
def test_naming_an_object_of_production_does_what_a_real_server_does(
    plane: FakePlane, case: Case, *, limited: bool
) -> None:
    ids = known(plane)
    before = plane.snapshot(plane.prod.id)
    token = plane.limited_token if limited else plane.token
    reply = send(plane, case.method, str(fill(case.target, ids)), fill(case.body, ids), token=token)
    assert reply.status == case.status
    assert changed_tables(plane, plane.prod.id) == case.prod_tables
    assert (plane.snapshot(plane.prod.id) != before) is bool(case.prod_tables)
    assert set(case.sandbox_tables) <= set(changed_tables(plane, plane.sandbox.id))


@pytest.mark.parametrize("case", LEGITIMATE, ids=[case.name for case in LEGITIMATE])
def test_a_write_where_it_belongs_lands(plane: FakePlane, case: Case) -> None:
    ids = known(plane)
    reply = send(plane, case.method, str(fill(case.target, ids)), fill(case.body, ids))
    assert reply.status == case.status
    assert changed_tables(plane, plane.prod.id) == case.prod_tables
    assert changed_tables(plane, plane.sandbox.id) == case.sandbox_tables


def test_a_production_item_leaves_its_cycle_when_a_sandbox_cycle_takes_it(plane: FakePlane) -> None:
    ids = known(plane)
    cycle = (P + "/cycles/{p_cycle}/cycle-issues/").format(**ids)
    assert ids["p_item"] in {row["issue"] for row in send(plane, "GET", cycle).value["results"]}
    send(plane, "POST", (S + "/cycles/{s_cycle}/cycle-issues/").format(**ids), {"issues": [ids["p_item"]]})
    assert ids["p_item"] not in {row["issue"] for row in send(plane, "GET", cycle).value["results"]}


def test_the_last_of_duplicate_keys_wins(plane: FakePlane) -> None:
    ids = known(plane)
    body = f'{{"issues":["{ids["s_item"]}"],"issues":["{ids["p_item"]}"]}}'.encode()
    send(plane, "POST", (S + "/cycles/{s_cycle}/cycle-issues/").format(**ids), body)
    assert changed_tables(plane, plane.prod.id) == ("cycle_issues", "work_items")


MULTIPART = b'--b\r\nContent-Disposition: form-data; name="priority"\r\n\r\nlow\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (FORM, b"priority=low", 200),
        ("multipart/form-data; boundary=b", MULTIPART, 200),
        ("application/json; charset=utf-16", '{"priority":"low"}'.encode("utf-16"), 200),
        ("text/plain", b"priority=low", 415),
        ("application/json", b"{not json", 400),
        ("application/json", b'{"point": NaN}', 400),
        ("application/json", b"[]", 400),
        ("multipart/form-data", MULTIPART, 400),
    ],
)
def test_a_body_is_parsed_by_its_content_type(plane: FakePlane, kind: str, body: bytes, status: int) -> None:
    target = (P + "/work-items/{p_item}/").format(**known(plane))
    assert send(plane, "PATCH", target, body, kind=kind).status == status
    row = plane.row("work_items", plane.prod.items["ORCH-114"])
    assert row is not None
    assert (row["priority"] == "low") is (status == 200)


def test_a_form_may_name_several_items(plane: FakePlane) -> None:
    ids = known(plane)
    body = f"relation_type=blocking&issues=urn:uuid:{ids['p_item']}&issues={ids['s_other']}".encode()
    reply = send(plane, "POST", (S + "/work-items/{s_item}/relations/").format(**ids), body, kind=FORM)
    assert [row["related_issue"] for row in reply.value] == [ids["p_item"], ids["s_other"]]
