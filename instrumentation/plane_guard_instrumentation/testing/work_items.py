"""Views of work items and of what hangs on them. Where Plane trusts the ids in a path, so do these."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing import activity
from plane_guard_instrumentation.testing.bodies import Data, Refused, as_list
from plane_guard_instrumentation.testing.calls import (
    ITEMS,
    NOT_FOUND,
    Call,
    Views,
    any_item,
    canonical,
    paginated,
    plain_list,
)
from plane_guard_instrumentation.testing.http_server import Reply
from plane_guard_instrumentation.testing.objects import DEFAULTS, check_duplicates, delete, owned_id, writable
from plane_guard_instrumentation.testing.world import ITEM_DEFAULTS

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.database import Row

WRITABLE = frozenset(ITEM_DEFAULTS) - {"type"} | {"name", "state", "sequence_id", "created_by"}
EXPANDABLE = {"state": "states", "labels": "labels", "assignees": "users"}
PRIORITIES = ("urgent", "high", "medium", "low", "none")
MAX_NAME = 255
DEFAULT_SEARCH_LIMIT = 10
UNLISTED = frozenset({"comment", "vote", "reaction", "draft"})  # fields that the activity log of API v1 leaves out
# Measured: a PATCH ignores these fields, but the activity log claims that they changed.
CLAIMED_FIELDS = {"parent_id": "parent", "state_id": "state"}


def is_listed(row: Row) -> bool:
    """Say if Plane lists and shows an item. It hides archived items and drafts, but lets API v1 write to them."""
    return not row.get("archived_at") and not row.get("is_draft")


def items() -> Views:
    """Return the views of `/work-items/`."""
    return {"GET": list_items, "POST": create_item}


def item() -> Views:
    """Return the views of `/work-items/<id>/`."""
    return {"GET": read_item, "PATCH": change_item, "DELETE": delete(ITEMS, "item")}


def list_items(call: Call) -> Reply:
    """Return the project's items, or the one with the external id in the query."""
    external = {name: call.query.get(name) for name in ("external_id", "external_source")}
    if all(external.values()):
        for row in call.db.rows(ITEMS, project=call.project, **external):
            return Reply(200, row)
        return Reply(404, NOT_FOUND)
    return paginated(call, [row for row in call.db.rows(ITEMS, project=call.project) if is_listed(row)], _requested)


def read_item(call: Call) -> Reply:
    """Return an item that is not archived."""
    row = call.get(ITEMS, call.ids["item"])
    return Reply(200, _requested(call, row)) if is_listed(row) else Reply(404, NOT_FOUND)


def _requested(call: Call, row: Row) -> Row:
    """Return an item with the ids of the fields in the query's `expand` replaced by their rows."""
    return expanded(call, row, tuple(call.query.get("expand", "").split(",")))


def expanded(call: Call, row: Row, names: tuple[str, ...] = tuple(EXPANDABLE)) -> Row:
    """Return an item with the ids in some fields replaced by the rows that they name."""
    return row | {name: _rows_of(call, EXPANDABLE[name], row.get(name)) for name in names if name in EXPANDABLE}


def _rows_of(call: Call, table: str, value: object) -> object:
    if isinstance(value, list):
        return [call.db.find(table, one) for one in value]
    return call.db.find(table, value)


def create_item(call: Call) -> Reply:
    """Create a work item in the path's project. A project in the body is ignored."""
    call.required("name")
    check_duplicates(call, ITEMS)
    return Reply(201, new_item(call, call.data))


def new_item(call: Call, data: Data) -> Row:
    """Insert a work item with the next number of its project."""
    number = 1 + max((row["sequence_id"] for row in call.db.rows(ITEMS, project=call.project)), default=0)
    states = call.db.rows("states", project=call.project)
    default = next((row["id"] for row in states if row.get("default")), states[0]["id"] if states else None)
    fields = {**ITEM_DEFAULTS, "sequence_id": number, "state": default, "labels": [], "assignees": []}
    return call.db.insert(ITEMS, call.project, **{**fields, **item_fields(call, data)})


def change_item(call: Call) -> Reply:
    """Change a work item of the path's project, archived or not."""
    row = call.get(ITEMS, call.ids["item"])
    check_duplicates(call, ITEMS, row["id"])
    changed = call.db.change(ITEMS, row, **item_fields(call, call.data))
    for name, field in CLAIMED_FIELDS.items():
        if call.data.get(name):
            claimed = {"value": None, "id": call.data[name]}
            activity.add(call.db, call.project, row["id"], "updated", field, new=claimed)
    return Reply(200, changed)


def item_fields(call: Call, data: Data) -> Data:
    """Return the fields that Plane takes. A parent or state of another project is 400, such a label is dropped."""
    fields = {name: value for name, value in data.items() if name in WRITABLE}
    _validate(fields)
    for name, table in (("state", "states"), ("parent", ITEMS)):
        if fields.get(name):
            fields[name] = owned_id(call, table, fields[name])
    if "labels" in fields:
        labels = [canonical(label) for label in as_list(fields["labels"])]
        fields["labels"] = [label for label in labels if call.db.find("labels", label, project=call.project)]
    if "assignees" in fields:
        users = [canonical(user) for user in as_list(fields["assignees"])]
        fields["assignees"] = [user for user in users if call.db.rows("members", project=call.project, member=user)]
    return fields


def _validate(fields: Data) -> None:
    if "priority" in fields and fields["priority"] not in PRIORITIES:
        raise Refused(400, {"priority": [f'"{fields["priority"]}" is not a valid choice.']})
    if len(str(fields.get("name", ""))) > MAX_NAME:
        raise Refused(400, {"name": [f"Ensure this field has no more than {MAX_NAME} characters."]})
    start, target = fields.get("start_date"), fields.get("target_date")
    if start and target and str(start) > str(target):
        raise Refused(400, {"non_field_errors": ["Start date cannot exceed target date"]})


def by_identifier(call: Call) -> Reply:
    """Return a work item by its key, `ORCH-114`."""
    for project in call.db.rows("projects", identifier=call.ids["identifier"]):
        for row in call.db.rows(ITEMS, project=project["id"]):
            if str(row["sequence_id"]) == call.ids["number"] and is_listed(row):
                return Reply(200, _requested(call, row))
    return Reply(404, NOT_FOUND)


def search(call: Call) -> Reply:
    """Return the items whose name, number or project identifier the query's `search` matches."""
    query, project = call.query.get("search", ""), call.query.get("project_id", "")
    everywhere = call.query.get("workspace_search", "false") != "false" or not project
    if not query:
        return Reply(200, {"issues": []})
    numbers = set(re.findall(r"\b\d+\b", query))
    rows = [row for row in call.db.rows(ITEMS) if is_listed(row) and (everywhere or row["project"] == project)]
    found = [short for row in rows if _matches(short := _short(call, row), query.lower(), numbers)]
    return Reply(200, {"issues": found[: int(call.query.get("limit", DEFAULT_SEARCH_LIMIT))]})


def _short(call: Call, row: Row) -> Row:
    project = call.db.find("projects", row["project"]) or {}
    return {
        "id": row["id"],
        "name": row["name"],
        "sequence_id": row["sequence_id"],
        "project_id": row["project"],
        "project__identifier": project.get("identifier"),
        "workspace__slug": call.ids["slug"],
    }


def _matches(short: Row, query: str, numbers: set[str]) -> bool:
    texts = (str(short["name"]).lower(), str(short["project__identifier"]).lower())
    return any(query in text for text in texts) or str(short["sequence_id"]) in numbers


def parts(table: str, *required: str) -> Views:
    """Return list and create of an item's comments or links. The item may belong to any project."""

    def create(call: Call) -> Reply:
        row = any_item(call, call.ids["item"])
        call.required(*required)
        if table == "links":
            _check_link(call, row["id"])
        fields = {**DEFAULTS.get(table, {}), **writable(call.data), "issue": row["id"]}
        if table == "comments":
            fields.setdefault("actor", call.user)
        made = call.db.insert(table, call.project, **fields)
        call.db.change(ITEMS, row)
        return Reply(201, made)

    def rows(call: Call) -> Reply:
        return paginated(call, call.db.rows(table, project=call.project, issue=call.ids["item"]))

    return {"GET": rows, "POST": create}


def part(table: str) -> Views:
    """Return the views of one comment or link. Project and item in the path must both be its own."""

    def find(call: Call) -> Row:
        return call.get(table, call.ids["row"], issue=call.ids["item"])

    def change(call: Call) -> Reply:
        changed = call.db.change(table, find(call), **writable(call.data))
        touch(call, call.ids["item"])
        return Reply(200, changed)

    def remove(call: Call) -> Reply:
        call.db.remove(table, find(call))
        touch(call, call.ids["item"])
        return Reply(204)

    return {"GET": lambda call: Reply(200, find(call)), "PATCH": change, "DELETE": remove}


def attachments() -> Views:
    """Return list and create of attachments. Unlike for comments, Plane checks the item's project here."""

    def create(call: Call) -> Reply:
        row = call.get(ITEMS, call.ids["item"])
        made = new_attachment(call, call.project, issue=row["id"])
        call.db.change(ITEMS, row)
        return Reply(200, upload(call, made))

    def rows(call: Call) -> Reply:
        found = call.db.rows("attachments", project=call.project, issue=call.ids["item"])
        return plain_list(call, [row for row in found if row.get("is_uploaded")])

    return {"GET": rows, "POST": create}


def attachment() -> Views:
    """Return the views of one attachment. PATCH confirms the upload, GET redirects to the file."""

    def find(call: Call) -> Row:
        call.get(ITEMS, call.ids["item"])
        return call.get("attachments", call.ids["row"], issue=call.ids["item"])

    def read(call: Call) -> Reply:
        row = find(call)
        if not row.get("is_uploaded"):
            return Reply(400, {"error": "The asset is not uploaded.", "status": False})
        return Reply(302, None, {"Location": f"{call.origin}/uploads/{row['id']}"})

    def confirm(call: Call) -> Reply:
        call.db.change("attachments", find(call), **{"is_uploaded": True, **writable(call.data)})
        touch(call, call.ids["item"])
        return Reply(204)

    def remove(call: Call) -> Reply:
        call.db.remove("attachments", find(call))
        touch(call, call.ids["item"])
        return Reply(204)

    return {"GET": read, "PATCH": confirm, "DELETE": remove}


def new_attachment(call: Call, project: str, **fields: object) -> Row:
    """Insert the row of a file that the body describes. The file itself is sent to the storage later."""
    call.required("name")
    about = {name: call.data.get(name) for name in ("name", "size", "type")}
    defaults = {**DEFAULTS["attachments"], "asset": f"{uuid.uuid4().hex}-{call.data['name']}", "attributes": about}
    return call.db.insert("attachments", project, **{**defaults, **writable(call.data), **fields})


def upload(call: Call, row: Row) -> Row:
    """Return what a client needs to send the file itself to the storage."""
    fields = {"key": f"{row['id']}-{row.get('name', 'file')}", "Content-Type": row.get("type") or "text/plain"}
    return {
        "upload_data": {"url": f"{call.origin}/uploads", "fields": fields},
        "asset_id": row["id"],
        "asset_url": f"/api/assets/v2/workspaces/{call.ids.get('slug', '')}/{row['id']}/",
        "attachment": row,
    }


def activities(call: Call) -> Reply:
    """Return the activity log of an item, oldest first. Plane lists comments and reactions elsewhere."""
    rows = call.db.rows("activities", project=call.project, issue=call.ids["item"])
    now = call.db.now()
    return paginated(
        call, [row for row in rows if row["field"] not in UNLISTED and row["created_at"] <= now], _activity
    )


def activity_detail(call: Call) -> Reply:
    """Return one row of the activity log."""
    row = call.get("activities", call.ids["row"], issue=call.ids["item"])
    return Reply(404, NOT_FOUND) if row["field"] in UNLISTED else Reply(200, _activity(call, row))


def _activity(_: Call, row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in {"created_by", "updated_by"}}


def create_relation(call: Call) -> Reply:
    """Relate any item to any items. Only the project in the path is checked."""
    kind = call.data.get("relation_type")
    if kind not in activity.INVERSE:
        raise Refused(400, {"relation_type": [f'"{kind}" is not a valid choice.']})
    row = any_item(call, call.ids["item"])
    others = [any_item(call, other) for other in as_list(call.data.get("issues"))]
    for other in others:
        call.db.insert("relations", call.project, issue=row["id"], related_issue=other["id"], relation_type=kind)
    call.db.change(ITEMS, row)
    return Reply(201, [_related(kind, other) for other in others])


def relations(call: Call) -> Reply:
    """Return the related items by kind, seen from the path's item."""
    me = call.get(ITEMS, call.ids["item"])["id"]
    found: dict[str, list[str]] = {kind: [] for kind in activity.INVERSE}
    for row in call.db.rows("relations"):
        if row["issue"] == me:
            found[row["relation_type"]].append(row["related_issue"])
        elif row["related_issue"] == me:
            found[activity.INVERSE[row["relation_type"]]].append(row["issue"])
    return Reply(200, found)


def _related(kind: str, row: Row) -> Row:
    shown = ("name", "sequence_id", "priority", "created_at", "updated_at", "created_by", "updated_by")
    ids = {"id": row["id"], "related_issue": row["id"], "project_id": row["project"], "state_id": row["state"]}
    return {**ids, "relation_type": kind, **{name: row.get(name) for name in shown}}


def touch(call: Call, item_id: str) -> None:
    """Set an item's `updated_at`, whatever its project is."""
    row = call.db.find(ITEMS, item_id)
    if row is not None:
        call.db.change(ITEMS, row)


def _check_link(call: Call, issue: str) -> None:
    url = str(call.data["url"])
    if not url.startswith(("http://", "https://")):
        raise Refused(400, {"url": ["Invalid URL format."]})
    if call.db.rows("links", issue=issue, url=url):
        raise Refused(400, {"error": "URL already exists for this Issue"})


def create_intake(call: Call) -> Reply:
    """Create a work item and its row in the intake."""
    issue = call.data.get("issue")
    if not isinstance(issue, dict) or not issue.get("name"):
        raise Refused(400, {"error": "Name is required"})
    return Reply(201, intake_row(call, new_intake(call, dict(issue))))


def new_intake(call: Call, issue: Data) -> Row:
    """Insert a work item and its row in the project's intake."""
    row = new_item(call, issue)
    intake = next((row["id"] for row in call.db.rows("intakes", project=call.project)), None)
    fields = {"issue": row["id"], "status": -2, "duplicate_to": None, "snoozed_till": None, "intake": intake}
    return call.db.insert("intake", call.project, **fields)


def list_intake(call: Call) -> Reply:
    """Return the intake's rows."""
    return paginated(call, call.db.rows("intake", project=call.project), intake_row)


def intake_row(call: Call, row: Row) -> Row:
    """Return an intake row as API v1 shows it: `issue` is the item's id, `issue_detail` the item."""
    item = call.db.find(ITEMS, row["issue"])
    return {**row, "issue_detail": expanded(call, item) if item else None}


def intake_detail() -> Views:
    """Return the views of one intake row, addressed by its work item's id."""

    def change(call: Call) -> Reply:
        return Reply(200, intake_row(call, change_intake(call)))

    def remove(call: Call) -> Reply:
        call.db.remove("intake", find_intake(call))
        return Reply(204)

    def read(call: Call) -> Reply:
        return Reply(200, intake_row(call, find_intake(call)))

    return {"GET": read, "PATCH": change, "DELETE": remove}


def change_intake(call: Call) -> Row:
    """Change an intake row, and the fields of its item if the body has them."""
    row = find_intake(call)
    own = {name: call.data[name] for name in ("status", "duplicate_to", "snoozed_till") if name in call.data}
    if isinstance(call.data.get("issue"), dict):
        issue = call.get(ITEMS, row["issue"])
        call.db.change(ITEMS, issue, **item_fields(call, call.data["issue"]))
    return call.db.change("intake", row, **own)


def find_intake(call: Call) -> Row:
    """Return the intake row of the path's item, or answer 404."""
    found = call.db.rows("intake", project=call.project, issue=call.ids["item"])
    if not found:
        raise Refused(404, NOT_FOUND)
    return found[0]
