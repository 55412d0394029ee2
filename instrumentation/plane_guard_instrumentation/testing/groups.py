"""Views of cycles and modules and their items. Plane checks the items' project for modules of API v1 only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing.bodies import Refused, as_list
from plane_guard_instrumentation.testing.calls import (
    ITEMS,
    NOT_FOUND,
    SERVER_ERROR,
    Call,
    View,
    any_item,
    canonical,
    paginated,
)
from plane_guard_instrumentation.testing.http_server import Reply
from plane_guard_instrumentation.testing.objects import DEFAULTS, check_duplicates, writable

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.database import Row


def create_cycle(call: Call) -> Reply:
    """Create a cycle in the path's project. The body must name a project, which is then ignored."""
    call.required("name")
    if not call.data.get("project_id"):
        raise Refused(400, {"non_field_errors": ["Project ID is required"]})
    check_duplicates(call, "cycles")
    fields = {**DEFAULTS["cycles"], "owned_by": call.user, **writable(call.data)}
    return Reply(201, call.db.insert("cycles", call.project, **fields))


def put_in_cycle(call: Call) -> Reply:
    """Put items into a cycle. Items of other projects are moved out of their own cycle."""
    cycle = call.get("cycles", call.ids["cycle"])["id"]
    items = [any_item(call, other) for other in as_list(call.data.get("issues"))]
    if not items:
        raise Refused(400, {"error": "Work items are required"})
    rows = [_move(call, item["id"], cycle) for item in items]
    for item in items:
        call.db.change(ITEMS, item)
    return Reply(200, rows)


def put_in_module(call: Call) -> Reply:
    """Put items into a module. Items of other projects are silently left out."""
    module = call.get("modules", call.ids["module"])["id"]
    ids = [canonical(other) for other in as_list(call.data.get("issues"))]
    if not ids:
        raise Refused(400, {"error": "Issues are required"})
    own = [item for item in ids if call.db.find(ITEMS, item, project=call.project)]
    return Reply(200, [call.db.insert("module_issues", call.project, issue=item, module=module) for item in own])


def items_of(table: str, owner: str) -> View:
    """Return the list view of the items of a cycle or module."""

    def view(call: Call) -> Reply:
        rows = call.db.rows(table, project=call.project, **{owner: call.ids[owner]})
        # The items' own fields make the row readable as a work item. `issue` and the group stay, as tests use them.
        return paginated(call, rows, lambda call, row: {**(call.db.find(ITEMS, row["issue"]) or {}), **_links(row)})

    return view


def take_out_of(table: str, owner: str) -> View:
    """Return the view that takes an item out of a cycle or module of the path's project."""

    def view(call: Call) -> Reply:
        where = {"project": call.project, owner: call.ids[owner], "issue": call.ids["item"]}
        for row in call.db.rows(table, **where):
            call.db.remove(table, row)
            return Reply(204)
        return Reply(404, NOT_FOUND)

    return view


def transfer(call: Call) -> Reply:
    """Move a cycle's items to another cycle of the project. A cycle of another project is a 500."""
    call.required("new_cycle_id")
    cycle = call.get("cycles", call.ids["cycle"])["id"]
    target = call.db.find("cycles", canonical(call.data["new_cycle_id"]), project=call.project)
    if target is None:
        return Reply(500, SERVER_ERROR)
    for row in call.db.rows("cycle_issues", project=call.project, cycle=cycle):
        call.db.change("cycle_issues", row, cycle=target["id"])
    return Reply(200, {"message": "Success"})


def _links(row: Row) -> Row:
    return {name: row[name] for name in ("issue", "cycle", "module") if name in row}


def _move(call: Call, item: str, cycle: str) -> Row:
    for row in call.db.rows("cycle_issues", issue=item):
        return row if row["cycle"] == cycle else call.db.change("cycle_issues", row, cycle=cycle)
    return call.db.insert("cycle_issues", call.project, issue=item, cycle=cycle)
