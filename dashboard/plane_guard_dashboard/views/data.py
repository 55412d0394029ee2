"""Data: the sources of the figures, unreadable lines, and unknown operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.store.queries import MOST_ROWS
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.grid import grid
from plane_guard_dashboard.views.ingest_health import account
from plane_guard_dashboard.views.occurrences import WHEN

if TYPE_CHECKING:
    from plane_guard_dashboard.views.view import View

_WIDE = st.column_config.TextColumn(width=360)
_LAST = Column("Last (UTC)", "last", config=WHEN)


@dataclass(frozen=True, slots=True)
class Part:
    """One query with its explanation. `none` is the text if there are no rows."""

    title: str
    query: str
    meaning: str
    none: str
    columns: tuple[Column, ...]


PARTS = (
    Part(
        "Runs without a decision",
        "silent_runs",
        "Guarded processes that never wrote to Plane. This is normal for tests that do not use Plane.",
        "Every run with a guarded process has a decision.",
        (
            Column("Run", "run", "run"),
            Column("Service", "service", "service"),
            Column("Branch", "branch", "branch"),
            Column("Processes", "processes"),
            _LAST,
        ),
    ),
    Part(
        "Unknown operations",
        "unknown_ops",
        "Writes to routes that plane-guard does not know. It refuses them if they name an id.",
        "plane-guard knew every operation.",
        (
            Column("Method", "method"),
            Column("URL template", "url_template", config=_WIDE),
            Column("Decisions", "decisions"),
            _LAST,
        ),
    ),
    Part(
        "Versions of the guard",
        "versions",
        "Versions of plane-guard in the guarded processes. Several mean that some environments are outdated.",
        "No guarded process has reported.",
        (
            Column("Version", "guard_version"),
            Column("Processes", "processes"),
            Column("Runs", "runs"),
            _LAST,
        ),
    ),
    Part(
        "Layers",
        "layers",
        "The HTTP client whose request was checked.",
        "There are no decisions.",
        (
            Column("Layer", "layer"),
            Column("Decisions", "decisions"),
            Column("Allowed", "allowed"),
            Column("Blocked", "blocked"),
            Column("Expected blocks", "expected"),
        ),
    ),
)


def data(view: View) -> None:
    """Show the page."""
    st.title("Data")
    account(view.engine.health())
    for part in PARTS:
        _part(view, part)


def _part(view: View, part: Part) -> None:
    rows = [row | ({"last": moment(row["last_ns"])} if "last_ns" in row else {}) for row in _rows(view, part)]
    st.subheader(part.title)
    st.caption(part.meaning if rows else part.none)
    if rows:
        grid(rows, part.columns, key=part.query, alt=part.title)


def _rows(view: View, part: Part) -> list[dict[str, Any]]:
    return view.rows(part.query, limit=MOST_ROWS)
