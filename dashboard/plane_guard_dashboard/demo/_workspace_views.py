"""Views above the projects: the projects themselves, stickies, invitations, assets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_dashboard.demo._bodies import Refused
from plane_guard_dashboard.demo._calls import (
    ITEMS,
    NOT_FOUND,
    STUMBLED,
    Call,
    View,
    Views,
    canonical,
    listing,
)
from plane_guard_dashboard.demo._seed import STATES
from plane_guard_dashboard.demo._views import writable
from plane_guard_dashboard.demo._wire import Reply

if TYPE_CHECKING:
    from plane_guard_dashboard.demo._state import Row


def loose(table: str, *required: str) -> Views:
    """Return list and create of things that belong to no project."""

    def create(call: Call) -> Reply:
        call.required(*required)
        return Reply(201, call.db.insert(table, None, **writable(call.data)))

    return {"GET": lambda call: listing(call.db.rows(table, project=None)), "POST": create}


def loose_detail(table: str) -> Views:
    """Return the views of one thing that belongs to no project."""

    def delete(call: Call) -> Reply:
        call.db.remove(table, _row(call, table))
        return Reply(204)

    return {
        "GET": lambda call: Reply(200, _row(call, table)),
        "PATCH": _change(table),
        "PUT": _change(table),
        "DELETE": delete,
    }


def only_put(table: str) -> Views:
    """Return the views of the `.json` spelling, which is live for PUT alone."""
    return {"PUT": _change(table)}


def projects() -> Views:
    """Return the views of `/projects/`."""
    return {"GET": lambda call: listing(call.db.rows("projects")), "POST": create_project}


def create_project(call: Call) -> Reply:
    """Create a project with its default states."""
    call.required("name", "identifier")
    _free_identifier(call)
    row = call.db.insert("projects", None, **writable(call.data))
    row["project"] = row["id"]
    for name, group in STATES.items():
        call.db.insert("states", row["id"], name=name, group=group)
    return Reply(201, row)


def change_project(call: Call) -> Reply:
    """Change a project: foreign default states are 400, a taken identifier is 409."""
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
    return Reply(204)


def create_asset(call: Call) -> Reply:
    """Write the row of a file into whatever project the body names, then stumble, as the server does."""
    project = call.data.get("project_id")
    call.db.insert("attachments", canonical(project) if project else None, name=call.data.get("name"))
    return Reply(500, STUMBLED)


def search(call: Call) -> Reply:
    """Find work items of the workspace by a word of their name."""
    return Reply(200, {"issues": [_short(call, row) for row in call.db.rows(ITEMS)]})


def me(_: Call) -> Reply:
    """Return the token's user."""
    return Reply(200, {"email": "ada@example.com", "display_name": "ada"})


def _short(call: Call, row: Row) -> Row:
    project = call.db.find("projects", row["project"]) or {}
    return {
        "id": row["id"],
        "name": row["name"],
        "sequence_id": row["sequence_id"],
        "project_id": row["project"],
        "project__identifier": project.get("identifier"),
    }


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
