"""A list of decisions. Selecting one opens its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.views import links
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.grid import grid
from plane_guard_dashboard.views.labels import maker, outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WHEN = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone="UTC")
AGO = st.column_config.DatetimeColumn(format="distance")
_WIDE = st.column_config.TextColumn(width=230)
_WORD, _WORDS = st.column_config.TextColumn(width=90), st.column_config.TextColumn(width=160)
_SHORT = st.column_config.TextColumn(width=130)
COLUMNS = (
    Column("Time (UTC)", "time", config=WHEN),
    Column("Outcome", "outcome"),
    Column("Test", "test", "test", _WIDE),
    Column("Op", "op", "op", _WORD),
    Column("Reason", "reason", "reason", _WORDS),
    Column("Project", "project", "project", _SHORT),
    Column("Work item", "work_item", config=_SHORT),
    Column("Called from", "caller", config=_WIDE),
    Column("Run", "run", "run", _SHORT),
    Column("Branch", "branch", "branch", _SHORT),
    Column("Host", "host", config=_SHORT),
    Column("Made by", "maker"),
    Column("Decision", "decision_id", config=_SHORT),
)


def occurrences(decisions: Sequence[Mapping[str, Any]], key: str, alt: str) -> None:
    """Show the list. Selecting a decision opens its page."""
    rows = [_shown(row) for row in decisions]
    if (chosen := grid(rows, COLUMNS, key=key, alt=alt, select=True)) is not None:
        links.to_decision(chosen["decision_id"])


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "time": moment(row["time_ns"]),
        "outcome": outcome(row),
        "maker": maker(row["demo"], 1),
    }
