"""Rows that a test adds to the fake server, described by names instead of ids, in code or in a JSON file."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.testing.objects import DEFAULTS
from plane_guard_instrumentation.testing.world import ADMIN, ITEM_DEFAULTS, STATES, USERS, WORKSPACE_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plane_guard_instrumentation.testing.database import Database, Row

    Description = Mapping[str, Sequence[Mapping[str, Any]]]

# In this order, so that a row can name the rows that it refers to.
TABLES = (
    "projects",
    "states",
    "labels",
    "estimates",
    "estimate_points",
    "work_items",
    "cycles",
    "cycle_issues",
    "modules",
    "module_issues",
    "module_links",
    "comments",
    "links",
    "relations",
    "attachments",
    "intakes",
    "intake",
    "members",
    "pages",
    "deploy_boards",
    "favorites",
    "reactions",
    "votes",
)
REFERENCES = {
    "state": "states",
    "labels": "labels",
    "assignees": "users",
    "member": "users",
    "actor": "users",
    "issue": "work_items",
    "related_issue": "work_items",
    "cycle": "cycles",
    "module": "modules",
    "estimate": "estimates",
    "estimate_point": "estimate_points",
    "intake": "intakes",
}


def read(source: Description | str | Path) -> Description:
    """Return a description of rows, from a mapping or a JSON file."""
    if not isinstance(source, str | Path):
        return source
    found = json.loads(Path(source).read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise TypeError(f'{source}: expected a JSON object of lists of rows, such as {{"work_items": [...]}}')
    return found


def plant(db: Database, description: Description, project: str) -> dict[str, list[Row]]:
    """Add rows, and return copies of them by table. Rows without a `project` go to the given one."""
    unknown = [name for name in description if name not in TABLES]
    if unknown:
        raise ValueError(f"unknown table {', '.join(unknown)} in the seed; the tables are {', '.join(TABLES)}")
    with db.lock:
        return {
            table: [dict(_add(db, table, row, project)) for row in description[table]]
            for table in TABLES
            if table in description
        }


def _add(db: Database, table: str, described: Mapping[str, Any], project: str) -> Row:
    if table == "projects":
        return _add_project(db, described)
    owner = _resolve(db, "projects", described.get("project", project), None)
    fields = {name: _value(db, table, name, value, owner) for name, value in described.items() if name != "project"}
    return _insert(db, table, owner, {**_defaults(db, table, owner), **fields})


def _add_project(db: Database, described: Mapping[str, Any]) -> Row:
    key = str(described.get("id") or uuid.uuid4())
    name = str(described.get("name") or described.get("identifier") or "Project")
    fields = {"name": name, "identifier": name[:5].upper(), "network": 2, "default_state": None, "archived_at": None}
    row = _insert(db, "projects", key, {**fields, **described, "id": key})
    for name, group in STATES.items():
        _insert(db, "states", key, {**DEFAULTS["states"], "name": name, "group": group, "default": name == "Backlog"})
    _insert(db, "members", key, {"member": USERS[ADMIN], "role": 20})
    return row


def _insert(db: Database, table: str, project: str, fields: Row) -> Row:
    now, user = db.now(), USERS[ADMIN]
    stamps = {"workspace": WORKSPACE_ID, "created_at": now, "updated_at": now, "created_by": user, "updated_by": user}
    owner: Row = {"project": project}
    if table == "pages":
        owner = {"project": None, "project_ids": [project], **_PAGE}
    row: Row = {"id": str(uuid.uuid4()), **owner, **stamps, **fields}
    db.tables.setdefault(table, {})[row["id"]] = row
    return row


_PAGE = {"owned_by": USERS[ADMIN], "access": 0, "parent": None, "is_locked": False, "archived_at": None}


def _defaults(db: Database, table: str, project: str) -> Row:
    if table != "work_items":
        return dict(DEFAULTS.get(table, {}))
    states = db.rows("states", project=project)
    number = 1 + max((row["sequence_id"] for row in db.rows("work_items", project=project)), default=0)
    default = next((row["id"] for row in states if row.get("default")), None)
    return {**ITEM_DEFAULTS, "labels": [], "assignees": [], "sequence_id": number, "state": default}


def _value(db: Database, table: str, name: str, value: object, project: str) -> object:
    target = table if name == "parent" else REFERENCES.get(name)
    if target is None or value is None:
        return value
    if isinstance(value, list):
        return [_resolve(db, target, one, project) for one in value]
    return _resolve(db, target, value, project)


def _resolve(db: Database, table: str, value: object, project: str | None) -> str:
    """Return the id of a row that is given by its id, its name, an item's key, or a user's address."""
    if db.find(table, value):
        return str(value)
    for row in db.rows(table) if project is None or table == "users" else db.rows(table, project=project):
        if value in (row.get("name"), row.get("identifier"), row.get("email"), _key(db, row)):
            return str(row["id"])
    known = "this workspace" if project is None else f"project {project}"
    raise ValueError(f"the seed names {value!r}, which is not in the {table} of {known}; seed it first")


def _key(db: Database, row: Row) -> str | None:
    if "sequence_id" not in row:
        return None
    return f"{(db.find('projects', row['project']) or {}).get('identifier')}-{row['sequence_id']}"
