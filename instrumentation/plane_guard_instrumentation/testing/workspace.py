"""Views above projects: projects themselves, stickies, invitations, assets, users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing.bodies import Refused
from plane_guard_instrumentation.testing.calls import (
    NOT_FOUND,
    SERVER_ERROR,
    Call,
    View,
    Views,
    canonical,
    paginated,
    plain_list,
)
from plane_guard_instrumentation.testing.http_server import Reply
from plane_guard_instrumentation.testing.objects import writable
from plane_guard_instrumentation.testing.world import STATES

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.database import Row


def loose(table: str, *required: str) -> Views:
    """Return list and create of rows that belong to no project."""

    def create(call: Call) -> Reply:
        call.required(*required)
        return Reply(201, call.db.insert(table, None, **writable(call.data)))

    return {"GET": lambda call: paginated(call, call.db.rows(table, project=None)), "POST": create}


def loose_detail(table: str) -> Views:
    """Return the views of one row that belongs to no project."""

    def delete(call: Call) -> Reply:
        call.db.remove(table, _row(call, table))
        return Reply(204)

    return {
        "GET": lambda call: Reply(200, _row(call, table)),
        "PATCH": _change(table),
        "PUT": _change(table),
        "DELETE": delete,
    }


def put_only(table: str) -> Views:
    """Return the views of the `.json` spelling, which answers PUT only."""
    return {"PUT": _change(table)}


def list_projects(call: Call) -> Reply:
    """Return the projects of the workspace."""
    return paginated(call, [row for row in call.db.rows("projects") if not row.get("archived_at")])


def create_project(call: Call) -> Reply:
    """Create a project with its default states, and its creator as a member."""
    call.required("name", "identifier")
    _free_identifier(call)
    fields = {"description": "", "network": 2, "default_state": None, "archived_at": None}
    row = call.db.insert("projects", None, **{**fields, **writable(call.data)})
    row["project"] = row["id"]
    for name, group in STATES.items():
        call.db.insert("states", row["id"], name=name, group=group, default=name == "Backlog", color="#60646c")
    call.db.insert("members", row["id"], member=call.user, role=20)
    return Reply(201, row)


def change_project(call: Call) -> Reply:
    """Change a project. A default state of another project is 400, an identifier in use is 409."""
    _free_identifier(call)
    state = call.data.get("default_state")
    if state and call.db.find("states", canonical(state), project=call.project) is None:
        raise Refused(400, {"non_field_errors": ["Default state should be a state in the project"]})
    row = call.db.change("projects", call.get("projects", call.project), **writable(call.data))
    return Reply(200, row)


def delete_project(call: Call) -> Reply:
    """Delete a project and everything in it."""
    call.get("projects", call.project)
    for table in tuple(call.db.tables):
        for row in call.db.rows(table, project=call.project):
            call.db.remove(table, row)
    for page in call.db.rows("pages"):
        if call.project in page["project_ids"]:
            call.db.change("pages", page, project_ids=[key for key in page["project_ids"] if key != call.project])
    return Reply(204)


def create_asset(call: Call) -> Reply:
    """Write the row of a file into whatever project the body names, then answer 500. Measured: an upstream bug."""
    project = call.data.get("project_id")
    call.db.insert("attachments", canonical(project) if project else None, name=call.data.get("name"))
    return Reply(500, SERVER_ERROR)


def members(call: Call) -> Reply:
    """Return the users of the workspace."""
    return plain_list(call, call.db.rows("users"), lambda _, row: {**row, "role": 20})


def me(call: Call) -> Reply:
    """Return the user of the token or session."""
    return Reply(200, call.anywhere("users", call.user))


def change_me(call: Call) -> Reply:
    """Change the user of the session."""
    return Reply(200, call.db.change("users", call.anywhere("users", call.user), **writable(call.data)))


def deactivate_me(call: Call) -> Reply:
    """Deactivate the user of the session, and remove it from its projects."""
    call.db.change("users", call.anywhere("users", call.user), is_active=False)
    for row in call.db.rows("members", member=call.user):
        call.db.change("members", row, is_active=False)
    return Reply(204)


def _free_identifier(call: Call) -> None:
    taken = call.db.rows("projects", identifier=call.data.get("identifier"))
    if any(row["id"] != call.ids.get("project") for row in taken):
        raise Refused(409, {"identifier": "The project identifier is already taken"})


def _row(call: Call, table: str) -> Row:
    row = call.db.find(table, call.ids["row"], project=None)
    if row is None:
        raise Refused(404, NOT_FOUND)
    return row


def _change(table: str) -> View:
    return lambda call: Reply(200, call.db.change(table, _row(call, table), **writable(call.data)))
