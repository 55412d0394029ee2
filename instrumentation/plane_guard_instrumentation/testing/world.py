"""The rows that every fake server starts with: a workspace with PROD and SANDBOX, always with the same ids."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_instrumentation.testing.database import Row, Tables

WORKSPACE = "acme"
SANDBOX_ID = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"
PROD_ID = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"
ADMIN_TOKEN = "plane_api_5f0c9be2d4a84173b1e6a9d07c35f8e2"  # noqa: S105 - known to this server only
LIMITED_TOKEN = "plane_api_0a1b7c44e9f2463d8d15b0c6e7f39a28"  # noqa: S105
SESSION = "c1f0b0d3a7e54c0f9a4be2b6d1e87f35"
ADMIN, LIMITED = "ada@example.com", "lin@example.com"
STATES = {
    "Backlog": "backlog",
    "Todo": "unstarted",
    "In Progress": "started",
    "Done": "completed",
    "Cancelled": "cancelled",
}
FIRST_DAY = "2026-01-05T09:00:00+00:00"
SHARED_PAGE = "Shared page"
ITEM_DEFAULTS: dict[str, object] = {
    "priority": "none",
    "parent": None,
    "labels": [],
    "assignees": [],
    "description_html": "<p></p>",
    "start_date": None,
    "target_date": None,
    "completed_at": None,
    "archived_at": None,
    "deleted_at": None,
    "estimate_point": None,
    "point": None,
    "type": None,
    "is_draft": False,
    "sort_order": 65535.0,
    "external_id": None,
    "external_source": None,
}


@dataclass(frozen=True, slots=True)
class ProjectPlan:
    """The seed of a project in names for people. Ids are derived from the names."""

    id: str
    identifier: str
    name: str
    items: Mapping[int, tuple[str, str]]
    archived: Mapping[int, tuple[str, str]]
    cycles: Mapping[str, tuple[int, ...]]
    members: tuple[str, ...]


PROD_PLAN = ProjectPlan(
    PROD_ID,
    "ORCH",
    "Orchestrator",
    {
        112: ("Rotate the deploy key", "Done"),
        113: ("Retry queue drops the last job", "Todo"),
        114: ("Stage change is not written back", "In Progress"),
        115: ("Write the runbook", "Backlog"),
    },
    {98: ("Retire the old scheduler", "Done")},
    {"Sprint 7": (113, 114), "Sprint 8": ()},
    (ADMIN,),
)
SANDBOX_PLAN = ProjectPlan(
    SANDBOX_ID,
    "SBX",
    "Sandbox",
    {1: ("Playground", "Todo"), 2: ("Second playground", "Backlog"), 3: ("Third playground", "In Progress")},
    {4: ("Archived playground", "Done")},
    {"Cycle 1": (2,), "Cycle 2": ()},
    (ADMIN, LIMITED),
)


@dataclass(frozen=True, slots=True)
class ProjectHandle:
    """The ids of a project and of its rows at the start, by their names. In a string it is the project's id."""

    id: str
    identifier: str
    items: Mapping[str, str]
    archived: Mapping[str, str]
    states: Mapping[str, str]
    others: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def ids(self, table: str) -> Mapping[str, str]:
        """Return name -> id for a table: labels, cycles, modules, comments, links, estimates, pages, ..."""
        return self.others[table]

    def __str__(self) -> str:
        return self.id


def stable_id(*names: object) -> str:
    """Return a UUID that depends on the names only."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


WORKSPACE_ID = stable_id("workspace", WORKSPACE)
USERS = {name: stable_id("member", name) for name in (ADMIN, LIMITED)}


def handle(plan: ProjectPlan) -> ProjectHandle:
    """Return the ids of a plan."""
    tables = _project_tables(plan) | _shared_tables()
    by_name = {
        table: MappingProxyType({row["name"]: key for key, row in rows.items() if row.get("name")})
        for table, rows in tables.items()
    }
    keys = {row["sequence_id"]: key for key, row in tables["work_items"].items()}
    items, archived = (
        MappingProxyType({f"{plan.identifier}-{number}": keys[number] for number in numbers})
        for numbers in (plan.items, plan.archived)
    )
    return ProjectHandle(plan.id, plan.identifier, items, archived, by_name["states"], MappingProxyType(by_name))


def build() -> Tables:
    """Return the rows of a new server."""
    tables: Tables = {}
    for more in (_project_tables(PROD_PLAN), _project_tables(SANDBOX_PLAN), _shared_tables(), _workspace_tables()):
        for table, rows in more.items():
            tables.setdefault(table, {}).update(rows)
    return tables


def anchor(plan_identifier: str) -> str:
    """Return the anchor of a project's public board."""
    return uuid.UUID(stable_id(plan_identifier, "anchor")).hex


def _project_tables(plan: ProjectPlan) -> Tables:
    item = {number: stable_id(plan.identifier, number) for number in (*plan.items, *plan.archived)}
    first = item[next(iter(plan.items))]
    module = stable_id(plan.identifier, "modules", "Module 1")
    comment = stable_id(plan.identifier, "comments", "first comment")
    estimate = stable_id(plan.identifier, "estimates", "Points")
    intake = stable_id(plan.identifier, "intakes", "Intake")
    points = [{"name": f"point {value}", "estimate": estimate, "key": key, "value": value} for key, value in _POINTS]
    rows: dict[str, list[Row]] = {
        "projects": [_project(plan, estimate)],
        "states": [{"name": name, "group": group, **_STATE, "default": name == "Backlog"} for name, group in _STATES],
        "work_items": [_item(plan, number, *about) for number, about in plan.items.items()]
        + [_item(plan, number, *about, "2026-01-05") for number, about in plan.archived.items()],
        "labels": [{"name": name, "color": "#60646c", "description": "", "parent": None} for name in ("bug", "chore")],
        "cycles": [{"name": name, **_GROUP, **_CYCLE} for name in plan.cycles],
        "cycle_issues": [
            {"cycle": stable_id(plan.identifier, "cycles", name), "issue": item[number]}
            for name, numbers in plan.cycles.items()
            for number in numbers
        ],
        "modules": [{"name": "Module 1", **_GROUP, "status": "planned"}],
        "module_links": [{"name": "design", "module": module, "url": "https://wiki.example.com/design"}],
        "comments": [{"name": "first comment", "issue": first, "comment_html": "<p>Looks good.</p>", **_COMMENT}],
        "links": [{"name": "runbook", "issue": first, "url": "https://wiki.example.com/runbook", "title": "runbook"}],
        "attachments": [
            {"name": "trace.txt", "issue": first, "asset": "trace.txt", "attributes": {}, "is_uploaded": True}
        ],
        "reactions": [{"name": "thumbs up", "issue": first, "reaction": "128077", "actor": USERS[ADMIN]}],
        "comment_reactions": [{"name": "heart", "comment": comment, "reaction": "10084", "actor": USERS[ADMIN]}],
        "votes": [{"name": "vote", "issue": first, "vote": 1, "actor": USERS[ADMIN]}],
        "intakes": [{"name": "Intake", "is_default": True}],
        "intake": [{"name": "first request", "issue": first, "status": -2, "duplicate_to": None, "intake": intake}],
        "members": [{"name": name, "member": USERS[name], "role": 20} for name in plan.members],
        "estimates": [{"name": "Points", "type": "points", "last_used": True, "description": ""}],
        "estimate_points": points,
        "deploy_boards": [_board(plan, intake)],
        "favorites": [
            {"name": "favourite", "entity_type": "module", "entity_identifier": module, "user": USERS[ADMIN]}
        ],
    }
    return {table: {row["id"]: row for row in _complete(plan, table, found)} for table, found in rows.items()}


def _shared_tables() -> Tables:
    """Pages, which may belong to several projects."""
    names = {f"{plan.identifier} page": [plan.id] for plan in (PROD_PLAN, SANDBOX_PLAN)}
    pages = names | {SHARED_PAGE: [PROD_ID, SANDBOX_ID]}
    rows = [
        {
            "id": stable_id("pages", name),
            "name": name,
            "project": None,
            "project_ids": projects,
            "description_html": "<p></p>",
            "owned_by": USERS[ADMIN],
            "access": 0,
            "parent": None,
            "is_locked": False,
            "archived_at": None,
            **_STAMPS,
        }
        for name, projects in pages.items()
    ]
    return {"pages": {str(row["id"]): row for row in rows}}


def _workspace_tables() -> Tables:
    users: dict[str, Row] = {
        key: {
            "id": key,
            "email": email,
            "display_name": email.partition("@")[0],
            "first_name": email.partition("@")[0].title(),
            "last_name": "",
            "avatar": "",
            "avatar_url": None,
            "is_active": True,
            "project": None,
        }
        for email, key in USERS.items()
    }
    return {"users": users}


_POINTS = ((1, "1"), (2, "3"), (3, "8"))
_STATES = tuple(STATES.items())
_STATE = {"color": "#60646c", "description": "", "sequence": 65535.0}
_CYCLE = {"start_date": None, "end_date": None, "owned_by": USERS[ADMIN]}
_GROUP = {"description": "", "archived_at": None}
_UPLOADED = {"attributes": {}, "is_uploaded": True}
_COMMENT = {"actor": USERS[ADMIN], "access": "EXTERNAL", "parent": None}
_STAMPS = {
    "workspace": WORKSPACE_ID,
    "created_at": FIRST_DAY,
    "updated_at": FIRST_DAY,
    "created_by": USERS[ADMIN],
    "updated_by": USERS[ADMIN],
}


def _project(plan: ProjectPlan, estimate: str) -> Row:
    return {
        "id": plan.id,
        "name": plan.name,
        "identifier": plan.identifier,
        "description": "",
        "network": 2,
        "default_state": None,
        "estimate": estimate,
        "archived_at": None,
        "intake_view": True,
        "module_view": True,
        "cycle_view": True,
        "page_view": True,
    }


def _item(plan: ProjectPlan, number: int, name: str, state: str, archived_at: str | None = None) -> Row:
    return {
        **ITEM_DEFAULTS,
        "id": stable_id(plan.identifier, number),
        "sequence_id": number,
        "name": name,
        "state": stable_id(plan.identifier, "states", state),
        "labels": [],
        "assignees": [],
        "archived_at": archived_at,
    }


def _board(plan: ProjectPlan, intake: str) -> Row:
    return {
        "name": "board",
        "entity_name": "project",
        "entity_identifier": plan.id,
        "anchor": anchor(plan.identifier),
        "intake": intake,
        "is_comments_enabled": True,
        "is_reactions_enabled": True,
        "is_votes_enabled": True,
        "view_props": {},
    }


def _complete(plan: ProjectPlan, table: str, rows: list[Row]) -> list[Row]:
    return [
        {"id": stable_id(plan.identifier, table, row.get("name", place)), "project": plan.id, **_STAMPS, **row}
        for place, row in enumerate(rows)
    ]
