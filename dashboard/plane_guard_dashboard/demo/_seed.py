"""The world of the stand-in server: one workspace, a PROD and a SANDBOX project, the same ids every time."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.demo._state import Row, Tables

WORKSPACE = "acme"
SANDBOX_ID = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"
PROD_ID = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"
ADMIN_TOKEN = "plane_api_5f0c9be2d4a84173b1e6a9d07c35f8e2"  # noqa: S105 - of a server that lives for seconds
LIMITED_TOKEN = "plane_api_0a1b7c44e9f2463d8d15b0c6e7f39a28"  # noqa: S105
STATES = {
    "Backlog": "backlog",
    "Todo": "unstarted",
    "In Progress": "started",
    "Done": "completed",
    "Cancelled": "cancelled",
}
_EPOCH = "2026-01-05T09:00:00+00:00"


@dataclass(frozen=True, slots=True)
class ProjectPlan:
    """What a project holds at the start: human names; ids follow from them."""

    id: str
    identifier: str
    name: str
    items: Mapping[int, tuple[str, str]]
    cycles: Mapping[str, tuple[int, ...]]


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
    {"Sprint 7": (113, 114), "Sprint 8": ()},
)
SANDBOX_PLAN = ProjectPlan(
    SANDBOX_ID,
    "SBX",
    "Sandbox",
    {1: ("Playground", "Todo"), 2: ("Second playground", "Backlog"), 3: ("Third playground", "In Progress")},
    {"Cycle 1": (2,), "Cycle 2": ()},
)
MEMBERS = ("ada@example.com", "lin@example.com")


@dataclass(frozen=True, slots=True)
class ProjectHandle:
    """The ids of a project and of what it held at the start, by human name."""

    id: str
    identifier: str
    items: Mapping[str, str]
    states: Mapping[str, str]
    others: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def ids(self, table: str) -> Mapping[str, str]:
        """Return name -> id of another table: labels, cycles, modules, comments, links, intake, ..."""
        return self.others[table]


def stable_id(*names: object) -> str:
    """Return the same uuid for the same names, in every run."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def handle(plan: ProjectPlan) -> ProjectHandle:
    """Return the public ids of a plan."""
    tables = _project_tables(plan)
    by_name = {
        table: MappingProxyType({row["name"]: key for key, row in rows.items() if row.get("name")})
        for table, rows in tables.items()
    }
    items = {f"{plan.identifier}-{row['sequence_id']}": key for key, row in tables["work_items"].items()}
    return ProjectHandle(
        plan.id, plan.identifier, MappingProxyType(items), by_name["states"], MappingProxyType(by_name)
    )


def build() -> Tables:
    """Return the seed of the database."""
    tables: Tables = {}
    for plan in (PROD_PLAN, SANDBOX_PLAN):
        for table, rows in _project_tables(plan).items():
            tables.setdefault(table, {}).update(rows)
    return tables


def _project_tables(plan: ProjectPlan) -> Tables:
    item = {number: stable_id(plan.identifier, number) for number in plan.items}
    first = next(iter(item.values()))
    rows: dict[str, list[Row]] = {
        "projects": [{"id": plan.id, "name": plan.name, "identifier": plan.identifier, "default_state": None}],
        "states": [{"name": name, "group": group, "color": "#60646c"} for name, group in STATES.items()],
        "work_items": [_item(plan, number, *about) for number, about in plan.items.items()],
        "labels": [{"name": name, "parent": None} for name in ("bug", "chore")],
        "cycles": [{"name": name} for name in plan.cycles],
        "cycle_issues": [
            {"cycle": stable_id(plan.identifier, "cycles", name), "issue": item[number]}
            for name, numbers in plan.cycles.items()
            for number in numbers
        ],
        "modules": [{"name": "Module 1"}],
        "comments": [{"name": "first comment", "issue": first, "comment_html": "<p>Looks good.</p>"}],
        "links": [{"name": "runbook", "issue": first, "url": "https://wiki.example.com/runbook"}],
        "attachments": [{"name": "trace.txt", "issue": first, "is_uploaded": True}],
        "intake": [{"name": "first request", "issue": first, "status": -2, "duplicate_to": None}],
        "members": [{"name": name, "member": stable_id("member", name), "role": 15} for name in MEMBERS],
    }
    return {table: {row["id"]: row for row in _complete(plan, table, found)} for table, found in rows.items()}


def _item(plan: ProjectPlan, number: int, name: str, state: str) -> Row:
    return {
        "id": stable_id(plan.identifier, number),
        "sequence_id": number,
        "name": name,
        "state": stable_id(plan.identifier, "states", state),
        "priority": "none",
        "parent": None,
        "labels": [],
        "assignees": [],
        "description_html": "<p></p>",
        "archived_at": None,
        "deleted_at": None,
    }


def _complete(plan: ProjectPlan, table: str, rows: list[Row]) -> list[Row]:
    stamps = {"project": plan.id, "workspace": stable_id("workspace", WORKSPACE), "created_at": _EPOCH}
    return [
        {
            "id": stable_id(plan.identifier, table, row.get("name", place)),
            **stamps,
            "updated_at": _EPOCH,
            **row,
        }
        for place, row in enumerate(rows)
    ]
