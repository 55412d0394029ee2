"""A list of decisions. Each row leads to the page of its decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.views import links
from plane_guard_dashboard.views.blocks import grid
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.labels import job, maker, outcome, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS = (
    Column("Outcome", "outcome"),
    Column("When", "time_ns", "ago"),
    Column("Test", "test", "test"),
    Column("Work item", "work_item", "id"),
    Column("Project", "project_name", "id", under=True),
    Column("Op", "op"),
    Column("Reason", "reason", under=True),
    Column("Called from", "caller", "caller"),
    Column("From", "place"),
    Column("CI job", "job_link", "job", under=True),
    Column("Decision", "decision_id", "id", under=True),
)


def occurrences(decisions: Sequence[Mapping[str, Any]], key: str, alt: str) -> None:
    """Show the list."""
    rows = [shown(row) for row in decisions]
    grid(rows, COLUMNS, key=key, alt=alt, opens=lambda row: links.decision(row["decision_id"]))


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a decision as a row of the list."""
    demo = " · demo" if maker(row["demo"], 1) == "demo" else ""
    return {**row, "outcome": outcome(row) + demo, "place": place(row), "job_link": job(row)}
