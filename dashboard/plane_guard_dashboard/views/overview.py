"""Overview: the verdict for production, the incidents, and the groups that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from plane_guard_dashboard.views import empty_states, incidents, links, trend_status
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.figures import STALE_AFTER, age, figures, head, seconds_since, told
from plane_guard_dashboard.views.grid import grid
from plane_guard_dashboard.views.groups import lines, standing
from plane_guard_dashboard.views.occurrences import WHEN, occurrences
from plane_guard_dashboard.views.timeline import timeline
from plane_guard_dashboard.views.verified import verified

if TYPE_CHECKING:
    from plane_guard_dashboard.views.figures import Figures
    from plane_guard_dashboard.views.view import View

MOST_ATTEMPTS = 10
_TOP = (
    Column("Status", "status", config=st.column_config.TextColumn(width=130)),
    Column("Test", "test", config=st.column_config.TextColumn(width=330)),
    Column("Operation", "op"),
    Column("Reason", "reason"),
    Column("Attempts", "attempts"),
    Column("Runs", "runs"),
    Column("Last seen (UTC)", "last", config=WHEN),
    Column("Project", "project", config=st.column_config.TextColumn(width=120)),
    Column("Branch", "branch", config=st.column_config.TextColumn(width=110)),
    Column("Called from", "caller", config=st.column_config.TextColumn(width=200)),
)


def overview(view: View) -> None:
    """Show the page."""
    found = figures(view)
    head(found)
    verified(view)
    incidents.incidents(view)
    _state(view, found)
    if found.scope["decisions"] and view.row("span")["matching"]:
        st.subheader("Over time")
        timeline(view)
    _top(view)
    _latest(view)


def _state(view: View, found: Figures) -> None:
    seconds = seconds_since(found.last_report_ns, found.now)
    if seconds >= STALE_AFTER:
        empty_states.stale(age(seconds), told(found.last_report_ns))
    decisions = view.everything().row("scope")["decisions"]
    if decisions and not view.row("span")["matching"]:
        empty_states.unmatched(decisions)
    elif not found.scope["prod_attempts"] and not found.leaks:
        empty_states.quiet(found.processes, found.scope["decisions"])


def _top(view: View) -> None:
    compared = trend_status.compared_runs(view)
    found = view.rows("attempts_by_issue", **compared, limit=MOST_ATTEMPTS)
    if not found:
        return
    counts = view.row("attempt_standing_by_issue", **compared)
    st.subheader("Top attempts")
    st.caption(f"{standing(counts)}. Attempts are grouped by test, project, operation and reason.")
    chosen = grid(lines(found, {}), _TOP, key="top", alt="Top attempts, new ones first", select=True)
    if chosen:
        links.to_page("attempts", group=chosen["key"])


def _latest(view: View) -> None:
    if rows := view.rows("latest_attempts", limit=MOST_ATTEMPTS):
        st.subheader("Latest attempts")
        occurrences(rows, "last", "The latest attempts")
