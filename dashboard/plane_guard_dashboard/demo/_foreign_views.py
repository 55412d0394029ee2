"""Views of what hangs on work items. Where the server trusts the ids it is given, so do these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_dashboard.demo._bodies import Refused
from plane_guard_dashboard.demo._calls import (
    ITEMS,
    NOT_FOUND,
    Call,
    Views,
    anyones,
    listing,
)
from plane_guard_dashboard.demo._views import item_fields, new_item, writable
from plane_guard_dashboard.demo._wire import Reply

if TYPE_CHECKING:
    from plane_guard_dashboard.demo._state import Row


def around_item(table: str, *required: str, checked: bool = False) -> Views:
    """Return list and create of comments or links; unless `checked`, the item may be anyone's."""

    def create(call: Call) -> Reply:
        item = _item(call, checked=checked)
        call.required(*required)
        row = call.db.insert(table, call.project, **{**writable(call.data), "issue": item["id"]})
        call.db.change(ITEMS, item)
        return Reply(200, upload(call, row)) if checked else Reply(201, row)

    def rows(call: Call) -> Reply:
        return listing(call.db.rows(table, project=call.project, issue=call.ids["item"]))

    return {"GET": rows, "POST": create}


def around_item_detail(table: str) -> Views:
    """Return the views of one comment or link: project and item of the path must both be its own."""

    def row(call: Call) -> Row:
        return call.get(table, call.ids["row"], issue=call.ids["item"])

    def change(call: Call) -> Reply:
        changed = call.db.change(table, row(call), **writable(call.data))
        _touch(call, call.ids["item"])
        return Reply(200, changed)

    def delete(call: Call) -> Reply:
        call.db.remove(table, row(call))
        _touch(call, call.ids["item"])
        return Reply(204)

    return {"GET": lambda call: Reply(200, row(call)), "PATCH": change, "DELETE": delete}


def create_intake(call: Call) -> Reply:
    """Create a work item and its place in the intake."""
    call.required("issue")
    item = new_item(call, dict(call.data["issue"]))
    return Reply(201, call.db.insert("intake", call.project, issue=item["id"], status=-2, duplicate_to=None))


def intake_detail() -> Views:
    """Return the views of one intake entry, which is addressed by its work item's id."""

    def change(call: Call) -> Reply:
        row = _intake(call)
        own = {name: call.data[name] for name in ("status", "duplicate_to", "snoozed_till") if name in call.data}
        if isinstance(call.data.get("issue"), dict):
            call.db.change(ITEMS, call.get(ITEMS, row["issue"]), **item_fields(call, call.data["issue"]))
        return Reply(200, call.db.change("intake", row, **own))

    def delete(call: Call) -> Reply:
        call.db.remove("intake", _intake(call))
        return Reply(204)

    return {"GET": lambda call: Reply(200, _intake(call)), "PATCH": change, "DELETE": delete}


def upload(call: Call, row: Row) -> Row:
    """Return what a client needs to send the file itself to the storage."""
    fields = {
        "key": f"{row['id']}-{row.get('name', 'file')}",
        "Content-Type": row.get("type") or "text/plain",
    }
    return {
        "upload_data": {"url": f"{call.origin}/uploads", "fields": fields},
        "asset_id": row["id"],
        "attachment": row,
    }


def _item(call: Call, *, checked: bool) -> Row:
    return call.get(ITEMS, call.ids["item"]) if checked else anyones(call, call.ids["item"])


def _touch(call: Call, item: str) -> None:
    row = call.db.find(ITEMS, item)
    if row is not None:
        call.db.change(ITEMS, row)


def _intake(call: Call) -> Row:
    where = {"project": call.project, "issue": call.ids["item"]}
    found = call.db.rows("intake", **where)
    if not found:
        raise Refused(404, NOT_FOUND)
    return found[0]
