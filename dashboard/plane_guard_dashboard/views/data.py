"""Data: where the figures come from, what could not be read, and what the guard does not know. For whoever doubts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.store.queries import MOST_ROWS
from plane_guard_dashboard.views.grid import Column, grid
from plane_guard_dashboard.views.ingest_health import account
from plane_guard_dashboard.views.occurrences import WHEN

if TYPE_CHECKING:
    from plane_guard_dashboard.views.view import View

_WIDE = st.column_config.TextColumn(width=360)
_LAST = Column("Last (UTC)", "last", config=WHEN)


@dataclass(frozen=True, slots=True)
class Part:
    """A question that one query answers; `none` is the answer when there are no rows."""

    title: str
    query: str
    meaning: str
    none: str
    columns: tuple[Column, ...]


PARTS = (
    Part(
        "Runs without a decision",
        "silent_runs",
        "Guarded processes that never wrote to Plane: as it should be for tests that do not use it, "
        "and a question for tests that do.",
        "Every run with a guarded process has a decision too.",
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
        "Writes to Plane that are on no list of the guard. It decides about them by their project alone.",
        "The guard knew every operation that it saw.",
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
        "What the guarded processes ran. Several at a time: not every environment was updated.",
        "No guarded process has reported itself.",
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
        "Where in a process was decided: in the HTTP client that was about to send.",
        "There is no decision.",
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
    """The page."""
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
