"""One run compared with the previous run: new, repeated and absent attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.store.queries import Filters, Origins
from plane_guard_dashboard.views import links
from plane_guard_dashboard.views.blocks import facts, grid
from plane_guard_dashboard.views.columns import Column, Fact
from plane_guard_dashboard.views.comparison import SIGNS, Change, change, compared, earlier, verdict
from plane_guard_dashboard.views.labels import job, place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plane_guard_dashboard.views.view import View

    Row = Mapping[str, Any]

MOST_ISSUES = 200
MOST_OTHERS = 50
_OTHERS = (
    Column("Run", "run", "id"),
    Column("Verdict", "verdict"),
    Column("When", "last_ns", "ago"),
    Column("From", "place"),
    Column("CI job", "job_link", "job"),
)
_ISSUES = (
    Column("Change", "change"),
    Column("Now", "here", "number"),
    Column("Before", "before", "number"),
    Column("Test", "test", "test"),
    Column("Op", "op"),
    Column("Reason", "reason"),
    Column("Project", "project", "id", under=True),
)


def against(view: View, run: Row, wanted: str = "") -> None:
    """Show the comparison with the previous run, or with the run that `wanted` names."""
    chosen = newest_run(view, only={"run": (wanted,)}) if wanted else []
    relation, other = (f"run {visible(wanted)}", chosen[0]) if chosen else before(view, run)
    name = other["run"] if other else ""
    issues = view.rows("run_issues", this_run=run["run"], other_run=name or run["run"], limit=MOST_ISSUES)
    st.header("Compared with another run" if chosen else "Compared with the previous run")
    if wanted and not chosen:
        st.warning("There is no run with the id to compare with, so it is ignored.", icon=":material/search_off:")
    st.text(compared(issues, relation))
    if other:
        known = [Fact("Compared with", name, "copied id"), Fact("When", other["last_ns"], "time")]
        facts(known, key="other", alt="The other run")
    _choose(view, run)
    if not issues:
        return
    rows = sorted((_issue(issue, compared_with_one=other is not None) for issue in issues), key=_urgency)
    st.caption("Select a row for all decisions of the group.")
    grid(
        rows,
        _ISSUES,
        key="run-issues",
        alt="Attempts of this run and the previous one",
        opens=lambda row: links.address("attempts", group=row["issue"]),
    )


def _choose(view: View, run: Row) -> None:
    others = [one for one in view.everything().rows("runs", limit=MOST_OTHERS) if one["run"] != run["run"]]
    if others:
        with st.expander("Compare with any other run"):
            rows = [{**one, "verdict": verdict(one), "place": place(one), "job_link": job(one)} for one in others]
            grid(rows, _OTHERS, key="other-runs", alt="Runs to compare with", opens=_opener(run))


def _opener(run: Row) -> Callable[[Row], str]:
    return lambda row: links.address("runs", inspect=run["run"], against=row["run"])


def _issue(issue: Row, *, compared_with_one: bool) -> dict[str, Any]:
    seen = {**issue, "before": issue["before"] if compared_with_one else 0}
    return {**seen, "change": ("‼ got through · " if issue["prod_allowed"] else "") + SIGNS[change(seen)]}


def _urgency(issue: Row) -> tuple[bool, int]:
    return not issue["prod_allowed"], list(Change).index(change(issue))


def before(view: View, run: Row) -> tuple[str, Row | None]:
    """Return the nearest earlier run and its relation to this one."""
    origin = Origins.DEMO if run["demo"] else Origins.TESTS
    for relation, shared in earlier(run):
        if found := newest_run(
            view, until_ns=run["first_ns"], origin=origin, only=shared, without={"run": (run["run"],)}
        ):
            return relation, found[0]
    return "", None


def newest_run(view: View, **filters: Any) -> list[dict[str, Any]]:
    """Return the newest run that matches these filters, or an empty list."""
    return view.rows("runs", **Filters(**filters).parameters(), limit=1)
