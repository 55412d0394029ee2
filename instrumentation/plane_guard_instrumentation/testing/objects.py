"""Views of rows in the path's project. They check that a row belongs to it, as Plane does for these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing.bodies import Data, Refused
from plane_guard_instrumentation.testing.calls import (
    FORBIDDEN,
    Call,
    Present,
    View,
    Views,
    as_is,
    canonical,
    paginated,
)
from plane_guard_instrumentation.testing.http_server import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing.database import Row

    Listing = Callable[[Call, list[Row], Present], Reply]

READ_ONLY = frozenset(
    ["id", "project", "project_id", "project_ids", "workspace", "workspace_id", "created_at", "updated_at"]
)
DEFAULTS: dict[str, Data] = {
    "labels": {"color": "", "description": "", "parent": None},
    "states": {"color": "#60646c", "group": "backlog", "description": "", "default": False, "sequence": 65535.0},
    "cycles": {"description": "", "start_date": None, "end_date": None, "archived_at": None, "owned_by": None},
    "modules": {"description": "", "status": "backlog", "start_date": None, "target_date": None, "archived_at": None},
    "links": {"title": "", "metadata": {}},
    "comments": {"comment_html": "", "access": "INTERNAL", "parent": None},
    "attachments": {"is_uploaded": False, "attributes": {}},
}
UNIQUE_NAME = {"labels": "Label", "states": "State"}


def collection(table: str, *required: str, present: Present = as_is, listing: Listing = paginated) -> Views:
    """Return the views of `/<collection>/`: list and create."""

    def create(call: Call) -> Reply:
        call.required(*required)
        check_duplicates(call, table)
        row = call.db.insert(table, call.project, **{**DEFAULTS.get(table, {}), **writable(call.data)})
        return Reply(201, present(call, row))

    def rows(call: Call) -> Reply:
        found = [row for row in call.db.rows(table, project=call.project) if not row.get("archived_at")]
        return listing(call, found, present)

    return {"GET": rows, "POST": create}


def detail(table: str, name: str, *, present: Present = as_is) -> Views:
    """Return the views of `/<collection>/<id>/`: read, change, delete."""

    def change(call: Call) -> Reply:
        row = call.get(table, call.ids[name])
        check_duplicates(call, table, row["id"])
        return Reply(200, present(call, call.db.change(table, row, **writable(call.data))))

    def read(call: Call) -> Reply:
        return Reply(200, present(call, call.get(table, call.ids[name])))

    return {"GET": read, "PATCH": change, "DELETE": delete(table, name)}


def delete(table: str, name: str) -> View:
    """Return the view that deletes a row of the path's project."""

    def view(call: Call) -> Reply:
        row = call.get(table, call.ids[name])
        if table == "states":
            _deletable_state(call, row)
        call.db.remove(table, row)
        return Reply(204)

    return view


def archive(table: str, name: str) -> View:
    """Return the view that archives a row."""

    def view(call: Call) -> Reply:
        call.db.change(table, call.get(table, call.ids[name]), archived_at=call.db.now())
        return Reply(204)

    return view


def unarchive(table: str, name: str) -> View:
    """Return the view that restores an archived row."""

    def view(call: Call) -> Reply:
        call.db.change(table, call.get(table, call.ids[name]), archived_at=None)
        return Reply(204)

    return view


def archived(table: str, *, present: Present = as_is, listing: Listing = paginated) -> View:
    """Return the list view of the archived rows."""

    def view(call: Call) -> Reply:
        rows = [row for row in call.db.rows(table, project=call.project) if row.get("archived_at")]
        return listing(call, rows, present)

    return view


def create_member(call: Call) -> Reply:
    """Add a member of the workspace to the project."""
    call.required("member", "role")
    if call.db.find("users", call.data["member"]) is None:
        raise Refused(400, {"error": "User is not a member of the workspace"})
    return Reply(201, call.db.insert("members", call.project, **writable(call.data)))


def user_of_member(call: Call, row: Row) -> Row:
    """Return a member as API v1 lists it: the user, with the role."""
    return {**(call.db.find("users", row["member"]) or {}), "role": row["role"]}


def writable(data: Data) -> Data:
    """Return the fields of a body that a client may set."""
    return {name: value for name, value in data.items() if name not in READ_ONLY}


def owned_id(call: Call, table: str, value: object) -> str:
    """Return the canonical id of a row of the path's project, or answer 400."""
    row_id = canonical(value)
    if call.db.find(table, row_id, project=call.project) is None:
        raise Refused(400, {"non_field_errors": [f"{table} is not valid please pass a valid id"]})
    return row_id


def check_duplicates(call: Call, table: str, row_id: str = "") -> None:
    """Answer 409 if another row of the project has the same external id, or a name that must be unique."""
    others = [row for row in call.db.rows(table, project=call.project) if row["id"] != row_id]
    external = {name: call.data.get(name) for name in ("external_id", "external_source")}
    if all(external.values()):
        for row in others:
            if external.items() <= row.items():
                text = f"{table} with the same external id and external source already exists"
                raise Refused(409, {"error": text, "id": row["id"]})
    for row in others if table in UNIQUE_NAME and call.data.get("name") else ():
        if row["name"] == call.data["name"]:
            text = f"{UNIQUE_NAME[table]} with the same name already exists in the project"
            raise Refused(409, {"error": text, "id": row["id"]})


def _deletable_state(call: Call, row: Row) -> None:
    if row.get("default"):
        raise Refused(403, {"error": "Default state cannot be deleted"})
    if call.db.rows("work_items", state=row["id"]):
        raise Refused(403, {"error": "The state is not empty, only empty states can be deleted"})


READ_ONLY_VIEWS: Views = dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), lambda _: Reply(403, FORBIDDEN))
