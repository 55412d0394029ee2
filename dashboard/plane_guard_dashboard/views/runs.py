"""Runs: all test runs, and one run compared with the previous one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.views import links
from plane_guard_dashboard.views.blocks import grid, link_row
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.comparison import verdict
from plane_guard_dashboard.views.filter_bar import filter_bar
from plane_guard_dashboard.views.labels import DEMO, job, place
from plane_guard_dashboard.views.one_run import one_run
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plane_guard_dashboard.views.view import View

PAGE, INSPECT = "runs", "inspect"
MOST_RUNS = 200
COLUMNS = (
    Column("Verdict", "verdict"),
    Column("CI job", "job_link", "job"),
    Column("Run", "run", "id", under=True),
    Column("From", "place"),
    Column("Service", "service", under=True),
    Column("When", "last_ns", "ago"),
    Column("On production", "prod_attempts", "number"),
    Column("Got through", "leaks", "number"),
    Column("Blocked", "blocked", "number"),
    Column("Expected", "expected", "number"),
    Column("Decisions", "decisions", "number"),
    Column("Tests", "executed_tests", "number"),
    Column("Processes", "processes", "number"),
    Column("Guard", "guard"),
)
_TRENDS = (
    Column("Branch", "branch"),
    Column("Service", "service"),
    Column("Runs", "runs", "number"),
    Column("Attempts per run", "trend", "bars"),
    Column("Newest", "newest", "number"),
    Column("Run before", "previous", "number"),
    Column("Latest", "last_ns", "ago"),
)
MOST_BRANCHES, MOST_BARS = 12, 24


def runs(view: View) -> None:
    """Show all runs, or the run that the address names."""
    st.title("Runs")
    if run := st.query_params.get(INSPECT, ""):
        link_row([("← All runs", links.address(PAGE))], key="back", alt="Back")
        one_run(view, run)
    else:
        filter_bar(view, PAGE)
        _runs(view)


def _runs(view: View) -> None:
    found = view.rows("runs", limit=MOST_RUNS)
    if not found:
        st.info("No run matches these filters.", icon=":material/filter_alt_off:")
        return
    st.header("Attempts per run, by branch")
    grid(trends(found), _TRENDS, key="trends", alt="Attempts per run, by branch", opens=_open)
    st.header("Runs")
    st.caption(f"{_number(len(found))}, the latest first. Select a row to compare a run with the previous one.")
    grid([shown(run) for run in found], COLUMNS, key="runs", alt="Runs, the latest first", opens=_open)


def _open(row: Mapping[str, Any]) -> str:
    return links.address(PAGE, inspect=row["run"])


def trends(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row per branch and service, the latest first. `found` has the latest run first."""
    by_branch: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in found:
        by_branch.setdefault((run["branch"], run["service"]), []).append(run)
    return [_trend(runs_of_it) for runs_of_it in list(by_branch.values())[:MOST_BRANCHES]]


def _trend(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counts = [run["prod_attempts"] + run["prod_allowed"] for run in found]
    return {
        **found[0],
        "runs": len(found),
        "trend": counts[:MOST_BARS][::-1],
        "newest": counts[0],
        "previous": counts[1] if len(counts) > 1 else "",
    }


def shown(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run as a line of the grid."""
    oldest, newest = run["oldest_guard"], run["newest_guard"]
    return {
        **run,
        "verdict": verdict(run) + (f" · {DEMO}" if run["demo"] else ""),
        "executed_tests": run["executed"] if run["executed"] >= 0 else "",
        "place": place(run),
        "job_link": job(run),
        "leaks": f"‼ {run['prod_allowed']:,}" if run["prod_allowed"] else "0",
        "guard": newest if oldest == newest else f"{oldest} … {newest}",
    }


def _number(found: int) -> str:
    return plural(found, "run") if found < MOST_RUNS else f"The latest {plural(found, 'run')}"
