"""One run: its verdict, the new attempts, its processes and its attempts."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.store.queries import Filters
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.comparison import sentence
from plane_guard_dashboard.views.grid import grid
from plane_guard_dashboard.views.labels import number
from plane_guard_dashboard.views.links import is_web
from plane_guard_dashboard.views.occurrences import WHEN, occurrences
from plane_guard_dashboard.views.run_comparison import against, newest_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plane_guard_dashboard.views.view import View

    Row = Mapping[str, Any]

MOST_PROCESSES = 200
MOST_OCCURRENCES = 100
_WIDE = st.column_config.TextColumn(width=230)
_FIGURES = {
    "Decisions": "decisions",
    "Blocked on production": "prod_attempts",
    "Got through": "prod_allowed",
    "Blocked": "blocked",
    "Expected blocks": "expected",
    "Processes": "processes",
}
_PROCESSES = (
    Column("Started (UTC)", "started", config=WHEN),
    Column("Process", "pid"),
    Column("Worker", "worker"),
    Column("Evidence of tests", "evidence", config=_WIDE),
    Column("Guarded clients", "shells", config=_WIDE),
    Column("Host", "host"),
    Column("Guard", "guard_version"),
)


def one_run(view: View, name: str) -> None:
    """Show the run with this id. Filters do not apply."""
    found = newest_run(view, only={"run": (name,)})
    if not found:
        _unknown(name)
        return
    run = found[0]
    st.subheader(f"{_sign(run)} {sentence(run)}")
    st.code(visible(name), language=None)
    st.caption("The whole run. Filters do not apply.")
    _facts(run)
    against(view, run)
    _processes(view, run)
    _attempts(view, run)
    st.caption("The same report in a terminal or CI")
    st.code(f"plane-guard report --run {shlex.quote(visible(name))}", language=None)


def _unknown(name: str) -> None:
    st.warning("There is no such run in these traces.", icon=":material/search_off:")
    st.code(visible(name), language=None)
    st.caption(
        "Its evidence may have been deleted, or not collected yet. "
        "A run appears as soon as one of its processes is guarded."
    )


def _sign(run: Row) -> str:
    if run["prod_allowed"]:
        return "‼"
    return "✖" if run["prod_attempts"] else "✔"


def _facts(run: Row) -> None:
    if run["prod_allowed"]:
        st.error("A test process wrote to production. Overview shows the write.", icon=":material/crisis_alert:")
    if not run["processes"]:
        st.warning(
            "No process of this run reported that it is guarded, so writes may be missing.", icon=":material/warning:"
        )
    with st.container(horizontal=True):
        for label, name in _FIGURES.items():
            st.metric(label, f"{run[name]:,}", width=120)
    names = ("service", "branch", "revision", "pipeline")
    times = f"{moment(run['first_ns']):%Y-%m-%d %H:%M:%S} to {moment(run['last_ns']):%Y-%m-%d %H:%M:%S} UTC"
    st.text("\n".join([*(f"{name}: {visible(run[name])}" for name in names if run[name]), f"seen: {times}"]))
    if is_web(run["pipeline"]):
        st.link_button("Open the pipeline", run["pipeline"], icon=":material/open_in_new:")


def _processes(view: View, run: Row) -> None:
    found: Sequence[Row] = view.rows("run_processes", this_run=run["run"], limit=MOST_PROCESSES)
    if found:
        st.subheader("Guarded processes")
        st.caption(f"{len(found):,} reported that they are guarded.")
        rows = [{**row, "started": moment(row["time_ns"])} for row in found]
        grid(rows, _PROCESSES, key="run-processes", alt="Guarded processes of this run")


def _attempts(view: View, run: Row) -> None:
    only = Filters(only={"run": (run["run"],)}).parameters()
    found = view.rows("latest_attempts", **only, limit=MOST_OCCURRENCES)
    if found:
        st.subheader("Attempts")
        st.caption(f"{number(len(found), MOST_OCCURRENCES, 'attempt')}; select a row for details.")
        occurrences(found, "run-attempts", "The latest attempts of this run")
