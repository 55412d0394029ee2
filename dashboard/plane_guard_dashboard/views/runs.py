"""Runs: all test runs, and one run compared with the previous one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.comparison import verdict
from plane_guard_dashboard.views.grid import grid
from plane_guard_dashboard.views.labels import DEMO, maker
from plane_guard_dashboard.views.occurrences import AGO, WHEN
from plane_guard_dashboard.views.one_run import one_run
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.views.view import View

INSPECT = "inspect"
MOST_RUNS = 200
_NAME, _SHORT = st.column_config.TextColumn(width=150), st.column_config.TextColumn(width=120)
COLUMNS = (
    Column("Verdict", "verdict"),
    Column("Run", "run", "run", _NAME),
    Column("Branch", "branch", "branch", _SHORT),
    Column("When", "last", config=AGO),
    Column("Blocked on production", "prod_attempts"),
    Column("Got through", "leaks"),
    Column("Blocked", "blocked"),
    Column("Expected", "expected"),
    Column("Decisions", "decisions"),
    Column("Processes", "processes"),
    Column("Service", "service", "service", _SHORT),
    Column("When (UTC)", "last", config=WHEN),
    Column("Guard", "guard"),
    Column("Made by", "maker"),
)


def runs(view: View) -> None:
    """Show all runs, or the run that the address names."""
    st.title("Runs")
    if run := st.query_params.get(INSPECT, ""):
        st.button("All runs", on_click=_show_all, icon=":material/arrow_back:")
        one_run(view, run)
    else:
        _runs(view)


def _show_all() -> None:
    st.query_params.pop(INSPECT, None)


def _runs(view: View) -> None:
    found = view.rows("runs", limit=MOST_RUNS)
    if not found:
        st.info("No run matches these filters.", icon=":material/filter_alt_off:")
        return
    st.caption(f"{_number(len(found))}, the latest first. Select a row to compare a run with the previous one.")
    rows = [shown(run) for run in found]
    chosen = grid(rows, COLUMNS, key="runs", alt="Runs, the latest first", select=True)
    if chosen is not None:
        st.query_params[INSPECT] = chosen["run"]
        st.rerun()


def shown(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run as a line of the grid."""
    oldest, newest = run["oldest_guard"], run["newest_guard"]
    return {
        **run,
        "verdict": verdict(run) + (f" · {DEMO}" if run["demo"] else ""),
        "last": moment(run["last_ns"]),
        "leaks": f"‼ {run['prod_allowed']:,}" if run["prod_allowed"] else "0",
        "guard": newest if oldest == newest else f"{oldest} … {newest}",
        "maker": maker(run["demo"], 1),
    }


def _number(found: int) -> str:
    return plural(found, "run") if found < MOST_RUNS else f"The latest {plural(found, 'run')}"
