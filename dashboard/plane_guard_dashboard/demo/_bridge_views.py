"""Views that tie items together: relations, cycles, modules. Only modules look whose the items are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_dashboard.demo._bodies import Refused, as_list
from plane_guard_dashboard.demo._calls import (
    ITEMS,
    NOT_FOUND,
    STUMBLED,
    Call,
    View,
    anyones,
    canonical,
    listing,
)
from plane_guard_dashboard.demo._wire import Reply

if TYPE_CHECKING:
    from plane_guard_dashboard.demo._state import Row


RELATION_TYPES = frozenset(
    [
        "blocking",
        "blocked_by",
        "duplicate",
        "relates_to",
        "start_after",
        "start_before",
        "finish_after",
        "finish_before",
    ]
)


def create_relation(call: Call) -> Reply:
    """Relate any item to any items; only the project in the path is looked at."""
    kind = call.data.get("relation_type")
    if kind not in RELATION_TYPES:
        raise Refused(400, {"relation_type": [f'"{kind}" is not a valid choice.']})
    item = anyones(call, call.ids["item"])
    others = [anyones(call, other) for other in as_list(call.data.get("issues"))]
    fields = [{"issue": item["id"], "related_issue": other["id"], "relation_type": kind} for other in others]
    rows = [call.db.insert("relations", call.project, **one) for one in fields]
    call.db.change(ITEMS, item)
    return Reply(201, rows)


def relations(call: Call) -> Reply:
    """Return both ends' view of an item's relations, whichever project made them."""
    me = call.get(ITEMS, call.ids["item"])["id"]
    found = [row for row in call.db.rows("relations") if me in {row["issue"], row["related_issue"]}]
    return Reply(200, {kind: [row for row in found if row["relation_type"] == kind] for kind in sorted(RELATION_TYPES)})


def put_in_cycle(call: Call) -> Reply:
    """Put items into a cycle. No filter by project: items of others are moved out of their own cycle."""
    cycle = call.get("cycles", call.ids["cycle"])["id"]
    items = [anyones(call, other) for other in as_list(call.data.get("issues"))]
    if not items:
        raise Refused(400, {"error": "Work items are required"})
    rows = [_move(call, item["id"], cycle) for item in items]
    for item in items:
        call.db.change(ITEMS, item)
    return Reply(200, rows)


def put_in_module(call: Call) -> Reply:
    """Put items into a module; items of other projects are left out without a word."""
    module = call.get("modules", call.ids["module"])["id"]
    ids = [canonical(other) for other in as_list(call.data.get("issues"))]
    own = [item for item in ids if call.db.find(ITEMS, item, project=call.project)]
    return Reply(200, [call.db.insert("module_issues", call.project, issue=item, module=module) for item in own])


def members_of(table: str, owner: str) -> View:
    """Return the list view of a cycle's or a module's items."""
    return lambda call: listing(call.db.rows(table, project=call.project, **{owner: call.ids[owner]}))


def take_out_of(table: str, owner: str) -> View:
    """Return the view that takes an item out of a cycle or a module of the path's project."""

    def view(call: Call) -> Reply:
        where = {"project": call.project, owner: call.ids[owner], "issue": call.ids["item"]}
        for row in call.db.rows(table, **where):
            call.db.remove(table, row)
            return Reply(204)
        return Reply(404, NOT_FOUND)

    return view


def transfer(call: Call) -> Reply:
    """Move a cycle's items to another cycle of the project; a foreign one makes the server stumble."""
    call.required("new_cycle_id")
    cycle = call.get("cycles", call.ids["cycle"])["id"]
    target = call.db.find("cycles", canonical(call.data["new_cycle_id"]), project=call.project)
    if target is None:
        return Reply(500, STUMBLED)
    for row in call.db.rows("cycle_issues", project=call.project, cycle=cycle):
        call.db.change("cycle_issues", row, cycle=target["id"])
    return Reply(200, {"message": "Success"})


def _move(call: Call, item: str, cycle: str) -> Row:
    for row in call.db.rows("cycle_issues", issue=item):
        return row if row["cycle"] == cycle else call.db.change("cycle_issues", row, cycle=cycle)
    return call.db.insert("cycle_issues", call.project, issue=item, cycle=cycle)
