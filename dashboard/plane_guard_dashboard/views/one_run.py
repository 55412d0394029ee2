"""One run: its verdict, what is new in it, who took part, and what it tried."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.store.queries import Filters
from plane_guard_dashboard.views.comparison import sentence
from plane_guard_dashboard.views.grid import Column, grid
from plane_guard_dashboard.views.labels import number
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
    "On production": "prod_attempts",
    "Got through": "prod_allowed",
    "Blocked": "blocked",
    "Expected blocks": "expected",
    "Processes": "processes",
}
_PROCESSES = (
    Column("Started (UTC)", "started", config=WHEN),
    Column("Process", "pid"),
    Column("Worker", "worker"),
    Column("Counts as a test process because of", "evidence", config=_WIDE),
    Column("Guarded clients", "shells", config=_WIDE),
    Column("Host", "host"),
    Column("Guard", "guard_version"),
)


def one_run(view: View, name: str) -> None:
    """The run of that name, whatever the filters leave out."""
    found = newest_run(view, only={"run": (name,)})
    if not found:
        _unknown(name)
        return
    run = found[0]
    st.subheader(f"{_sign(run)} {sentence(run)}")
    st.code(visible(name), language=None)
    st.caption("The whole run, whatever the filters leave out.")
    _facts(run)
    against(view, run)
    _processes(view, run)
    _attempts(view, run)
    st.caption("The same on a terminal, or as a step of CI")
    st.code(f"plane-guard report --run {shlex.quote(visible(name))}", language=None)


def _unknown(name: str) -> None:
    st.warning("There is no such run in these traces.", icon=":material/search_off:")
    st.code(visible(name), language=None)
    st.caption(
        "It may have been cleaned up, or its evidence may not have been collected yet: "
        "a run shows as soon as one of its processes was guarded."
    )


def _sign(run: Row) -> str:
    if run["prod_allowed"]:
        return "‼"
    return "✖" if run["prod_attempts"] else "✔"


def _facts(run: Row) -> None:
    if run["prod_allowed"]:
        st.error("The guard let a test process write to production.", icon=":material/crisis_alert:")
    if not run["processes"]:
        st.warning("No process of this run reported that it was guarded.", icon=":material/warning:")
    with st.container(horizontal=True):
        for label, name in _FIGURES.items():
            st.metric(label, f"{run[name]:,}", width=120)
    names = ("service", "branch", "revision", "pipeline")
    times = f"{moment(run['first_ns']):%Y-%m-%d %H:%M:%S} to {moment(run['last_ns']):%Y-%m-%d %H:%M:%S} UTC"
    st.text("\n".join([*(f"{name}: {visible(run[name])}" for name in names if run[name]), f"seen: {times}"]))
    if is_web(run["pipeline"]):
        st.link_button("Open the pipeline", run["pipeline"], icon=":material/open_in_new:")


def is_web(address: str) -> bool:
    """Whether a browser may be sent there."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and address.isprintable()


def _processes(view: View, run: Row) -> None:
    found: Sequence[Row] = view.rows("run_processes", this_run=run["run"], limit=MOST_PROCESSES)
    if found:
        st.subheader("Guarded processes")
        st.caption(f"{len(found):,} reported that the guard was in place.")
        rows = [{**row, "started": moment(row["time_ns"])} for row in found]
        grid(rows, _PROCESSES, key="run-processes", alt="Guarded processes of this run")


def _attempts(view: View, run: Row) -> None:
    only = Filters(only={"run": (run["run"],)}).parameters()
    found = view.rows("latest_attempts", **only, limit=MOST_OCCURRENCES)
    if found:
        st.subheader("What it tried")
        st.caption(f"{number(len(found), MOST_OCCURRENCES, 'attempt')}; select one to see why it was decided so.")
        occurrences(found, "run-attempts", "The latest attempts of this run")
