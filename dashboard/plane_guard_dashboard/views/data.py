"""Data: the sources of the figures, unreadable lines, and unknown operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.store.queries import MOST_ROWS
from plane_guard_dashboard.views import links
from plane_guard_dashboard.views.blocks import grid
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.ingest_health import account

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.views.view import View

_LAST = Column("Last", "last_ns", "time")


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
            Column("Run", "run", "id"),
            Column("Service", "service"),
            Column("Branch", "branch"),
            Column("Processes", "processes", "number"),
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
            Column("URL template", "url_template"),
            Column("Decisions", "decisions", "number"),
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
            Column("Processes", "processes", "number"),
            Column("Runs", "runs", "number"),
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
            Column("Decisions", "decisions", "number"),
            Column("Allowed", "allowed", "number"),
            Column("Blocked", "blocked", "number"),
            Column("Got through", "prod_allowed", "number"),
            Column("Expected blocks", "expected", "number"),
        ),
    ),
)


def data(view: View) -> None:
    """Show the page."""
    st.title("Data")
    account(view.engine.health())
    for part in PARTS:
        _part(view.everything(), part)


def _part(view: View, part: Part) -> None:
    rows = _rows(view, part)
    st.header(part.title)
    st.caption(part.meaning if rows else part.none)
    if rows:
        opens = _run if part.query == "silent_runs" else None
        grid(rows, part.columns, key=part.query, alt=part.title, opens=opens)


def _run(row: Mapping[str, Any]) -> str:
    return links.address("runs", inspect=row["run"])


def _rows(view: View, part: Part) -> list[dict[str, Any]]:
    return view.rows(part.query, limit=MOST_ROWS)
