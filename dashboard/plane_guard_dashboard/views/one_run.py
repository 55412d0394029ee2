"""One run: its verdict, the new attempts, its processes and its attempts."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.store.queries import Filters
from plane_guard_dashboard.views.blocks import commands, facts, grid
from plane_guard_dashboard.views.columns import Column, Fact
from plane_guard_dashboard.views.comparison import sentence, verdict
from plane_guard_dashboard.views.labels import job, number
from plane_guard_dashboard.views.occurrences import occurrences
from plane_guard_dashboard.views.run_comparison import against, newest_run
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plane_guard_dashboard.views.view import View

    Row = Mapping[str, Any]

AGAINST = "against"
MOST_PROCESSES = 200
MOST_OCCURRENCES = 100
_FIGURES = {
    "Decisions": "decisions",
    "Blocked on production": "prod_attempts",
    "Got through": "prod_allowed",
    "Blocked": "blocked",
    "Expected blocks": "expected",
    "Processes": "processes",
}
_PROCESSES = (
    Column("Started", "time_ns", "time"),
    Column("Process", "pid"),
    Column("Worker", "worker"),
    Column("Evidence of tests", "evidence"),
    Column("Guarded clients", "shells"),
    Column("Not covered", "uncovered"),
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
    st.header(f"{_sign(run)} {sentence(run)}")
    _facts(run)
    against(view, run, st.query_params.get(AGAINST, ""))
    _processes(view, run)
    _attempts(view, run)
    report = f"plane-guard report --run {shlex.quote(visible(name))}"
    commands({"The same report in a terminal or CI": report}, key="report", alt="Report")


def _unknown(name: str) -> None:
    st.warning("There is no such run in these traces.", icon=":material/search_off:")
    st.code(visible(name), language=None, wrap_lines=True)
    st.caption(
        "Its evidence may have been deleted, or not collected yet. "
        "A run appears as soon as one of its processes is guarded."
    )


def _sign(run: Row) -> str:
    return verdict(run)[0]


def _facts(run: Row) -> None:
    if run["prod_allowed"]:
        st.error("A test process wrote to production. Overview shows the write.", icon=":material/crisis_alert:")
    if not run["processes"]:
        st.warning(
            "No process of this run reported that it is guarded, so writes may be missing.", icon=":material/warning:"
        )
    with st.container(horizontal=True):
        if run["executed"] >= 0:
            st.metric("Tests executed", f"{run['executed']:,}", width="content")
        for label, name in _FIGURES.items():
            st.metric(label, f"{run[name]:,}", width="content")
    known = [
        Fact("Run", run["run"], "copied id"),
        Fact("Began", run["first_ns"], "time"),
        Fact("Latest", run["last_ns"], "ago"),
        Fact("CI job", job(run), "job"),
        Fact("Branch", run["branch"]),
        Fact("Repository or worktree", run["repository"]),
        Fact("Host", run["host"]),
        Fact("Commit", run["revision"], "copied id"),
        Fact("Service", run["service"]),
    ]
    facts(known, key="run", alt="When and where")


def _processes(view: View, run: Row) -> None:
    found: Sequence[Row] = view.rows("run_processes", this_run=run["run"], limit=MOST_PROCESSES)
    if found:
        st.header("Guarded processes")
        st.caption(f"{plural(len(found), 'process', 'processes')} reported with the guard in place.")
        grid(found, _PROCESSES, key="run-processes", alt="Guarded processes of this run")


def _attempts(view: View, run: Row) -> None:
    only = Filters(only={"run": (run["run"],)}).parameters()
    found = view.rows("latest_attempts", **only, limit=MOST_OCCURRENCES)
    if found:
        st.header("Attempts")
        st.caption(f"{number(len(found), MOST_OCCURRENCES, 'attempt')}; select a row for details.")
        occurrences(found, "run-attempts", "The latest attempts of this run")
