"""App API views of work items, and how the app API shows rows: foreign keys are called `project_id`, `state_id`, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing import groups
from plane_guard_instrumentation.testing.activity import INVERSE
from plane_guard_instrumentation.testing.bodies import Data, Refused, as_list
from plane_guard_instrumentation.testing.calls import (
    ITEMS,
    NOT_FOUND,
    Call,
    View,
    Views,
    any_item,
    canonical,
    paginated,
    plain_list,
)
from plane_guard_instrumentation.testing.http_server import Reply
from plane_guard_instrumentation.testing.objects import DEFAULTS, delete, writable
from plane_guard_instrumentation.testing.work_items import is_listed, item_fields, new_item, touch

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.database import Row

# Field of an item in the app API -> the field of the stored row.
ITEM_NAMES = {
    "project_id": "project",
    "state_id": "state",
    "parent_id": "parent",
    "label_ids": "labels",
    "assignee_ids": "assignees",
}
HIDDEN = frozenset({*ITEM_NAMES.values(), "type", "point", "external_id", "external_source", "deleted_at"})
CLOSED = frozenset({"completed", "cancelled"})


def app_item(call: Call, row: Row) -> Row:
    """Return an item as the app API shows it."""
    cycles = call.db.rows("cycle_issues", issue=row["id"])
    modules = call.db.rows("module_issues", issue=row["id"])
    return {
        **{name: value for name, value in row.items() if name not in HIDDEN},
        **{name: row.get(stored) for name, stored in ITEM_NAMES.items()},
        "cycle_id": cycles[0]["cycle"] if cycles else None,
        "module_ids": [one["module"] for one in modules],
        "sub_issues_count": len(call.db.rows(ITEMS, parent=row["id"])),
        "link_count": len(call.db.rows("links", issue=row["id"])),
        "attachment_count": len(call.db.rows("attachments", issue=row["id"])),
    }


def app_row(_: Call, row: Row) -> Row:
    """Return a label, state, cycle or module as the app API shows it."""
    return {**row, "project_id": row.get("project"), "workspace_id": row.get("workspace")}


def _stored(data: Data) -> Data:
    """Return an item's body with the names of the stored row. The app API ignores the short names."""
    kept = {name: value for name, value in data.items() if name not in {"state", "labels", "assignees"}}
    return kept | {stored: data[name] for name, stored in ITEM_NAMES.items() if name in data and stored != "project"}


def items() -> Views:
    """Return the views of `/issues/`."""

    def create(call: Call) -> Reply:
        call.required("name")
        return Reply(201, app_item(call, new_item(call, _stored(call.data))))

    def rows(call: Call) -> Reply:
        return paginated(call, [row for row in call.db.rows(ITEMS, project=call.project) if is_listed(row)], app_item)

    return {"GET": rows, "POST": create}


def item() -> Views:
    """Return the views of `/issues/<id>/`. Unlike API v1, it shows archived items too."""

    def read(call: Call) -> Reply:
        return Reply(200, app_item(call, call.get(ITEMS, call.ids["item"])))

    def change(call: Call) -> Reply:
        row = call.get(ITEMS, call.ids["item"])
        call.db.change(ITEMS, row, **item_fields(call, _stored(call.data)))
        return Reply(204)

    return {"GET": read, "PUT": change, "PATCH": change, "DELETE": delete(ITEMS, "item")}


def archive_of_item() -> Views:
    """Return the views of `/issues/<id>/archive/`."""

    def read(call: Call) -> Reply:
        row = call.get(ITEMS, call.ids["item"])
        return Reply(200, app_item(call, row)) if row["archived_at"] else Reply(404, NOT_FOUND)

    def archive(call: Call) -> Reply:
        row = call.get(ITEMS, call.ids["item"])
        _check_closed(call, row)
        changed = call.db.change(ITEMS, row, archived_at=call.db.now()[:10])
        return Reply(200, {"archived_at": changed["archived_at"]})

    def restore(call: Call) -> Reply:
        row = call.get(ITEMS, call.ids["item"])
        if not row["archived_at"]:
            return Reply(404, NOT_FOUND)
        call.db.change(ITEMS, row, archived_at=None)
        return Reply(204)

    return {"GET": read, "POST": archive, "DELETE": restore}


def bulk_archive(call: Call) -> Reply:
    """Archive the listed items of the path's project. Others are silently left out."""
    rows = [row for row in _listed(call, "issue_ids") if row["project"] == call.project]
    for row in rows:
        _check_closed(call, row)
    for row in rows:
        call.db.change(ITEMS, row, archived_at=call.db.now()[:10])
    return Reply(200, {"archived_at": call.db.now()[:10]})


def bulk_delete(call: Call) -> Reply:
    """Delete the listed items of the path's project. Their cycle and module rows go first, whosever they are."""
    ids = [canonical(one) for one in as_list(call.data.get("issue_ids"))]
    if not ids:
        raise Refused(400, {"error": "Issue IDs are required"})
    for table in ("cycle_issues", "module_issues"):
        for row in call.db.rows(table):
            if row["issue"] in ids:
                call.db.remove(table, row)
    own = [found for one in ids if (found := call.db.find(ITEMS, one, project=call.project))]
    for row in own:
        call.db.remove(ITEMS, row)
    return Reply(200, {"message": f"{len(own)} issues were deleted"})


def change_dates(call: Call) -> Reply:
    """Set start and target dates of items of the path's project."""
    for update in as_list(call.data.get("updates")):
        row = call.db.find(ITEMS, canonical(update.get("id")), project=call.project)
        if row is not None:
            dates = {name: update[name] for name in ("start_date", "target_date") if name in update}
            call.db.change(ITEMS, row, **dates)
    return Reply(200, {"message": "Issues updated successfully"})


def sub_issues() -> Views:
    """Return the views of `/issues/<id>/sub-issues/`. Nothing checks whose the items are."""

    def rows(call: Call) -> Reply:
        return plain_list(call, call.db.rows(ITEMS, parent=call.ids["item"]), app_item)

    def adopt(call: Call) -> Reply:
        parent = any_item(call, call.ids["item"])["id"]
        children = _listed(call, "sub_issue_ids")
        for row in children:
            call.db.change(ITEMS, row, parent=parent)
        return plain_list(call, children, app_item)

    return {"GET": rows, "POST": adopt}


def relations(field: str = "issues") -> Views:
    """Return the views of `/issues/<id>/issue-relation/`. The body's `field` lists the other items."""

    def rows(call: Call) -> Reply:
        found: dict[str, list[Row]] = {kind: [] for kind in INVERSE}
        for row in call.db.rows("relations"):
            for me, other, kind in (
                ("issue", "related_issue", row["relation_type"]),
                ("related_issue", "issue", INVERSE[row["relation_type"]]),
            ):
                if row[me] == call.ids["item"]:
                    related = call.anywhere(ITEMS, row[other])
                    found[kind].append(app_item(call, related) | {"relation_type": kind})
        return Reply(200, found)

    def create(call: Call) -> Reply:
        kind = call.data.get("relation_type")
        if kind not in INVERSE:
            raise Refused(400, {"message": "Issue relation type is required"})
        row = any_item(call, call.ids["item"])
        others = _listed(call, field)
        for other in others:
            call.db.insert("relations", call.project, issue=row["id"], related_issue=other["id"], relation_type=kind)
        call.db.change(ITEMS, row)
        return Reply(201, [app_item(call, other) | {"relation_type": kind} for other in others])

    return {"GET": rows, "POST": create}


def remove_relation(call: Call) -> Reply:
    """Remove the relation of the path's item to another one of the workspace."""
    related = call.ids.get("related") or canonical(call.data.get("related_issue"))
    pair = {call.ids["item"], related}
    for row in call.db.rows("relations"):
        if {row["issue"], row["related_issue"]} == pair:
            call.db.remove("relations", row)
            return Reply(204)
    return Reply(404, NOT_FOUND)


def parts(table: str, *required: str) -> Views:
    """Return list and create of an item's comments or links. The item may belong to any project."""

    def create(call: Call) -> Reply:
        row = any_item(call, call.ids["item"])
        call.required(*required)
        fields = {**DEFAULTS[table], "actor": call.user, **writable(call.data), "issue": row["id"]}
        made = call.db.insert(table, call.project, **fields)
        call.db.change(ITEMS, row)
        return Reply(201, made)

    def rows(call: Call) -> Reply:
        return plain_list(call, call.db.rows(table, project=call.project, issue=call.ids["item"]))

    return {"GET": rows, "POST": create}


def reactions(table: str, owner: str, name: str) -> Views:
    """Return list and create of reactions to an item or comment, which may belong to any project."""

    def create(call: Call) -> Reply:
        call.required("reaction")
        call.anywhere(ITEMS if owner == "issue" else "comments", call.ids[name])
        fields = {owner: call.ids[name], "reaction": str(call.data["reaction"]), "actor": call.user}
        made = call.db.insert(table, call.project, **fields)
        _touch_owner(call, owner, call.ids[name])
        return Reply(201, made)

    def rows(call: Call) -> Reply:
        return plain_list(call, call.db.rows(table, project=call.project, **{owner: call.ids[name]}))

    return {"GET": rows, "POST": create}


def delete_reaction(table: str, owner: str, name: str) -> View:
    """Return the view that removes the user's own reaction."""

    def view(call: Call) -> Reply:
        where = {owner: call.ids[name], "reaction": call.ids["reaction"], "actor": call.user, "project": call.project}
        for row in call.db.rows(table, **where):
            call.db.remove(table, row)
            return Reply(204)
        return Reply(404, NOT_FOUND)

    return view


def modules_of_item(call: Call) -> Reply:
    """Put an item into modules and take it out of others. Nothing checks whose the added modules are."""
    row = any_item(call, call.ids["item"])
    for module in as_list(call.data.get("modules")):
        found = call.anywhere("modules", canonical(module))
        call.db.insert("module_issues", call.project, issue=row["id"], module=found["id"])
    for module in as_list(call.data.get("removed_modules")):
        where = {"project": call.project, "issue": row["id"], "module": canonical(module)}
        for one in call.db.rows("module_issues", **where):
            call.db.remove("module_issues", one)
    return Reply(201, {"message": "success"})


def put_in_cycle(call: Call) -> Reply:
    """Put items into a cycle, as API v1 does."""
    groups.put_in_cycle(call)
    return Reply(201, {"message": "success"})


def history(call: Call) -> Reply:
    """Return the activity log of an item with its comments."""
    rows = call.db.rows("activities", project=call.project, issue=call.ids["item"])
    return plain_list(call, [row for row in rows if row["field"] not in {"vote", "reaction", "draft"}])


def subscribe() -> Views:
    """Return the views of `/issues/<id>/subscribe/`."""

    def own(call: Call) -> list[Row]:
        return call.db.rows("subscribers", project=call.project, issue=call.ids["item"], subscriber=call.user)

    def add(call: Call) -> Reply:
        if own(call):
            return Reply(400, {"message": "User already subscribed to the issue."})
        row = any_item(call, call.ids["item"])
        return Reply(201, call.db.insert("subscribers", call.project, issue=row["id"], subscriber=call.user))

    def remove(call: Call) -> Reply:
        for row in own(call):
            call.db.remove("subscribers", row)
            return Reply(204)
        return Reply(404, NOT_FOUND)

    return {"GET": lambda call: Reply(200, {"subscribed": bool(own(call))}), "POST": add, "DELETE": remove}


def _listed(call: Call, name: str) -> list[Row]:
    ids = as_list(call.data.get(name))
    if not ids:
        raise Refused(400, {"error": f"{name} are required"})
    return [any_item(call, one) for one in ids]


def _check_closed(call: Call, row: Row) -> None:
    state = call.db.find("states", row["state"]) or {}
    if state.get("group") not in CLOSED:
        raise Refused(400, {"error": "Can only archive completed or cancelled state group issue"})


def _touch_owner(call: Call, owner: str, row_id: str) -> None:
    if owner == "issue":
        touch(call, row_id)
