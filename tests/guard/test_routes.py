"""Every known route that writes to Plane, against the facts in tests/data/plane_writes.jsonl."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from plane_guard import Op, classify, routes
from tests.guard.plane import ITEM, JSON, OTHER_ITEM, PROD, SANDBOX

DATA = Path(__file__).parents[1] / "data" / "plane_writes.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
WRITES = [row for row in ROWS if row["op"] != "read"]
READS = [row for row in ROWS if row["op"] == "read"]
IN_PROJECT = [row for row in WRITES if row["project_param"]]
OTHER_ID = "aaaaaaaa-0000-4000-8000-000000000001"
KNOWN_IDS = {"slug": "acme", "project_id": SANDBOX, "work_item_id": ITEM, "related_work_item_id": OTHER_ITEM}
SHOWN_OTHERWISE = {
    "/api/users/me/workspaces/{slug}/projects/invitations/": "/api/users/me/workspaces/acme/projects/invitations/",
    "/api/workspaces/file-assets/{workspace_id}/{asset_key}/": "/api/workspaces/{slug}/{id}/{id}/",
    "/api/workspaces/file-assets/{workspace_id}/{asset_key}/restore/": "/api/workspaces/{slug}/{id}/{id}/restore/",
}
NOT_AN_ID = {"external_source", "external_id"}  # an upsert's key: the row it finds is looked for under the project
BY_FIELD = [(row, field) for row in IN_PROJECT for field in row["body_project_fields"] if field not in NOT_AN_ID]


def named(row: dict[str, Any]) -> str:
    return f"{row['method']} {row['template']}"


def address(row: dict[str, Any], **ids: str) -> str:
    """A URL of this route."""
    path = re.sub(r"\{(\w+)\}", lambda name: {**KNOWN_IDS, **ids}.get(name[1], OTHER_ID), row["template"])
    return f"https://api.plane.so{path}".replace(f".{OTHER_ID}", ".json")


def without_names(template: str) -> str:
    """A template with its parameters alike, and a suffix for the format as part of one."""
    return re.sub(r"[\w{}-]+\.\{\}", "{}/", re.sub(r"\{\w+\}", "{}", template))


@pytest.fixture(autouse=True)
def _fresh_table() -> None:
    """Each test reads the table itself, not what an earlier one left in memory."""
    routes._tree.cache_clear()


def expected(row: dict[str, Any]) -> tuple[str, str | None, str | None, str]:
    shown = SHOWN_OTHERWISE.get(row["template"], row["template"])
    project, item = (SANDBOX if row["project_param"] else None), (ITEM if row["work_item_param"] else None)
    return row["op"], project, item, without_names(shown)


def test_every_write_is_recognised_for_what_it_does_and_where() -> None:
    read = {named(row): classify(row["method"], address(row)) for row in WRITES}
    assert {
        name: write and (write.op, write.project_id, write.work_item, without_names(write.url_template))
        for name, write in read.items()
    } == {named(row): expected(row) for row in WRITES}


def test_a_route_has_the_fields_of_its_line() -> None:
    found = routes.find(routes.PROJECT, ("work-items", ITEM, "relations", "remove"))
    assert found is not None
    assert found.fields == ("related_issue",)


def workspace_of(row: dict[str, Any]) -> str | None:
    if row["template"].startswith("/api/workspaces/file-assets/"):
        return "file-assets"
    has_one = "/workspaces/{slug}/" in row["template"] and "/users/me/" not in row["template"]
    return "acme" if has_one else None


def test_the_workspace_is_read_where_the_path_has_one() -> None:
    read = {named(row): classify(row["method"], address(row)) for row in WRITES}
    assert {name: write and write.workspace for name, write in read.items()} == {
        named(row): workspace_of(row) for row in WRITES
    }


@pytest.mark.parametrize("row", READS, ids=named)
def test_a_post_that_is_documented_as_a_read_is_none(row: dict[str, Any]) -> None:
    assert classify("POST", address(row)) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_reading_any_route_is_none(method: str) -> None:
    assert [named(row) for row in ROWS if classify(method, address(row)) is not None] == []


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "PUT", "post", "BREW"])
@pytest.mark.parametrize("row", READS, ids=named)
def test_another_method_on_a_route_that_reads_is_an_unknown_write(row: dict[str, Any], method: str) -> None:
    write = classify(method, address(row))
    assert write is not None
    assert (write.op, write.project_id) in {("unknown", SANDBOX), ("unknown", None), ("workspace", None)}


def body_with(field: str, value: object) -> dict[str, Any]:
    """A body in which this field of the data file holds this value."""
    first, _, below = field.partition("[].")
    if below:
        return {first: [body_with(below, value)]}
    return {field.removesuffix("[]"): [value] if field.endswith("[]") else value}


OP_RULES = [
    (row, op, rule)
    for row in WRITES
    for op, rules in row.get("body_op_rules", {}).items()
    for rule in rules
    if rule != "*" and row["op"] != "comment"  # the rules of a bulk update of comments are those of work items
]


@pytest.mark.parametrize(
    ("row", "op", "rule"), OP_RULES, ids=[f"{named(row)} {rule} {op}" for row, op, rule in OP_RULES]
)
def test_the_body_tells_what_is_done_to_an_item(row: dict[str, Any], op: str, rule: str) -> None:
    bodies: dict[str, dict[str, Any]] = {"issue.*": {"issue": {"name": "x"}}, "status==1": {"status": 1}}
    field = rule.partition(" ")[0]
    body = bodies.get(field) or body_with(field, ITEM)
    write = classify(row["method"], address(row), json.dumps({"name": "x", **body}), JSON)
    assert write is not None
    assert write.op == op


@pytest.mark.parametrize("row", [row for row in WRITES if row.get("body_op_rules")], ids=named)
def test_a_body_that_no_rule_speaks_of_leaves_the_op_of_the_route(row: dict[str, Any]) -> None:
    write = classify(row["method"], address(row), b'{"name": "x"}', JSON)
    assert write is not None
    assert write.op == row["op"]


def looks_at(row: dict[str, Any], field: str) -> bool:
    write = classify(row["method"], address(row), json.dumps(body_with(field, PROD)), JSON)
    assert write is not None
    return bool(write.unprovable) or PROD in {*write.projects, *(reference.id for reference in write.references)}


def test_every_field_that_can_name_something_elsewhere_is_looked_at() -> None:
    assert [(named(row), field) for row, field in BY_FIELD if not looks_at(row, field)] == []


def test_every_work_item_in_a_path_has_to_be_proven() -> None:
    rows = [row for row in IN_PROJECT if row["work_item_param"]]
    read = {named(row): classify(row["method"], address(row)) for row in rows}
    proven = {
        name: {item.id for item in write.references if item.id != OTHER_ID} for name, write in read.items() if write
    }
    assert proven == {named(row): {ITEM, OTHER_ITEM} if row.get("foreign_path_params") else {ITEM} for row in rows}


def test_every_op_is_the_op_of_a_route_or_of_no_known_route() -> None:
    seen = {row["op"] for row in WRITES} | {rule for row in WRITES for rule in row.get("body_op_rules", {})}
    assert seen | {"unknown"} == set(Op)
