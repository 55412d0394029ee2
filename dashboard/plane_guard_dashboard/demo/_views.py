"""Views over rows that belong to the path's project: every one checks that they do, as the server does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_dashboard.demo._bodies import Data, Refused, as_list
from plane_guard_dashboard.demo._calls import ITEMS, NOT_FOUND, Call, View, Views, canonical, listing
from plane_guard_dashboard.demo._wire import Reply

if TYPE_CHECKING:
    from plane_guard_dashboard.demo._state import Row

NOT_WRITABLE = frozenset({"id", "project", "project_id", "workspace", "workspace_id", "created_at", "updated_at"})
ITEM_FIELDS = frozenset(
    [
        "name",
        "description_html",
        "priority",
        "state",
        "parent",
        "labels",
        "assignees",
        "start_date",
        "target_date",
        "archived_at",
        "deleted_at",
        "completed_at",
        "is_draft",
        "sequence_id",
        "created_by",
        "external_id",
        "external_source",
        "estimate_point",
        "point",
    ]
)


def collection(table: str, *required: str) -> Views:
    """Return the views of `/<collection>/`: list and create."""

    def create(call: Call) -> Reply:
        call.required(*required)
        return Reply(201, call.db.insert(table, call.project, **writable(call.data)))

    return {"GET": lambda call: listing(call.db.rows(table, project=call.project)), "POST": create}


def detail(table: str, name: str) -> Views:
    """Return the views of `/<collection>/<id>/`: read, change, delete."""

    def change(call: Call) -> Reply:
        row = call.get(table, call.ids[name])
        return Reply(200, call.db.change(table, row, **writable(call.data)))

    return {
        "GET": lambda call: Reply(200, call.get(table, call.ids[name])),
        "PATCH": change,
        "DELETE": _drop(table, name),
    }


def stamp(table: str, name: str, field: str, value: object) -> View:
    """Return a view that sets one field of a row and answers 204: archive and its undoing."""

    def view(call: Call) -> Reply:
        call.db.change(table, call.get(table, call.ids[name]), **{field: value})
        return Reply(204)

    return view


def items() -> Views:
    """Return the views of `/work-items/`."""
    return {"GET": lambda call: listing(call.db.rows(ITEMS, project=call.project)), "POST": create_item}


def item() -> Views:
    """Return the views of `/work-items/<id>/`."""
    return {
        "GET": lambda call: Reply(200, call.get(ITEMS, call.ids["item"])),
        "PATCH": change_item,
        "DELETE": _drop(ITEMS, "item"),
    }


def create_item(call: Call) -> Reply:
    """Create a work item in the path's project, whatever project the body names."""
    call.required("name")
    return Reply(201, new_item(call, call.data))


def new_item(call: Call, data: Data) -> Row:
    """Insert a work item with the next number of its project."""
    number = 1 + max((row["sequence_id"] for row in call.db.rows(ITEMS, project=call.project)), default=0)
    states = call.db.rows("states", project=call.project)
    defaults: Data = {
        "sequence_id": number,
        "state": states[0]["id"] if states else None,
        "labels": [],
        "parent": None,
    }
    return call.db.insert(ITEMS, call.project, **{**defaults, **item_fields(call, data)})


def change_item(call: Call) -> Reply:
    """Change a work item of the path's project."""
    row = call.get(ITEMS, call.ids["item"])
    return Reply(200, call.db.change(ITEMS, row, **item_fields(call, call.data)))


def item_fields(call: Call, data: Data) -> Data:
    """Return the fields that the server takes; foreign parents, states: 400; foreign labels: dropped."""
    fields = {name: value for name, value in data.items() if name in ITEM_FIELDS}
    for name, table in (("state", "states"), ("parent", ITEMS)):
        if fields.get(name):
            fields[name] = _own(call, table, fields[name])
    if "labels" in fields:
        labels = [canonical(label) for label in as_list(fields["labels"])]
        fields["labels"] = [label for label in labels if call.db.find("labels", label, project=call.project)]
    return fields


def create_cycle(call: Call) -> Reply:
    """Create a cycle in the path's project; the body must name a project, which is then ignored."""
    call.required("name")
    if not call.data.get("project_id"):
        raise Refused(400, {"non_field_errors": ["Project ID is required"]})
    return Reply(201, call.db.insert("cycles", call.project, **writable(call.data)))


def create_member(call: Call) -> Reply:
    """Add a member of the workspace to the project."""
    call.required("member", "role")
    if not any(row["member"] == call.data["member"] for row in call.db.rows("members")):
        raise Refused(400, {"error": "User is not a member of the workspace"})
    return Reply(201, call.db.insert("members", call.project, **writable(call.data)))


def by_identifier(call: Call) -> Reply:
    """Return a work item by its human key, `ORCH-114`."""
    for project in call.db.rows("projects", identifier=call.ids["identifier"]):
        for row in call.db.rows(ITEMS, project=project["id"]):
            if str(row["sequence_id"]) == call.ids["number"]:
                return Reply(200, row)
    return Reply(404, NOT_FOUND)


def writable(data: Data) -> Data:
    """Return the fields of a body that a client may set."""
    return {name: value for name, value in data.items() if name not in NOT_WRITABLE}


def _own(call: Call, table: str, value: object) -> str:
    row_id = canonical(value)
    if call.db.find(table, row_id, project=call.project) is None:
        raise Refused(400, {"non_field_errors": [f"{table} is not valid please pass a valid id"]})
    return row_id


def _drop(table: str, name: str) -> View:
    def view(call: Call) -> Reply:
        call.db.remove(table, call.get(table, call.ids[name]))
        return Reply(204)

    return view
