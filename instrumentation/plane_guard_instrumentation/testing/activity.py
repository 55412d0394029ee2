"""The activity log: for each change of a work item the rows that Plane's API shows under `activities/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.database import Change, Database, Row

# Field of a work item -> its name in the log, and the table that its value is an id of.
ITEM_FIELDS: dict[str, tuple[str, str]] = {
    "name": ("name", ""),
    "description_html": ("description", ""),
    "priority": ("priority", ""),
    "start_date": ("start_date", ""),
    "target_date": ("target_date", ""),
    "archived_at": ("archived_at", ""),
    "estimate_point": ("estimate_point", "estimate_points"),
    "parent": ("parent", "work_items"),
    "state": ("state", "states"),
    "labels": ("labels", "labels"),
    "assignees": ("assignees", "users"),
}
# Table of rows that hang on a work item -> the name in the log, the field with the value, the table of that id.
ITEM_PARTS: dict[str, tuple[str, str, str]] = {
    "comments": ("comment", "comment_html", ""),
    "links": ("link", "url", ""),
    "attachments": ("attachment", "name", ""),
    "cycle_issues": ("cycles", "cycle", "cycles"),
    "module_issues": ("modules", "module", "modules"),
    "reactions": ("reaction", "reaction", ""),
    "votes": ("vote", "vote", ""),
}
INVERSE = {
    "blocking": "blocked_by",
    "blocked_by": "blocking",
    "duplicate": "duplicate",
    "relates_to": "relates_to",
    "start_after": "start_before",
    "start_before": "start_after",
    "finish_after": "finish_before",
    "finish_before": "finish_after",
}


def record(db: Database, change: Change) -> None:
    """Add the log rows of one change."""
    row = change.after or change.before or {}
    if change.table == "work_items":
        _record_item(db, change, row)
    elif change.table == "relations":
        _record_relation(db, change, row)
    elif change.table in ITEM_PARTS and row.get("issue") and change.what != "touched":
        _record_part(db, change, row)


def add(  # noqa: PLR0913 - the columns of the log
    db: Database,
    project: str | None,
    issue: str,
    verb: str,
    field: str | None,
    *,
    old: Row | None = None,
    new: Row | None = None,
    comment: str = "",
    issue_comment: str | None = None,
) -> None:
    """Add one log row. `old` and `new` are `{"value": ..., "id": ...}`."""
    old, new = old or {}, new or {}
    db.insert(
        "activities",
        project,
        issue=issue,
        issue_comment=issue_comment,
        actor=db.cause.actor,
        verb=verb,
        field=field,
        old_value=old.get("value"),
        new_value=new.get("value"),
        old_identifier=old.get("id"),
        new_identifier=new.get("id"),
        comment=comment,
        attachments=[],
        # The view that answered the request noted the time; the workers write the row later.
        epoch=int(db.clock()),
        **({"created_at": db.now(db.worker_delay)} if db.worker_delay else {}),
    )


def _record_item(db: Database, change: Change, row: Row) -> None:
    if change.verb == "created":
        add(db, change.project_id, row["id"], "created", None, comment="created the issue")
        return
    if change.verb == "deleted" or (row.get("deleted_at") and not (change.before or {}).get("deleted_at")):
        add(db, change.project_id, row["id"], "deleted", "issue", comment="deleted the issue")
        return
    before = change.before or {}
    for name, (field, table) in ITEM_FIELDS.items():
        if before.get(name) != row.get(name):
            for pair in _pairs(before.get(name), row.get(name)):
                old, new = (_side(db, table, value) for value in pair)
                if field == "archived_at":
                    new = {**new, "value": "manual_archive" if row["archived_at"] else "restore"}
                add(
                    db, change.project_id, row["id"], "updated", field, old=old, new=new, comment=f"updated the {field}"
                )


def _pairs(old: object, new: object) -> list[tuple[object, object]]:
    if not isinstance(old, list) and not isinstance(new, list):
        return [(old, new)]
    before, after = (value if isinstance(value, list) else [] for value in (old, new))
    gone: list[tuple[object, object]] = [(value, None) for value in before if value not in after]
    return gone + [(None, value) for value in after if value not in before]


def _side(db: Database, table: str, value: object) -> Row:
    if not table:
        return {"value": None if value is None else str(value), "id": None}
    return {"value": label_of(db, table, value), "id": value}


def label_of(db: Database, table: str, row_id: object) -> str | None:
    """Return the text that the log shows for a row: an item's key, otherwise its name."""
    row = db.find(table, row_id)
    if row is None:
        return None
    if table == "work_items":
        project = db.find("projects", row["project"]) or {}
        return f"{project.get('identifier')}-{row['sequence_id']}"
    return str(row.get("name") or row.get("display_name") or row.get("value") or "")


def _record_part(db: Database, change: Change, row: Row) -> None:
    field, name, table = ITEM_PARTS[change.table]
    before, after = (_part_side(db, one, name, table) if one else None for one in (change.before, change.after))
    add(
        db,
        change.project_id,
        row["issue"],
        change.verb,
        field,
        old=before,
        new=after,
        comment=f"{change.verb} the {field}",
        issue_comment=row["id"] if change.table == "comments" and change.after else None,
    )


def _part_side(db: Database, row: Row, name: str, table: str) -> Row:
    if table:
        return _side(db, table, row.get(name))
    return {"value": row.get(name), "id": row["id"]}


def _record_relation(db: Database, change: Change, row: Row) -> None:
    kind = row["relation_type"]
    ends = ((row["issue"], row["related_issue"], kind), (row["related_issue"], row["issue"], INVERSE[kind]))
    for issue, other, field in ends:
        side = {"value": label_of(db, "work_items", other), "id": other}
        old, new = (side, None) if change.verb == "deleted" else (None, side)
        add(db, change.project_id, issue, "updated", field, old=old, new=new, comment=f"updated the {field} relation")
